"""Parameter Store: what KMS encrypts and decrypts itself, as the caller."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused, run
from integrated import allow, deny, events, flip, holding, last

from kmslab import Lab

READ = allow("ssm:GetParameter*")
NO_KEY = "The ciphertext refers to a customer master key that does not exist"


@pytest.fixture
def made() -> Iterator[Lab]:
    """A lab for one test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def ssm(made: Lab) -> Any:
    """The admin's client."""
    return made.client("ssm")


@pytest.fixture
def own(made: Lab) -> str:
    """The ARN of a customer managed key."""
    return str(made.client("kms").create_key()["KeyMetadata"]["Arn"])


def secure(client: Any, name: str = "/app/pw", value: str = "hunter2", **more: Any) -> Any:
    """Puts a SecureString."""
    return client.put_parameter(Name=name, Value=value, Type="SecureString", **more)


def value(client: Any, name: str = "/app/pw", decrypt: bool = True) -> str:
    """The value of a parameter."""
    read = client.get_parameter(Name=name, WithDecryption=decrypt)
    return str(read["Parameter"]["Value"])


def test_a_secure_string_comes_back_decrypted_or_as_ciphertext(made: Lab, ssm: Any) -> None:
    put = secure(ssm)
    assert (put["Version"], put["Tier"]) == (1, "Standard")
    assert value(ssm) == "hunter2"
    arn = f"arn:aws:ssm:us-east-1:{made.account}:parameter/app/pw"
    shown = ssm.get_parameter(Name="/app/pw")["Parameter"]
    assert shown == shown | {"Name": "/app/pw", "Type": "SecureString", "Version": 1, "ARN": arn}
    key = made.client("kms").create_key()["KeyMetadata"]["KeyId"]
    assert shown["Value"] != made.client("kms").encrypt(KeyId=key, Plaintext=b"hunter2")
    assert value(ssm, arn) == "hunter2"


def test_what_is_stored_is_what_kms_encrypts(made: Lab, ssm: Any, own: str) -> None:
    """Whoever may use the key opens it with KMS alone, if they name the parameter."""
    secure(ssm, KeyId=own)
    blob = base64.b64decode(value(ssm, decrypt=False))
    context = {"PARAMETER_ARN": f"arn:aws:ssm:us-east-1:{made.account}:parameter/app/pw"}
    kms = made.client("kms")
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"hunter2"
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob)
    assert events(made, "GenerateDataKey") == []
    event = last(made, "Encrypt")
    assert event["requestParameters"]["encryptionContext"] == context
    assert event["userIdentity"]["arn"] == made.admin.arn
    assert event["userIdentity"]["invokedBy"] == "ssm.amazonaws.com"


def test_text_needs_no_key(made: Lab, ssm: Any) -> None:
    ssm.put_parameter(Name="plain", Value="a", Type="String")
    ssm.put_parameter(Name="list", Value="a,b", Type="StringList")
    assert (value(ssm, "plain"), value(ssm, "list", decrypt=False)) == ("a", "a,b")
    assert {each["eventSource"] for each in made.trail()} == {"ssm.amazonaws.com"}


def test_versions_stay_and_are_asked_for_by_number(ssm: Any) -> None:
    secure(ssm, value="one")
    assert secure(ssm, value="two", Overwrite=True)["Version"] == 2
    assert [value(ssm, name) for name in ("/app/pw", "/app/pw:1", "/app/pw:2")] == [
        *("two", "one", "two")
    ]
    assert ssm.get_parameter(Name="/app/pw:1")["Parameter"]["Selector"] == ":1"
    with refused("ParameterVersionNotFound"):
        value(ssm, "/app/pw:3")


def test_the_hundred_newest_versions_are_kept(ssm: Any) -> None:
    for number in range(102):
        ssm.put_parameter(Name="n", Value=str(number), Type="String", Overwrite=True)
    assert value(ssm, "n:3") == "2"
    with refused("ParameterVersionNotFound"):
        value(ssm, "n:2")


