"""The layout of a blob, and the one form of its additional data."""

from __future__ import annotations

import uuid
from itertools import combinations
from typing import Any

import pytest
from expect import UNKNOWN_ID

from kmslab.kms.ciphertext import BadBlob, Ciphertext, additional_data, header

MATERIAL = "ab" * 32
MULTI_REGION = "mrk-" + "12" * 16


def test_a_blob_is_laid_out_as_the_docstring_says() -> None:
    blob = Ciphertext(UNKNOWN_ID, MATERIAL, b"sealed").pack()
    assert blob == b"\x01\x00" + uuid.UUID(UNKNOWN_ID).bytes + b"\xab" * 32 + b"sealed"
    assert Ciphertext(MULTI_REGION, MATERIAL, b"").pack() == (
        b"\x01\x01" + b"\x12" * 16 + b"\xab" * 32
    )


@pytest.mark.parametrize("name", [UNKNOWN_ID, MULTI_REGION])
@pytest.mark.parametrize("sealed", [b"", b"\x00" * 44])
def test_what_was_packed_unpacks(name: str, sealed: bytes) -> None:
    packed = Ciphertext(name, MATERIAL, sealed)
    assert Ciphertext.unpack(packed.pack()) == packed


@pytest.mark.parametrize("length", range(50))
def test_a_short_blob_is_bad(length: int) -> None:
    with pytest.raises(BadBlob):
        Ciphertext.unpack(header(UNKNOWN_ID, MATERIAL)[:length])


@pytest.mark.parametrize(("place", "value"), [(0, 0), (0, 2), (0, 255), (1, 2), (1, 255)])
def test_another_version_or_kind_is_bad(place: int, value: int) -> None:
    blob = bytearray(header(UNKNOWN_ID, MATERIAL))
    blob[place] = value
    with pytest.raises(BadBlob):
        Ciphertext.unpack(bytes(blob))


def test_additional_data_is_the_header_and_the_sorted_pairs() -> None:
    data = additional_data(UNKNOWN_ID, MATERIAL, {"b": "", "a": "ü"})
    pairs = b"\0\0\0\1a" + b"\0\0\0\2\xc3\xbc" + b"\0\0\0\1b" + b"\0\0\0\0"
    assert data == header(UNKNOWN_ID, MATERIAL) + pairs


def test_no_two_contexts_have_the_same_additional_data() -> None:
    contexts: list[dict[str, Any]] = [
        *({}, {"": ""}, {"a": "bc"}, {"ab": "c"}, {"abc": ""}, {"": "abc"}, {"a": "b", "c": ""}),
        *({"a": "b", "": "c"}, {"A": "bc"}, {"a": "bC"}, {"bc": "a"}, {"a": "\0\0\0\1b"}),
    ]
    made = [additional_data(UNKNOWN_ID, MATERIAL, context) for context in contexts]
    assert all(first != second for first, second in combinations(made, 2))


def test_key_and_material_are_part_of_it() -> None:
    made = {
        additional_data(key, material, {})
        for key in (UNKNOWN_ID, MULTI_REGION)
        for material in (MATERIAL, "cd" * 32)
    }
    assert len(made) == 4
