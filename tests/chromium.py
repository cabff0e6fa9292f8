"""Where Chromium is on this machine; `./course test` runs this file to see whether it is there."""

from __future__ import annotations

import os
import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find() -> str | None:
    """The browser's path, or None; `KMSLAB_CHROMIUM`, where it is set, comes first."""
    places = (os.environ.get("KMSLAB_CHROMIUM", ""), *NAMES, *MACOS)
    return next((found for place in places if place and (found := shutil.which(place))), None)


if __name__ == "__main__":
    print(find() or sys.exit("no Chromium here"))
