"""Secrets Manager: a data key of its own for each version, made and opened as the caller."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from expect import refused, run
from integrated import allow, deny, events, flip, holding, last

from kmslab import Lab

DENIED = "Access to KMS is not allowed"
MISSING = "Secrets Manager can't find the specified secret."
MARKED = "You can't perform this operation on the secret because it was marked for deletion."
READ = allow("secretsmanager:GetSecretValue")


@pytest.fixture
def made() -> Iterator[Lab]:
    """A lab for one test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def secrets(made: Lab) -> Any:
    """The admin's client."""
    return made.client("secretsmanager")


@pytest.fixture
def own(made: Lab) -> str:
    """The ARN of a customer managed key."""
    return str(made.client("kms").create_key()["KeyMetadata"]["Arn"])


def value(client: Any, name: str = "db", **which: str) -> str:
    """The value of a secret."""
    return str(client.get_secret_value(SecretId=name, **which)["SecretString"])


def test_a_secret_comes_back_as_it_was_put(secrets: Any) -> None:
    created = secrets.create_secret(Name="prod/db", SecretString="hunter2", Description="main")
    assert re.fullmatch(r"arn:aws:.*:secret:prod/db-[A-Za-z0-9]{6}", created["ARN"])
    for named in ("prod/db", created["ARN"], created["ARN"][:-7]):
        read = secrets.get_secret_value(SecretId=named)
        assert (read["SecretString"], read["VersionStages"]) == ("hunter2", ["AWSCURRENT"])
        assert read["VersionId"] == created["VersionId"]
    shown = secrets.describe_secret(SecretId="prod/db")
    assert shown["Description"] == "main"
    assert "KmsKeyId" not in shown
    assert shown["VersionIdsToStages"] == {created["VersionId"]: ["AWSCURRENT"]}


