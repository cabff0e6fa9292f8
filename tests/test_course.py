"""The command `course`, and what it runs: the learner's lessons and the doctor.

Everything runs in a copy of the course in a folder with a space in its name, with an empty
environment and without network: `uv` and .venv's Python are small scripts there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmslab.command import doctor, lessons

ROOT = Path(__file__).resolve().parents[1]
# .venv's Python: the real one, except that it must not say where the real packages are.
PYTHON = f"""#!/bin/sh
case "$*" in *purelib*) echo "$PWD/.venv" ;; *) exec "{sys.executable}" "$@" ;; esac
"""
# uv notes how it was called; `uv pip` does what the test says.
UV = """#!/bin/sh
echo "$*" >>"{tree}/uv.log"
case "$1" in
venv) mkdir -p .venv/bin && cp "{tree}/python" .venv/bin/python ;;
pip) {pip} ;;
esac
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the course with two lessons; nothing is set up."""
    tree = tmp_path.resolve() / "a course"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "kmslab", tree / "kmslab", ignore=ignore)
    for name in ("course", "requirements.txt", "tests/chromium.py"):
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    for name in ("00_start_here.ipynb", "05_data_keys.ipynb", "data/visits.csv"):
        _write(tree / "notebooks" / name, f"{name}, first edition")
    _write(tree / "python", PYTHON, 0o755)
    return tree


@pytest.fixture
def ready(tree: Path) -> Path:
    """The same, set up."""
    _write(tree / ".venv/bin/python", PYTHON, 0o755)
    _write(tree / ".venv/ready", _stamp(tree))
    return tree


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _stamp(tree: Path) -> str:
    command = f'cksum <"{tree}/requirements.txt"'
    sums = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout
    return f"{sums.strip()} {tree}"


def _environment(tree: Path, more: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(tree / "bin"), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(tree), "KMSLAB_PYTHON": sys.executable, **more}


def _course(tree: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(tree / "course"), *arguments],
        env=_environment(tree, more),
        cwd=tree.parent,
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _uv(tree: Path, pip: str = ":") -> None:
    _write(tree / "bin/uv", UV.format(tree=tree, pip=pip), 0o755)


def _calls(tree: Path) -> list[str]:
    return [line.split()[0] for line in (tree / "uv.log").read_text().splitlines()]


def _without_softhsm(tree: Path) -> None:
    module = tree / "kmslab/hsm/module.py"
    module.write_text(module.read_text().replace('    "/', '    "/nowhere/'))


# --- The command ------------------------------------------------------------------------------


def test_help_lists_every_command(tree: Path) -> None:
    helped = _course(tree, "help")
    assert helped.returncode == 0
    for name in ("setup", "lab", "test", "doctor", "reset", "refresh", "bench"):
        assert f"./course {name}" in helped.stdout


def test_an_unknown_command_fails_with_one_line(tree: Path) -> None:
    failed = _course(tree, "frobnicate")
    assert failed.returncode != 0
    assert failed.stdout == ""
    assert failed.stderr == "There is no ./course frobnicate. What there is: ./course help\n"


def test_the_command_is_plain_sh(tree: Path) -> None:
    for shell in filter(None, (shutil.which("sh"), shutil.which("dash"))):
        subprocess.run([shell, "-n", str(tree / "course")], check=True)


def test_a_named_python_that_is_none_is_refused_by_name(tree: Path) -> None:
    failed = _course(tree, "setup", KMSLAB_PYTHON="/no/python")
    assert failed.returncode != 0
    assert "KMSLAB_PYTHON names /no/python" in failed.stderr
    assert not (tree / ".venv").exists()


# --- Set-up -----------------------------------------------------------------------------------


def test_set_up_is_done_once(tree: Path) -> None:
    _uv(tree)
    first, second = _course(tree, "setup"), _course(tree, "setup")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert _calls(tree) == ["--version", "venv", "--version", "pip"]
    assert second.stdout == "Ready. Open the lessons with: ./course lab\n"
    assert (tree / ".venv/kmslab.pth").read_text() == f"{tree}\n"


def test_set_up_whose_packages_fail_fails_and_starts_again(tree: Path) -> None:
    _uv(tree, pip="echo no route to host >&2; exit 2")
    failed = _course(tree, "setup")
    assert failed.returncode != 0
    assert "no route to host" in failed.stderr
    assert "Ready" not in failed.stdout
    assert _course(tree, "is-ready").returncode != 0
    _uv(tree)
    assert _course(tree, "setup").returncode == 0


def test_set_up_that_was_killed_starts_again_and_waits_for_what_it_left_running(tree: Path) -> None:
    _uv(tree, pip='touch "$HOME/started"; sleep 1; touch "$HOME/ended"')
    command = ["sh", str(tree / "course"), "setup"]
    killed = subprocess.Popen(command, env=_environment(tree, {}), stdout=subprocess.DEVNULL)
    _wait_for(tree / "started")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert _course(tree, "is-ready").returncode != 0
    assert not (tree / "ended").exists()
    _uv(tree, pip='[ -e "$HOME/ended" ]')
    again = _course(tree, "setup")
    assert again.returncode == 0, again.stderr
    assert "waiting for it" in again.stdout


def test_two_set_ups_at_once_make_one_environment(tree: Path) -> None:
    _uv(tree)
    command = ["sh", str(tree / "course"), "setup"]
    with (tree / "requirements.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        both = [
            subprocess.Popen(command, env=_environment(tree, {}), stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        time.sleep(0.3)
        assert not (tree / ".venv").exists()
    assert [each.wait(timeout=20) for each in both] == [0, 0]
    assert _calls(tree).count("venv") == 1


def _wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


def test_an_environment_made_here_from_these_requirements_is_ready(ready: Path) -> None:
    assert _course(ready, "is-ready").returncode == 0


def test_other_requirements_are_not_ready(ready: Path) -> None:
    with (ready / "requirements.txt").open("a") as requirements:
        requirements.write("# one more line\n")
    assert _course(ready, "is-ready").returncode != 0


def test_a_moved_course_is_not_ready(ready: Path) -> None:
    moved = ready.rename(ready.with_name("moved course"))
    assert _course(moved, "is-ready").returncode != 0


def test_an_environment_without_its_python_or_with_half_a_stamp_is_not_ready(ready: Path) -> None:
    (ready / ".venv/bin/python").rename(ready / "away")
    assert _course(ready, "is-ready").returncode != 0
    (ready / "away").rename(ready / ".venv/bin/python")
    (ready / ".venv/ready").write_text(_stamp(ready)[:8])
    assert _course(ready, "is-ready").returncode != 0


def test_set_up_without_softhsm_ends_with_the_line_to_type(ready: Path) -> None:
    _without_softhsm(ready)
    for manager in ("apt-get", "dnf", "brew"):
        _write(ready / "bin" / manager, "#!/bin/sh\nexit 1\n", 0o755)
    failed = _course(ready, "setup")
    assert failed.returncode != 0
    assert failed.stderr.rstrip().endswith("apt-get install softhsm2")
    assert _course(ready, "is-ready").returncode == 0  # what was made stays made


def test_set_up_with_a_module_that_is_not_there_names_it_and_installs_nothing(ready: Path) -> None:
    _write(ready / "bin/apt-get", '#!/bin/sh\ntouch "$HOME/called"\n', 0o755)
    failed = _course(ready, "setup", KMSLAB_PKCS11="/no/module.so")
    assert failed.returncode != 0
    assert "/no/module.so" in failed.stderr
    assert not (ready / "called").exists()


# --- The learner's lessons --------------------------------------------------------------------


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of two lessons."""
    course = tmp_path / "notebooks"
    _edition(course, "first")
    return course


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    """The learner's folder; no test may leave a part of a file in it."""
    yield tmp_path / "my-lessons"
    assert not list((tmp_path / "my-lessons").rglob("*.part"))


