"""The evaluator as a filter: JSON lines in, JSON lines out, and a bad line stops nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from asking import allow, document

from kmslab.iam import lines

CASE = {
    "id": 1,
    "principal": "arn:aws:iam::111122223333:user/alice",
    "account": "111122223333",
    "action": "s3:GetObject",
    "resource": "arn:aws:s3:::b/k",
    "resource_account": "111122223333",
    "identity_policies": [json.loads(document(allow("s3:GetObject")))],
}


def _through(*given: Any) -> list[dict[str, Any]]:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in given]
    return [json.loads(line) for line in lines.answers(texts)]


def test_each_line_gets_a_line_with_its_id_a_decision_and_a_reason() -> None:
    refused = {**CASE, "id": "two", "action": "s3:PutObject"}
    first, second = _through(CASE, refused)
    assert first["id"] == 1
    assert first["decision"] == "Allowed"
    assert second == {
        "id": "two",
        "decision": "ImplicitlyDenied",
        "reason": "because no identity-based policy allows the s3:PutObject action",
    }
    denied = {**CASE, "identity_policies": [{"Statement": {**allow("*"), "Effect": "Deny"}}]}
    assert _through(denied)[0]["reason"] == "with an explicit deny in an identity-based policy"


@pytest.mark.parametrize(
    "bad",
    [
        "no JSON",
        "[]",
        "null",
        "7",
        '"text"',
        "[" * 100_000,
        {"id": 9},
        {**CASE, "id": 9, "principal": "alice"},
        {**CASE, "id": 9, "principal": ["x"]},
        {**CASE, "id": 9, "action": None},
        {**CASE, "id": 9, "resource": 7},
        {**CASE, "id": 9, "account": 7},
        {**CASE, "id": 9, "policy": {}},
        {**CASE, "id": 9, "resource_policy": []},
        {**CASE, "id": 9, "identity_policies": "x"},
        {**CASE, "id": 9, "identity_policies": [{"Statement": {"Effect": "Maybe"}}]},
        {**CASE, "id": 9, "scps": [{}]},
        {**CASE, "id": 9, "scps": {"a": 1}},
        {**CASE, "id": 9, "rcps": 5},
        {**CASE, "id": 9, "boundary": "x"},
        {**CASE, "id": 9, "context": []},
        {**CASE, "id": 9, "context": {"a": {"b": "c"}}},
        {**CASE, "id": 9, "context": {"a": None}},
    ],
)
def test_a_bad_line_gets_an_error_and_the_rest_go_on(bad: Any) -> None:
    first, second, third = _through(CASE, bad, CASE)
    assert first == third
    assert set(second) == {"id", "error"}
    assert second["id"] in (9, None)
    assert second["error"]
    assert "object has no attribute" not in second["error"]
    assert "indices must be" not in second["error"]


def test_absent_means_none_and_empty_lines_are_passed_over() -> None:
    bare = {name: CASE[name] for name in ("id", "principal", "action", "resource")}
    nothing = dict.fromkeys(("resource_policy", "identity_policies", "boundary", "scps", "context"))
    assert (
        _through(bare, "", "  \n", {**CASE, **nothing})
        == [
            {
                "id": 1,
                "decision": "ImplicitlyDenied",
                "reason": "because no identity-based policy allows the s3:GetObject action",
            }
        ]
        * 2
    )


def test_the_module_is_a_filter() -> None:
    given = "\n".join([json.dumps(CASE), "nonsense", json.dumps({**CASE, "id": "ü"})])
    done = subprocess.run(
        [sys.executable, "-m", "kmslab.iam"],
        input=given.encode() + b"\n\xff\xfe\n",
        capture_output=True,
        check=True,
        timeout=30,
    )
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [each["id"] for each in answers] == [1, None, "ü", None]
    assert [("error" in each) for each in answers] == [False, True, False, True]
    assert done.stderr == b""
