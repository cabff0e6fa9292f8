"""Grants as records: making, naming, listing, retiring and revoking them, and what none may say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from working import (
    AGREEING,
    CARRYING,
    GRANTEE,
    IMPORTED,
    MACS,
    MODEL,
    SIGNING,
    SYMMETRIC,
    THERE,
    Parameters,
    World,
    one_rsa_key,
    prepare,
)

from kmslab import Lab
from kmslab.kms import grants

BOB = "arn:aws:iam::111122223333:user/bob"
SOURCE = "arn:aws:ec2:us-east-1:111122223333:instance/i-1"
SERVICE: Parameters = {
    "GranteeServicePrincipal": "ec2.amazonaws.com",
    "RetiringServicePrincipal": "ebs.amazonaws.com",
    "Constraints": {"SourceArn": SOURCE},
}


@pytest.fixture(scope="module")
def world(lab: Lab) -> Iterator[World]:
    """The module's lab."""
    with one_rsa_key():
        yield World(lab)


def lend(world: World, key: str, **more: Any) -> dict[str, Any]:
    """Makes a grant: Encrypt for Alice, unless more is said."""
    asked = {"KeyId": key, "Operations": ["Encrypt"], "GranteePrincipal": GRANTEE, **more}
    if "GranteeServicePrincipal" in more:
        del asked["GranteePrincipal"]
    answer = world.call("CreateGrant", asked)
    return {name: answer[name] for name in ("GrantId", "GrantToken")}


def ids(world: World, key: str, **filters: Any) -> list[str]:
    """The ids of the grants on a key, over all pages."""
    pages = world.kms.get_paginator("list_grants").paginate(KeyId=key, **filters)
    return [grant["GrantId"] for page in pages for grant in page["Grants"]]


def test_a_grant_is_listed_with_what_it_says(world: World) -> None:
    key = world.key()
    said: Parameters = {
        "Name": "payroll:2026/a_b-c",
        "RetiringPrincipal": BOB,
        "Operations": ["Decrypt", "DescribeKey", "CreateGrant"],
        "Constraints": {"EncryptionContextSubset": {"Dept": "HR"}},
    }
    made = lend(world, key, **said)
    assert re.fullmatch(r"[0-9a-f]{64}", made["GrantId"])
    (shown,) = world.kms.list_grants(KeyId=world.arn(key))["Grants"]
    assert isinstance(shown.pop("CreationDate"), datetime)
    assert shown == {
        **said,
        "KeyId": world.arn(key),
        "GrantId": made["GrantId"],
        "GranteePrincipal": GRANTEE,
        "IssuingAccount": f"arn:aws:iam::{world.lab.account}:root",
    }


def test_a_grant_of_little_shows_little(world: World) -> None:
    key = world.key()
    lend(world, key)
    (shown,) = world.kms.list_grants(KeyId=key)["Grants"]
    assert set(shown) == {
        *("KeyId", "GrantId", "CreationDate", "GranteePrincipal", "IssuingAccount", "Operations"),
    }


def test_a_grant_without_name_is_always_a_new_one(world: World) -> None:
    key = world.key()
    assert len({lend(world, key)["GrantId"] for _ in range(3)}) == len(ids(world, key)) == 3


def test_asking_again_by_name_finds_the_same_grant_under_another_token(world: World) -> None:
    key = world.key()
    first, second = (lend(world, key, Name="n", RetiringPrincipal=BOB) for _ in range(2))
    assert first["GrantId"] == second["GrantId"]
    assert first["GrantToken"] != second["GrantToken"]
    assert ids(world, key) == [first["GrantId"]]


