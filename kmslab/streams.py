"""Streams in pieces, with constant memory, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def pieces(source: BinaryIO, size: int) -> Iterator[tuple[memoryview, bool]]:
    """Pieces of `size` bytes, and whether each is the last; at least one, maybe empty.

    Two buffers take turns: whether a piece is the last shows only when the next one was read.
    """
    here, ahead = memoryview(bytearray(size)), memoryview(bytearray(size))
    length = fill(source, here)
    while True:
        following = fill(source, ahead) if length == size else 0
        yield here[:length], not following
        if not following:
            return
        here, ahead, length = ahead, here, following


def read(source: BinaryIO, length: int) -> bytes:
    """`length` bytes, or fewer where the stream ends before."""
    buffer = bytearray(length)
    return bytes(buffer[: fill(source, memoryview(buffer))])


def write(target: BinaryIO, data: memoryview) -> None:
    """Writes all of the data; an unbuffered stream may take less at a time."""
    written = 0
    while written < len(data):
        written += target.write(data[written:])


@contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the target's place when all went well, and is gone when it didn't."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "There is no such folder", str(target.parent))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=0) as writer:
            yield writer
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def fill(source: BinaryIO, buffer: memoryview) -> int:
    """Reads until the buffer is full or the stream ends; a pipe gives less at a time."""
    filled = 0
    while filled < len(buffer):
        count = source.readinto(buffer[filled:])  # type: ignore[attr-defined]
        if not count:
            break
        filled += count
    return filled
