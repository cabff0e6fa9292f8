"""Lesson 03: the anatomy of a ciphertext, tables of tries, and what its checks hand out."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from kmslab import Lab
from kmslab.course import anatomy, anatomy_view, tries, widgets
from kmslab.course.anatomy import Anatomy
from kmslab.course.check import lesson03
from kmslab.kms.ciphertext import Ciphertext

CONTEXT = {"patient": "71"}
SECRET = b"a note on patient 71"


@pytest.fixture(scope="module")
def blob(kms: Any, key: str) -> bytes:
    sealed = kms.encrypt(KeyId=key, Plaintext=SECRET, EncryptionContext=CONTEXT)
    return sealed["CiphertextBlob"]


@pytest.fixture
def taken_apart(kms: Any, blob: bytes) -> Anatomy:
    return Anatomy(kms, blob, CONTEXT)


@pytest.fixture
def widget(kms: Any, blob: bytes) -> Iterator[widgets.CiphertextAnatomy]:
    made = widgets.CiphertextAnatomy(kms, blob, CONTEXT)
    yield made
    made.close()


def test_the_parts_are_those_of_the_table_in_ciphertext_py() -> None:
    """The positions drawn in the docstring of kms/ciphertext.py, for a secret of 20 bytes."""
    assert [(part.name, part.start, part.length) for part in anatomy.parts(114)] == [
        ("version", 0, 1),
        ("multi-Region flag", 1, 1),
        ("key id", 2, 16),
        ("key material id", 18, 32),
        ("nonce", 50, 16),
        ("IV", 66, 12),
        ("ciphertext", 78, 20),
        ("tag", 98, 16),
    ]


@pytest.mark.parametrize("size", [1, 15, 4_096])
def test_the_parts_fill_a_real_blob_and_name_its_own_ids(kms: Any, key: str, size: int) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=bytes(size))["CiphertextBlob"]
    parts = {part.name: part for part in anatomy.parts(len(blob))}
    assert sum(part.length for part in parts.values()) == len(blob)
    assert parts["tag"].last == len(blob) - 1
    assert parts["ciphertext"].length == size
    about = Ciphertext.unpack(blob)
    for name, told in (("key id", about.key_id), ("key material id", about.material_id)):
        part = parts[name]
        assert blob[part.start : part.last + 1].hex() == told.replace("-", "")


def test_each_blob_has_a_header_in_common_and_an_iv_of_its_own(kms: Any, key: str) -> None:
    """What lesson 03 says of two blobs of the same secret."""
    blobs = [kms.encrypt(KeyId=key, Plaintext=SECRET)["CiphertextBlob"] for _ in range(20)]
    iv = next(part for part in anatomy.parts(len(blobs[0])) if part.name == "IV")
    assert len({blob[:50] for blob in blobs}) == 1
    assert len({blob[iv.start : iv.last + 1] for blob in blobs}) == len(blobs)


def test_every_byte_belongs_to_one_part(taken_apart: Anatomy) -> None:
    for place in range(len(taken_apart.blob)):
        part = taken_apart.part(place)
        assert part.start <= place <= part.last


@pytest.mark.parametrize("place", [-1, 114])
def test_a_byte_that_does_not_exist_names_those_that_do(taken_apart: Anatomy, place: int) -> None:
    with pytest.raises(ValueError, match=rf"byte {place}: the blob has bytes 0 to 113"):
        taken_apart.part(place)


def test_one_bit_is_flipped_and_it_flips_back(blob: bytes) -> None:
    flipped = anatomy.flip(blob, 7)
    assert flipped[:7] + flipped[8:] == blob[:7] + blob[8:]
    assert flipped[7] ^ blob[7] == 1
    assert anatomy.flip(flipped, 7) == blob


def test_the_answers_are_those_of_kms_whichever_byte_is_flipped(taken_apart: Anatomy) -> None:
    assert taken_apart.answer() == "it opens"
    codes: dict[str, set[str]] = {}
    for place in range(len(taken_apart.blob)):
        code = taken_apart.answer(place).split(",")[0]
        codes.setdefault(taken_apart.part(place).name, set()).add(code)
    hidden, other = {"AccessDeniedException"}, {"InvalidCiphertextException"}
    assert codes.pop("key id") == hidden
    assert codes.pop("multi-Region flag") == hidden
    assert set(codes) == {"version", "key material id", "nonce", "IV", "ciphertext", "tag"}
    assert all(said == other for said in codes.values())


def test_the_answer_is_asked_for_with_the_given_context(kms: Any, blob: bytes) -> None:
    answer = Anatomy(kms, blob, {"patient": "17"}).answer()
    assert answer == "InvalidCiphertextException, without a message"


@pytest.mark.parametrize("wrong", [b"", b"\x01\x00" * 20, b"no blob" * 30, b"\x01" + bytes(93)])
def test_what_is_no_blob_is_refused_in_words(kms: Any, wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"no blob|a blob has at least 95"):
        Anatomy(kms, wrong)


def test_the_line_says_part_and_answer_and_shows_no_byte(taken_apart: Anatomy) -> None:
    assert taken_apart.line(113, False) == (
        "byte 113 · tag (bytes 98-113): proves that nothing was changed, the context included · "
        "unchanged, Decrypt says: it opens"
    )
    assert "version (byte 0)" in taken_apart.line(0, True)
    assert "one bit flipped, Decrypt says: AccessDeniedException, The" in taken_apart.line(5, True)


def test_the_live_view_has_each_byte_once_and_marks_the_chosen_one(taken_apart: Anatomy) -> None:
    plain = anatomy_view.live(taken_apart, 98, False)
    assert plain.count('<span style="padding') == len(taken_apart.blob)
    assert plain.count("outline:") == 1
    byte = taken_apart.blob[98]
    assert f'bold;outline:3px solid #1A1A1A">{byte:02x}<' in plain
    flipped = anatomy_view.live(taken_apart, 98, True)
    assert f"{byte:02x} became {byte ^ 1:02x}" in flipped
    assert f'bold;outline:3px solid #D55E00">{byte ^ 1:02x}<' in flipped
    assert "InvalidCiphertextException, without a message" in flipped


def test_a_long_ciphertext_is_shortened_but_never_hides_the_chosen_byte(kms: Any, key: str) -> None:
    long = Anatomy(kms, kms.encrypt(KeyId=key, Plaintext=bytes(4_096))["CiphertextBlob"])
    shown = anatomy_view.live(long, 0, False)
    assert "… 4,032 bytes more" in shown
    assert shown.count('<span style="padding') == len(long.blob) - 4_032
    at_the_end = anatomy_view.live(long, 4_000, False)
    assert "… 4,016 bytes more" in at_the_end
    assert at_the_end.count("outline:") == 1


def test_the_still_picture_is_the_same_for_every_blob_of_a_size(kms: Any, blob: bytes) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=other, Plaintext=bytes(20), EncryptionContext=CONTEXT)
    one, two = (Anatomy(kms, each, CONTEXT) for each in (blob, sealed["CiphertextBlob"]))
    shown = anatomy_view.still(one)
    assert shown == anatomy_view.still(two)
    assert f'alt="{html.escape(anatomy_view.ALT)}"' in shown
    for part in one.parts:
        assert html.escape(part.words) in shown
    assert shown.count(">AccessDeniedException<") == 2
    assert shown.count(">InvalidCiphertextException<") == 6


def test_the_view_never_shows_the_secret(taken_apart: Anatomy) -> None:
    views = (anatomy_view.live(taken_apart, 80, True), anatomy_view.still(taken_apart))
    for text in (*views, taken_apart.line(80, False), repr(taken_apart)):
        assert SECRET.decode() not in text
        assert SECRET.hex()[:8] not in text


def test_the_widget_follows_value_field_and_box(widget: widgets.CiphertextAnatomy) -> None:
    assert "<b>version</b>" in widget.view.value
    assert "It is unchanged" in widget.view.value
    widget.field.value = 5
    assert widget.value == 5
    assert "<b>key id</b>" in widget.view.value
    widget.box.value = True
    assert widget.flipped
    assert "<b>AccessDeniedException, The ciphertext refers" in widget.view.value
    widget.value, widget.flipped = 113, False
    assert (widget.field.value, widget.box.value) == (113, False)
    assert "<b>it opens</b>" in widget.view.value
    assert widget.text.startswith("byte 113 · tag")


def test_the_widget_refuses_a_byte_that_is_not_there(widget: widgets.CiphertextAnatomy) -> None:
    with pytest.raises(ValueError, match="bytes 0 to 113"):
        widget.value = 114
    assert widget.value == 0


def test_the_widget_has_labels_and_a_still_picture(widget: widgets.CiphertextAnatomy) -> None:
    assert (widget.field.description, widget.box.description) == ("Byte", "Flip one bit of it")
    bundle = widget._repr_mimebundle_()
    assert "<img " in bundle["text/html"]
    assert bundle["text/plain"] == "<CiphertextAnatomy of 114 bytes>"


def test_an_outcome_is_ok_or_the_code_that_aws_gave(kms: Any, blob: bytes) -> None:
    assert tries.outcome(kms.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT) == "ok"
    assert tries.outcome(kms.decrypt, CiphertextBlob=blob) == "InvalidCiphertextException"
    with pytest.raises(ParamValidationError):
        tries.outcome(kms.decrypt, Blob=blob)


def test_a_table_of_tries_reads_as_text_and_as_html() -> None:
    table = tries.Table(("context", "Decrypt"), [({"a": "<b>"}, "ok"), ({}, "refused")])
    assert repr(table).splitlines() == ["context       Decrypt", "{'a': '<b>'}  ok",
                                        "{}            refused"]  # fmt: skip
    shown = table._repr_html_()
    assert "{&#x27;a&#x27;: &#x27;&lt;b&gt;&#x27;}</th><td" in shown
    assert shown.count("<tr>") == 3
    assert shown.splitlines()[0] == "Tried:", "what JupyterLab shows of it when it is folded"
    with pytest.raises(ValueError, match="a row of 1 under a head of 2"):
        tries.Table(("one", "two"), [("only",)])


def test_the_broken_blobs_are_broken_in_three_ways(lab: Lab, kms: Any, key: str) -> None:
    broken = lesson03.broken(lab, key)
    outcomes = {
        name: tries.outcome(kms.decrypt, CiphertextBlob=each, EncryptionContext=lesson03.EXPECTED)
        for name, each in broken.items()
    }
    assert outcomes == {
        "A": "AccessDeniedException",
        "B": "InvalidCiphertextException",
        "C": "InvalidCiphertextException",
    }
    assert len(broken["A"]) == len(broken["B"]) == 20 + 94 > len(broken["C"])
    saved = kms.decrypt(CiphertextBlob=broken["B"], EncryptionContext=lesson03.WRITTEN)
    assert len(saved["Plaintext"]) == 20


def test_what_saves_a_note_stands_in_the_trail(fresh: Lab) -> None:
    key = fresh.client("kms").create_key()["KeyMetadata"]["KeyId"]
    lesson03.broken(fresh, key)
    events = fresh.trail().named("Encrypt")
    contexts = [event["requestParameters"]["encryptionContext"] for event in events]
    assert contexts == [lesson03.WRITTEN, lesson03.EXPECTED]


def test_functions_that_tie_the_note_to_its_patient_another_way_are_done(
    lab: Lab, kms: Any, key: str
) -> None:
    """A number inside the plaintext notices a swap as well; so does None instead of an error."""

    def seal(patient: str, note: bytes) -> bytes:
        sealed = kms.encrypt(KeyId=key, Plaintext=patient.encode() + b"|" + note)
        return sealed["CiphertextBlob"]

    def read(patient: str, blob: bytes) -> bytes | None:
        owner, note = kms.decrypt(CiphertextBlob=blob)["Plaintext"].split(b"|")
        return note if owner == patient.encode() else None

    def loose(_patient: str, blob: bytes) -> bytes:
        opened: bytes = kms.decrypt(CiphertextBlob=blob)["Plaintext"]
        return opened.split(b"|")[1]

    assert lesson03.ex1(lab, (seal, read)).state == "done"
    assert lesson03.ex1(lab, (seal, loose)).state == "not yet"


def test_an_answer_by_reencrypt_counts_also_after_a_look_with_decrypt(
    lab: Lab, kms: Any, key: str
) -> None:
    old = lesson03.old_list(lab)
    kms.decrypt(CiphertextBlob=old["blob"], EncryptionContext=old["context"])
    moved = kms.re_encrypt(
        CiphertextBlob=old["blob"],
        SourceEncryptionContext=old["context"],
        DestinationKeyId=key,
        DestinationEncryptionContext=lesson03.NEW,
    )
    assert lesson03.ex2(lab, old, key, moved["CiphertextBlob"]).state == "done"
    assert lesson03.ex2(lab, old, key, moved["CiphertextBlob"]).state == "done"
