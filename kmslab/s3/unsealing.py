"""Sealed files (`sealed.py`) as they are read: any range, each frame checked before use."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from kmslab.errors import DamagedObject
from kmslab.s3.sealed import FRAME_BYTES, HEADER, LEAST_FRAME, MAGIC, Belongs, Frames
from kmslab.streams import fill


class SealedFile:
    """One file of ciphertext, opened for reading at any place."""

    def __init__(self, file: BinaryIO, keys: Sequence[bytes], belongs: Belongs, size: int) -> None:
        self._file = file
        self.size = size
        header = bytearray(HEADER.size)
        if fill(file, memoryview(header)) < HEADER.size or not header.startswith(MAGIC):
            raise DamagedObject("the stored object does not begin as one")
        self._frames = Frames.of(keys, bytes(header), belongs)
        self.frame_bytes = self._frames.frame_bytes
        if not LEAST_FRAME <= self.frame_bytes <= FRAME_BYTES:
            raise DamagedObject("the header of the stored object was changed")
        self._last = max(size - 1, 0) // self.frame_bytes

    @property
    def room(self) -> int:
        """Bytes of the largest frame, encrypted, and one more: by which a frame too long shows."""
        return self.frame_bytes + self._frames.tags + 1

    def frame(self, number: int, room: memoryview, out: memoryview) -> int:
        """Reads a frame into `room` and decrypts it into `out`; how many bytes it held."""
        length = self._length(number)
        self._file.seek(HEADER.size + number * (self.frame_bytes + self._frames.tags))
        last = number == self._last
        sealed = room[: length + self._frames.tags + last]  # after the last one, none must follow
        return self._frames.open(number, last, sealed[: fill(self._file, sealed)], out)

    def _length(self, number: int) -> int:
        return self.frame_bytes if number < self._last else self.size - number * self.frame_bytes

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class Reader(io.RawIOBase):
    """A range of an object, read from one sealed file or several, in order."""

    def __init__(self, files: Sequence[SealedFile], start: int, length: int) -> None:
        super().__init__()
        self._files = list(files)
        self._at, self._left, self._length = start, length, length
        self._out = memoryview(bytearray(max(file.frame_bytes for file in files)))
        self._room = memoryview(bytearray(max(file.room for file in files)))
        self._frame = memoryview(b"")  # what is decrypted and not yet read
        self._fill()  # so that damage at the start shows before anything is answered

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, unless the range ends; `DamagedObject` if the file was touched."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and (self._frame or self._fill()):
            count = min(len(view) - filled, len(self._frame))
            view[filled : filled + count] = self._frame[:count]
            self._frame = self._frame[count:]
            filled += count
        return filled

    def tell(self) -> int:
        """How many bytes were read so far."""
        return self._length - self._left - len(self._frame)

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes; all that is left without it."""
        left = self._left + len(self._frame)
        buffer = bytearray(left if size is None or size < 0 else min(size, left))
        return bytes(memoryview(buffer)[: self.readinto(buffer)])

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()
        super().close()

    def _fill(self) -> bool:
        """Decrypts the next frame; False at the end of the range."""
        at = self._at
        for file in self._files:
            if at < file.size or not self._left:
                break
            at -= file.size
        number, offset = divmod(at, file.frame_bytes)
        held = file.frame(number, self._room, self._out) if self._left or not file.size else offset
        take = min(held - offset, self._left)
        self._frame = self._out[offset : offset + take]
        self._at, self._left = self._at + take, self._left - take
        return take > 0
