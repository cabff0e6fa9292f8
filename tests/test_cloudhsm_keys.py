"""Keys of a crypto user: on all HSMs, served by any that works, used by whom they belong to."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clusters import ALICE, BOB, ZONES, active, add_hsm, aes, alice, quickly
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism
from pkcs11.exceptions import AttributeSensitive

from kmslab import Lab
from kmslab.cloudhsm.admin import CloudHsmCli
from kmslab.cloudhsm.errors import (
    BadRequest,
    ClusterError,
    CryptoRefused,
    KeyNotAvailable,
    KeyNotFound,
    NoActiveHsm,
    NotLoggedIn,
    NotPermitted,
    Pkcs11Refused,
)
from kmslab.cloudhsm.session import Session

UNAVAILABLE = "does not meet the availability requirements - The key must be available on at least"


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture(scope="module")
def two(lab: Lab) -> CloudHsmCli:
    """An active cluster of two HSMs that stays as it is, with the crypto users alice and bob."""
    cli = active(lab)
    cli.create_user("bob", BOB)
    return cli


@pytest.fixture(scope="module")
def session(two: CloudHsmCli) -> Session:
    """alice's session."""
    return alice(two)


@pytest.fixture(scope="module")
def bob(two: CloudHsmCli) -> Session:
    """bob's session."""
    return two.session("bob", BOB)


def on_each(two: CloudHsmCli, key: Any, work: Any) -> list[Any]:
    """What each HSM of a cluster makes of a key's own object in it."""
    estate = two._estate
    return [work(unit.object_of(key._record)) for unit in estate.units(two.cluster_id)]


def test_a_token_key_is_the_same_on_every_hsm_and_readable_on_none(
    two: CloudHsmCli, session: Session
) -> None:
    for extractable in (True, False):
        key = aes(session, extractable=extractable)
        assert key.hsms == tuple(two.hsms())
        sealed = key.encrypt(b"the text", aad=b"the aad")
        parameters = GCMParams(sealed[:12], b"the aad", 128)

        def opened(handle: Any, sealed: bytes = sealed, how: Any = parameters) -> bytes:
            with pytest.raises(AttributeSensitive):
                handle[Attribute.VALUE]
            return bytes(
                handle.decrypt(sealed[12:], mechanism=Mechanism.AES_GCM, mechanism_param=how)
            )

        assert on_each(two, key, opened) == [b"the text"] * 2
        with pytest.raises(Pkcs11Refused, match="CKR_ATTRIBUTE_SENSITIVE"):
            key[Attribute.VALUE]


def test_a_ciphertext_opens_only_as_it_was_sealed(session: Session) -> None:
    key, other = aes(session), aes(session)
    sealed = key.encrypt(b"the text", aad=b"aad")
    assert key.encrypt(b"the text", aad=b"aad") != sealed
    assert len(sealed) == 12 + 8 + 16
    for wrong, aad in (
        (sealed, b""),
        (sealed, b"AAD"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"aad"),
        (bytes([sealed[0] ^ 1]) + sealed[1:], b"aad"),
        (sealed[:27], b"aad"),
        (b"", b"aad"),
    ):
        with pytest.raises(CryptoRefused):
            key.decrypt(wrong, aad=aad)
    with pytest.raises(CryptoRefused):
        other.decrypt(sealed, aad=b"aad")
    assert key.decrypt(key.encrypt(b"")) == b""


def test_a_wrapped_key_comes_back_under_the_key_that_wrapped_it_only(session: Session) -> None:
    wrapping, key, other = aes(session), aes(session), aes(session)
    wrapped = wrapping.wrap_key(key)
    again = wrapping.unwrap_key(KeyType.AES, 256, wrapped, label="again")
    assert again.decrypt(key.encrypt(b"text")) == b"text"
    assert again.label == "again"
    assert again.hsms == key.hsms
    before = len(session.get_keys())
    for wrong in (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"", b"x" * 40):
        with pytest.raises(Pkcs11Refused):
            wrapping.unwrap_key(KeyType.AES, 256, wrong)
    with pytest.raises(Pkcs11Refused):
        other.unwrap_key(KeyType.AES, 256, wrapped)
    assert len(session.get_keys()) == before


def test_a_key_that_may_not_leave_is_refused_by_the_hsm_itself(session: Session) -> None:
    wrapping, key = aes(session), aes(session, extractable=False)
    assert (wrapping[Attribute.EXTRACTABLE], key[Attribute.EXTRACTABLE]) == (True, False)
    with pytest.raises(Pkcs11Refused, match="CKR_KEY_NOT_WRAPPABLE"):
        wrapping.wrap_key(key)


