"""Who is logged in to a cluster, in all processes: a locked file for each login.

The operating system gives a lock back when its process ends, however it ends, so a login never
outlives who made it. The file's name says role, user and for whom; it holds nothing.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Login:
    """A login that lasts until `end`, or until the process ends."""

    path: Path
    lock: int

    def end(self) -> None:
        """Logs out; again is no error."""
        if self.lock >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self.lock)
            self.lock = -1

    @property
    def lasts(self) -> bool:
        """Whether it has not ended."""
        return self.lock >= 0


def begin(folder: Path, role: str, user: str, owner: str) -> Login:
    """Notes a login in a cluster's folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{role}.{user}.{owner}.{secrets.token_hex(8)}"
    draft = path.with_name(f"draft.{path.name}")
    lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    draft.rename(path)  # appears locked, so nobody takes it for a dead one
    return Login(path, lock)


def owners(folder: Path, role: str, user: str) -> Iterator[str]:
    """For whom somebody is logged in as this user now; removes what processes left behind."""
    for path in folder.glob(f"{role}.{user}.*.*"):
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except OSError:
            yield path.name.split(".")[2]
        finally:
            os.close(lock)