def test_overwriting_keeps_type_and_description_and_takes_the_key_anew(ssm: Any, own: str) -> None:
    secure(ssm, KeyId=own, Description="the password")
    ssm.put_parameter(Name="/app/pw", Value="two", Overwrite=True)
    (shown,) = ssm.describe_parameters()["Parameters"]
    assert shown == shown | {
        "Description": "the password",
        "KeyId": "alias/aws/ssm",
        "Type": "SecureString",
        "Version": 2,
    }
    assert "Value" not in shown
    with refused("HierarchyTypeMismatchException"):
        ssm.put_parameter(Name="/app/pw", Value="x", Type="String", Overwrite=True)


def test_several_at_once(ssm: Any) -> None:
    secure(ssm)
    ssm.put_parameter(Name="plain", Value="a", Type="String")
    read = ssm.get_parameters(Names=["plain", "none", "/app/pw", "plain"], WithDecryption=True)
    assert [each["Value"] for each in read["Parameters"]] == ["a", "hunter2"]
    assert read["InvalidParameters"] == ["none"]
    gone = ssm.delete_parameters(Names=["plain", "none"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == (["plain"], ["none"])


def test_a_path_shows_what_is_under_it(ssm: Any) -> None:
    for name in ("/a/x", "/a/b/y", "/a/b/c/z", "/ab/w"):
        ssm.put_parameter(Name=name, Value=name, Type="String")

    def under(path: str, **more: Any) -> list[str]:
        found = ssm.get_parameters_by_path(Path=path, **more)["Parameters"]
        return [each["Name"] for each in found]

    assert under("/a") == under("/a/") == ["/a/x"]
    assert under("/a", Recursive=True) == ["/a/b/c/z", "/a/b/y", "/a/x"]
    assert len(under("/", Recursive=True)) == 4
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/", Recursive=True, PaginationConfig={"PageSize": 3}
    )
    assert [len(page["Parameters"]) for page in pages] == [3, 1]


def test_a_reader_without_decrypt_is_refused_by_kms(made: Lab, ssm: Any, own: str) -> None:
    secure(ssm, KeyId=own)
    alice = made.user("alice", policy=[READ])
    client = alice.client("ssm")
    assert value(client, decrypt=False)
    with refused("AccessDeniedException") as caught:
        value(client)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith(
        f"User: {alice.arn} is not authorized to perform: kms:Decrypt on resource: {own} because "
        "no identity-based policy allows the kms:Decrypt action (Service: AWSKMS; Status Code: "
        "400; Error Code: AccessDeniedException; Request ID: "
    )
    assert "kms:Decrypt" in str(made.explain(caught.value))
    here = {"kms:EncryptionContext:PARAMETER_ARN": f"arn:aws:ssm:us-east-1:{made.account}:*"}
    alice.put_policy("key", [allow("kms:Decrypt", resource=own, StringLike=here)])
    assert value(client) == "hunter2"


def test_a_writer_needs_encrypt(made: Lab, own: str) -> None:
    alice = made.user("alice", policy=[allow("ssm:PutParameter")])
    with refused("AccessDeniedException"):
        secure(alice.client("ssm"), KeyId=own)
    assert made.client("ssm").describe_parameters()["Parameters"] == []
    via = {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}
    alice.put_policy("key", [allow("kms:Encrypt", resource=own, StringEquals=via)])
    secure(alice.client("ssm"), KeyId=own)
    with refused("AccessDeniedException"):
        alice.client("kms").encrypt(KeyId=own, Plaintext=b"x")


def test_under_the_managed_key_the_permission_for_the_parameter_is_enough(
    made: Lab, ssm: Any
) -> None:
    secure(ssm)
    alice = made.user("alice", policy=[READ, allow("kms:*")])
    assert value(made.user("bob", policy=[READ]).client("ssm")) == "hunter2"
    blob = base64.b64decode(value(ssm, decrypt=False))
    with refused("AccessDeniedException"):
        alice.client("kms").decrypt(CiphertextBlob=blob)


def test_a_key_of_another_account_serves_where_it_is_lent(made: Lab, ssm: Any) -> None:
    theirs = made.account("444455556666").admin.client("kms")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    with refused("AccessDeniedException"):
        secure(ssm, KeyId=key)
    document = json.loads(theirs.get_key_policy(KeyId=key)["Policy"])
    root = {"AWS": f"arn:aws:iam::{made.account}:root"}
    document["Statement"].append({**allow("kms:Encrypt", "kms:Decrypt"), "Principal": root})
    theirs.put_key_policy(KeyId=key, Policy=json.dumps(document))
    secure(ssm, KeyId=key)
    assert value(ssm) == "hunter2"


def test_no_other_account_gets_at_a_parameter(made: Lab, ssm: Any) -> None:
    ssm.put_parameter(Name="plain", Value="a", Type="String")
    arn = f"arn:aws:ssm:us-east-1:{made.account}:parameter/plain"
    stranger = made.account("444455556666").admin.client("ssm")
    with refused("AccessDeniedException"):
        value(stranger, arn)
    assert ssm.get_parameter(Name=arn)["Parameter"]["Name"] == "plain"


CALLS = [
    ("PutParameter", {"Name": "/app/pw", "Value": "x", "Overwrite": True}),
    ("GetParameter", {"Name": "/app/pw"}),
    ("GetParameters", {"Names": ["/app/pw"]}),
    ("GetParametersByPath", {"Path": "/app"}),
    ("DescribeParameters", {}),
    ("DeleteParameter", {"Name": "/app/pw"}),
    ("DeleteParameters", {"Names": ["/app/pw"]}),
]


@pytest.mark.parametrize(("operation", "parameters"), CALLS, ids=[name for name, _ in CALLS])
def test_every_operation_is_decided_by_its_own_action(
    made: Lab, ssm: Any, operation: str, parameters: dict[str, Any]
) -> None:
    ssm.put_parameter(Name="/app/pw", Value="a", Type="String")
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)[1:]
    action = f"ssm:{operation}"
    nobody = made.user("nobody", policy=[deny(action), allow("*")]).client("ssm")
    with refused("AccessDeniedException") as caught:
        getattr(nobody, method)(**parameters)
    assert f"not authorized to perform: {action} on resource: arn:aws:ssm:" in str(caught.value)
    some = made.user("some", policy=[allow(action)]).client("ssm")
    getattr(some, method)(**parameters)