LESSON = "05_data_keys.ipynb"
FILES = ("00_start_here.ipynb", LESSON, "INSTRUCTOR.md", "data/visits.csv", "solutions/05_1.py")


def _edition(course: Path, edition: str) -> None:
    for name in FILES:
        _write(course / name, f"{name}, {edition} edition")


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_lessons_that_are_not_there_are_copied_with_what_they_need(
    course: Path, mine: Path
) -> None:
    _write(course / ".ipynb_checkpoints/05_data_keys-checkpoint.ipynb", "an editor's")
    _write(course / "data/__pycache__/make.pyc", "Python's")
    assert lessons.copy(course, mine) == []
    assert _names(mine) == sorted([*FILES, ".copied.json"])
    assert all((mine / name).read_bytes() == (course / name).read_bytes() for name in FILES)


def test_a_lesson_that_was_not_changed_is_updated(course: Path, mine: Path) -> None:
    lessons.copy(course, mine)
    _edition(course, "second")
    assert lessons.copy(course, mine) == []
    assert "second" in (mine / LESSON).read_text()
    _edition(course, "third")
    lessons.copy(course, mine)
    assert "third" in (mine / LESSON).read_text()


def test_a_lesson_that_was_run_and_saved_keeps_its_outputs_until_a_newer_edition(
    course: Path, mine: Path
) -> None:
    def notebook(source: str, output: str) -> str:
        cell = {"cell_type": "code", "source": [source], "outputs": [output]}
        return json.dumps({"cells": [cell], "metadata": {"language_info": output}})

    (course / LESSON).write_text(notebook("1 + 1", "3.11"))
    lessons.copy(course, mine)
    (mine / LESSON).write_text(notebook("1 + 1", "3.14"))
    assert lessons.copy(course, mine) == []
    assert "3.14" in (mine / LESSON).read_text()
    (course / LESSON).write_text(notebook("1 + 2", "3.11"))
    assert lessons.copy(course, mine) == []
    assert (mine / LESSON).read_text() == (course / LESSON).read_text()
    (mine / LESSON).write_text(notebook("1 + 2 + 3", "3.11"))
    (course / LESSON).write_text(notebook("4", "3.11"))
    assert len(lessons.copy(course, mine)) == 1
    assert "1 + 2 + 3" in (mine / LESSON).read_text()


