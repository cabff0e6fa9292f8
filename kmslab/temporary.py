"""Folders of temporary labs: gone with their process, or at the latest when the next lab is made.

A process that ends in an ordinary way removes its own folders. One that was killed can't, so each
folder holds a file that its process keeps locked; the operating system gives the lock back when the
process ends, however it ends. Whoever makes a folder removes those that nobody holds any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "kmslab-"
_ALIVE = "alive"


class TemporaryFolder:
    """A new folder, mode 0700, for as long as this process lives."""

    def __init__(self) -> None:
        sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        self._process = os.getpid()
        draft = self.path / f"{_ALIVE}.draft"
        self._lock = os.open(draft, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        draft.rename(self.path / _ALIVE)  # appears locked, so nobody takes it for a dead one

    def remove(self) -> None:
        """Removes the folder; in a child that was forked, does nothing."""
        if os.getpid() == self._process and self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def sweep() -> None:
    """Removes the folders of this user's processes that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / _ALIVE, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # not one of ours, being made, or gone a moment ago
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # its process lives
        finally:
            os.close(lock)