def test_bytes_come_back_as_bytes(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretBinary=b"\x00\xff")
    read = secrets.get_secret_value(SecretId="db")
    assert read["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in read


def test_a_new_version_takes_the_label_and_leaves_the_other(secrets: Any) -> None:
    first = secrets.create_secret(Name="db", SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId="db", SecretString="two")
    assert second["VersionStages"] == ["AWSCURRENT"]
    third = secrets.update_secret(SecretId="db", SecretString="three")["VersionId"]
    assert value(secrets) == "three"
    assert value(secrets, VersionStage="AWSPREVIOUS") == "two"
    assert value(secrets, VersionId=first) == "one"
    shown = secrets.describe_secret(SecretId="db")["VersionIdsToStages"]
    assert shown == {third: ["AWSCURRENT"], second["VersionId"]: ["AWSPREVIOUS"]}
    with refused(
        "InvalidRequestException",
        "You provided a VersionStage that is not associated to the provided VersionId.",
    ):
        value(secrets, VersionId=first, VersionStage="AWSCURRENT")


def test_a_label_of_ones_own_is_put_beside(secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="one")
    secrets.put_secret_value(SecretId="db", SecretString="two", VersionStages=["AWSPENDING"])
    assert value(secrets) == "one"
    assert value(secrets, VersionStage="AWSPENDING") == "two"


def test_the_first_version_of_an_empty_secret_is_the_current_one(secrets: Any) -> None:
    secrets.create_secret(Name="db")
    with refused(
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    ):
        value(secrets)
    put = secrets.put_secret_value(SecretId="db", SecretString="one", VersionStages=["mine"])
    assert put["VersionStages"] == ["AWSCURRENT", "mine"]


def test_a_token_names_the_version_and_writes_it_once(made: Lab, secrets: Any) -> None:
    token = "0123456789abcdef0123456789abcdef"
    secrets.create_secret(Name="db")
    for _ in range(2):
        put = secrets.put_secret_value(SecretId="db", SecretString="x", ClientRequestToken=token)
        assert put["VersionId"] == token
    assert len(events(made, "GenerateDataKey")) == 1
    arn = put["ARN"]
    message = (
        f"You can't use ClientRequestToken {token} because that value is already in use for a "
        f"version of secret {arn}."
    )
    for call in (secrets.put_secret_value, secrets.update_secret):
        with refused("ResourceExistsException", message):
            call(SecretId="db", SecretString="y", ClientRequestToken=token)
    with refused("ResourceExistsException", message):
        secrets.put_secret_value(SecretId="db", SecretBinary=b"x", ClientRequestToken=token)
    assert value(secrets) == "x"


def test_each_version_has_a_data_key_bound_to_secret_and_version(made: Lab, secrets: Any) -> None:
    created = secrets.create_secret(Name="db", SecretString="one")
    second = secrets.put_secret_value(SecretId="db", SecretString="two")["VersionId"]
    contexts = [
        each["requestParameters"]["encryptionContext"] for each in events(made, "GenerateDataKey")
    ]
    assert contexts == [
        {"SecretARN": created["ARN"], "SecretVersionId": version}
        for version in (created["VersionId"], second)
    ]
    value(secrets)
    event = last(made, "Decrypt")
    assert event["requestParameters"]["encryptionContext"] == contexts[1]
    assert event["userIdentity"]["arn"] == made.admin.arn
    assert event["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"
    assert event["sourceIPAddress"] == event["userAgent"] == "secretsmanager.amazonaws.com"


def test_a_key_is_tried_out_before_a_secret_gets_it(made: Lab, secrets: Any, own: str) -> None:
    created = secrets.create_secret(Name="db", KmsKeyId=own)
    names = [each["eventName"] for each in made.trail()][-3:]
    assert names == ["GenerateDataKey", "Decrypt", "CreateSecret"]
    for name in ("GenerateDataKey", "Decrypt"):
        assert last(made, name)["requestParameters"]["encryptionContext"] == {
            "SecretARN": created["ARN"],
            "SecretVersionId": "RequestToValidateKeyAccess",
        }
    assert secrets.describe_secret(SecretId="db")["KmsKeyId"] == own
    alice = made.user("alice", policy=[allow("secretsmanager:*", "kms:GenerateDataKey")])
    with refused("AccessDeniedException", DENIED):
        alice.client("secretsmanager").create_secret(Name="other", KmsKeyId=own)
    with refused("ResourceNotFoundException", MISSING):
        secrets.describe_secret(SecretId="other")


def test_a_reader_without_decrypt_is_refused_by_kms(made: Lab, secrets: Any, own: str) -> None:
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=own)
    alice = made.user("alice", policy=[READ])
    with refused("AccessDeniedException", DENIED) as caught:
        value(alice.client("secretsmanager"))
    assert "kms:Decrypt" in str(made.explain(caught.value))
    assert last(made, "Decrypt")["errorCode"] == "AccessDenied"
    assert last(made, "GetSecretValue")["errorCode"] == "AccessDenied"
    alice.put_policy("key", [allow("kms:Decrypt", resource=own)])
    assert value(alice.client("secretsmanager")) == "x"


def test_under_the_managed_key_the_permission_for_the_secret_is_enough(
    made: Lab, secrets: Any
) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    assert value(made.user("alice", policy=[READ]).client("secretsmanager")) == "x"
    key = made.client("kms").describe_key(KeyId="alias/aws/secretsmanager")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    with refused("AccessDeniedException"):
        made.client("kms").generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")


def test_a_key_may_be_for_secrets_manager_only(made: Lab, secrets: Any, own: str) -> None:
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=own)
    via = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    alice = made.user("alice", policy=[READ, allow("kms:*", resource=own, StringEquals=via)])
    assert value(alice.client("secretsmanager")) == "x"
    with refused("AccessDeniedException"):
        alice.client("kms").generate_data_key(KeyId=own, KeySpec="AES_256")
    wrong = {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}
    bob = made.user("bob", policy=[READ, allow("kms:*", resource=own, StringEquals=wrong)])
    with refused("AccessDeniedException", DENIED):
        value(bob.client("secretsmanager"))


def test_a_reader_may_be_bound_to_one_secret_by_its_context(
    made: Lab, secrets: Any, own: str
) -> None:
    arn = secrets.create_secret(Name="db", SecretString="x", KmsKeyId=own)["ARN"]
    secrets.create_secret(Name="other", SecretString="y", KmsKeyId=own)
    here = {"kms:EncryptionContext:SecretARN": arn}
    policy = [READ, allow("kms:Decrypt", resource=own, StringEquals=here)]
    alice = made.user("alice", policy=policy).client("secretsmanager")
    assert value(alice) == "x"
    with refused("AccessDeniedException", DENIED):
        value(alice, "other")


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("create_secret", {"Name": "new"}),
        ("put_secret_value", {"SecretString": "y"}),
        ("update_secret", {"SecretString": "y"}),
        ("get_secret_value", {}),
        ("describe_secret", {}),
        ("delete_secret", {}),
        ("restore_secret", {}),
        ("list_secrets", {}),
    ],
)
def test_every_operation_is_decided_by_its_own_action(
    made: Lab, secrets: Any, operation: str, parameters: dict[str, Any]
) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    if operation not in ("create_secret", "list_secrets"):
        parameters = {"SecretId": "db", **parameters}
    action = "secretsmanager:" + "".join(part.title() for part in operation.split("_"))
    nobody = made.user("nobody", policy=[deny(action), allow("*")]).client("secretsmanager")
    with refused("AccessDeniedException") as caught:
        getattr(nobody, operation)(**parameters)
    assert f"not authorized to perform: {action}" in str(caught.value)
    some = made.user("some", policy=[allow(action)]).client("secretsmanager")
    getattr(some, operation)(**parameters)