def test_each_of_several_names_is_decided(made: Lab, ssm: Any) -> None:
    for name in ("/a/x", "/b/x"):
        ssm.put_parameter(Name=name, Value=name, Type="String")
    below = f"arn:aws:ssm:us-east-1:{made.account}:parameter/a/*"
    alice = made.user("alice", policy=[allow("ssm:*", resource=below)]).client("ssm")
    assert len(alice.get_parameters(Names=["/a/x"])["Parameters"]) == 1
    for call in (alice.get_parameters, alice.delete_parameters):
        with refused("AccessDeniedException"):
            call(Names=["/a/x", "/b/x"])
    assert len(ssm.describe_parameters()["Parameters"]) == 2


def test_a_path_is_decided_as_a_path(made: Lab, ssm: Any) -> None:
    """As AWS warns: who may read the path reads what lies under it, whatever denies that."""
    secure(ssm, "/a/b/secret")
    path, inner = (f"arn:aws:ssm:us-east-1:{made.account}:parameter/a{x}" for x in ("", "/b/*"))
    shut = {"Effect": "Deny", "Action": "ssm:*", "Resource": inner}
    alice = made.user("alice", policy=[allow("ssm:*", resource=path), shut]).client("ssm")
    for asked in ("/a", "/a/"):
        read = alice.get_parameters_by_path(Path=asked, Recursive=True, WithDecryption=True)
        assert [each["Value"] for each in read["Parameters"]] == ["hunter2"]
    with refused("AccessDeniedException"):
        value(alice, "/a/b/secret")