def test_a_lesson_that_was_changed_is_kept_without_a_word(course: Path, mine: Path) -> None:
    lessons.copy(course, mine)
    (mine / LESSON).write_text("my notes")
    assert lessons.copy(course, mine) == []
    assert (mine / LESSON).read_text() == "my notes"


def test_a_newer_edition_of_a_changed_lesson_is_told_and_not_taken(
    course: Path, mine: Path
) -> None:
    lessons.copy(course, mine)
    (mine / LESSON).write_text("my notes")
    _edition(course, "second")
    told = f"{LESSON}: yours is kept; the course has a newer one: ./course reset 05"
    assert lessons.copy(course, mine) == [told]
    assert lessons.copy(course, mine) == [told]
    assert (mine / LESSON).read_text() == "my notes"
    assert "second" in (mine / "00_start_here.ipynb").read_text()


def test_data_and_solutions_are_always_the_courses(course: Path, mine: Path) -> None:
    lessons.copy(course, mine)
    (mine / "data/visits.csv").write_text("my own")
    (mine / "data/mine.txt").write_text("my own")
    lessons.copy(course, mine)
    assert "first" in (mine / "data/visits.csv").read_text()
    assert (mine / "data/mine.txt").read_text() == "my own"


def test_a_lesson_that_the_course_has_no_more_stays(course: Path, mine: Path) -> None:
    lessons.copy(course, mine)
    (course / LESSON).unlink()
    lessons.copy(course, mine)
    assert (mine / LESSON).exists()


