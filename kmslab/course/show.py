"""Small views of bytes for lessons."""

from __future__ import annotations

_WIDTH = 16


def hexdump(data: bytes, most: int = 128) -> None:
    """Prints the first `most` bytes: where they are, in hexadecimal, and as text."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"hexdump shows bytes, and this is a {type(data).__name__}")
    if most < 1:
        raise ValueError(f"most={most}: at least 1 byte is due")
    for start in range(0, min(len(data), most), _WIDTH):
        row = data[start : min(start + _WIDTH, most)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        print(f"{start:06x}  {row.hex(' '):<{3 * _WIDTH - 1}}  {text}")
    if len(data) > most:
        print(f"… {len(data) - most:,} bytes more")
