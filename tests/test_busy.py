"""What takes long says so in a notebook, and nowhere else."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from kmslab import busy

TWO_K = "Making an RSA key pair of 2048 bits in the HSM: finding its primes takes a while."


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a notebook would show below its cell, as if one were running."""
    shown: list[Any] = []
    notebook = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()),
        display=SimpleNamespace(display=lambda data, **more: shown.append((data, more))),
    )
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    return shown


def test_in_a_notebook_a_line_is_shown(said: list[Any]) -> None:
    busy.say("this takes a while")
    assert said == [({"text/plain": "this takes a while"}, {"raw": True})]


@pytest.mark.parametrize("shell", [None, object()])
def test_elsewhere_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: object
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    busy.say("this takes a while")
    monkeypatch.delitem(sys.modules, "IPython")
    busy.say("this takes a while")
    assert capsys.readouterr() == ("", "")


def _import(kms: Any) -> None:
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )


@pytest.mark.parametrize("what", ["CreateKey", "GenerateDataKeyPair", "GetParametersForImport"])
def test_every_call_that_makes_an_rsa_key_says_so(
    kms: Any, key: str, said: list[Any], what: str
) -> None:
    ways = {
        "CreateKey": lambda: kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"),
        "GenerateDataKeyPair": lambda: kms.generate_data_key_pair(
            KeyId=key, KeyPairSpec="RSA_2048"
        ),
        "GetParametersForImport": lambda: _import(kms),
    }
    ways[what]()
    assert said == [({"text/plain": TWO_K}, {"raw": True})]


def test_calls_that_are_quick_say_nothing(kms: Any, key: str, said: list[Any]) -> None:
    kms.create_key()
    kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    kms.create_key(KeySpec="ML_DSA_44", KeyUsage="SIGN_VERIFY")
    kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert said == []
