"""The linter as a whole: lines, forms, what it must never do, and how long it may take."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lint_rules import KEY, A, allow, beside, deny, mine

from kmslab.access import context
from kmslab.iam.documents import MalformedPolicy, compiled
from kmslab.iam.wildcards import matches
from kmslab.kms import conditions, policies
from kmslab.kms.condition_parameters import PARAMETERS
from kmslab.lint import Findings, lint
from kmslab.lint.actions import ACTIONS, of_statement
from kmslab.lint.carried import always, carried, carries
from kmslab.lint.document import KINDS
from kmslab.lint.findings import LEVELS
from kmslab.lint.known_keys import FAMILIES, KEYS
from kmslab.lint.positions import lines_of

# The console's default key policy, and examples of the KMS Developer Guide.
CONSOLE = {
    "Version": "2012-10-17",
    "Id": "key-consolepolicy-3",
    "Statement": [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "Allow access for Key Administrators",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:role/admin"},
            "Action": [
                *("kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*"),
                *("kms:Update*", "kms:Revoke*", "kms:Disable*", "kms:Get*", "kms:Delete*"),
                *("kms:TagResource", "kms:UntagResource"),
                *("kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"),
            ],
            "Resource": "*",
        },
        {
            "Sid": "Allow use of the key",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:role/app"},
            "Action": [
                *("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"),
                "kms:DescribeKey",
            ],
            "Resource": "*",
        },
        {
            "Sid": "Allow attachment of persistent resources",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:role/app"},
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        {
            "Sid": "Allow access through Amazon S3",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:CreateGrant"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:CallerAccount": A,
                    "kms:ViaService": "s3.us-east-1.amazonaws.com",
                }
            },
        },
    ],
}
# From "AWS KMS condition keys": which operations carry a key, as its tables have it.
CARRIED: Mapping[str, set[str]] = {
    "kms:EncryptionContext:dept": {
        *("CreateGrant", "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyPair"),
        *("GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext"),
        *("ReEncryptFrom", "ReEncryptTo"),
    },
    "kms:GrantIsForAWSResource": {"CreateGrant", "ListGrants", "RevokeGrant"},
    "kms:GrantOperations": {"CreateGrant"},
    "kms:MessageType": {"Sign", "Verify"},
    "kms:ReEncryptOnSameKey": {"ReEncryptFrom", "ReEncryptTo"},
    "kms:RecipientAttestation:PCR0": {
        *("Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair"),
        "GenerateRandom",
    },
    "kms:RotationPeriodInDays": {"EnableKeyRotation"},
    "kms:ValidTo": {"ImportKeyMaterial"},
    "kms:WrappingKeySpec": {"GetParametersForImport"},
}


def test_the_default_policies_of_aws_have_nothing_to_find() -> None:
    assert not lint(policies.default(A), account=A)
    assert not lint(CONSOLE, account=A)
    assert repr(lint(CONSOLE)) == "nothing found in this key policy"
    assert "nothing found" in lint(CONSOLE)._repr_html_()


ACCOUNT_KEYS = f"arn:aws:kms:*:{A}:key/*"
# Policies that AWS's own guides print as right, each with its kind.
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    (  # IAM User Guide, "AWS global condition context keys", aws:CalledVia
        "identity policy",
        {
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey"],
            "Resource": f"arn:aws:kms:us-east-1:{A}:key/my-example-key",
            "Condition": {
                "ForAnyValue:StringEquals": {"aws:CalledVia": ["dynamodb.amazonaws.com"]}
            },
        },
    ),
    (  # the same, aws:MultiFactorAuthPresent
        "SCP",
        {
            "Effect": "Deny",
            "Action": "kms:ScheduleKeyDeletion",
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    ),
    (  # KMS Developer Guide, "ABAC for AWS KMS"
        "identity policy",
        {
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:Decrypt"],
            "Resource": ACCOUNT_KEYS,
            "Condition": {"StringEquals": {"aws:ResourceTag/Project": "Alpha"}},
        },
    ),
    (  # the same, "AWS KMS condition keys", kms:KeySpec
        "identity policy",
        {
            "Effect": "Allow",
            "Action": "kms:CreateKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:KeySpec": "RSA_4096"}},
        },
    ),
    (  # the same, kms:EncryptionContextKeys with the Null that AWS asks for
        "key policy",
        allow(
            ["kms:Encrypt", "kms:GenerateDataKey*", "kms:Decrypt", "kms:ReEncrypt*"],
            Condition={
                "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["App", "Path"]},
                "Null": {"kms:EncryptionContextKeys": "false"},
            },
        ),
    ),
    (  # AWS Organizations User Guide, "Resource control policy examples"
        "RCP",
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["kms:*", "s3:*"],
            "Resource": "*",
            "Condition": {
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        },
    ),
    (  # IAM User Guide, "Access to AWS accounts owned by third parties"
        "trust policy",
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "12345"}},
        },
    ),
]


@pytest.mark.parametrize(("kind", "statement"), EXAMPLES)
def test_the_examples_of_awss_guides_have_nothing_to_find(
    kind: str, statement: dict[str, Any]
) -> None:
    policy = beside(statement) if kind == "key policy" else mine(statement)
    assert not lint(policy, kind)


def test_lines_are_those_of_the_learners_own_text() -> None:
    text = """
    {"Statement": [
       {"Effect": "Allow", "Principal": {"AWS": [
           "arn:aws:iam::111122223333:root",
           "arn:aws:iam::111122223333:ro*"]},
        "Action": ["kms:*",
          "kms:Decript"],\r
        "Resource": "*"
    }]}"""
    assert [(each.line, each.rule) for each in lint(text)] == [
        (5, "wildcard in principal"),
        (7, "unknown action"),
    ]


def test_lines_of_a_dict_are_those_of_its_indented_json() -> None:
    policy = beside(allow("kms:Decript"))
    (found,) = lint(policy)
    assert "Decript" in json.dumps(policy, indent=2).splitlines()[found.line - 1]
    assert lint(MappingProxyType(policy)) == lint(policy)


def test_every_value_has_the_line_it_stands_in() -> None:
    text = '{"a\\u0062": [1,\n {"c": true,\n "d": []}],\n\n "e}\\"": "{"}'
    lines = lines_of(text).lines
    assert lines == {
        (): 1,
        ("ab",): 1,
        ("ab", 0): 1,
        ("ab", 1): 2,
        ("ab", 1, "c"): 2,
        ("ab", 1, "d"): 3,
        ('e}"',): 5,
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "column 1"),
        ('{\n  "Statement": [\n  }', 3, "column 3"),
        ('{"Statement": []} and more', 1, "column 19"),
        ('{\n"Statement": [\n{"Effect": "Allow", "Effect": "Deny"}]}', 3, "Effect stands twice"),
        ("[" * 100_000 + "]" * 100_000, 1, "nested too deep"),
        ('{"Version": "2012-10-17", "Statement": [{"Sid": 1' + "0" * 5000 + "}]}", 1, "digits"),
        ("\ufeff{}", 1, "BOM"),
    ],
)
def test_text_that_is_no_policy_is_a_finding_with_its_line(
    text: str, line: int, words: str
) -> None:
    first = next(each for each in lint(text) if each.level == "error")
    assert (first.line, first.rule) == (line, "malformed")
    assert words in first.message


def test_a_text_of_any_depth_ends_in_findings() -> None:
    limit = sys.getrecursionlimit()
    for depth in range(limit - 250, limit + 10, 2):
        for wrong in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            assert lint(f'{{"Id": {wrong}, "Statement": {wrong}}}')
            assert lint(f'{{"Statement": [{{"Condition": {wrong}}}]}}')


def test_a_fault_hides_no_other_statement() -> None:
    findings = lint(beside(allow(Effect="Grant"), allow("kms:Decript")))
    assert [each.rule for each in findings] == ["malformed", "unknown action"]


def test_a_name_that_is_nearly_right_counts_as_what_was_meant() -> None:
    written = {"efect" if name == "Effect" else name: value for name, value in allow().items()}
    (found,) = lint(beside(written))
    assert (found.rule, found.advice) == ("unknown name", "did you mean Effect?")


@pytest.mark.parametrize(
    ("action", "advice"),
    [("kms:Decript", "kms:Decrypt"), ("kms:GenerateDatakeys", "kms:GenerateDataKey")],
)
def test_a_name_nearly_right_is_proposed(action: str, advice: str) -> None:
    (found,) = lint(beside(allow(action)))
    assert found.advice == f"did you mean {advice}?"


def test_what_is_neither_text_nor_dict_is_a_type_error_and_an_unknown_kind_a_value_error() -> None:
    for wrong in (None, 7, b"{}", [allow()], allow):
        with pytest.raises(TypeError, match="a JSON text or a dict is due"):
            lint(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="key policy, identity policy"):
        lint("{}", "bucket policy")


def test_a_dict_that_json_cannot_hold_is_a_finding() -> None:
    loop: dict[str, Any] = {}
    loop["Statement"] = loop
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"Statement": deep}
    for wrong in ({"Statement": {1, 2}}, {"Id": b"x"}, loop, {("a",): 1}, deep):
        assert [each.rule for each in lint(wrong)] == ["malformed"]


def test_findings_are_a_sequence_by_line() -> None:
    findings = lint(beside(allow("kms:Decript", Principal="*"), allow("Encrypt")))
    assert [each.line for each in findings] == sorted(each.line for each in findings)
    assert findings[0] in findings
    assert isinstance(findings[1:], Findings)
    assert len(findings[1:]) == len(findings) - 1
    assert findings == lint(beside(allow("kms:Decript", Principal="*"), allow("Encrypt")))


def test_the_text_is_aligned_and_the_table_escaped() -> None:
    name = "<b>\u202e&\n" + "x" * 80
    findings = lint(beside(allow("kms:Decript", Sid=name), allow(Principal="*", Sid="b")))
    lines = repr(findings).splitlines()
    assert max(map(len, lines)) <= 100
    starts = [
        line.index(each.message[:20])
        for each in findings
        for line in lines
        if each.message[:20] in line
    ]
    assert len(starts) == len(findings)
    assert len(set(starts)) == 1
    assert "\u202e" not in repr(findings) + findings._repr_html_()
    table = findings._repr_html_()
    assert "<b>\u202e" not in table
    assert table.count("<tr>") == len(findings) + 1
    assert "color" not in table  # JupyterLab's own, light or dark


def test_the_known_keys_are_those_that_the_lab_answers_and_no_key_is_left_out() -> None:
    answered = {*PARAMETERS, *conditions._OTHERS, *context.KEYS, "kms:resourcealiases"}
    assert answered <= KEYS.keys()
    of_kms = {key for key in KEYS if key.startswith("kms:")}
    assert of_kms == {key for key in answered if key.startswith("kms:")}
    assert {"kms:encryptioncontext:", "aws:principaltag/", "aws:requesttag/"} <= FAMILIES.keys()


@pytest.mark.parametrize("key", CARRIED)
def test_a_key_is_carried_by_the_operations_that_aws_names(key: str) -> None:
    carrying = {each.removeprefix("kms:") for each in ACTIONS if carries(each, key.lower())}
    assert carrying == CARRIED[key]


def test_what_every_request_carries_a_request_may_carry() -> None:
    for action in ACTIONS:
        assert always(action) <= carried(action)
    assert "kms:keyspec" in always("kms:Decrypt")
    assert "kms:viaservice" in carried("kms:Decrypt") - always("kms:Decrypt")


@pytest.mark.parametrize(
    "pattern",
    [
        *("arn:aws:kms:*", "arn:*", "*:key/*", "a*:key/mrk-*", "arn:aws:kms:eu-*", "*key*"),
        *("arn:aws:kms:*:*:key/mrk-*", "arn:aws*:kms:*:*:*", "arn:aws:kms:*:*:k*"),
        *("arn:aws-cn:kms:cn-north-1:111122223333:key/x", "arn:aws:kms:*:1?1122223333:key/????*"),
    ],
)
def test_a_resource_that_may_be_the_key_is_no_error(pattern: str) -> None:
    assert [each.level for each in lint(beside(allow(Resource=pattern)))] == ["suggestion"]


@pytest.mark.parametrize("name", ["arn:aws:kms:*:*:alias/*", "key/1234", "arn:aws:iam::1:role/x"])
def test_a_resource_that_can_be_no_key_is_an_error(name: str) -> None:
    assert not matches(name, KEY)
    assert [each.level for each in lint(beside(allow(Resource=name)))] == ["error"]


PATTERNS = st.lists(
    st.sampled_from(["kms:", "*", "?", "De", "Decrypt", "Encrypt", "crypt", "ReEnc"]), max_size=4
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.lists(PATTERNS, max_size=2), st.lists(PATTERNS, max_size=2))
def test_what_is_said_to_be_undone_is_denied_whole(allowed: list[str], denied: list[str]) -> None:
    policy = mine(allow(allowed), deny(denied))
    if "undone" in {each.rule for each in lint(policy)}:
        statements = compiled(json.dumps(policy), "resource").statements
        given, taken = (of_statement(each) for each in statements)
        assert given <= taken


# --- whatever a learner types -----------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("*", "kms:*", "kms:Decrypt", "kms:ReEncrypt", "s3:Get*", "Allow", "Deny", "true", ""),
        *(A, f"arn:aws:iam::{A}:root", f"arn:aws:iam::{A}:role/*", "arn:aws:sts::1:x", "arn:::::"),
        *("${aws:username}", "${", "${aws:x, 'y'}", "${*}", "\ue000", "\ud800", "2012-10-17"),
        *("kms:ViaService", "aws:TagKeys", "kms:EncryptionContext:a", "aws:SourceIp", "aws:"),
        *("StringEquals", "ForAllValues:StringNotLike", "Null", "BoolIfExists", "IpAddress"),
        *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource"),
        *("Condition", "Statement", "Version", "AWS", "Service", "Efect"),
    ]
)
TEXTS = WORDS | st.text(max_size=8)
SCALARS = TEXTS | st.none() | st.booleans() | st.integers() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.lists(WORDS, max_size=3) | WORDS
BLOCKS = st.dictionaries(WORDS, st.dictionaries(WORDS, NAMES, max_size=2) | VALUES, max_size=2)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": TEXTS,
        "Principal": NAMES | st.dictionaries(st.sampled_from(["AWS", "Service"]), NAMES),
        "NotPrincipal": st.dictionaries(st.just("AWS"), NAMES),
        "Action": NAMES,
        "NotAction": NAMES,
        "Resource": NAMES,
        "NotResource": NAMES,
        "Condition": BLOCKS,
    },
)
POLICIES = st.fixed_dictionaries(
    {"Statement": st.lists(STATEMENTS | VALUES, max_size=3) | STATEMENTS | VALUES},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | VALUES, "Id": VALUES},
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(TEXTS, VALUES, max_size=4) | POLICIES, st.sampled_from(sorted(KINDS)))
def test_whatever_a_dict_holds_ends_in_findings(policy: dict[str, Any], kind: str) -> None:
    text = json.dumps(policy, indent=2)
    findings = lint(text, kind, account=A)
    assert findings == lint(policy, kind, account=A)
    assert all(each.level in LEVELS and each.message for each in findings)
    assert all(1 <= each.line <= text.count("\n") + 1 for each in findings)
    assert repr(findings)
    assert findings._repr_html_()
    try:
        compiled(text, KINDS[kind])
    except MalformedPolicy:
        assert any(each.level == "error" for each in findings)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60) | VALUES.map(json.dumps) | st.text('{}[]",:1a\\ \n', max_size=40))
def test_whatever_a_text_says_ends_in_findings(text: str) -> None:
    findings = lint(text)
    assert any(each.level == "error" for each in findings)
    assert all(1 <= each.line <= text.count("\n") + 1 for each in findings)


def test_long_texts_take_no_longer_than_their_length_asks() -> None:
    stars, braces = "kms:" + "*a" * 15_000, "${" * 15_000
    for policy in (
        beside(allow(stars)),
        beside(allow(Resource=[stars] * 3)),
        beside(allow(Condition={"StringEquals": {"aws:PrincipalTag/a": braces}})),
        mine(*(allow(Sid=f"{at}") for at in range(300))),
        '{"Statement": "' + "\\\\" * 15_000,
    ):
        start = time.perf_counter()
        lint(policy)
        assert time.perf_counter() - start < 2


def test_a_policy_of_five_statements_is_read_while_it_is_typed() -> None:
    text = json.dumps(CONSOLE, indent=2)
    lint(text)  # loads botocore's model of KMS once
    times = []
    for _ in range(20):
        start = time.perf_counter()
        lint(text)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.005


def test_a_statement_alone_is_said_to_be_one() -> None:
    statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    (found,) = lint(statement)
    assert "a statement alone" in found.message
    assert '"Statement": [this]' in found.advice