def test_a_policy_may_name_a_secret_before_it_is_made(made: Lab) -> None:
    arn = f"arn:aws:secretsmanager:us-east-1:{made.account}:secret:prod/db-??????"
    alice = made.user("alice", policy=[allow("secretsmanager:*", resource=arn)])
    client = alice.client("secretsmanager")
    client.create_secret(Name="prod/db", SecretString="x")
    assert value(client, "prod/db") == "x"
    with refused("AccessDeniedException"):
        client.create_secret(Name="prod/web")
    with refused("AccessDeniedException"):
        value(client, "prod/web")


def test_condition_keys_see_the_key_that_is_asked_for(made: Lab, own: str) -> None:
    wanted = {"secretsmanager:KmsKeyId": own}
    alice = made.user(
        "alice",
        policy=[allow("secretsmanager:*", StringEquals=wanted), allow("kms:*", resource=own)],
    ).client("secretsmanager")
    with refused("AccessDeniedException"):
        alice.create_secret(Name="db")
    alice.create_secret(Name="db", KmsKeyId=own)


def test_no_other_account_gets_at_a_secret(made: Lab, secrets: Any) -> None:
    arn = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    stranger = made.account("444455556666").admin.client("secretsmanager")
    with refused("AccessDeniedException"):
        value(stranger, arn)
    with refused("ResourceNotFoundException", MISSING):
        value(stranger)


def test_a_key_of_another_account_serves_where_it_is_lent(made: Lab, secrets: Any) -> None:
    theirs = made.account("444455556666").admin.client("kms")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    with refused("AccessDeniedException", DENIED):
        secrets.create_secret(Name="db", SecretString="x", KmsKeyId=key)
    document = json.loads(theirs.get_key_policy(KeyId=key)["Policy"])
    lent = allow("kms:GenerateDataKey", "kms:Decrypt")
    root = {"AWS": f"arn:aws:iam::{made.account}:root"}
    document["Statement"].append({**lent, "Principal": root})
    theirs.put_key_policy(KeyId=key, Policy=json.dumps(document))
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=key)
    assert value(secrets) == "x"
    assert events(made, "Decrypt", "444455556666")


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("disable_key", "is disabled. (Service: AWSKMS; Status Code: 400; Error Code: Disabled"),
        ("schedule_key_deletion", "is pending deletion. (Service: AWSKMS; Status Code: 400; "),
    ],
)
def test_a_key_that_is_stopped_stops_its_secrets(
    made: Lab, secrets: Any, own: str, stop: str, told: str
) -> None:
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=own)
    getattr(made.client("kms"), stop)(KeyId=own)
    with refused("DecryptionFailure") as caught:
        value(secrets)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(f"Secrets Manager can't decrypt the secret value: {own} {told}")
    with refused("EncryptionFailure"):
        secrets.put_secret_value(SecretId="db", SecretString="y")
    with refused("EncryptionFailure"):
        secrets.create_secret(Name="other", KmsKeyId=own)
    assert list(secrets.describe_secret(SecretId="db")["VersionIdsToStages"].values()) == [
        ["AWSCURRENT"]
    ]


def test_a_key_that_is_none_gets_no_secret(secrets: Any) -> None:
    with refused("EncryptionFailure"):
        secrets.create_secret(Name="db", KmsKeyId="alias/nothing")
    assert secrets.list_secrets()["SecretList"] == []


