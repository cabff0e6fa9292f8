"""What tests share. `lab` serves all tests of a module: don't count what is in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import objects
import pytest

from kmslab import Lab
from kmslab.hsm.session import HsmSession


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for the module."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def kms(lab: Lab) -> Any:
    """A client of the module's lab."""
    return lab.client("kms")


@pytest.fixture(scope="module")
def key(kms: Any) -> str:
    """The id of a key that stays enabled."""
    return kms.create_key(Description="the module's key")["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def other_key(kms: Any) -> str:
    """The id of another key that stays enabled."""
    return kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def s3(lab: Lab) -> Any:
    """S3 of the module's lab."""
    return lab.client("s3")


@pytest.fixture(scope="module")
def records(s3: Any) -> str:
    """A bucket of the module."""
    return objects.bucket(s3, "records")


@pytest.fixture
def fresh() -> Iterator[Lab]:
    """A lab for one test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def hsm(lab: Lab) -> HsmSession:
    """The first HSM of the module's lab."""
    return lab.hsms.hsms[0]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder in which temporary files and labs are made during the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))  # for the processes that a test starts
    return folder
