"""What is missing on this machine, and the one line to type for it.

    doctor.py                prints a table; exit status 1 where something needed is missing
    doctor.py line PROGRAM   prints the line that installs PROGRAM; `./course` asks for it

Needs the standard library only and runs under any Python from 3.11 on, with or without .venv.
What could crash (a broken SoftHSM2 is a library full of C++) runs in a process of its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED_BYTES = 10**9  # .venv takes about half of it, lesson 06 makes a file of 256 MiB twice
WAIT_SECONDS = 60
SYSTEMS = {"apt-get": "Debian, Ubuntu", "dnf": "Fedora", "brew": "macOS"}
# Program → the line to type, on each of these systems in turn.
LINES = {
    "softhsm2": (
        "sudo apt-get install softhsm2",
        "sudo dnf install softhsm",
        "brew install softhsm",
    ),
    "softhsm2, again": (
        "sudo apt-get install --reinstall softhsm2 libsofthsm2",
        "sudo dnf reinstall softhsm",
        "brew reinstall softhsm",
    ),
    "venv": (
        "sudo apt-get install python3-venv",
        "sudo dnf install python3",
        "brew install python",
    ),
    "chromium": (
        "sudo apt-get install chromium",
        "sudo dnf install chromium",
        "brew install --cask google-chrome",
    ),
}
_TRY_MODULE = """
import pathlib, sys, tempfile
from kmslab.hsm.device import provision
with tempfile.TemporaryDirectory() as folder:
    provision(pathlib.Path(folder).resolve() / "doctor")
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` is what to type, empty where all is well."""

    name: str
    note: str
    remedy: str = ""
    needed: bool = True

    def __str__(self) -> str:
        mark = "ok" if not self.remedy else "MISSING" if self.needed else "optional"
        line = f"  {mark:<9} {self.name:<20} {self.note}"
        indented = self.remedy.replace("\n", "\n" + " " * 34)
        return f"{line}\n{'':<32}▶ {indented}" if self.remedy else line


def install_line(program: str) -> str:
    """The line that installs a program here; on an unknown system, one for each known one."""
    for manager, line in zip(SYSTEMS, LINES[program], strict=True):
        if shutil.which(manager):
            return line.removeprefix("sudo ") if os.geteuid() == 0 else line
    pairs = zip(SYSTEMS.values(), LINES[program], strict=True)
    return "\n".join(f"{system + ':':<16}{line}" for system, line in pairs)


def python() -> Finding:
    """The Python that runs this; `./course` looked for one that is new enough."""
    return Finding("Python", ".".join(map(str, sys.version_info[:3])))


def venv_module() -> Finding:
    """Whether a virtual environment can be made: by uv, or by Python's own module with pip."""
    if _run(["uv", "--version"]).returncode == 0:
        return Finding("Making .venv", "uv does it")
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return Finding("Making .venv", "Python does it")
    return Finding("Making .venv", "this Python has no ensurepip", install_line("venv"))


def environment() -> Finding:
    """Whether .venv was made, in this place, from requirements.txt as it is now."""
    if _is_ready():
        return Finding(".venv", "made from requirements.txt")
    there = "is not what requirements.txt asks for" if (ROOT / ".venv").exists() else "is not there"
    return Finding(".venv", there, "./course setup")


def softhsm() -> Finding:
    """Whether SoftHSM2 is there and, once .venv is, whether it really makes a token."""
    found = _run([sys.executable, str(ROOT / "kmslab/hsm/module.py")])
    chosen = os.environ.get("KMSLAB_PKCS11")
    module = found.stdout.strip()
    if found.returncode and chosen:
        note, program = f"KMSLAB_PKCS11 names {chosen!r}, and no file is there", "softhsm2"
    elif found.returncode:
        note, program = "not found", "softhsm2"
    elif not _is_ready():
        return Finding("SoftHSM2", f"{module}, to be tried once .venv is ready")
    else:
        tried = _run([str(ROOT / ".venv/bin/python"), "-c", _TRY_MODULE])
        if tried.returncode == 0:
            return Finding("SoftHSM2", f"{module} makes tokens")
        note, program = f"{module} does not work: {_why(tried)}", "softhsm2, again"
    return Finding("SoftHSM2", note, "unset KMSLAB_PKCS11" if chosen else install_line(program))


def temporary_folder() -> Finding:
    """Whether labs can be made: SoftHSM2's copies are loaded from the temporary folder."""
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        return Finding("Temporary folder", str(error), "export TMPDIR=A_FOLDER_YOU_CAN_WRITE_TO")
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        note = f"{folder} is mounted noexec: no HSM can be loaded from it"
        return Finding("Temporary folder", note, 'mkdir -p ~/tmp && export TMPDIR="$HOME/tmp"')
    return Finding("Temporary folder", folder)


def disk() -> Finding:
    """Whether the course's folder can be written to and has room."""
    try:
        with tempfile.TemporaryFile(dir=ROOT):
            free = shutil.disk_usage(ROOT).free
    except OSError as error:
        note = f"{ROOT} can't be written to: {error.strerror}"
        return Finding("Disk", note, "copy the course to a folder of your own")
    remedy = "" if free >= NEEDED_BYTES else "make room on the disk"
    return Finding("Disk", f"{free / 1e9:.1f} GB free, 1 GB is needed", remedy)


def loopback() -> Finding:
    """Whether JupyterLab can listen on this machine's own address."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError as error:
        note = f"nothing can listen on 127.0.0.1: {error.strerror or error}"
        return Finding("Loopback address", note, "allow it in the firewall or sandbox")
    return Finding("Loopback address", "a port can be opened")


def chromium() -> Finding:
    """The browser test's browser; a learner needs none but their own."""
    found = _run([sys.executable, str(ROOT / "tests/chromium.py")])
    if found.returncode == 0:
        return Finding("Chromium", found.stdout.strip())
    note = "not found: only the browser test needs it"
    return Finding("Chromium", note, install_line("chromium"), needed=False)


CHECKS: Sequence[Callable[[], Finding]] = (
    python,
    venv_module,
    environment,
    softhsm,
    temporary_folder,
    disk,
    loopback,
    chromium,
)


def _is_ready() -> bool:
    return _run(["sh", str(ROOT / "course"), "is-ready"]).returncode == 0


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; one that can't start or doesn't end counts as failed."""
    try:
        return subprocess.run(  # noqa: S603 - the course's own files and uv
            command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def _why(tried: subprocess.CompletedProcess[str]) -> str:
    """The last line that a program printed before it failed."""
    if tried.returncode < 0:
        return f"it crashes (signal {-tried.returncode})"
    return (tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"])[-1]


def main() -> int:
    """Prints every finding; returns 1 where something needed is missing."""
    findings = []
    for check in CHECKS:
        findings.append(check())
        print(findings[-1], flush=True)
    missing = sum(1 for finding in findings if finding.remedy and finding.needed)
    print(
        f"\n{missing} missing: type the lines after ▶"
        if missing
        else "\nAll that is needed is there."
    )
    return min(missing, 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["line"]:
        print(install_line(sys.argv[2]))
    else:
        sys.exit(main())
