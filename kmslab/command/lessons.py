"""The learner's own copy of the lessons, in my-lessons/, where JupyterLab may save what it likes.

    lessons.py copy        brings my-lessons/ up to date with notebooks/
    lessons.py reset NN    puts the course's lesson NN back; the learner's is kept beside it

A lesson (`NN_name.ipynb`) belongs to the learner once its cells are others than those last copied,
whose SHA-256 is in `my-lessons/.copied.json`: from then on `copy` leaves it alone. Only the cells'
kinds and sources count: running a lesson and saving it is no change of it, and its outputs stay
until the course has a newer one. Everything else (data/, solutions/, texts) is the course's and
always brought up to date. Nothing is ever deleted.

Needs the standard library only and starts at once: `./course lab` runs this file by itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORD = ".copied.json"
_LESSON = re.compile(r"\d\d_.*\.ipynb", re.ASCII)


def copy(course: Path, mine: Path) -> list[str]:
    """Brings the folder `mine` up to date with the folder `course`; returns what to tell."""
    told = []
    with _alone(mine):
        copied = _read_record(mine)
        for source in _files(course):
            name = source.relative_to(course).as_posix()
            new, old = source.read_bytes(), _read(mine / name)
            if not _is_lesson(source, course):
                _write(mine / name, new, old)
            elif old in (None, new):
                _bring(mine, name, new, old, copied)
            elif copied.get(name) != _mark(new):
                told += _renew(mine, name, new, old, copied)
    return told


def reset(course: Path, mine: Path, number: str) -> list[str]:
    """Puts the course's lesson `number` back; returns what to tell.

    A lesson that the learner changed stays beside it, as "NN_name (before reset DATE TIME).ipynb".
    Raises `LookupError` for a number that the course doesn't have.
    """
    source = lesson(course, number)
    name, new = source.name, source.read_bytes()
    with _alone(mine):
        copied, target = _read_record(mine), mine / name
        old = _read(target)
        told = [f"{name}: back to how it came"]
        if old is not None and _cells(old) != _cells(new) and not _is_ours(old, name, copied):
            kept = _free_name(target)
            target.rename(kept)
            told.append(f"Yours is kept as: {kept.name}")
        _bring(mine, name, new, old, copied)
    return told


def lesson(course: Path, number: str) -> Path:
    """The course's lesson with this number ("05", or "5"); `LookupError` names those there are."""
    for path in _files(course):
        if number and path.name.startswith(f"{number:0>2}_") and _is_lesson(path, course):
            return path
    raise LookupError(f"There is no lesson {number!r}. {_there_are(course)}")


def _there_are(course: Path) -> str:
    numbers = [path.name[:2] for path in _files(course) if _is_lesson(path, course)]
    return f"There are: {', '.join(numbers)}" if numbers else f"{course} holds no lessons"


def _files(course: Path) -> Iterator[Path]:
    """The course's files in order, without what editors and Python leave behind."""
    for path in sorted(course.rglob("*")):
        parts = path.relative_to(course).parts
        if path.is_file() and not any(part.startswith((".", "__")) for part in parts):
            yield path


def _is_lesson(path: Path, course: Path) -> bool:
    """Whether a file of the course is a lesson: NN_name.ipynb, not in a folder of its own."""
    return path.parent == course and _LESSON.fullmatch(path.name) is not None


def _renew(
    mine: Path, name: str, new: bytes, old: bytes | None, copied: dict[str, str]
) -> list[str]:
    """Takes the course's newer lesson where the learner changed nothing; returns what to tell."""
    if _is_ours(old, name, copied):
        _bring(mine, name, new, old, copied)
        return []
    return [f"{name}: yours is kept; the course has a newer one: ./course reset {name[:2]}"]


def _bring(mine: Path, name: str, new: bytes, old: bytes | None, copied: dict[str, str]) -> None:
    """Writes a lesson of the course and records what was written."""
    _write(mine / name, new, old)
    if copied.get(name) != _mark(new):
        copied[name] = _mark(new)
        _write(mine / RECORD, json.dumps(copied, indent=1, sort_keys=True).encode())


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(target: Path, new: bytes, old: bytes | None = None) -> None:
    """Writes a file whole or not at all: a run that is cut off leaves the old one."""
    if new == old:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(new)
    part.replace(target)


def _read_record(mine: Path) -> dict[str, str]:
    """The hashes of the lessons as last copied; without a readable record every lesson is kept."""
    try:
        record = json.loads((mine / RECORD).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _mark(data: bytes) -> str:
    """What is recorded of a lesson: the hash of its file, and the hash of its cells."""
    return f"{hashlib.sha256(data).hexdigest()} {_cells(data)}"


def _cells(data: bytes) -> str:
    """A hash of the cells' kinds and sources; of all bytes where they are no notebook's."""
    try:
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(data)["cells"]]
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _is_ours(old: bytes | None, name: str, copied: dict[str, str]) -> bool:
    """Whether the learner's copy has the cells that were last copied."""
    return old is not None and copied.get(name, "").endswith(f" {_cells(old)}")


def _free_name(target: Path) -> Path:
    """Where the learner's lesson goes: a name that no earlier reset has taken."""
    while True:
        now = time.strftime("%Y-%m-%d %H.%M.%S")
        kept = target.with_name(f"{target.stem} (before reset {now}){target.suffix}")
        if not kept.exists():
            return kept
        time.sleep(0.1)


@contextmanager
def _alone(mine: Path) -> Iterator[None]:
    """Makes the folder and holds its lock: a second run waits until the first one is done."""
    mine.mkdir(exist_ok=True)
    folder = os.open(mine, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main(arguments: Sequence[str], course: Path, mine: Path) -> int:
    """Runs one command and prints what it tells; returns the exit status."""
    try:
        match arguments:
            case ["copy"]:
                told = copy(course, mine)
            case ["reset", number]:
                told = reset(course, mine, number)
            case _:
                raise LookupError(f"Say which lesson: ./course reset NN. {_there_are(course)}")
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Your lessons can't be brought up to date: {error}", file=sys.stderr)
        return 1
    for line in told:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], ROOT / "notebooks", ROOT / "my-lessons"))