def test_after_a_change_of_key_both_keys_open_what_has_a_label(
    made: Lab, secrets: Any, own: str
) -> None:
    kms = made.client("kms")
    new = kms.create_key()["KeyMetadata"]["Arn"]
    secrets.create_secret(Name="db", SecretString="one", KmsKeyId=own)
    secrets.put_secret_value(SecretId="db", SecretString="two")
    secrets.update_secret(SecretId="db", KmsKeyId=new)
    for key in (own, new):
        kms.disable_key(KeyId=key)
        assert value(secrets) == "two"
        assert value(secrets, VersionStage="AWSPREVIOUS") == "one"
        kms.enable_key(KeyId=key)
    value(secrets)
    assert last(made, "Decrypt")["resources"][0]["ARN"] == new  # which is asked first
    for key in (own, new):
        kms.disable_key(KeyId=key)
    with refused("DecryptionFailure") as caught:
        value(secrets)
    assert f"{new} is disabled." in str(caught.value)


def test_a_value_that_comes_with_the_new_key_is_under_that_key_alone(
    made: Lab, secrets: Any, own: str
) -> None:
    secrets.create_secret(Name="db", SecretString="one")
    secrets.update_secret(SecretId="db", KmsKeyId=own, SecretString="two")
    made.client("kms").disable_key(KeyId=own)
    with refused("DecryptionFailure"):
        value(secrets)
    assert value(secrets, VersionStage="AWSPREVIOUS") == "one"


def test_a_new_key_is_tried_out_before_it_takes_the_place_of_the_old_one(
    made: Lab, secrets: Any, own: str
) -> None:
    arn = secrets.create_secret(Name="db")["ARN"]
    alice = made.user("alice", policy=[allow("secretsmanager:*")]).client("secretsmanager")
    with refused("AccessDeniedException", DENIED):
        alice.update_secret(SecretId="db", KmsKeyId=own)
    assert "KmsKeyId" not in secrets.describe_secret(SecretId="db")
    secrets.update_secret(SecretId="db", KmsKeyId=own)
    for name in ("GenerateDataKey", "Decrypt"):
        assert last(made, name)["requestParameters"]["encryptionContext"] == {
            "SecretARN": arn,
            "SecretVersionId": "RequestToValidateKeyAccess",
        }
    assert secrets.describe_secret(SecretId="db")["KmsKeyId"] == own


def test_who_may_not_use_the_old_key_changes_the_key_of_new_versions_only(
    made: Lab, secrets: Any, own: str
) -> None:
    new = made.client("kms").create_key()["KeyMetadata"]["Arn"]
    secrets.create_secret(Name="db", SecretString="one", KmsKeyId=own)
    alice = made.user("alice", policy=[allow("secretsmanager:*"), allow("kms:*", resource=new)])
    alice.client("secretsmanager").update_secret(SecretId="db", KmsKeyId=new)
    assert secrets.describe_secret(SecretId="db")["KmsKeyId"] == new
    with refused("AccessDeniedException", DENIED):
        value(alice.client("secretsmanager"))
    assert value(secrets) == "one"


def test_back_to_the_managed_key_no_key_is_shown(secrets: Any, own: str) -> None:
    secrets.create_secret(Name="db", SecretString="one", KmsKeyId=own)
    secrets.update_secret(SecretId="db", KmsKeyId="")
    assert "KmsKeyId" not in secrets.describe_secret(SecretId="db")


