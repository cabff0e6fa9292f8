"""What lies on the disk for objects: ciphertext, which opens where it belongs or not at all."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from expect import files, refused
from objects import (
    CUSTOMER_KEY,
    LEAST_PART,
    MODES,
    bucket,
    customer,
    how,
    paths,
    read,
    to_read,
    upload,
)
from test_attacks import assert_nowhere

from kmslab import Lab
from kmslab.errors import DamagedObject
from kmslab.s3 import sealed
from kmslab.s3.bucket_keys import BucketKeys, DataKey
from kmslab.s3.protection import Wanted
from kmslab.s3.sealed import FRAME_BYTES, HEADER, LEAST_FRAME, Belongs, Frames

FRAME = LEAST_FRAME + 16  # a frame on the disk, of the small ones that `small` makes
DAMAGED = "InternalError"
KMS_CODES = ("InvalidCiphertext", "IncorrectKey", "Validation")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects in frames of 4 KiB, so that a small one has several."""
    monkeypatch.setattr(sealed, "FRAME_BYTES", LEAST_FRAME)


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every plaintext key with which a file is sealed or opened."""
    seen: list[bytes] = []
    make = Frames.of.__func__  # type: ignore[attr-defined]

    def of(cls: type[Frames], keys: Any, header: bytes, belongs: Belongs) -> Any:
        seen.extend(keys)
        return make(cls, keys, header, belongs)

    monkeypatch.setattr(Frames, "of", classmethod(of))
    return seen


def test_no_plaintext_and_no_data_key_is_in_any_file(fresh: Lab, spied: list[bytes]) -> None:
    s3, kms = fresh.client("s3"), fresh.client("kms")
    name, key = bucket(s3, "records"), kms.create_key()["KeyMetadata"]["KeyId"]
    secret = os.urandom(32)
    for mode in MODES:
        more, brought = how(mode, key), to_read(mode)
        source = customer(prefix="CopySource") if mode == "SSE-C" else {}
        s3.put_object(Bucket=name, Key=mode, Body=secret * 3, Metadata={"mode": mode}, **more)
        s3.copy_object(
            Bucket=name, Key=f"copy of {mode}", CopySource=f"{name}/{mode}", **more, **source
        )
        part = secret * (LEAST_PART // 32)
        upload(s3, name, f"parts in {mode}", [part, secret], **more)
        assert read(s3, name, f"copy of {mode}", **brought) == secret * 3
        assert read(s3, name, f"parts in {mode}", **brought) == part + secret
    s3.create_multipart_upload(Bucket=name, Key="goes on", **customer())
    contents = files(fresh.path)
    assert {path.suffix for path in contents} >= {".sqlite", ".sqlite-wal"}
    assert len(set(spied)) > 5 * 3
    for each in (secret, CUSTOMER_KEY, *set(spied)):
        assert_nowhere(each, contents)


@pytest.mark.parametrize("mode", MODES)
def test_a_flipped_bit_in_any_byte_of_a_file_is_noticed(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    s3.put_object(Bucket=records, Key=mode, Body=b"a letter", **how(mode, key))
    (path,) = paths(lab, records, mode)
    whole, brought = path.read_bytes(), to_read(mode)
    assert len(whole) == HEADER.size + 8 + (32 if mode == "DSSE-KMS" else 16)
    for place in range(len(whole)):
        for bit in (place % 8, 7 - place % 8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with refused(DAMAGED):
                read(s3, records, mode, **brought)
            with refused(DAMAGED):
                read(s3, records, mode, Range="bytes=3-4", **brought)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with refused(DAMAGED):
            read(s3, records, mode, **brought)
    path.write_bytes(whole)
    assert read(s3, records, mode, **brought) == b"a letter"


def damaged(whole: bytes, other: bytes) -> Iterator[bytes]:
    """A file of five frames in many wrong forms; `other` is a file of another object."""
    header, size = HEADER.size, 5
    frames = [whole[header + FRAME * at : header + FRAME * (at + 1)] for at in range(size)]
    others = [other[header + FRAME * at : header + FRAME * (at + 1)] for at in range(size)]
    start = whole[:header]

    def of(pieces: list[bytes]) -> bytes:
        return start + b"".join(pieces)

    for at in range(size):
        yield of(frames[:at])  # cut off at a frame
        yield of(frames[:at] + frames[at + 1 :])  # one left out
        yield of(frames[: at + 1] + frames[at:])  # one doubled
        yield of([*frames[:at], others[at], *frames[at + 1 :]])  # one of another file
        for place in (0, 2_000, len(frames[at]) - 16, len(frames[at]) - 1):
            changed = bytearray(frames[at])
            changed[place % len(changed)] ^= 1
            yield of([*frames[:at], bytes(changed), *frames[at + 1 :]])
        for second in range(at):
            swapped = list(frames)
            swapped[at], swapped[second] = frames[second], frames[at]
            yield of(swapped)
    yield other
    yield whole + b"\x00"
    yield whole + frames[4]
    yield whole + whole
    yield from (whole[:length] for length in range(0, len(whole), 997))
    yield whole[:-1]


@pytest.mark.usefixtures("small")
def test_no_reader_ever_gets_wrong_bytes_of_a_large_object(
    lab: Lab, s3: Any, records: str, key: str, tmp_path: Path
) -> None:
    plain, more = os.urandom(4 * LEAST_FRAME + 100), how("bucket key", key)
    for name in ("one", "two"):
        s3.put_object(Bucket=records, Key=name, Body=plain, **more)
    (path,), (other,) = paths(lab, records, "one"), paths(lab, records, "two")
    whole = path.read_bytes()
    assert len(whole) == HEADER.size + 4 * FRAME + 100 + 16
    for data in damaged(whole, other.read_bytes()):
        path.write_bytes(data)
        with pytest.raises((ClientError, DamagedObject)) as caught:
            read(s3, records, "one")
        if isinstance(caught.value, ClientError):
            assert caught.value.response["Error"]["Code"] == DAMAGED
        for first, last in ((0, 10), (4_090, 4_100), (9_000, 16_399), (16_400, 16_483)):
            try:
                got = read(s3, records, "one", Range=f"bytes={first}-{last}")
            except (ClientError, DamagedObject):
                continue
            assert got == plain[first : last + 1]
    path.write_bytes(whole[:-1])
    target = tmp_path / "target"
    with pytest.raises((ClientError, DamagedObject)):
        s3.download_file(records, "one", str(target))
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(whole)
    s3.download_file(records, "one", str(target))
    assert target.read_bytes() == plain


@pytest.mark.usefixtures("small")
def test_damage_in_a_later_frame_gives_out_what_is_before_it_and_no_byte_of_it(
    lab: Lab, s3: Any, records: str
) -> None:
    plain = os.urandom(3 * LEAST_FRAME)
    s3.put_object(Bucket=records, Key="later", Body=plain)
    (path,) = paths(lab, records, "later")
    changed = bytearray(path.read_bytes())
    changed[HEADER.size + FRAME + 5] ^= 1
    path.write_bytes(changed)
    body, got = s3.get_object(Bucket=records, Key="later")["Body"], bytearray()
    with pytest.raises(DamagedObject, match="frame 1 of the stored object was changed"):
        list(map(got.extend, body.iter_chunks(1_000)))
    assert got == plain[: len(got)]
    assert LEAST_FRAME - 1_000 < len(got) <= LEAST_FRAME


@pytest.mark.parametrize("mode", MODES)
def test_a_file_opens_nowhere_but_where_it_belongs(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    more, brought = how(mode, key), to_read(mode)
    second = bucket(s3, f"second-{mode.lower().replace(' ', '-')}")
    s3.put_bucket_versioning(Bucket=second, VersioningConfiguration={"Status": "Enabled"})
    places = [(records, "here", None), (records, "there", None)]
    for name, object_key, _ in places:
        s3.put_object(Bucket=name, Key=object_key, Body=f"in {object_key:>5}", **more)
    for text in ("in first", "in later"):
        made = s3.put_object(Bucket=second, Key="here", Body=text, **more)
        places.append((second, "here", made["VersionId"]))
    whole = {place: paths(lab, *place)[0].read_bytes() for place in places}
    for place, other in product(places, places):
        paths(lab, *place)[0].write_bytes(whole[other])
        version = {"VersionId": place[2]} if place[2] else {}
        if place == other:
            assert read(s3, *place[:2], **version, **brought).startswith(b"in ")
        else:
            with refused(DAMAGED):
                read(s3, *place[:2], **version, **brought)
        paths(lab, *place)[0].write_bytes(whole[place])


@pytest.mark.parametrize("mode", MODES)
def test_a_record_that_names_another_objects_file_does_not_open_it(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    for name in ("mine", "yours"):
        s3.put_object(Bucket=records, Key=name, Body=b"12345678", **how(mode, key))
    store, number = lab._rooms.store, "(SELECT number FROM object WHERE name = ?)"
    (mine,), (yours,) = paths(lab, records, "mine"), paths(lab, records, "yours")
    store.write(
        "UPDATE object SET details = (SELECT details FROM object WHERE name = 'yours') "
        "WHERE name = 'mine'"
    )
    store.write("DELETE FROM object_file WHERE name = ?", (mine.name,))
    store.write(f"UPDATE object_file SET object = {number} WHERE name = ?", ("mine", yours.name))
    with refused(DAMAGED):
        read(s3, records, "mine", **to_read(mode))
    store.write(f"UPDATE object_file SET object = {number} WHERE name = ?", ("yours", yours.name))
    assert read(s3, records, "yours", **to_read(mode)) == b"12345678"
    s3.delete_object(Bucket=records, Key="mine")
    mine.unlink()


def test_parts_that_change_places_are_noticed(lab: Lab, s3: Any, records: str, key: str) -> None:
    parts = [b"a" * LEAST_PART, b"b" * LEAST_PART, b"c" * 10]
    upload(s3, records, "parts", parts, **how("SSE-KMS", key))
    first, second, last = paths(lab, records, "parts")
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    with refused(DAMAGED):
        read(s3, records, "parts")
    assert read(s3, records, "parts", Range="bytes=-5") == b"ccccc"
    second.write_bytes(one)
    with refused(DAMAGED):
        read(s3, records, "parts", Range=f"bytes={LEAST_PART}-{LEAST_PART + 5}")
    store = lab._rooms.store  # their records too
    swap = "UPDATE object_file SET part = 3 - part WHERE name IN (?, ?)"
    first.write_bytes(one), second.write_bytes(two)
    store.write(swap, (first.name, second.name))
    with refused(DAMAGED):
        read(s3, records, "parts")
    store.write(swap, (first.name, second.name))
    store.write("DELETE FROM object_file WHERE name = ?", (last.name,))
    with refused(DAMAGED):
        read(s3, records, "parts")


def test_a_file_that_is_gone_or_no_file_is_a_clear_error(lab: Lab, s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="gone", Body=b"x")
    (path,) = paths(lab, records, "gone")
    path.unlink()
    with refused(DAMAGED) as caught:
        read(s3, records, "gone")
    assert "the file is gone" in str(caught.value)
    path.mkdir()
    with refused(DAMAGED) as caught:
        read(s3, records, "gone")
    assert "the file can't be read" in str(caught.value)
    path.rmdir()
    s3.delete_object(Bucket=records, Key="gone")


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_record_never_gives_wrong_bytes_nor_a_traceback(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    s3.put_object(Bucket=records, Key="changed", Body=b"a letter", **how(mode, key))
    store = lab._rooms.store
    (number, details) = store.row("SELECT number, details FROM object WHERE name = 'changed'")
    update, brought = "UPDATE object SET details = ? WHERE number = ?", to_read(mode)
    for place in range(len(details)):
        changed = bytearray(details.encode())
        changed[place] ^= 1 << place % 5
        store.write(update, (changed.decode(), number))
        try:
            assert read(s3, records, "changed", **brought) == b"a letter"
        except ClientError as error:
            code = error.response["Error"]["Code"]
            assert code == DAMAGED or code.startswith(("KMS.", "AccessDenied", "InvalidRequest"))
    store.write(update, (details, number))
    assert read(s3, records, "changed", **brought) == b"a letter"


@pytest.mark.parametrize("mode", ["SSE-S3", "SSE-KMS", "bucket key", "DSSE-KMS"])
def test_a_flipped_bit_in_the_encrypted_data_key_or_its_context_is_noticed(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    s3.put_object(Bucket=records, Key="bits", Body=b"a letter", **how(mode, key))
    store = lab._rooms.store
    (number, text) = store.row("SELECT number, details FROM object WHERE name = 'bits'")
    update = "UPDATE object SET details = ? WHERE number = ?"

    def fails(layer: int, **changed: Any) -> None:
        details = json.loads(text)
        details["protection"]["layers"][layer] |= changed
        store.write(update, (json.dumps(details), number))
        with pytest.raises(ClientError) as caught:
            read(s3, records, "bits")
        error = caught.value.response["Error"]
        assert error["Code"] in (DAMAGED, *(f"KMS.{each}Exception" for each in KMS_CODES))

    for layer, kept in enumerate(json.loads(text)["protection"]["layers"]):
        blob = base64.b64decode(kept["encrypted_key"])
        for place in range(len(blob)):
            changed = bytearray(blob)
            changed[place] ^= 1 << place % 8
            fails(layer, encrypted_key=base64.b64encode(changed).decode())
        fails(layer, context={})
        fails(layer, context={**kept["context"], "more": "x"})
        fails(layer, context={"aws:s3:arn": "arn:aws:s3:::records/other"})
        fails(layer, encrypted_key="no Base64!")
        fails(layer, encrypted_key="")
    store.write(update, (text, number))
    assert read(s3, records, "bits") == b"a letter"


@pytest.mark.parametrize("mode", MODES)
def test_at_rest_shows_what_a_thief_sees_and_no_plaintext(
    lab: Lab, s3: Any, records: str, key: str, mode: str
) -> None:
    name, secret = f"shown in {mode} <b>", os.urandom(24).hex()
    s3.put_object(Bucket=records, Key=name, Body=secret, **how(mode, key))
    events = len(lab.trail())
    seen = lab.s3.at_rest(records, name)
    assert len(lab.trail()) == events
    assert seen.read() == b"".join(path.read_bytes() for path in paths(lab, records, name))
    assert seen.read().startswith(seen.header + seen.ciphertext)
    assert len(seen.encrypted_data_keys) == {"DSSE-KMS": 2, "SSE-C": 0}.get(mode, 1)
    arn = f"arn:aws:s3:::{records}" + ("" if mode == "bucket key" else f"/{name}")
    assert seen.context == ({} if mode == "SSE-C" else {"aws:s3:arn": arn})
    for shown in (repr(seen), seen._repr_html_()):
        assert secret not in shown
        assert seen.files[0].name in shown
        assert_nowhere(CUSTOMER_KEY, {"shown": shown.encode()})
    assert "<b>" not in seen._repr_html_()
    with pytest.raises(KeyError, match="there is no object 'none' in a bucket 'records'"):
        lab.s3.at_rest(records, "none")


def test_no_secret_is_in_what_is_shown_or_logged(
    fresh: Lab, spied: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kmslab")
    s3, kms = fresh.client("s3"), fresh.client("kms")
    name, key = bucket(s3, "records"), kms.create_key()["KeyMetadata"]["KeyId"]
    secret, texts = os.urandom(32), list[str]()
    for mode in MODES:
        s3.put_object(Bucket=name, Key=mode, Body=secret, **how(mode, key))
        read(s3, name, mode, **to_read(mode))
        texts.append(repr(s3.head_object(Bucket=name, Key=mode, **to_read(mode))))
        with pytest.raises(ClientError) as caught:
            read(s3, name, mode, **customer(os.urandom(31) if mode == "SSE-C" else CUSTOMER_KEY))
        texts.append(repr(caught.value) + str(caught.value))
    rooms = fresh._services["s3"]
    texts += [repr(rooms), repr(vars(rooms)), json.dumps(list(fresh.trail())), caplog.text]
    contents = {text[:40]: text.encode() for text in texts}
    for each in (secret, CUSTOMER_KEY, *set(spied)):
        assert_nowhere(each, contents)


def test_values_that_hold_keys_do_not_show_them() -> None:
    secret = os.urandom(32)
    keys = BucketKeys(lambda: 0.0)
    made = DataKey(secret, b"encrypted", "arn")
    keys._keep("name", made)
    header = HEADER.pack(sealed.MAGIC, LEAST_FRAME, bytes(32))
    frames = Frames.of([secret], header, Belongs("bucket", "key", "file"))
    for shown in (made, keys, Wanted("SSE-C", customer_key=secret), frames):
        assert_nowhere(secret, {"shown": repr(shown).encode()})


def test_the_layout_is_as_the_docstring_says() -> None:
    target, belongs = io.BytesIO(), Belongs("records", "a", "file", 1)
    size = sealed.seal([bytes(32)], belongs, io.BytesIO(b"x" * 5_000), target, (), 4_500)
    data = target.getvalue()
    assert size == 5_000
    assert data[:8] == b"kmslabs3"
    assert int.from_bytes(data[8:12]) == 4_501
    assert len(data) == 44 + 5_000 + 2 * 16
    assert belongs.pack() != Belongs("records", "a", "file1", 1).pack()
    assert Belongs("a", "bc", "f").pack() != Belongs("ab", "c", "f").pack()


def test_no_two_files_share_a_key_even_with_one_bucket_key(
    lab: Lab, s3: Any, records: str, key: str
) -> None:
    bodies = set()
    for _ in range(3):
        s3.put_object(Bucket=records, Key="same", Body=bytes(1_000), **how("bucket key", key))
        bodies.add(lab.s3.at_rest(records, "same").ciphertext)
    assert len(bodies) == 3


@pytest.mark.usefixtures("small")
def test_a_file_cut_off_at_a_frame_is_noticed_even_if_the_records_say_so_too(
    lab: Lab, s3: Any, records: str
) -> None:
    s3.put_object(Bucket=records, Key="shorter", Body=bytes(2 * LEAST_FRAME))
    (path,) = paths(lab, records, "shorter")
    path.write_bytes(path.read_bytes()[: HEADER.size + FRAME])
    store, size = lab._rooms.store, LEAST_FRAME
    store.write("UPDATE object SET size = ? WHERE name = 'shorter'", (size,))
    store.write("UPDATE object_file SET size = ? WHERE name = ?", (size, path.name))
    with refused(DAMAGED):
        read(s3, records, "shorter")


@pytest.mark.parametrize("length", [0, 1, LEAST_FRAME - 1, FRAME_BYTES + 1, 2**32 - 1])
def test_an_absurd_length_of_a_frame_is_refused_before_memory_is_asked_for(
    lab: Lab, s3: Any, records: str, length: int
) -> None:
    s3.put_object(Bucket=records, Key="absurd", Body=b"x")
    (path,) = paths(lab, records, "absurd")
    whole = path.read_bytes()
    path.write_bytes(whole[:8] + length.to_bytes(4) + whole[12:])
    with refused(DAMAGED) as caught:
        read(s3, records, "absurd")
    assert "the header of the stored object was changed" in str(caught.value)


def test_every_file_has_a_salt_and_every_layer_a_key_of_its_own(
    lab: Lab, s3: Any, records: str
) -> None:
    salts = set()
    for _ in range(3):
        s3.put_object(Bucket=records, Key="salted", Body=b"x")
        salts.add(lab.s3.at_rest(records, "salted").header[12:])
    assert len(salts) == 3
    header = HEADER.pack(sealed.MAGIC, LEAST_FRAME, bytes(32))
    frames = Frames.of([bytes(32), bytes(32)], header, Belongs("bucket", "key", "file"))
    assert len({cipher.encrypt(bytes(12), b"x", None) for cipher in frames.ciphers}) == 2