def test_condition_keys_of_parameter_store(made: Lab) -> None:
    once = allow("ssm:PutParameter", Bool={"ssm:Overwrite": "false"})
    flat = allow("ssm:GetParametersByPath", Bool={"ssm:Recursive": "false"})
    alice = made.user("alice", policy=[once, flat]).client("ssm")
    alice.put_parameter(Name="/a/x", Value="a", Type="String")
    with refused("AccessDeniedException"):
        alice.put_parameter(Name="/a/x", Value="b", Overwrite=True)
    alice.get_parameters_by_path(Path="/a")
    with refused("AccessDeniedException"):
        alice.get_parameters_by_path(Path="/a", Recursive=True)


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("disable_key", "is disabled. (Service: AWSKMS; Status Code: 400; Error Code: Disabled"),
        (
            "schedule_key_deletion",
            "is pending deletion. (Service: AWSKMS; Status Code: 400; Error Code: "
            "KMSInvalidStateException; Request ID: ",
        ),
    ],
)
def test_a_key_that_is_stopped_stops_its_parameters(
    made: Lab, ssm: Any, own: str, stop: str, told: str
) -> None:
    secure(ssm, KeyId=own)
    getattr(made.client("kms"), stop)(KeyId=own)
    for call in (lambda: value(ssm), lambda: secure(ssm, Overwrite=True, KeyId=own)):
        with refused("InvalidKeyId") as caught:
            call()
        assert caught.value.response["Error"]["Message"].startswith(f"{own} {told}")
    assert ssm.get_parameter(Name="/app/pw")["Parameter"]["Version"] == 1


@pytest.mark.parametrize("key", ["alias/nothing", UNKNOWN_ID])
def test_a_key_that_is_none_is_an_invalid_key_id(ssm: Any, key: str) -> None:
    with refused("InvalidKeyId") as caught:
        secure(ssm, KeyId=key)
    assert "Error Code: NotFoundException" in str(caught.value)


EXISTS = (
    "The parameter already exists. To overwrite this value, set the overwrite option in the "
    "request to true."
)
TYPE = "A parameter type is required when you create a parameter."
LONG = "Standard tier parameters support a maximum parameter value of 4096 characters. "


def _put(client: Any, **more: Any) -> Any:
    return client.put_parameter(**{"Name": "new", "Value": "x", "Type": "String", **more})


@pytest.mark.parametrize(
    ("code", "message", "call"),
    [
        ("ParameterAlreadyExists", EXISTS, lambda c: _put(c, Name="/app/pw")),
        ("ValidationException", TYPE, lambda c: c.put_parameter(Name="new", Value="x")),
        ("ValidationException", LONG, lambda c: _put(c, Value="x" * 4097)),
        ("ValidationException", LONG, lambda c: _put(c, Value="ä" * 2049, Type="SecureString")),
        ("ValidationException", "1 validation error", lambda c: _put(c, Value="")),
        ("ValidationException", "1 validation error", lambda c: _put(c, Type="Secret")),
        ("ValidationException", "Parameter name must be a fully", lambda c: _put(c, Name="a/b")),
        ("ValidationException", "Parameter name: can't be", lambda c: _put(c, Name="/aws/x")),
        ("ValidationException", "Parameter name: can't be", lambda c: _put(c, Name="SSMx")),
        ("ValidationException", "Parameter name: can't be", lambda c: _put(c, Name="a b")),
        ("ValidationException", "Parameter name: can't be", lambda c: _put(c, Name="a:1")),
        ("ValidationException", "KeyId is required for Sec", lambda c: _put(c, KeyId="alias/x")),
        ("HierarchyLevelLimitExceededException", "A hier", lambda c: _put(c, Name="/a" * 16)),
        ("UnsupportedOperationException", "kmslab", lambda c: _put(c, Tier="Advanced")),
        ("UnsupportedOperationException", "kmslab", lambda c: _put(c, AllowedPattern="x")),
        ("UnsupportedOperationException", "kmslab", lambda c: value(c, "/app/pw:label")),
        ("UnsupportedOperationException", "kmslab", lambda c: c.list_documents()),
        ("SerializationException", "", lambda c: _put(c, Value="\ud800")),
        ("ParameterNotFound", "", lambda c: value(c, "none")),
        ("ParameterNotFound", "", lambda c: value(c, "arn:aws:ssm:nonsense")),
        ("ParameterNotFound", "", lambda c: c.delete_parameter(Name="none")),
        ("ParameterVersionNotFound", "", lambda c: value(c, "/app/pw:999999999999999999")),
        ("InvalidNextToken", "", lambda c: c.describe_parameters(NextToken="?")),
    ],
)
def test_bad_input_gets_an_error_of_aws(ssm: Any, code: str, message: str, call: Any) -> None:
    secure(ssm)
    with refused(code) as caught:
        call(ssm)
    assert caught.value.response["Error"]["Message"].startswith(message)
    assert [each["Name"] for each in ssm.describe_parameters()["Parameters"]] == ["/app/pw"]


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_value_of_4096_bytes_is_taken(ssm: Any, kind: str) -> None:
    ssm.put_parameter(Name="long", Value="ä" * 2048, Type=kind)
    assert value(ssm, "long") == "ä" * 2048


