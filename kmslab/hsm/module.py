"""Where SoftHSM2's PKCS#11 module is on this machine.

Needs the standard library only: `./course` runs this file by itself to see whether SoftHSM2 has
to be installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",  # Debian, Ubuntu
    "/usr/lib64/pkcs11/libsofthsm2.so",  # Fedora
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",  # built from source
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",  # Homebrew, Apple silicon
    "/usr/local/opt/softhsm/lib/softhsm/libsofthsm2.so",  # Homebrew, Intel
    "/home/linuxbrew/.linuxbrew/lib/softhsm/libsofthsm2.so",
)
INSTALL = "./course doctor prints the line to type for this machine (Debian: apt install softhsm2)"


def find_module(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The module's path; `KMSLAB_PKCS11`, where it is set, alone decides. None: not found."""
    chosen = environ.get("KMSLAB_PKCS11")
    places = (chosen,) if chosen else PLACES
    return next((Path(place) for place in places if Path(place).is_file()), None)


def missing(environ: Mapping[str, str] = os.environ) -> str:
    """What to tell somebody whose machine has no SoftHSM2: what was looked for, and the way out."""
    chosen = environ.get("KMSLAB_PKCS11")
    if chosen:
        return f"KMSLAB_PKCS11 names {chosen!r}, and no file is there: unset it, or name the module"
    return f"SoftHSM2 was not found on this machine: {INSTALL}"


if __name__ == "__main__":
    found = find_module()
    if found is None:
        sys.exit(missing())
    print(found)
