"""Each lesson is run with its solutions: every check says done, and not yet to wrong answers."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from kmslab.command import refresh

LOAD = re.compile(r"# %load (solutions/(\d\d)_(\d)\.py)")

# Seals the note of exercise 04_3 with a private key that is not in KMS; called with what makes the
# AES key of the raw secret.
_LOCAL = (
    "(lambda pair: lambda key: (pair.public_key().public_bytes(*form), bytes(12) + AESGCM("
    "key(pair.exchange(ec.ECDH(), load_der_public_key(dentist.public)))"
    ").encrypt(bytes(12), note, None)))(ec.generate_private_key(ec.SECP384R1()))"
)

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
    "02_1": [
        ("{}", "pharmacy is missing"),
        ("[1, 2, 3]", "a dict is due"),
        ('{"pharmacy": "RSA_2048"}', "as a dict"),
        ('{"pharmacy": {}}', "has no public half"),
        ('{"pharmacy": {"KeySpec": "HMAC_256"}}', "You must specify a KeyUsage"),
        ('{"pharmacy": {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}}',
         "signs nothing"),
        ('{"pharmacy": (good := {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}), '
         '"link": good}', "and 32 fit"),
        ('{"pharmacy": good, "link": {"KeySpec": "HMAC_512", '
         '"KeyUsage": "GENERATE_VERIFY_MAC"}}', "has 64 bytes"),
        ('{"pharmacy": good, "link": {}}', "proves nothing"),
        ('{"pharmacy": good, "link": (mac := {"KeySpec": "HMAC_224", '
         '"KeyUsage": "GENERATE_VERIFY_MAC"}), "laboratory": {}}', "has no public half"),
        ('{"pharmacy": good, "link": mac, "laboratory": {"KeySpec": "ML_KEM_512", '
         '"KeyUsage": "ENCAPSULATE_DECAPSULATE"}}', "bytes of their own"),
        ('{"pharmacy": good, "link": mac, "laboratory": good}', "bytes of their own"),
        ('{"pharmacy": good, "link": mac, "laboratory": {"KeySpec": "RSA_2048", '
         '"KeyUsage": "SIGN_VERIFY"}}', "not valid for Decrypt"),
    ],
    "02_2": [
        ("lambda kms, alias: None", "same key as before"),
        ("lambda kms, alias: kms.delete_alias(AliasName=alias)", "refused now"),
        ('lambda kms, alias: (kms.delete_alias(AliasName=alias), kms.create_alias('
         'AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"]))',
         "shows DeleteAlias"),
        ('lambda kms, alias: (old := kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"], '
         'kms.update_alias(AliasName=alias, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"]), '
         'kms.schedule_key_deletion(KeyId=old))', "can't open its old blob"),
        ('lambda kms, alias: kms.update_alias(AliasName=alias, TargetKeyId=rsa["KeyId"])',
         "ValidationException"),
        ("newer", "a function is due"),
    ],
    "02_3": [
        ("key", "Frankfurt does not know"),
        ("both", "the tags of this key are []"),
        ('[each for each in frankfurt.list_keys()["Keys"]]', "one key id is due"),
        ('next(each["KeyId"] for page in frankfurt.get_paginator("list_keys").paginate() '
         'for each in page["Keys"] if not frankfurt.describe_key(KeyId=each["KeyId"])'
         '["KeyMetadata"]["Enabled"])', "its KeyState is Disabled"),
        ('next(each["KeyId"] for page in frankfurt.get_paginator("list_keys").paginate() '
         'for each in page["Keys"] if frankfurt.describe_key(KeyId=each["KeyId"])'
         '["KeyMetadata"]["KeySpec"] == "HMAC_256")', "its KeySpec is HMAC_256"),
    ],
    "03_1": [
        ('(lambda patient, note: kms.encrypt(KeyId=key, Plaintext=note)["CiphertextBlob"], '
         'lambda patient, blob: kms.decrypt(CiphertextBlob=blob)["Plaintext"])', "the note on"),
        ('(lambda patient, note: kms.encrypt(KeyId=key, Plaintext=note, '
         'EncryptionContext={"patient": patient})["CiphertextBlob"], '
         'lambda patient, blob: kms.decrypt(CiphertextBlob=blob)["Plaintext"])',
         "InvalidCiphertextException"),
        ('(lambda patient, note: kms.encrypt(KeyId=key, Plaintext=note)["CiphertextBlob"], '
         'lambda patient, blob: kms.decrypt(CiphertextBlob=blob))', "from read, the note"),
        ('(lambda patient, note: note, lambda patient, blob: blob)', "can be read"),
        ('(lambda patient, note: note[::-1], lambda patient, blob: blob[::-1])', "ask KMS"),
        ('(1, 2)', "two functions is due"),
        ('blob71', "two functions is due"),
    ],
    "03_2": [
        ('old["blob"]', "not moved"),
        ('kms.re_encrypt(CiphertextBlob=old["blob"], SourceEncryptionContext=old["context"], '
         'DestinationKeyId=archive)["CiphertextBlob"]', "does not open"),
        ('kms.re_encrypt(CiphertextBlob=old["blob"], SourceEncryptionContext=old["context"], '
         'DestinationKeyId=key, DestinationEncryptionContext={"list": "phones", "year": "2026"})'
         '["CiphertextBlob"]', "IncorrectKeyException"),
        ('kms.encrypt(KeyId=archive, Plaintext=b"x", EncryptionContext={"list": "phones", '
         '"year": "2026"})["CiphertextBlob"]', "another text"),
        ('kms.encrypt(KeyId=archive, Plaintext=kms.decrypt(CiphertextBlob=old["blob"], '
         'EncryptionContext=old["context"])["Plaintext"], EncryptionContext={"list": "phones", '
         '"year": "2026"})["CiphertextBlob"]', "you had the text"),
    ],
    "03_3": [
        ('{"A": "key", "B": "cut", "C": "cut"}', "one of them can be saved"),
        ('{"A": "key", "B": {"patient": "23"}, "C": "cut"}', "B: KMS does not open"),
        ('{"A": "cut", "B": {"Patient": "23"}, "C": "cut"}', "A's header"),
        ('{"A": "key", "B": {"Patient": "23"}, "C": "key"}', "C's length"),
        ('{"A": "key", "B": "context", "C": "cut"}', "B: 'context' is neither"),
        ('{"A": "key"}', "letters A, B and C"),
        ('"key"', "a dict is due"),
    ],
    "04_1": [
        ('kms.sign(KeyId=reports, Message=hashlib.sha384(xray).digest(), '
         'SigningAlgorithm="ECDSA_SHA_384")["Signature"]', "of the digest"),
        ('kms.sign(KeyId=reports, Message=xray[:4096], SigningAlgorithm="ECDSA_SHA_384")'
         '["Signature"]', "first 4,096 bytes only"),
        ("signature", "refuses it"),
        ('kms.sign(KeyId=reports, Message=xray, SigningAlgorithm="ECDSA_SHA_384")',
         "as bytes, not ClientError"),
    ],
    "04_2": [
        ("mac, links[0][0]", "not the MAC of patient=30"),
        ('kms.generate_mac(Message=b"patient=30", **portal)["Mac"], links[0]', "not the MAC"),
        ('kms.generate_mac(Message=new_link, **portal)["Mac"], link', "one of the six"),
        ('kms.generate_mac(Message=new_link, **portal)["Mac"], '
         'next(t for t, m in links if check.lesson04._passes(kms, portal, t, m))', "is genuine"),
        ('kms.generate_mac(Message=new_link, **portal)["Mac"]', "two things are due"),
    ],
    "04_3": [
        ("public, bytes(40)", "is on secp256r1"),
        ("dentist.public, note", "lies open"),
        (f"{_LOCAL}(lambda raw: aes_key(raw, dentist.purpose))", "not in KMS"),
        (f"{_LOCAL}(lambda raw: raw[:32])", "the raw secret was used"),
        (f"{_LOCAL}(lambda raw: aes_key(raw, b'results'))", "does not open it"),
        ("dentist.public, bytes(20)", "too short"),
        ("12", "two things are due"),
    ],
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
    "10_1": [
        ("first", "it is only"),
        ('kms.encrypt(KeyId=key, Plaintext=letter)["CiphertextBlob"]', "another KMS key"),
        ('kms.encrypt(KeyId=visits, Plaintext=b"x")["CiphertextBlob"]', "another text"),
        ("(lab.clock.advance(days=731), first)[1]", "generations is 1, not 3"),
        ("letter", "no CiphertextBlob"),
    ],
    "10_2": [
        ('(sealed := kms.encrypt(KeyId=key, Plaintext=letter)["CiphertextBlob"], bytes(32))[1]',
         "an HSM made"),
        ("(sealed := xray, os.urandom(32))[1]", "is not it: IncorrectKeyMaterialException"),
        ("(sealed := xray, bytes(500))[1]", "500 bytes, is not it"),
        ("(sealed := xray, material)[1]", "not the letter"),
        ("(sealed := xray, 'the material')[1]", "as bytes, not str"),
    ],
    "10_3": [
        ('dict.fromkeys(("17", "31"), blob)', "still opens"),
        ('[one := kms.create_key()["KeyMetadata"]["KeyId"], '
         'both := dict.fromkeys(("17", "31"), kms.encrypt(KeyId=one, Plaintext=letter)'
         '["CiphertextBlob"]), kms.schedule_key_deletion(KeyId=one, PendingWindowInDays=7), both]'
         "[-1]", "both had one key"),
        ('[one := kms.create_key()["KeyMetadata"]["KeyId"], two := {"17": blob, '
         '"31": kms.encrypt(KeyId=one, Plaintext=letter)["CiphertextBlob"]}, '
         "kms.disable_key(KeyId=one), two][-1]", "can be undone"),
        ('{"17": blob, "31": b"noise"}', "no CiphertextBlob"),
        ('{"17": blob}', 'needs the keys "17" and "31"'),
        ("blob", "a dict is due"),
    ],
}  # fmt: skip
# Newer lessons keep theirs in files of their own.
for _path in sorted(Path(__file__).parent.glob("wrong_[0-9][0-9].py")):
    WRONG.update(importlib.import_module(_path.stem).WRONG)


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
        cell.id: "".join(each.data["text/plain"] for each in cell.outputs[-1:] if "data" in each)
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
