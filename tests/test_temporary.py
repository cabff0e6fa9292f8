"""Folders of temporary labs: held while their process lives, removed by the next one when not."""

from __future__ import annotations

import signal
import stat
import subprocess
from pathlib import Path

import pytest
from expect import start

from kmslab.temporary import TemporaryFolder, sweep

HOLDER = """
import sys
from kmslab.temporary import TemporaryFolder
print(TemporaryFolder().path, flush=True)
sys.stdin.read()
"""


pytestmark = pytest.mark.usefixtures("temporary")


def holder() -> tuple[subprocess.Popen[str], Path]:
    """A process that holds a folder until its input ends, and the folder."""
    process = start(HOLDER, stdin=subprocess.PIPE)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_private_and_gone_once_removed() -> None:
    folder = TemporaryFolder()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_the_folder_of_a_killed_process_goes_with_the_next_one() -> None:
    process, left = holder()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left.exists()
    TemporaryFolder().remove()
    assert not left.exists()


def test_the_folder_of_a_living_process_stays() -> None:
    process, held = holder()
    own = TemporaryFolder()
    sweep()
    assert held.exists()
    assert own.path.exists()
    process.kill()
    process.communicate()
    own.remove()


def test_what_only_looks_like_one_of_ours_stays(temporary: Path) -> None:
    (temporary / "kmslab-notes").mkdir()
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / "alive").touch()
    (temporary / "kmslab-link").symlink_to(temporary / "elsewhere")
    (temporary / "kmslab-file").touch()
    sweep()
    names = sorted(path.name for path in temporary.iterdir())
    assert names == ["elsewhere", "kmslab-file", "kmslab-link", "kmslab-notes"]
    assert (temporary / "elsewhere" / "alive").exists()
