"""Tokens that KMS hands out and reads again, and the ids of imported material."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from expect import run

from kmslab import Lab
from kmslab.kms import tokens
from kmslab.kms.request import Rooms

FACTS: dict[str, Any] = {"key": "arn", "number": 7, "text": "✓"}


@pytest.fixture(scope="module")
def rooms(lab: Lab) -> Rooms:
    """The rooms of the module's lab."""
    return lab._rooms


def test_a_token_gives_its_facts_back(rooms: Rooms) -> None:
    token = tokens.issue(rooms, "grant", FACTS)
    for form in (token, token.encode()):
        facts = tokens.read(rooms, "grant", form)
        assert facts == facts | FACTS  # and a nonce


def test_no_two_tokens_are_the_same(rooms: Rooms) -> None:
    assert len({tokens.issue(rooms, "grant", FACTS) for _ in range(50)}) == 50


def test_a_token_is_of_one_kind(rooms: Rooms) -> None:
    token = tokens.issue(rooms, "grant", FACTS)
    for kind in ("import", "", "grant\0", "gran"):
        assert tokens.read(rooms, kind, token) is None


def test_a_token_is_of_one_lab(rooms: Rooms, fresh: Lab) -> None:
    assert tokens.read(fresh._rooms, "grant", tokens.issue(rooms, "grant", FACTS)) is None


def test_a_token_with_any_one_byte_changed_is_none(rooms: Rooms) -> None:
    raw = base64.urlsafe_b64decode(tokens.issue(rooms, "grant", FACTS))
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert tokens.read(rooms, "grant", base64.urlsafe_b64encode(changed)) is None


def test_facts_under_the_tag_of_other_facts_are_no_token(rooms: Rooms) -> None:
    raw = base64.urlsafe_b64decode(tokens.issue(rooms, "grant", FACTS))
    body = json.dumps({"key": "another", "nonce": "0" * 16}).encode()
    for tag in (raw[-32:], bytes(32), b"", raw[-31:]):
        assert tokens.read(rooms, "grant", base64.urlsafe_b64encode(body + tag)) is None


def _odd() -> Iterator[str | bytes]:
    yield from ("", "=", "====", "A", "AAAA", "!" * 60, "é" * 60, "\ud800", "A" * 8_192)
    yield from (b"", b"\xff" * 60, b"A" * 6_144, bytes(64))


@pytest.mark.parametrize("token", list(_odd()))
def test_any_other_text_is_none(rooms: Rooms, token: str | bytes) -> None:
    assert tokens.read(rooms, "grant", token) is None


@pytest.mark.parametrize("length", range(6))
def test_a_token_has_one_form_only(rooms: Rooms, length: int) -> None:
    """base64 pads, and ignores bits at the end, according to the length modulo three."""
    token = tokens.issue(rooms, "grant", {"text": "x" * length})
    bare = token.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/"
    forms = {bare[:-1] + last + token[len(bare) :] for last in alphabet} - {token}
    forms |= {token + "=", token + "\n", token.replace("-", "+").replace("_", "/") + "="}
    assert [form for form in forms if tokens.read(rooms, "grant", form) is not None] == []
    assert tokens.read(rooms, "grant", token) is not None


def test_material_has_the_same_id_again_for_its_key_alone(rooms: Rooms, fresh: Lab) -> None:
    first = tokens.fingerprint(rooms, "a", b"material")
    assert len(bytes.fromhex(first)) == 32
    assert first == tokens.fingerprint(rooms, "a", b"material")
    others = {
        tokens.fingerprint(rooms, "b", b"material"),
        tokens.fingerprint(rooms, "a", b"materiel"),
        tokens.fingerprint(rooms, "am", b"aterial"),
        tokens.fingerprint(fresh._rooms, "a", b"material"),
    }
    assert len(others | {first}) == 5


READ = """
import sys
from kmslab import Lab
from kmslab.kms import tokens
with Lab(sys.argv[1]) as lab:
    print(tokens.read(lab._rooms, "grant", sys.argv[2])["number"])
    print(tokens.fingerprint(lab._rooms, "a", b"material"))
"""


def test_tokens_and_ids_survive_a_restart(tmp_path: Any) -> None:
    with Lab(tmp_path) as lab:
        token = tokens.issue(lab._rooms, "grant", FACTS)
        named = tokens.fingerprint(lab._rooms, "a", b"material")
    assert run(READ, tmp_path, token).split() == ["7", named]


def test_the_key_of_the_tokens_is_not_in_the_records_in_clear(rooms: Rooms) -> None:
    kept = rooms.settings.service_token(lambda: pytest.fail("there is one already"))
    assert len(kept) > 32  # a wrapped key, which only the lab's HSMs open
    assert kept == rooms.settings.service_token(lambda: b"")