def test_pairs_sign_what_their_public_key_verifies_anywhere(
    two: CloudHsmCli, session: Session
) -> None:
    pair = session.generate_keypair(KeyType.EC, 256, label="ec")
    raw = pair.sign(b"message")
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = load_der_public_key(pair.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, b"message", ec.ECDSA(hashes.SHA256()))
    assert pair.verify(b"message", raw)
    assert not pair.verify(b"massage", raw)
    two_k = session.generate_keypair(KeyType.RSA, 2048, label="rsa")
    seals = on_each(
        two, two_k, lambda key: key.sign(b"message", mechanism=Mechanism.SHA256_RSA_PKCS)
    )
    assert seals == [two_k.sign(b"message")] * 2
    key = load_der_public_key(two_k.public_key)
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(seals[0], b"message", padding.PKCS1v15(), hashes.SHA256())
    assert two_k.decrypt(two_k.encrypt(b"secret")) == b"secret"


def test_hmac_is_the_same_on_every_hsm(two: CloudHsmCli, session: Session) -> None:
    key = session.generate_key(KeyType.GENERIC_SECRET, 256)
    macs = on_each(two, key, lambda it: it.sign(b"m", mechanism=Mechanism.SHA256_HMAC))
    assert macs == [key.sign(b"m")] * 2
    assert key.verify(b"m", macs[0])
    assert not key.verify(b"n", macs[0])
    with pytest.raises(BadRequest):
        _ = key.public_key
    with pytest.raises((BadRequest, Pkcs11Refused)):
        key.encrypt(b"text")


def test_a_session_key_lives_on_one_hsm_and_ends_with_it(fresh: Lab) -> None:
    cli = active(fresh)
    session = alice(cli)
    key = aes(session, "fleeting", store=False)
    sealed = key.encrypt(b"text")
    assert key.decrypt(sealed) == b"text"
    assert len(key.hsms) == 1
    with pytest.raises(KeyNotFound):
        session.get_key(label="fleeting")
    cli.switch_off(key.hsms[0])
    with pytest.raises((KeyNotAvailable, NoActiveHsm)):
        key.decrypt(sealed)


def test_only_owner_and_those_it_is_shared_with_have_a_key(session: Session, bob: Session) -> None:
    key, wrapping = aes(session, "shared"), aes(bob)
    sealed = key.encrypt(b"text")
    with pytest.raises(KeyNotFound):
        bob.get_key(handle=key.handle)
    key.share("bob")
    assert key.shared_with == ("bob",)
    given = bob.get_key(label="shared")
    assert given.decrypt(sealed) == b"text"
    for refused in (
        lambda: wrapping.wrap_key(given),
        lambda: given.share("alice"),
        lambda: given.unshare("alice"),
        given.destroy,
    ):
        with pytest.raises(NotPermitted):
            refused()
    key.unshare("bob")
    for work in (lambda: given.decrypt(sealed), lambda: bob.get_key(label="shared")):
        with pytest.raises(KeyNotFound):
            work()
    with pytest.raises(ClusterError):
        key.share("nobody")


def test_a_destroyed_key_is_gone_from_every_hsm(two: CloudHsmCli, session: Session) -> None:
    key, again = aes(session, "gone"), session.get_key(label="gone")
    units = two._estate.units(two.cluster_id)
    key.destroy()
    for work in (
        lambda: key.encrypt(b""),
        lambda: again.encrypt(b""),
        lambda: session.get_key(label="gone"),
        key.destroy,
    ):
        with pytest.raises(KeyNotFound):
            work()
    for unit in units:
        assert not list(unit.session.get_objects({Attribute.ID: key._record.id}))


def test_keys_are_found_by_label_oldest_first(session: Session, bob: Session) -> None:
    made = [aes(session, "many").handle for _ in range(3)]
    aes(bob, "many")
    assert [key.handle for key in session.get_keys(label="many")] == made
    with pytest.raises(KeyNotFound, match="3 keys"):
        session.get_key(label="many")
    with pytest.raises(KeyNotFound):
        session.get_key(label="none")


def test_a_key_on_one_hsm_is_refused_unless_one_opts_out(fresh: Lab) -> None:
    cli = active(fresh, hsms=1)
    careful, careless = alice(cli), alice(cli, check_availability=False)
    with pytest.raises(KeyNotAvailable, match=UNAVAILABLE):
        aes(careful)
    key = aes(careless, "alone")
    sealed = key.encrypt(b"text")
    with pytest.raises(KeyNotAvailable, match=f"Key {key.handle} {UNAVAILABLE}"):
        careful.get_key(label="alone")
    with pytest.raises(KeyNotAvailable):
        careful.get_keys()
    new = add_hsm(fresh, cli.cluster_id, ZONES[1])
    assert new in careful.get_key(label="alone").hsms  # the new HSM got it
    first = next(iter(cli.hsms()))
    cli.destroy(first)
    assert key.decrypt(sealed) == b"text"


