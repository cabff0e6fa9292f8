"""The lab's boto3 sessions know nothing of the computer, and reach nothing beyond the process."""

from __future__ import annotations

import gc
import json
import os
import weakref
from pathlib import Path

import boto3
import pytest
from expect import refused, run

from kmslab import Lab

# Looks at every file that Python opens or lists and every use of the network, by audit hook.
WATCHED = """
import os, socket, sys
touched = []
def watch(event, args):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], (str, bytes)):
        touched.append(os.fsdecode(args[0]))
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")):
        raise AssertionError(f"the network: {event} {args}")
sys.addaudithook(watch)
import boto3, botocore.session
from kmslab import Lab
def refuse(*_):
    raise AssertionError("connected")
socket.socket.connect = refuse
touched.clear()
with Lab() as lab:
    kms = lab.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert list(kms.get_paginator("list_keys").paginate())[0]["Keys"]
    session = lab.session()
    print(kms.meta.region_name, session.region_name, session.profile_name)
    print(session.get_credentials().access_key == lab.admin.access_key_id)
    print(lab.trail()[-1]["userIdentity"]["arn"] == lab.admin.arn)
    print(kms.meta.config.retries, kms.meta.endpoint_url)
    assert not hasattr(kms, "poisoned")
print([path for path in touched if sys.argv[1] in path])
"""
POISON = {
    "AWS_PROFILE": "nobody",
    "AWS_DEFAULT_PROFILE": "nobody",
    "AWS_REGION": "mars-1",
    "AWS_DEFAULT_REGION": "mars-1",
    "AWS_ACCESS_KEY_ID": "AKIAPOISON",
    "AWS_SECRET_ACCESS_KEY": "poison",
    "AWS_SESSION_TOKEN": "poison",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_MAX_ATTEMPTS": "a few",
    "AWS_RETRY_MODE": "poison",
    "AWS_DEFAULTS_MODE": "poison",
    "AWS_CA_BUNDLE": "/nowhere",
    "AWS_STS_REGIONAL_ENDPOINTS": "poison",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/poison",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
    "BOTO_CONFIG": "/nowhere",
    "HTTPS_PROXY": "http://127.0.0.1:1",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose AWS files are all poison: what reads one of them fails, or differs."""
    folder = tmp_path / "home"
    (folder / ".aws").mkdir(parents=True)
    for name in ("config", "credentials"):
        (folder / ".aws" / name).write_text("[broken\nregion = mars-1\n")
    models = folder / ".aws" / "models" / "kms" / "2099-01-01"
    models.mkdir(parents=True)
    (models / "service-2.json").write_text("{}")
    (folder / ".aws" / "models" / "endpoints.json").write_text("{}")
    return folder


def test_no_variable_no_file_and_no_socket_is_used(home: Path) -> None:
    files = {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws" / "credentials"),
        "AWS_DATA_PATH": str(home / ".aws" / "models"),
    }
    lines = run(WATCHED, home, env=dict(os.environ) | POISON | files).splitlines()
    assert lines[0] == "us-east-1 us-east-1 default"
    assert lines[1:3] == ["True", "True"]
    assert lines[3].endswith("https://kms.us-east-1.amazonaws.com")
    assert lines[4] == "[]"


def test_a_session_is_a_boto3_session_of_the_admin(lab: Lab) -> None:
    session = lab.session()
    assert isinstance(session, boto3.Session)
    assert session is lab.session()
    credentials = session.get_credentials()
    assert credentials.access_key == lab.admin.access_key_id
    assert credentials.token is None
    assert session.client("kms").list_keys()["Keys"] == lab.client("kms").list_keys()["Keys"]


@pytest.mark.parametrize("service", ["lambda", "sns", "dynamodb"])
def test_a_service_that_the_lab_has_not_is_never_asked_over_the_network(
    lab: Lab, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was connected")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    client = lab.session().client(service)
    operation = {"lambda": "list_functions", "sns": "list_topics", "dynamodb": "list_tables"}
    with refused("UnknownOperationException") as caught:
        getattr(client, operation[service])()
    assert f"kmslab does not answer {service}:" in str(caught.value)


def test_a_client_of_an_unknown_service_is_refused_at_once(lab: Lab) -> None:
    with pytest.raises(ValueError, match=r"no service 'sns'; it has: .*kms"):
        lab.client("sns")


def test_a_lab_does_not_touch_boto3s_own_default_session(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    before = boto3.DEFAULT_SESSION
    lab.client("kms").list_keys()
    assert boto3.DEFAULT_SESSION is before
    other = boto3.Session("AKIAOTHER", "secret", region_name="us-east-1")
    handlers = other._session.get_component("event_emitter")
    assert "kmslab" not in json.dumps(str(vars(handlers)))


def test_what_a_client_knew_goes_with_its_lab() -> None:
    """A model of KMS takes megabytes; a notebook may make many labs."""
    with Lab() as lab:
        kms = lab.client("kms")
        kms.list_keys()
        shape = weakref.ref(kms.meta.service_model.operation_model("ListKeys").input_shape)
        assert shape() is not None
    del kms, lab
    gc.collect()
    assert shape() is None