def test_a_deleted_secret_waits_and_comes_back(made: Lab, secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    deletion = secrets.delete_secret(SecretId="db", RecoveryWindowInDays=7)["DeletionDate"]
    assert secrets.describe_secret(SecretId="db")["DeletedDate"] == deletion
    assert secrets.list_secrets()["SecretList"] == []
    assert len(secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1
    for call in (
        lambda: value(secrets),
        lambda: secrets.put_secret_value(SecretId="db", SecretString="y"),
        lambda: secrets.update_secret(SecretId="db", Description="y"),
        lambda: secrets.delete_secret(SecretId="db"),
    ):
        with refused("InvalidRequestException", MARKED):
            call()
    with refused(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for "
        "deletion.",
    ):
        secrets.create_secret(Name="db")
    made.clock.advance(days=6)
    secrets.restore_secret(SecretId="db")
    assert value(secrets) == "x"


def test_after_its_window_a_secret_is_gone_with_its_values(made: Lab, secrets: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    secrets.delete_secret(SecretId="db")
    made.clock.advance(days=29, hours=23)
    secrets.describe_secret(SecretId="db")
    made.clock.advance(hours=1)
    with refused("ResourceNotFoundException", MISSING):
        secrets.describe_secret(SecretId="db")
    with refused("ResourceNotFoundException", MISSING):
        secrets.restore_secret(SecretId="db")
    for table in ("secret", "secret_version", "secret_stage", "secret_value"):
        assert made._rooms.store.rows(f"SELECT * FROM {table}") == []
    secrets.create_secret(Name="db")


def test_deleting_at_once_leaves_no_way_back(secrets: Any) -> None:
    first = secrets.create_secret(Name="db", SecretString="x")["ARN"]
    secrets.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException", MISSING):
        secrets.restore_secret(SecretId="db")
    secrets.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)
    assert secrets.create_secret(Name="db", SecretString="x")["ARN"] != first


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"RecoveryWindowInDays": 6}, "must be between 7 and 30 days (inclusive)."),
        ({"RecoveryWindowInDays": 31}, "must be between 7 and 30 days (inclusive)."),
        (
            {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True},
            "in conjunction with RecoveryWindowInDays.",
        ),
    ],
)
def test_a_recovery_window_has_seven_to_thirty_days(
    secrets: Any, parameters: dict[str, Any], message: str
) -> None:
    secrets.create_secret(Name="db")
    with refused("InvalidParameterException") as caught:
        secrets.delete_secret(SecretId="db", **parameters)
    assert message in str(caught.value)
    assert "DeletedDate" not in secrets.describe_secret(SecretId="db")


def _create(client: Any, **more: Any) -> Any:
    return client.create_secret(**{"Name": "new", **more})


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("ResourceExistsException", lambda c: _create(c, Name="db")),
        ("ValidationException", lambda c: _create(c, Name="a b")),
        ("ValidationException", lambda c: _create(c, Name="ä")),
        ("ValidationException", lambda c: _create(c, Name="n" * 513)),
        ("ValidationException", lambda c: _create(c, SecretString="x" * 65_537)),
        ("InvalidParameterException", lambda c: _create(c, SecretString="x", SecretBinary=b"x")),
        ("SerializationException", lambda c: _create(c, SecretString="\ud800")),
        ("UnsupportedOperationException", lambda c: _create(c, Tags=[{"Key": "a", "Value": "b"}])),
        ("InvalidParameterException", lambda c: c.put_secret_value(SecretId="db")),
        ("ResourceNotFoundException", lambda c: value(c, "nothing")),
        ("ResourceNotFoundException", lambda c: value(c, "arn:aws:nonsense")),
        ("ResourceNotFoundException", lambda c: value(c, "arn:aws:x:::::::")),
        ("ResourceNotFoundException", lambda c: value(c, VersionId="v" * 32)),
        ("ValidationException", lambda c: value(c, "s" * 2049)),
        ("InvalidNextTokenException", lambda c: c.list_secrets(NextToken="?")),
        ("UnsupportedOperationException", lambda c: c.get_random_password()),
    ],
)
def test_bad_input_gets_an_error_of_aws(secrets: Any, code: str, call: Any) -> None:
    secrets.create_secret(Name="db", SecretString="x")
    with refused(code):
        call(secrets)
    assert value(secrets) == "x"


def test_a_list_comes_in_pages(secrets: Any) -> None:
    names = [f"s{number}" for number in range(5)]
    for name in reversed(names):
        secrets.create_secret(Name=name)
    pages = list(secrets.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["SecretList"]) for page in pages] == [2, 2, 1]
    assert [each["Name"] for page in pages for each in page["SecretList"]] == names


@pytest.mark.parametrize(("column", "place"), [("value", -1), ("value", 0), ("data_key", -1)])
def test_a_changed_byte_is_a_clear_error(tmp_path: Path, column: str, place: int) -> None:
    with Lab(tmp_path) as lab:
        secrets = lab.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="x")
        flip(lab, "secret_value", column, place)
        with refused("DecryptionFailure"):
            value(secrets)


def test_values_can_not_change_places(tmp_path: Path) -> None:
    """Two values of the same length under the same key: the data key knows its secret."""
    with Lab(tmp_path) as lab:
        secrets = lab.client("secretsmanager")
        for name in ("a", "b"):
            secrets.create_secret(Name=name, SecretString=name)
        store = lab._rooms.store
        places = store.rows("SELECT number, arn, version FROM secret_value ORDER BY number")
        for (number, *_), (_, arn, version) in zip(places, reversed(places), strict=True):
            store.write(
                "UPDATE secret_value SET arn = ?, version = ? WHERE number = ?",
                (arn, version, number),
            )
        for name in ("a", "b"):
            with refused("DecryptionFailure"):
                value(secrets, name)


