"""What several tests need: a refusal of AWS as a promise, and Python in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pkcs11 import Attribute, KeyType, ObjectClass

import kmslab

ROOT = Path(kmslab.__file__).parents[1]
UNKNOWN_ID = "11111111-2222-4333-8444-555555555555"


@contextmanager
def refused(code: str, message: str | None = None) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """The block ends in this error of AWS, in this wording where one is given."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == code
    if message is not None:
        assert error["Message"] == message


def invalid(failure: str) -> str:
    """AWS's wording for one constraint that a request fails."""
    return f"1 validation error detected: {failure}"


def start(code: str, *arguments: object, **more: Any) -> subprocess.Popen[str]:
    """Starts Python on a piece of code; its output and errors come together as text."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=more.pop("env", dict(os.environ)) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def run(code: str, *arguments: object, **more: Any) -> str:
    """Runs Python on a piece of code to its end, and gives what it printed."""
    process = start(code, *arguments, **more)
    with process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == 0, output
    return output


def files(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder, and its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def known_key(session: Any, value: bytes, **capabilities: bool) -> Any:
    """A key whose bytes are known, as an object of this session."""
    template = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE: value,
        Attribute.TOKEN: False,
        Attribute.SENSITIVE: False,
        Attribute.EXTRACTABLE: True,
        **{Attribute[name]: allowed for name, allowed in capabilities.items()},
    }
    return session.create_object(template)
