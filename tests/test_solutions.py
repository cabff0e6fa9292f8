"""Each lesson is run with its solutions: every check says done, and not yet to wrong answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from kmslab.command import refresh

LOAD = re.compile(r"# %load (solutions/(\d\d)_(\d)\.py)")

# For each exercise: answers that are wrong, and a word of what the check has to say about them.
WRONG: dict[str, list[tuple[str, str]]] = {
    "00_1": [
        ("letter", "not encrypted"),
        ('kms.encrypt(KeyId=key, Plaintext=letter)["CiphertextBlob"]', "does not open"),
        ('kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"patient": "23", '
         '"kind": "letter"})["CiphertextBlob"]', "not the letter"),
        ('"text"', "as bytes, not str"),
    ],
    "00_2": [("0", "0 is not right"), ("len(lab.trail())", "is not right"),
             ('"5"', "a number is due")],
    "05_1": [
        ('kms.generate_data_key(KeyId=key, KeySpec="AES_256", '
         'EncryptionContext={"table": "backup"})["CiphertextBlob"]', "had the plaintext"),
        ('kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128", '
         'EncryptionContext={"table": "backup"})["CiphertextBlob"]', "has 16"),
        ('kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")'
         '["CiphertextBlob"]', "does not open"),
    ],
    "05_2": [('found["data"]', "are not the text"), ("visits", "are not the text"),
             ("kms.no_such_call()", "AttributeError"), ('b""', "empty")],
    "05_3": [
        ('record["key"]', "not moved"),
        ('kms.re_encrypt(CiphertextBlob=record["key"], SourceEncryptionContext=record["context"], '
         'DestinationKeyId=archive)["CiphertextBlob"]', "does not open"),
        ('kms.encrypt(KeyId=archive, Plaintext=bytes(32), EncryptionContext=record["context"])'
         '["CiphertextBlob"]', "another data key"),
        ('kms.encrypt(KeyId=archive, Plaintext=kms.decrypt(CiphertextBlob=record["key"], '
         'EncryptionContext=context)["Plaintext"], EncryptionContext=context)["CiphertextBlob"]',
         "not ReEncrypt"),
    ],
    "06_1": [
        ("read_header(sealed).encrypted_data_key", "does not open"),
        ("sealed.read_bytes()", "more than a data key needs"),
        ('kms.generate_data_key_without_plaintext(KeyId=surgery, KeySpec="AES_256", '
         'EncryptionContext={"patient": "17"})["CiphertextBlob"]', "does not open the X-ray"),
    ],
    "06_2": [
        ("sealed", "not shorter"),
        ("(cut.write_bytes(raw[:300_000]), cut)[1]", "through a frame"),
        ("(cut.write_bytes(raw[1:]), cut)[1]", "its bytes are others"),
        ("7", "a path is due"),
        ("folder / 'nothing'", "there is no file at nothing yet"),
    ],
    "06_3": [
        ("lambda kms, path, patient: (decrypt_file(kms, path, folder / 'o'), "
         "(folder / 'o').read_bytes())[1]", "swapped for patient 23"),
        ("lambda kms, path, patient: b''", "not returned as it was"),
        ("lambda kms: 1", "TypeError"),
        ("12", "a function is due"),
    ],
}  # fmt: skip


def with_answers(path: Path) -> tuple[Any, dict[str, list[str]]]:
    """A lesson in which wrong answers and then the solution stand for each `# %load` cell.

    Also the ids of the cells of each exercise, in that order.
    """
    notebook, cells, ids = refresh.read(path), [], {}
    checks = ""
    for cell in notebook.cells:
        found = LOAD.search(cell.source) if cell.cell_type == "code" else None
        if "check.lesson" in cell.source and cell.cell_type == "code":
            checks = cell.source.splitlines()[-1]
        if found is None:
            cells.append(cell)
            continue
        name = f"{found[2]}_{found[3]}"
        tries = [trying(wrong, checks) for wrong, _ in WRONG[name]]
        tries.append((refresh.NOTEBOOKS / found[1]).read_text())
        made = [nbformat.v4.new_code_cell(source) for source in tries]
        ids[name] = [each.id for each in made]
        cells += made
    notebook.cells = cells
    return notebook, ids


def trying(wrong: str, check: str) -> str:
    """A wrong answer and its check; what the answer raises by itself goes to the check as well."""
    return f"try:\n    answer = {wrong}\nexcept Exception as error:\n    answer = error\n{check}"


@pytest.mark.parametrize("path", refresh.lessons(), ids=lambda path: path.stem)
def test_solutions_are_done_and_wrong_answers_are_not_yet(path: Path) -> None:
    notebook, ids = with_answers(path)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    said = {
        cell.id: "".join(output.data["text/plain"] for output in cell.outputs if "data" in output)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    for name, (*wrong, right) in ids.items():
        assert said[right].startswith("done: "), (name, said[right])
        for cell, (answer, word) in zip(wrong, WRONG[name], strict=True):
            assert said[cell].startswith("not yet: "), (name, answer, said[cell])
            assert word in said[cell], (name, answer, said[cell])


def test_every_solution_belongs_to_a_lesson_and_has_wrong_answers() -> None:
    there = {path.stem for path in (refresh.NOTEBOOKS / "solutions").glob("*.py")}
    assert there == set(WRONG)
