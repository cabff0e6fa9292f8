"""Where SoftHSM2's module is looked for, and what is said when it isn't there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kmslab import Lab
from kmslab.errors import HsmModuleMissing
from kmslab.hsm import module
from kmslab.hsm.module import find_module, missing


def test_the_first_place_that_holds_a_file_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first, second = (tmp_path / name for name in ("folder.so", "first.so", "second.so"))
    folder.mkdir()
    monkeypatch.setattr(module, "PLACES", (str(folder), str(first), str(second)))
    assert find_module({}) is None
    second.touch()
    assert find_module({}) == second
    first.touch()
    assert find_module({}) == first


def test_kmslab_pkcs11_alone_decides(tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.so"
    assert find_module({"KMSLAB_PKCS11": str(chosen)}) is None
    chosen.touch()
    assert find_module({"KMSLAB_PKCS11": str(chosen)}) == chosen


def test_an_empty_kmslab_pkcs11_counts_as_unset() -> None:
    assert find_module({"KMSLAB_PKCS11": ""}) == find_module({})


def test_debian_fedora_and_homebrew_are_known() -> None:
    for folder in ("/usr/lib/softhsm/", "/usr/lib64/", "/opt/homebrew/", "/usr/local/opt/softhsm/"):
        assert any(place.startswith(folder) for place in module.PLACES)


def test_what_is_missing_comes_with_the_way_out() -> None:
    assert "./course doctor" in missing({})
    assert "KMSLAB_PKCS11 names '/no'" in missing({"KMSLAB_PKCS11": "/no"})


@pytest.mark.parametrize(("chosen", "code"), [(None, 0), ("/nowhere/module.so", 1)])
def test_the_file_runs_by_itself_without_any_package(chosen: str | None, code: int) -> None:
    environment = {} if chosen is None else {"KMSLAB_PKCS11": chosen}
    done = subprocess.run(
        [sys.executable, "-I", "-S", module.__file__],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert (done.stdout or done.stderr).strip() == str(
        find_module(environment) or missing(environment)
    )


def test_a_lab_without_a_module_says_so_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setenv("KMSLAB_PKCS11", "/nowhere/module.so")
    with pytest.raises(HsmModuleMissing, match="unset it, or name the module"):
        Lab()
    assert list(temporary.iterdir()) == []


def test_a_module_that_does_not_load_says_so_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, temporary: Path, tmp_path: Path
) -> None:
    text = tmp_path / "module.so"
    text.write_text("not a shared library")
    monkeypatch.setenv("KMSLAB_PKCS11", str(text))
    with pytest.raises(HsmModuleMissing, match=r"does not load as a PKCS#11 module.*reinstall"):
        Lab()
    assert list(temporary.iterdir()) == []


def test_a_lab_is_made_once_the_module_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KMSLAB_PKCS11", "/nowhere/module.so")
    with pytest.raises(HsmModuleMissing):
        Lab(tmp_path / "lab")
    monkeypatch.delenv("KMSLAB_PKCS11")
    with Lab(tmp_path / "lab") as lab:
        assert len(lab.client("kms").generate_random(NumberOfBytes=8)["Plaintext"]) == 8


@pytest.mark.parametrize("usual", [None, "the user's own file"])
@pytest.mark.parametrize("works", [True, False])
def test_the_users_own_softhsm2_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, usual: str | None, works: bool
) -> None:
    own = tmp_path / "softhsm2.conf"
    own.write_text("directories.tokendir = /nowhere\n")
    monkeypatch.delenv("SOFTHSM2_CONF", raising=False)
    if usual:
        monkeypatch.setenv("SOFTHSM2_CONF", str(own))
    if not works:
        text = tmp_path / "module.so"
        text.write_text("not a shared library")
        monkeypatch.setenv("KMSLAB_PKCS11", str(text))
    before = dict(os.environ)
    try:
        Lab(tmp_path / "lab").close()
    except HsmModuleMissing:
        assert not works
    assert dict(os.environ) == before
    assert own.read_text() == "directories.tokendir = /nowhere\n"