CHANGES: dict[str, Parameters] = {
    "another grantee": {"GranteePrincipal": BOB},
    "another operation": {"Operations": ["Decrypt"]},
    "one operation more": {"Operations": ["Encrypt", "Decrypt"]},
    "somebody who retires it": {"RetiringPrincipal": BOB},
    "a constraint": {"Constraints": {"EncryptionContextEquals": {"a": "b"}}},
    "another name": {"Name": "m"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_request_under_the_same_name_is_another_grant(world: World, change: str) -> None:
    key = world.key()
    first = lend(world, key, Name="n")
    second = lend(world, key, **{"Name": "n", **CHANGES[change]})
    assert first["GrantId"] != second["GrantId"]
    assert set(ids(world, key)) == {first["GrantId"], second["GrantId"]}


def test_a_name_is_of_one_key(world: World) -> None:
    one, other = world.key(), world.key()
    assert lend(world, one, Name="n")["GrantId"] != lend(world, other, Name="n")["GrantId"]


def test_every_token_of_a_grant_ends_it(world: World) -> None:
    key = world.key()
    for number in range(3):
        tokens = [lend(world, key, Name="n")["GrantToken"] for _ in range(3)]
        world.kms.retire_grant(GrantToken=tokens[number])
        assert ids(world, key) == []
        with refused("NotFoundException"):
            world.kms.retire_grant(GrantToken=tokens[0])


def test_a_grant_token_is_accepted_by_every_operation_that_takes_some(world: World) -> None:
    token = lend(world, world.key())["GrantToken"]
    for operation in MODEL.operation_names:
        if "GrantTokens" in (MODEL.operation_model(operation).input_shape.members or ()):
            asked = prepare(world, operation) | {"GrantTokens": [token] * 10}
            world.call(operation, asked)
    with refused("ValidationException"):
        world.kms.encrypt(KeyId=world.key(), Plaintext=b"x", GrantTokens=[token] * 11)


def _forged(world: World) -> dict[str, str]:
    """Tokens that KMS did not issue as grant tokens."""
    token = lend(world, world.key())["GrantToken"]
    with Lab() as stranger:
        other = World(stranger)
        foreign = lend(other, other.key())["GrantToken"]
    imported = prepare(world, "ImportKeyMaterial", world.key(**IMPORTED))["ImportToken"].decode()
    middle = len(token) // 2
    return {
        "cut off at its end": token[:-4],
        "cut off at its beginning": token[4:],
        "longer": token + "AAAA",
        "with a space": f"{token[:middle]} {token[middle:]}",
        "of an import": imported,
        "of another lab": foreign,
        "empty but for padding": "====",
        "short": "AAAA",
        "no base64": "é" * 40,
        "no Unicode": "\ud800" * 40,
    }


def test_a_forged_token_is_refused(world: World) -> None:
    key = world.key()
    for what, token in _forged(world).items():
        with refused("InvalidGrantTokenException", ""):
            world.kms.retire_grant(GrantToken=token)
        with refused("InvalidGrantTokenException", ""):
            world.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[token])
        assert what


def test_a_token_with_any_one_letter_changed_is_refused(world: World) -> None:
    key = world.key()
    made = lend(world, key)
    token = made["GrantToken"]
    for place in range(0, len(token), 3):
        other = "A" if token[place] != "A" else "B"
        with refused("InvalidGrantTokenException"):
            world.kms.retire_grant(GrantToken=token[:place] + other + token[place + 1 :])
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        bare = token.rstrip("=")
        changed = bare[:-1] + last + token[len(bare) :]
        if changed != token:  # base64 ignores some bits of its last letter, and KMS does not
            with refused("InvalidGrantTokenException"):
                world.kms.retire_grant(GrantToken=changed)
    assert ids(world, key) == [made["GrantId"]]


def test_a_grant_token_is_no_import_token(world: World) -> None:
    key = world.key(**IMPORTED)
    request = prepare(world, "ImportKeyMaterial", key)
    world.kms.import_key_material(**request)
    token = lend(world, key)["GrantToken"].encode()
    with refused("InvalidImportTokenException", ""):
        world.kms.import_key_material(**request | {"ImportToken": token})


# --- ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["RetireGrant", "RevokeGrant"])
@pytest.mark.parametrize("form", ["id", "ARN"])
def test_a_grant_ends_by_key_and_id(world: World, operation: str, form: str) -> None:
    key = world.key()
    made, stays = lend(world, key), lend(world, key)
    asked = {"KeyId": key if form == "id" else world.arn(key), "GrantId": made["GrantId"]}
    assert set(world.call(operation, asked)) == {"ResponseMetadata"}
    assert ids(world, key) == [stays["GrantId"]]
    with refused("NotFoundException"):
        world.call(operation, asked)


@pytest.mark.parametrize("operation", ["RetireGrant", "RevokeGrant"])
def test_a_grant_does_not_end_by_another_key(world: World, operation: str) -> None:
    key, other = world.key(), world.key()
    made = lend(world, key)
    with refused("NotFoundException"):
        world.call(operation, {"KeyId": other, "GrantId": made["GrantId"]})
    with refused("NotFoundException"):
        world.call(operation, {"KeyId": UNKNOWN_ID, "GrantId": made["GrantId"]})
    assert ids(world, key) == [made["GrantId"]]


@pytest.mark.parametrize("grant_id", ["x", "0" * 63, "0" * 65, "G" * 64, "é" * 64, "A" * 64])
def test_an_id_that_no_grant_has_is_invalid_or_not_found(world: World, grant_id: str) -> None:
    key = world.key()
    asked = {"KeyId": key, "GrantId": grant_id}
    for operation in ("RetireGrant", "RevokeGrant", "ListGrants"):
        with refused("InvalidGrantIdException", ""):
            world.call(operation, asked)
    assert world.kms.list_grants(KeyId=key, GrantId="0" * 64)["Grants"] == []


def test_the_grants_of_a_key_go_with_it(world: World) -> None:
    key = world.key()
    token = lend(world, key, RetiringPrincipal="arn:aws:iam::111122223333:user/of-a-short-life")
    world.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    world.lab.clock.advance(days=8)
    principal = "arn:aws:iam::111122223333:user/of-a-short-life"
    assert world.kms.list_retirable_grants(RetiringPrincipal=principal)["Grants"] == []
    with refused("NotFoundException"):
        world.kms.retire_grant(GrantToken=token["GrantToken"])


# --- lists -------------------------------------------------------------------------------------


def test_grants_are_listed_a_page_at_a_time(world: World) -> None:
    key, retiring = world.key(), "arn:aws:iam::111122223333:role/retires-many"
    made = {lend(world, key, RetiringPrincipal=retiring)["GrantId"] for _ in range(101)}
    for call, about in (
        ("list_grants", {"KeyId": key}),
        ("list_retirable_grants", {"RetiringPrincipal": retiring}),
    ):
        sizes = {
            limit: [
                len(page["Grants"])
                for page in world.kms.get_paginator(call).paginate(
                    **about, PaginationConfig={"PageSize": limit}
                )
            ]
            for limit in (None, 40, 100, 1000)
        }
        assert sizes == {
            None: [50, 50, 1],
            40: [40, 40, 21],
            100: [100, 1],
            1000: [100, 1],
        }
        first = getattr(world.kms, call)(**about)
        rest = getattr(world.kms, call)(**about, Marker=first["NextMarker"], Limit=100)
        found = [each["GrantId"] for page in (first, rest) for each in page["Grants"]]
        assert (set(found), len(found)) == (made, 101)


def test_grants_are_listed_by_grantee_and_by_id(world: World) -> None:
    key = world.key()
    alice, bob = lend(world, key), lend(world, key, GranteePrincipal=BOB)
    service = lend(world, key, **SERVICE)
    assert ids(world, key, GranteePrincipal=BOB) == [bob["GrantId"]]
    assert ids(world, key, GranteeServicePrincipal="ec2.amazonaws.com") == [service["GrantId"]]
    assert ids(world, key, GrantId=alice["GrantId"]) == [alice["GrantId"]]
    assert ids(world, key, GrantId=alice["GrantId"], GranteePrincipal=BOB) == []
    assert ids(world, key, GranteePrincipal="arn:aws:iam::111122223333:user/c") == []
    with refused("ValidationException"):
        ids(world, key, GranteePrincipal=BOB, GranteeServicePrincipal="ec2.amazonaws.com")


def test_retirable_grants_are_those_of_one_principal_account_and_region(world: World) -> None:
    one, other, there = world.key(), world.key(), World(world.lab, THERE)
    dora = "arn:aws:iam::111122223333:user/dora"
    made = {lend(world, each, RetiringPrincipal=dora)["GrantId"] for each in (one, other)}
    lend(world, one, GranteePrincipal=dora)
    lend(there, there.key(), RetiringPrincipal=dora)
    found = world.kms.list_retirable_grants(RetiringPrincipal=dora)["Grants"]
    assert {each["GrantId"] for each in found} == made
    assert {each["RetiringPrincipal"] for each in found} == {dora}
    made = {lend(world, one, **SERVICE)["GrantId"]}
    found = world.kms.list_retirable_grants(RetiringServicePrincipal="ebs.amazonaws.com")["Grants"]
    assert made <= {each["GrantId"] for each in found}
    assert {each["RetiringServicePrincipal"] for each in found} == {"ebs.amazonaws.com"}


def test_retirable_grants_need_one_principal(world: World) -> None:
    both = {"RetiringPrincipal": BOB, "RetiringServicePrincipal": "ebs.amazonaws.com"}
    for asked in ({}, both):
        with refused("ValidationException"):
            world.kms.list_retirable_grants(**asked)
    assert world.kms.list_retirable_grants(RetiringPrincipal="123456789012")["Grants"] == []


def test_a_key_has_so_many_grants_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grants.MOST_A_KEY == 50_000
    monkeypatch.setattr(grants, "MOST_A_KEY", 2)
    key = world.key()
    first = lend(world, key, Name="n")
    lend(world, key)
    with refused("LimitExceededException"):
        lend(world, key)
    assert lend(world, key, Name="n")["GrantId"] == first["GrantId"]  # it is there already
    lend(world, world.key())
    world.kms.retire_grant(GrantToken=first["GrantToken"])
    lend(world, key)


# --- rules -------------------------------------------------------------------------------------

# "Grant operations" by kind of key; DescribeKey, CreateGrant and RetireGrant go with any.
ANY = {"DescribeKey", "CreateGrant", "RetireGrant"}
ENCRYPTION = {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"}
DATA_KEYS = {
    *("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"),
}
FIT: dict[str, tuple[Parameters, set[str]]] = {
    "symmetric": (SYMMETRIC, ENCRYPTION | DATA_KEYS),
    "RSA for encryption": (
        {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"},
        ENCRYPTION | {"GetPublicKey"},
    ),
    "RSA for signing": (
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"Sign", "Verify", "GetPublicKey"},
    ),
    "ECC for signing": (SIGNING, {"Sign", "Verify", "GetPublicKey"}),
    "Ed25519": (
        {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
        {"Sign", "Verify", "GetPublicKey"},
    ),
    "ML-DSA": (
        {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
        {"Sign", "Verify", "GetPublicKey"},
    ),
    "HMAC": (MACS, {"GenerateMac", "VerifyMac"}),
    "ECC for agreement": (AGREEING, {"DeriveSharedSecret", "GetPublicKey"}),
    "ML-KEM": (CARRYING, {"Encapsulate", "Decapsulate", "GetPublicKey"}),
}
OPERATIONS = MODEL.shape_for("GrantOperation").enum


@pytest.mark.parametrize("kind", FIT)
def test_a_grant_holds_what_its_key_can_do(world: World, kind: str) -> None:
    parameters, fit = FIT[kind]
    key = world.key(**parameters)
    for operation in OPERATIONS:
        if operation in fit | ANY:
            lend(world, key, Operations=[operation, "DescribeKey"])
            continue
        with refused("ValidationException") as caught:
            lend(world, key, Operations=["DescribeKey", operation])
        assert operation in str(caught.value)
    assert len(OPERATIONS) == 19
    assert len(ids(world, key)) == len(fit | ANY)


@pytest.mark.parametrize("operations", [[], ["CreateGrant"], ["CreateGrant", "CreateGrant"]])
def test_a_grant_holds_more_than_the_right_to_make_grants(
    world: World, operations: list[str]
) -> None:
    message = "Grants must not contain only the CreateGrant operation."
    with refused("ValidationException", message):
        lend(world, world.key(), Operations=operations)


PRINCIPALS = [
    "111122223333",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/division/team/alice",
    "arn:aws:iam::111122223333:role/worker",
    "arn:aws:sts::111122223333:assumed-role/worker/session",
    "arn:aws:sts::111122223333:federated-user/alice",
]


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_users_roles_and_accounts_are_principals(world: World, principal: str) -> None:
    key = world.key()
    lend(world, key, GranteePrincipal=principal, RetiringPrincipal=principal)
    assert len(ids(world, key, GranteePrincipal=principal)) == 1


NO_PRINCIPALS = [
    *("alice", "*", "root", "11112222333", "arn:aws:iam::111122223333:group/all"),
    *("arn:aws:iam::1:root", "arn:aws:iam::111122223333:user/", "arn:aws:s3:::bucket"),
    *("arn:aws:sts::111122223333:assumed-role/worker", "ec2.amazonaws.com", "AIDAEXAMPLE"),
]


@pytest.mark.parametrize("principal", NO_PRINCIPALS)
def test_others_are_no_principals(world: World, principal: str) -> None:
    key = world.key()
    code = "ValidationException" if principal == "*" else "InvalidArnException"
    for role in ("GranteePrincipal", "RetiringPrincipal"):
        with refused(code) as caught:
            lend(world, key, **{role: principal})
        assert principal in str(caught.value)
    assert ids(world, key) == []


def test_a_grant_has_one_grantee_and_one_who_retires_it(world: World) -> None:
    key = world.key()
    for asked in (
        {},
        {"GranteePrincipal": GRANTEE, **SERVICE},
        {"GranteePrincipal": GRANTEE, "RetiringPrincipal": BOB}
        | {"RetiringServicePrincipal": "ebs.amazonaws.com"},
    ):
        with refused("ValidationException"):
            world.kms.create_grant(KeyId=key, Operations=["Encrypt"], **asked)
    assert ids(world, key) == []


def test_a_service_needs_a_source_and_somebody_to_retire_the_grant(world: World) -> None:
    key = world.key()
    for missing in ("Constraints", "RetiringServicePrincipal"):
        asked = {name: value for name, value in SERVICE.items() if name != missing}
        with refused("ValidationException"):
            lend(world, key, **asked)
    for service in ("ec2.example.com", "amazonaws.com.evil.org", "EC2.amazonaws.com"):
        with refused("ValidationException"):
            lend(world, key, **SERVICE | {"GranteeServicePrincipal": service})
    for name, value in (("RetiringPrincipal", BOB), ("RetiringServicePrincipal", "a.b.c")):
        asked = {**SERVICE, name: value}
        if name == "RetiringPrincipal":
            del asked["RetiringServicePrincipal"]
            lend(world, key, **asked)
        else:
            with refused("ValidationException"):
                lend(world, key, **asked)
    lend(world, key, **SERVICE)
    assert len(ids(world, key)) == 2


@pytest.mark.parametrize("name", ["EncryptionContextEquals", "EncryptionContextSubset"])
def test_a_constraint_on_the_context_has_its_size(world: World, name: str) -> None:
    key = world.key()
    whole = {f"Key {number}": "x" * 384 for number in range(8)}
    lend(world, key, Constraints={name: whole})
    (shown,) = world.kms.list_grants(KeyId=key)["Grants"]
    assert shown["Constraints"] == {name: whole}
    for context in (whole | {"one more": ""}, {"a": "x" * 385}):
        with refused("ValidationException"):
            lend(world, key, Constraints={name: context})
    lend(world, key, Constraints={name: {}})


def test_a_constraint_on_the_context_needs_a_key_that_has_one(world: World) -> None:
    for parameters, operation in ((MACS, "GenerateMac"), (SIGNING, "Sign")):
        key = world.key(**parameters)
        for name in ("EncryptionContextEquals", "EncryptionContextSubset"):
            with refused("ValidationException"):
                lend(world, key, Operations=[operation], Constraints={name: {"a": "b"}})
        lend(world, key, Operations=[operation], Constraints={"SourceArn": SOURCE})


@pytest.mark.parametrize("source", ["x" * 20, "arn:aws:s3:::a-bucket-of-mine", SOURCE + "x" * 512])
def test_a_source_is_an_arn_with_an_account(world: World, source: str) -> None:
    with refused("ValidationException"):
        lend(world, world.key(), Constraints={"SourceArn": source})


@pytest.mark.parametrize("name", ["a b", "ü", "x" * 257])
def test_a_name_has_letters_digits_and_few_signs(world: World, name: str) -> None:
    with refused("ValidationException"):
        lend(world, world.key(), Name=name)
