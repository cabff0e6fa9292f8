"""Odd documents end in a decision or in MalformedPolicy; and what holds of every decision."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_cases import cases

from kmslab.iam import documents, lines, wildcards
from kmslab.iam.documents import MalformedPolicy
from kmslab.iam.operators import OPERATORS

RANK = {"ExplicitlyDenied": 0, "ImplicitlyDenied": 1, "Allowed": 2}
WORDS = st.sampled_from(
    [
        *("Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action"),
        *("NotAction", "Resource", "NotResource", "Condition", "AWS", "Service", "Allow", "Deny"),
        *("2012-10-17", "*", "kms:*", "s3:Get?", "StringEquals", "ForAllValues:StringLike", "Null"),
        *("aws:username", "${aws:username}", "${", "${*}", "arn:aws:iam::111122223333:root", ""),
        *("\ue000", "\ud800", "true", "1e999", "-0", "10.0.0.0/33", "2026-13-01"),
    ]
)
SCALARS = st.one_of(
    WORDS, st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
PARTS = ("Sid", "Effect", "Principal", "Action", "Resource", "Condition", "NotAction")
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={name: JSON for name in PARTS if name != "Effect"},
)
POLICIES = st.one_of(
    JSON,
    st.builds(lambda s: {"Version": "2012-10-17", "Statement": s}, JSON),
    st.builds(
        lambda s: {"Version": "2012-10-17", "Statement": s}, st.lists(STATEMENTS, max_size=3)
    ),
)
ALICE = {
    "principal": "arn:aws:iam::111122223333:user/alice",
    "account": "111122223333",
    "action": "kms:Decrypt",
    "resource": "arn:aws:kms:us-east-1:111122223333:key/1",
    "resource_account": "111122223333",
}
PLACES = ("resource_policy", "identity_policies", "boundary", "session_policy", "scps", "rcps")


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(policy=POLICIES, place=st.sampled_from(PLACES), context=st.dictionaries(WORDS, SCALARS))
def test_no_document_ends_in_anything_but_a_decision_or_malformed_policy(
    policy: Any, place: str, context: dict[str, Any]
) -> None:
    nested = {"identity_policies": [policy], "scps": [[policy]], "rcps": [[policy]]}
    known = {key: value for key, value in context.items() if value is not None}
    case = {**ALICE, place: nested.get(place, policy), "context": known}
    with suppress(MalformedPolicy):
        assert lines.answer(case)["decision"] in RANK


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=30), JSON.map(lambda value: json.dumps(value))))
def test_no_text_ends_in_anything_but_a_policy_or_malformed_policy(text: str) -> None:
    for kind in ("resource", "identity", "trust", "control"):
        with suppress(MalformedPolicy):
            documents.compiled(text, kind)


@pytest.fixture(scope="module")
def sample() -> list[dict[str, Any]]:
    return list(cases(55, 1500))


def _documents(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Every policy of a case that may hold one statement more."""
    alone = [
        case[name] for name in ("resource_policy", "boundary", "session_policy") if case.get(name)
    ]
    levels = [level for name in ("scps",) for level in case.get(name) or []]
    many = [
        document for group in [case.get("identity_policies") or [], *levels] for document in group
    ]
    return [each for each in [*alone, *many] if isinstance(each, dict)]


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def test_the_order_of_statements_means_nothing(sample: list[dict[str, Any]]) -> None:
    shuffle = random.Random(1)
    for case in sample:
        before = lines.answer(case)["decision"]
        copy = json.loads(json.dumps(case))
        for document in _documents(copy):
            document["Statement"] = _statements(document)
            shuffle.shuffle(document["Statement"])
        assert lines.answer(copy)["decision"] == before, case


@pytest.mark.parametrize(("effect", "no_more"), [("Deny", True), ("Allow", False)])
def test_a_statement_more_never_turns_the_answer_the_other_way(
    sample: list[dict[str, Any]], effect: str, no_more: bool
) -> None:
    pick, turned = random.Random(2), 0
    for case in sample:
        before = RANK[lines.answer(case)["decision"]]
        copy = json.loads(json.dumps(case))
        found = _documents(copy)
        if not found:
            continue
        document = pick.choice(found)
        donor = pick.choice(sample)
        given = [each for other in _documents(donor) for each in _statements(other)]
        more = {**pick.choice(given), "Effect": effect} if given else {"Effect": effect}
        for name in ("Principal", "NotPrincipal"):
            more.pop(name, None)
        if document is copy.get("resource_policy"):
            more["Principal"] = "*"
        document["Statement"] = [*_statements(document), more]
        after = RANK[lines.answer(copy)["decision"]]
        assert after <= before if no_more else after >= before, (case, more)
        turned += after != before
    assert turned > 20


def test_no_pattern_runs_away() -> None:
    text, nasty = (
        "a" * 20_000,
        [
            "*a" * 2_000 + "b",
            "*?" * 2_000 + "b",
            "a*" * 5_000 + "c",
            "*" * 50_000 + "b",
            ("*" + "a?" * 50) * 20 + "b",
        ],
    )
    start = time.perf_counter()
    for pattern in nasty:
        assert not wildcards.matches(pattern, text)
    variable = "${aws:username" * 20_000 + "}" * 20_000
    statement = {"Effect": "Allow", "Action": "*", "Resource": f"arn:aws:s3:::{variable}"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    assert lines.answer({**ALICE, "identity_policies": [policy]})["decision"] == "ImplicitlyDenied"
    assert time.perf_counter() - start < 5


def test_every_operator_takes_every_value() -> None:
    odd = ["", "x", "NaN", "Infinity", "1e400", "0x10", "9" * 400, "2026-02-30", "::1", "=", "a:b"]
    for operator in OPERATORS.values():
        for one in odd:
            for other in odd:
                assert isinstance(operator.compare(one, other), bool)
