"""Checks of lesson 03, Encrypting with a KMS key."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from kmslab.course.check.exercise import NotYet, exercise, need, need_bytes, opened
from kmslab.lab import Lab

OLD = {"list": "phones"}
NEW = {"list": "phones", "year": "2026"}
EXPECTED = {"patient": "23"}  # what the clinic's program asks with
WRITTEN = {"Patient": "23"}  # what somebody typed on the day that note B was made
_NOTE = b"Visit: 4 May at 9:00"
Blobs = dict[str, bytes]


def old_list(lab: Lab) -> dict[str, Any]:
    """A blob under a KMS key of its own, and its context; nobody has seen its text."""
    kms = lab.client("kms")
    key = kms.create_key(Description="phones")["KeyMetadata"]["KeyId"]
    text = f"reception: {secrets.randbelow(9_000) + 1_000}".encode()
    made = kms.encrypt(KeyId=key, Plaintext=text, EncryptionContext=OLD)
    return {"blob": made["CiphertextBlob"], "context": dict(OLD)}


def broken(lab: Lab, key: str) -> Blobs:
    """Three blobs that don't open with `EXPECTED`: another key's, one of `WRITTEN`, and a cut one.

    The other key is one of another lab, so the account knows nothing of it.
    """
    with Lab() as elsewhere:
        theirs = elsewhere.client("kms")
        foreign = theirs.create_key()["KeyMetadata"]["KeyId"]
        other = _sealed(theirs, foreign, EXPECTED)
    kms = lab.client("kms")
    return {"A": other, "B": _sealed(kms, key, WRITTEN), "C": _sealed(kms, key, EXPECTED)[:-7]}


@exercise(
    "write the two functions, then set answer = (seal, read).",
    "what must the blob be tied to, so that it fails in another patient's place?",
    'EncryptionContext={"patient": patient}, in both functions.',
)
def ex1(lab: Lab, answer: object) -> str:
    """Two functions that notice when two patients' blobs were swapped."""
    seal, read = _two_functions(answer)
    notes = {who: f"note {secrets.token_hex(8)} on {who}".encode() for who in ("1", "17", "71")}
    before = len(lab.trail().named("Encrypt"))
    disk = {who: need_bytes(seal(who, note), "from seal, a blob") for who, note in notes.items()}
    for who, note in notes.items():
        need(note not in disk[who], "the note can be read in what seal returns")
        back = need_bytes(read(who, disk[who]), "from read, the note")
        need(back == note, f"read does not give back the note of patient {who}")
    need(len(lab.trail().named("Encrypt")) >= before + 3, "seal did not ask KMS for each note")
    for mine in notes:
        for theirs in notes.keys() - {mine}:
            got = _read_swapped(read, mine, disk[theirs])
            need(got != notes[theirs], f"read gave patient {mine} the note on patient {theirs}")
    return "whoever swaps two blobs now gets an error in front of the doctor, not a wrong note"


@exercise(
    "call KMS once and set answer to the new blob.",
    "Decrypt and Encrypt would do, but then your program has the text, and the trail a Decrypt.",
    'kms.re_encrypt(CiphertextBlob=old["blob"], SourceEncryptionContext=old["context"], …)',
)
def ex2(lab: Lab, old: Mapping[str, Any], archive: str, answer: object) -> str:
    """A blob moved to another KMS key and context inside KMS."""
    kms, blob = lab.client("kms"), need_bytes(answer, "a CiphertextBlob")
    need(blob != old["blob"], "this is the old blob, not moved yet")
    metadata = kms.describe_key(KeyId=archive)["KeyMetadata"]
    text = opened(kms, blob, NEW, metadata["Arn"])
    need(text == opened(kms, old["blob"], old["context"]), "it opens, but has another text in it")
    events = lab.trail().named("Encrypt", "ReEncrypt")
    made = [each for each in events if each["resources"][-1:] and _last(each) == metadata["Arn"]]
    how = made[-1]["eventName"]
    need(how == "ReEncrypt", f"the trail shows {how} with the archive's key: you had the text")
    return "the text never left KMS, and the old blob can be thrown away"


@exercise(
    'set answer to a dict: {"A": …, "B": …, "C": …}.',
    "compare the lengths, and the key ids in the headers (bytes 2 to 17).",
    'the trail has the context of every Encrypt: look through lab.trail().named("Encrypt").',
)
def ex3(lab: Lab, broken: Blobs, answer: object) -> str:
    """What is wrong with each of three blobs, and how the one is saved."""
    if not isinstance(answer, dict):
        raise NotYet(f"a dict is due, not {type(answer).__name__}")
    need(set(answer) == set(broken), "the dict needs the letters A, B and C")
    contexts = {name: said for name, said in answer.items() if isinstance(said, dict)}
    for name, said in answer.items():
        need(
            said in ("cut", "key") or name in contexts,
            f'{name}: {said!r} is neither "cut", "key" nor a context',
        )
    need(contexts, "one of them can be saved: give the context that opens it")
    for name, context in contexts.items():
        _saved(lab.client("kms"), name, broken[name], context)
    need(answer["A"] == "key", "look at the key id in A's header once more")
    need(answer["C"] == "cut", "look at C's length once more")
    return "the trail saved one note; a missing byte or a missing key can't be made up for"


def _saved(kms: Any, name: str, blob: bytes, context: Mapping[str, str]) -> None:
    """Whether a context opens a broken note; or `NotYet`, which says which note does not open."""
    try:
        opened(kms, blob, context)
    except NotYet as reason:
        raise NotYet(f"{name}: {reason}") from None


def _sealed(kms: Any, key: str, context: Mapping[str, str]) -> bytes:
    made = kms.encrypt(KeyId=key, Plaintext=_NOTE, EncryptionContext=dict(context))
    blob: bytes = made["CiphertextBlob"]
    return blob


def _two_functions(answer: object) -> tuple[Callable[..., Any], Callable[..., Any]]:
    match answer:
        case (seal, read) if callable(seal) and callable(read):
            return seal, read
    raise NotYet("a pair of two functions is due: answer = (seal, read)")


def _read_swapped(read: Callable[..., Any], who: str, blob: bytes) -> object:
    """What `read` makes of another patient's blob; None where it refuses, in whichever way."""
    try:
        return read(who, blob)
    except Exception:
        return None


def _last(event: Mapping[str, Any]) -> str:
    arn: str = event["resources"][-1]["ARN"]
    return arn
