"""Bodies of requests: bytes, files, or anything else with `read`, as boto3 takes them."""

from __future__ import annotations

import io
from typing import Any

from botocore.utils import determine_content_length


class Body(io.RawIOBase):
    """A request's body, read in pieces.

    boto3's transfers count progress only while a body is being sent, and tell it so by
    `signal_transferring`, at an event that no request in this process ever reaches.
    """

    def __init__(self, source: Any) -> None:
        super().__init__()
        source = source.encode() if isinstance(source, str) else source  # boto3 takes texts too
        self._source = io.BytesIO(source) if isinstance(source, bytes | bytearray) else source
        if hasattr(self._source, "signal_transferring"):
            self._source.signal_transferring()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads up to as much as the buffer holds."""
        if isinstance(self._source, io.RawIOBase | io.BufferedIOBase):
            return self._source.readinto(buffer) or 0
        data = self._source.read(len(buffer))
        if not isinstance(data, bytes | bytearray):
            raise TypeError(f"Body gives {type(data).__name__}, not bytes: open files in mode 'rb'")
        if len(data) > len(buffer):
            raise TypeError(f"Body gives {len(data)} bytes where {len(buffer)} were asked for")
        buffer[: len(data)] = data
        return len(data)


def length_of(source: Any) -> int | None:
    """How many bytes a body has, where that can be told before it is read."""
    try:
        length = determine_content_length(source)
    except OSError:  # of a pipe, which has no end yet
        return None
    return length if isinstance(length, int) else None