def test_text_can_not_be_made_bytes(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        secrets = lab.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="x")
        lab._rooms.store.write("UPDATE secret_version SET kind = 'SecretBinary'")
        with refused("DecryptionFailure"):
            secrets.get_secret_value(SecretId="db")


SECRETS = ("correct-horse-battery", "staple-of-the-second-version", "bytes-of-another-kind")


def test_no_secret_is_in_a_file_or_an_event(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        secrets = lab.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString=SECRETS[0])
        secrets.put_secret_value(SecretId="db", SecretString=SECRETS[1])
        secrets.update_secret(SecretId="db", SecretBinary=SECRETS[2].encode())
        with refused("ResourceExistsException"):
            secrets.create_secret(Name="db", SecretString=SECRETS[0])
        with refused("ResourceNotFoundException"):
            secrets.put_secret_value(SecretId="none", SecretString=SECRETS[0])
        secrets.get_secret_value(SecretId="db")
        secrets.delete_secret(SecretId="db")
        shown = json.dumps(list(lab.trail()))
        assert not [secret for secret in SECRETS if secret in shown]
        assert holding(tmp_path, [secret.encode() for secret in SECRETS]) == []
    assert holding(tmp_path, [secret.encode() for secret in SECRETS]) == []


def test_events_show_what_awss_own_do(made: Lab, secrets: Any) -> None:
    token = "EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE"
    arn = secrets.create_secret(Name="db", SecretString="x", ClientRequestToken=token)["ARN"]
    event = last(made, "CreateSecret")
    assert event["requestParameters"] == {"name": "db", "clientRequestToken": token}
    assert (event["responseElements"], event["readOnly"]) == (None, False)
    secrets.put_secret_value(SecretId="db", SecretString="y")
    assert last(made, "PutSecretValue")["responseElements"] == {"arn": arn}
    value(secrets)
    read = last(made, "GetSecretValue")
    assert (read["requestParameters"], read["readOnly"]) == ({"secretId": "db"}, True)
    assert read["responseElements"] is None
    secrets.delete_secret(SecretId="db", RecoveryWindowInDays=30)
    gone = last(made, "DeleteSecret")
    assert gone["requestParameters"] == {"recoveryWindowInDays": 30, "secretId": "db"}
    assert gone["responseElements"].keys() == {"name", "deletionDate", "aRN"}
    assert gone["eventSource"] == "secretsmanager.amazonaws.com"


def test_a_seeded_lab_repeats_its_ids(tmp_path: Path) -> None:
    def ids(folder: Path) -> list[Any]:
        with Lab(folder, seed=1) as lab:
            secrets = lab.client("secretsmanager")
            created = secrets.create_secret(Name="db", SecretString="x")
            put = secrets.put_secret_value(SecretId="db", SecretString="y")
            return [created["ARN"], created["VersionId"], put["VersionId"], list(lab.trail())]

    assert ids(tmp_path / "a") == ids(tmp_path / "b")


def test_secrets_survive_the_end_of_the_lab(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        lab.client("secretsmanager").create_secret(Name="db", SecretString="x")
    with Lab(tmp_path) as lab:
        assert value(lab.client("secretsmanager")) == "x"


KILLED = """
import os, signal, sys
from kmslab import Lab
secrets = Lab(sys.argv[1]).client("secretsmanager")
secrets.create_secret(Name="db", SecretString="x")
secrets.put_secret_value(SecretId="db", SecretString="y")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_call_wrote_survives_a_kill(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(KILLED, tmp_path)
    with Lab(tmp_path) as lab:
        assert value(lab.client("secretsmanager")) == "y"


def test_a_refusal_by_kms_leaves_nothing_behind(made: Lab, secrets: Any, own: str) -> None:
    secrets.create_secret(Name="db", SecretString="x", KmsKeyId=own)
    alice = made.user("alice", policy=[allow("secretsmanager:*")]).client("secretsmanager")
    before = made._rooms.store.rows("SELECT * FROM secret_value")
    for call in (alice.put_secret_value, alice.update_secret):
        with pytest.raises(ClientError, match=DENIED):
            call(SecretId="db", SecretString="y")
    assert made._rooms.store.rows("SELECT * FROM secret_value") == before
    assert value(secrets) == "x"