@pytest.mark.parametrize("how", ["switch_off", "destroy", "delete"])
def test_when_an_hsm_dies_the_next_call_is_served_in_no_time(fresh: Lab, how: str) -> None:
    cli = active(fresh)
    session = alice(cli)
    key, pair = aes(session, "key"), session.generate_keypair(KeyType.EC, 256)
    sealed = key.encrypt(b"text")
    first = next(iter(cli.hsms()))
    if how == "delete":
        fresh.client("cloudhsmv2").delete_hsm(ClusterId=cli.cluster_id, HsmId=first)
    else:
        getattr(cli, how)(first)
    before = time.perf_counter()
    assert key.decrypt(sealed) == b"text"
    assert time.perf_counter() - before < 0.2
    assert pair.verify(b"m", pair.sign(b"m"))
    assert first not in key.hsms
    if how != "delete":
        assert cli.hsms()[first] == "DEGRADED"
    with pytest.raises(KeyNotAvailable):
        aes(session)


def test_an_hsm_whose_folder_vanishes_behind_our_back_is_passed_over(fresh: Lab) -> None:
    cli = active(fresh)
    key = aes(alice(cli))
    sealed = key.encrypt(b"text")
    first, second = cli.hsms()
    shutil.rmtree(fresh.path / "cloudhsm" / cli.cluster_id / first)
    assert key.decrypt(sealed) == b"text"
    shutil.rmtree(fresh.path / "cloudhsm" / cli.cluster_id / second)
    with pytest.raises(NoActiveHsm):
        key.decrypt(sealed)
    with pytest.raises(NoActiveHsm):
        alice(cli)


def test_an_hsm_that_comes_back_gets_what_it_missed(fresh: Lab) -> None:
    cli = active(fresh, hsms=3)
    session = alice(cli)
    old = aes(session, "old")
    away = next(iter(cli.hsms()))
    cli.switch_off(away)
    new = aes(session, "new")
    old_id = old._record.id
    old.destroy()
    sealed = new.encrypt(b"text")
    assert away not in new.hsms
    cli.switch_on(away)
    assert away in session.get_key(label="new").hsms
    for other in [each for each in cli.hsms() if each != away]:
        cli.switch_off(other)
    assert new.decrypt(sealed) == b"text"
    (unit,) = cli._estate.units(cli.cluster_id)
    assert not list(unit.session.get_objects({Attribute.ID: old_id}))


def test_an_hsm_that_has_not_got_a_key_is_passed_over(two: CloudHsmCli, session: Session) -> None:
    key = aes(session)
    sealed = key.encrypt(b"text")
    first, second = two._estate.units(two.cluster_id)
    first.destroy(key._record)
    assert key.decrypt(sealed) == b"text"
    second.destroy(key._record)
    with pytest.raises(KeyNotAvailable):
        key.decrypt(sealed)


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.generate_key("AES", 256),
        lambda it: it.generate_key(KeyType.RSA, 2048),
        lambda it: it.generate_key(KeyType.AES, 100),
        lambda it: it.generate_key(KeyType.AES, True),
        lambda it: it.generate_key(KeyType.AES, "256"),
        lambda it: it.generate_key(KeyType.AES, 256, label=None),
        lambda it: it.generate_key(KeyType.AES, 256, label="x" * 128),
        lambda it: it.generate_key(KeyType.AES, 256, label="\ud800"),
        lambda it: it.generate_keypair(KeyType.AES, 256),
        lambda it: it.generate_keypair(KeyType.EC, 255),
        lambda it: it.generate_random(7),
        lambda it: it.generate_random("8"),
        lambda it: aes(it).encrypt("text"),
        lambda it: aes(it).decrypt(None),
        lambda it: aes(it).encrypt(b"", aad="text"),
        lambda it: aes(it).sign(b""),
        lambda it: aes(it).unwrap_key(KeyType.RSA, 2048, b"x"),
    ],
)
def test_calls_of_the_wrong_form_are_refused_in_words(session: Session, call: Any) -> None:
    with pytest.raises(BadRequest):
        call(session)


def test_a_closed_session_does_nothing(two: CloudHsmCli) -> None:
    with alice(two) as session:
        key = aes(session)
    for work in (
        lambda: aes(session),
        lambda: key.encrypt(b""),
        key.destroy,
        lambda: session.change_password(ALICE),
        lambda: session.get_keys(),
    ):
        with pytest.raises(NotLoggedIn):
            work()


def test_gcm_is_gcm(session: Session) -> None:
    """A key that another library has too gives the same: unwrapped from a known value."""
    wrapping = aes(session)
    known = session.generate_key(KeyType.AES, 128)
    again = wrapping.unwrap_key(KeyType.AES, 128, wrapping.wrap_key(known))
    iv = bytes(12)
    ciphertext = known.encrypt(
        b"x" * 16, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(iv, b"a", 128)
    )
    assert again.decrypt(iv + ciphertext, aad=b"a") == b"x" * 16
    assert len(ciphertext) == len(AESGCM(bytes(16)).encrypt(iv, b"x" * 16, b"a"))
