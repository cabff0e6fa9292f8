"""`%load_ext kmslab.course`: a refusal is one line, a learner's own mistake keeps its traceback."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell() -> InteractiveShell:
    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "kmslab.course")
    shell.run_cell("from kmslab import Lab\nlab = Lab()\nkms = lab.client('kms')")
    return shell


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("kms.decrypt(CiphertextBlob=b'x')", "InvalidCiphertextException: An error occurred"),
        ("kms.encrypt(KeyId=5)", "ParamValidationError: Parameter validation failed"),
        ("lab.client('rds')", "ValueError: the lab has no service 'rds'"),
        ("Lab(seed='six')", "TypeError: seed='six': a whole number is due"),
    ],
)
def test_a_refusal_is_one_line(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, line: str
) -> None:
    shell.run_cell(cell)
    shown = capsys.readouterr().out
    assert line in shown
    assert "Traceback" not in shown
    assert "site-packages" not in shown


@pytest.mark.parametrize("cell", ["int('six')", "1 + 'six'", "1 / 0", "open('/no/such/file')"])
def test_a_learners_own_mistake_keeps_its_traceback(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    shell.run_cell(cell)
    assert "Traceback (most recent call last)" in capsys.readouterr().out