def test_a_changed_character_is_a_clear_error(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        ssm = lab.client("ssm")
        secure(ssm)
        flip(lab, "parameter", "value")
        with refused("InvalidKeyId") as caught:
            value(ssm)
        assert "Error Code: InvalidCiphertextException" in str(caught.value)
        lab._rooms.store.write("UPDATE parameter SET value = 'é'")
        with refused("InternalServerError"):
            value(ssm)


def test_a_ciphertext_moved_to_another_parameter_does_not_decrypt(made: Lab, ssm: Any) -> None:
    secure(ssm, "a")
    secure(ssm, "b")
    made._rooms.store.write(
        "UPDATE parameter SET value = (SELECT value FROM parameter WHERE name = 'a')"
    )
    assert value(ssm, "a") == "hunter2"
    with refused("InvalidKeyId"):
        value(ssm, "b")


def test_no_secret_is_in_a_file_or_an_event(tmp_path: Path) -> None:
    words = ("correct-horse-battery", "staple-of-the-second-version")
    with Lab(tmp_path) as lab:
        ssm = lab.client("ssm")
        secure(ssm, value=words[0])
        secure(ssm, value=words[1], Overwrite=True)
        with refused("ParameterAlreadyExists"):
            secure(ssm, value=words[0])
        ssm.get_parameter(Name="/app/pw", WithDecryption=True)
        ssm.get_parameters(Names=["/app/pw:1"], WithDecryption=True)
        shown = json.dumps(list(lab.trail()))
        assert not [word for word in words if word in shown]
        assert holding(tmp_path, [word.encode() for word in words]) == []
    assert holding(tmp_path, [word.encode() for word in words]) == []


def test_events_show_what_awss_own_do(made: Lab, ssm: Any) -> None:
    ssm.put_parameter(Name="plain", Value="a", Type="String")
    event = last(made, "PutParameter")
    assert event["requestParameters"] == {
        "name": "plain",
        "value": "HIDDEN_DUE_TO_SECURITY_REASONS",
        "type": "String",
    }
    assert event["responseElements"] == {"version": 1, "tier": "Standard"}
    value(ssm, "plain", decrypt=False)
    read = last(made, "GetParameter")
    assert (read["readOnly"], read["responseElements"]) == (True, None)
    before = len(list(made.trail()))
    for call in (lambda: value(ssm, "none"), lambda: ssm.delete_parameter(Name="none")):
        with refused("ParameterNotFound"):
            call()
    assert len(list(made.trail())) == before  # as the model of the API says of these two


def test_a_seeded_lab_repeats_its_trail(tmp_path: Path) -> None:
    def trail(folder: Path) -> list[Any]:
        with Lab(folder, seed=1) as lab:
            secure(lab.client("ssm"))
            value(lab.client("ssm"))
            return list(lab.trail())

    assert trail(tmp_path / "a") == trail(tmp_path / "b")


KILLED = """
import os, signal, sys
from kmslab import Lab
ssm = Lab(sys.argv[1]).client("ssm")
ssm.put_parameter(Name="/app/pw", Value="hunter2", Type="SecureString")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_call_wrote_survives_a_kill(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(KILLED, tmp_path)
    with Lab(tmp_path) as lab:
        assert value(lab.client("ssm")) == "hunter2"


def test_an_update_in_between_is_noticed(ssm: Any, monkeypatch: Any) -> None:
    """Another process writes a version while this one asks KMS."""
    from kmslab.integrated.parameters import values as module

    secure(ssm, value="one")
    encrypt = module.encrypted

    def meanwhile(*args: Any) -> str:
        monkeypatch.setattr(module, "encrypted", encrypt)
        secure(ssm, value="two", Overwrite=True)
        return encrypt(*args)

    monkeypatch.setattr(module, "encrypted", meanwhile)
    with refused("TooManyUpdates"):
        secure(ssm, value="three", Overwrite=True)
    assert value(ssm) == "two"