@pytest.mark.parametrize("record", ["", "{", "[]", "null"])
def test_without_a_readable_record_no_changed_lesson_is_lost(
    course: Path, mine: Path, record: str
) -> None:
    lessons.copy(course, mine)
    (mine / LESSON).write_text("my notes")
    (mine / ".copied.json").write_text(record)
    assert lessons.copy(course, mine) != []
    assert (mine / LESSON).read_text() == "my notes"


def test_an_interrupted_copy_leaves_whole_lessons_and_is_made_up_for(
    course: Path, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons.copy(course, mine)
    _edition(course, "second")
    write_bytes = Path.write_bytes

    def write_half(path: Path, data: bytes) -> int:
        write_bytes(path, data[: len(data) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_half)
        with pytest.raises(KeyboardInterrupt):
            lessons.copy(course, mine)
    assert "first edition" in (mine / "00_start_here.ipynb").read_text()
    assert lessons.copy(course, mine) == []
    assert all((mine / name).read_bytes() == (course / name).read_bytes() for name in FILES)


def test_reset_brings_the_lesson_back_and_keeps_the_learners_beside_it(
    course: Path, mine: Path
) -> None:
    lessons.copy(course, mine)
    for notes in ("my notes", "my other notes"):  # within one second
        (mine / LESSON).write_text(notes)
        lessons.reset(course, mine, "05")
        assert "first" in (mine / LESSON).read_text()
    kept = sorted(mine.glob("05_data_keys (before reset *.ipynb"))
    assert [path.read_text() for path in kept] == ["my notes", "my other notes"]
    _edition(course, "second")
    assert lessons.copy(course, mine) == []  # it is the course's again
    assert "second" in (mine / LESSON).read_text()


def test_reset_of_an_unchanged_or_missing_lesson_keeps_nothing(course: Path, mine: Path) -> None:
    lessons.reset(course, mine, "5")
    _edition(course, "second")
    lessons.reset(course, mine, "05")
    assert "second" in (mine / LESSON).read_text()
    assert _names(mine) == [".copied.json", LESSON]


@pytest.mark.parametrize("number", ["42", "", "x", "05_data_keys", "../05"])
def test_reset_of_an_unknown_lesson_lists_those_there_are(ready: Path, number: str) -> None:
    failed = _course(ready, "reset", number)
    assert failed.returncode != 0
    assert failed.stderr == f"There is no lesson {number!r}. There are: 00, 05\n"


def test_reset_without_a_number_asks_for_one(ready: Path) -> None:
    failed = _course(ready, "reset")
    assert failed.returncode != 0
    assert failed.stderr == "Say which lesson: ./course reset NN. There are: 00, 05\n"


def test_a_folder_that_cannot_be_made_is_one_line(ready: Path) -> None:
    _write(ready / "my-lessons", "a file where the folder should be")
    failed = _course(ready, "reset", "05")
    assert failed.returncode != 0
    assert "my-lessons" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["lessons.py copy", "doctor.py line softhsm2"])
def test_lessons_and_doctor_need_the_standard_library_only(tree: Path, command: str) -> None:
    name, *arguments = command.split()
    program = [sys.executable, "-S", "-E", str(tree / "kmslab/command" / name), *arguments]
    subprocess.run(program, check=True, capture_output=True)


# --- The doctor -------------------------------------------------------------------------------


def _line(output: str, name: str) -> str:
    return next(line for line in output.splitlines() if line[12:33].strip() == name)


def test_the_doctor_finds_nothing_missing_where_all_is_there(ready: Path) -> None:
    examined = _course(ready, "doctor")
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert "makes tokens" in _line(examined.stdout, "SoftHSM2")
    assert examined.stdout.endswith("All that is needed is there.\n")


def test_the_doctor_works_before_anything_is_set_up(tree: Path) -> None:
    examined = _course(tree, "doctor")
    assert examined.returncode == 1
    assert "MISSING" in _line(examined.stdout, ".venv")
    assert "▶ ./course setup" in examined.stdout
    assert "once .venv is ready" in _line(examined.stdout, "SoftHSM2")
    assert examined.stderr == ""


def test_the_doctor_says_how_to_get_a_missing_softhsm(ready: Path) -> None:
    _without_softhsm(ready)
    _write(ready / "bin/apt-get", "#!/bin/sh\n", 0o755)
    examined = _course(ready, "doctor")
    assert examined.returncode == 1
    assert "MISSING" in _line(examined.stdout, "SoftHSM2")
    assert "apt-get install softhsm2\n" in examined.stdout


def test_the_doctor_names_a_variable_that_points_nowhere(ready: Path) -> None:
    examined = _course(ready, "doctor", KMSLAB_PKCS11="/no/module.so")
    assert examined.returncode == 1
    assert "'/no/module.so'" in _line(examined.stdout, "SoftHSM2")
    assert "▶ unset KMSLAB_PKCS11" in examined.stdout


def test_the_doctor_sees_a_file_that_is_no_module(ready: Path) -> None:
    _write(ready / "module.so", "not a library")
    examined = _course(ready, "doctor", KMSLAB_PKCS11=str(ready / "module.so"))
    assert examined.returncode == 1
    assert "does not work" in _line(examined.stdout, "SoftHSM2")
    assert "Traceback" not in examined.stdout + examined.stderr


def test_the_doctor_survives_a_module_that_crashes(ready: Path) -> None:
    _write(ready / ".venv/bin/python", "#!/bin/sh\nkill -SEGV $$\n", 0o755)
    examined = _course(ready, "doctor")
    assert examined.returncode == 1
    assert "it crashes (signal 11)" in _line(examined.stdout, "SoftHSM2")
    assert "Chromium" in examined.stdout  # the last check


@pytest.mark.parametrize(
    ("manager", "line"),
    [
        ("apt-get", "apt-get install softhsm2"),
        ("dnf", "dnf install softhsm"),
        ("brew", "brew install softhsm"),
    ],
)
def test_the_line_to_type_is_this_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manager: str, line: str
) -> None:
    _write(tmp_path / manager, "#!/bin/sh\n", 0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert doctor.install_line("softhsm2") == line
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert doctor.install_line("softhsm2") == (line if manager == "brew" else f"sudo {line}")


def test_an_unknown_system_gets_the_line_of_every_known_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = doctor.install_line("softhsm2")
    assert all(system in lines for system in ("Debian, Ubuntu", "Fedora", "macOS"))


def test_a_python_without_ensurepip_is_missing_something_only_without_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    assert "python3-venv" in doctor.venv_module().remedy
    _write(tmp_path / "uv", "#!/bin/sh\n", 0o755)
    assert doctor.venv_module().remedy == ""


def test_a_full_or_read_only_disk_and_a_closed_loopback_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(13, "Permission denied")

    assert doctor.disk().remedy == doctor.loopback().remedy == ""
    with monkeypatch.context() as patched:
        patched.setattr(doctor, "NEEDED_BYTES", 1 << 60)
        assert doctor.disk().remedy == "make room on the disk"
        patched.setattr(doctor.tempfile, "TemporaryFile", refuse)
        assert "Permission denied" in doctor.disk().note
        patched.setattr(doctor.socket, "create_server", refuse)
        assert "Permission denied" in doctor.loopback().note


def test_a_temporary_folder_that_no_module_loads_from_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor.os, "ST_NOEXEC", -1, raising=False)
    monkeypatch.setattr(doctor.os, "statvfs", lambda _: os.statvfs_result([1] * 10))
    assert "noexec" in doctor.temporary_folder().note
