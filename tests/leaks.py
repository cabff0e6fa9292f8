"""Where a secret could have been left: in files, texts, Python's objects, a process's memory."""

from __future__ import annotations

import base64
import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Printed by a child process when it has done its work and waits to be looked at.
READY = "ready"


def forms(secret: bytes) -> list[bytes]:
    """The ways in which bytes could have been written."""
    texts = (secret.hex(), secret.hex().upper(), repr(secret)[2:-1], str(list(secret))[1:-1])
    return [
        secret,
        secret[::-1],
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        *(text.encode() for text in texts),
    ]


def assert_nowhere(secret: bytes, contents: dict[Any, bytes]) -> None:
    """No form of the secret is in any of these."""
    found = [name for name, data in contents.items() if any(form in data for form in forms(secret))]
    assert found == []


def python_objects() -> Iterator[bytes]:
    """The contents of every bytes, bytearray, memoryview and text that Python can still reach.

    The collector tracks containers alone, so what they refer to is walked too.
    """
    waiting = gc.get_objects()
    seen = {id(each) for each in waiting}
    while waiting:
        one = waiting.pop()
        if isinstance(one, bytes | bytearray):
            yield bytes(one)
        elif isinstance(one, memoryview):
            yield one.tobytes()
        elif isinstance(one, str):
            yield one.encode(errors="replace")
        for each in gc.get_referents(one):
            if id(each) not in seen:
                seen.add(id(each))
                waiting.append(each)


def dump(path: Path) -> None:
    """Writes all that `python_objects` finds, for another process to look through."""
    gc.collect()
    found = list(python_objects())
    path.write_bytes(b"\x00".join(found))


def written_memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """The writable regions of a process's memory on Linux, as name and bytes."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in lines:
            region = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)", line)
            if region is None or region[3] in ("[vvar]", "[vsyscall]"):
                continue
            start, end = int(region[1], 16), int(region[2], 16)
            memory.seek(start)
            try:
                yield region[3], memory.read(end - start)
            except OSError:
                continue  # reserved, with nothing behind it


def count_in_memory(pid: int, secret: bytes) -> int:
    """How often a secret lies in a process's memory."""
    return sum(data.count(secret) for _, data in written_memory(pid))
