"""The linter's rules: each is seen to find something, in its line, and to leave a near miss alone.

What is right is AWS's documentation, or the evaluator: not the linter's own output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from kmslab.lint import Findings, lint
from kmslab.lint.linting import ON_CONDITIONS, ON_DOCUMENTS, ON_STATEMENTS, ON_WRITTEN

A, B = "111122223333", "444455556666"
ROOT = f"arn:aws:iam::{A}:root"
ROLE = f"arn:aws:iam::{A}:role/app"
SESSION = f"arn:aws:sts::{A}:assumed-role/app/one"
KEY = f"arn:aws:kms:us-east-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = f"arn:aws:kms:us-east-1:{A}:alias/payroll"
ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
VIA = "s3.us-east-1.amazonaws.com"


def allow(action: Any = "kms:Decrypt", **changes: Any) -> dict[str, Any]:
    """A statement without fault, but for some changes; None takes an element out."""
    whole = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": action, "Resource": "*"}
    return {name: value for name, value in (whole | changes).items() if value is not None}


def deny(action: Any = "kms:Decrypt", **changes: Any) -> dict[str, Any]:
    """The same, denying it to everyone."""
    return allow(action, **({"Effect": "Deny", "Principal": {"AWS": "*"}} | changes))


def on(operator: str, key: str, *values: Any, action: Any = "kms:Decrypt") -> dict[str, Any]:
    """A statement that allows something on one condition."""
    return allow(action, Condition={operator: {key: values[0] if len(values) == 1 else values}})


def denied_on(operator: str, key: str, value: Any, action: Any = "kms:Decrypt") -> dict[str, Any]:
    """A statement that denies something on one condition."""
    return deny(action, Condition={operator: {key: value}})


def identity(action: Any, resource: Any = "*", **changes: Any) -> dict[str, Any]:
    """A statement of a policy that names nobody."""
    return allow(action, Principal=None, Resource=resource, **changes)


def mine(*statements: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A policy of these statements alone."""
    return {"Version": "2012-10-17", **top, "Statement": list(statements)}


def beside(*statements: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A key policy with the statement for the account first, which nothing is wrong with."""
    return mine(ACCOUNT, *statements, **top)


@dataclass(frozen=True)
class Case:
    """A policy in which a rule finds something, in a line with this text; and a near miss."""

    rule: str
    level: str
    at: str
    found: Any
    near: Any
    kind: str = "key policy"


def key_policy(rule: str, level: str, at: str, found: Any, near: Any) -> Case:
    """A case of one statement of a key policy."""
    return Case(rule, level, at, beside(found), beside(near))


DOCUMENTS = [
    Case("malformed", "error", '"Version"', beside(Version="2012-10-18"), beside()),
    Case("malformed", "error", "{", {"Version": "2012-10-17"}, beside()),
    Case("malformed", "error", "[", [ACCOUNT], beside()),
    Case("malformed", "error", '"Statement"', mine(), beside()),
    Case("malformed", "error", "nonsense", beside(allow(Principal={"AWS": "nonsense"})), beside()),
    Case("malformed", "error", '"Effect"', beside(allow(Effect="Grant")), beside(allow())),
    Case("malformed", "error", '"Action"', beside(allow(Action=7)), beside(allow())),
    Case("malformed", "error", "StringIs", beside(on("StringIs", "kms:ViaService", VIA)), beside()),
    Case("malformed", "error", "Principal", mine(allow()), mine(identity("kms:Decrypt")), "SCP"),
    Case(
        *("malformed", "error", "Principal", mine(allow()), mine(identity("kms:Decrypt"))),
        "identity policy",
    ),
    Case("unknown name", "error", "Efect", beside({"Efect": "Deny"} | allow()), beside(allow())),
    Case("unknown name", "error", "version", beside(version="x"), beside(Id="x")),
    Case("size", "error", "{", beside(allow(Sid="x" * 33_000)), beside(allow(Sid="x" * 30_000))),
    Case("locked out", "error", '"Statement"', mine(allow()), mine(ACCOUNT)),
    Case(
        *("locked out", "error", '"Statement"'),
        beside(deny("kms:Put*")),
        beside(denied_on("Bool", "aws:SecureTransport", "false", "kms:Put*")),
    ),
    Case(
        *("locked out", "error", '"Statement"'),
        mine(allow("kms:*", Principal={"Service": "s3.amazonaws.com"})),
        mine(allow("kms:*")),
    ),
    Case("statement twice", "suggestion", "{", beside(allow(), allow(Sid="x")), beside(allow())),
    Case(
        *("statement twice", "suggestion", "{"),
        beside(allow(["kms:Encrypt", "kms:DECRYPT"]), allow(["kms:Decrypt", "kms:Encrypt"])),
        beside(allow("kms:Encrypt"), allow("kms:Decrypt")),
    ),
    Case(
        *("Sid twice", "warning", '"Sid"'),
        beside(allow(Sid="a"), allow("kms:Encrypt", Sid="a")),
        beside(allow(Sid="a"), allow("kms:Encrypt", Sid="A")),
    ),
    Case(
        *("Sid twice", "error", '"Sid"'),
        mine(identity("kms:Encrypt", Sid="a"), identity("kms:Decrypt", Sid="a")),
        mine(identity("kms:Encrypt", Sid="a"), identity("kms:Decrypt", Sid="b")),
        "SCP",
    ),
    Case(
        *("undone", "warning", "{"),
        beside(allow(["kms:Decrypt", "kms:De*crypt"]), deny("kms:*crypt")),
        beside(allow(["kms:Decrypt", "kms:DescribeKey"]), deny("kms:*crypt")),
    ),
    Case(
        *("undone", "warning", "{"),
        beside(on("Bool", "kms:MultiRegion", "true"), denied_on("Bool", "KMS:MultiRegion", "true")),
        beside(allow(), denied_on("Bool", "kms:MultiRegion", "true")),
    ),
    Case(
        *("undone", "warning", "{", beside(allow(), deny(Principal={"AWS": [ROLE, ROOT]}))),
        beside(allow(), deny(Principal={"AWS": f"arn:aws:iam::{A}:role/other"})),
    ),
    Case(
        *("undone", "warning", "{", beside(allow("kms:Decrypt*"), deny("kms:Decrypt*"))),
        beside(allow("kms:Decrypt*"), deny("kms:Decrypt?")),
    ),
    Case(
        *("undone", "warning", "{", mine(identity("kms:De*"), identity("kms:*", Effect="Deny"))),
        mine(identity("kms:De*"), identity("kms:Decryp?", Effect="Deny")),
        "identity policy",
    ),
    Case(
        *("old version", "error", "${"),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:username}"), Version="2008-10-17"),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:username}")),
    ),
    Case(
        *("unknown variable", "error", "usernme"),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:usernme}")),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:PrincipalTag/b, 'none'}")),
    ),
    Case(
        *("unknown variable", "error", "CalledVia"),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:CalledVia}")),
        beside(on("StringEquals", "aws:PrincipalTag/a", "${aws:CalledViaFirst}${*}")),
    ),
    Case(
        *("unknown variable", "error", "${aws"),
        mine(identity("kms:Decrypt", f"{KEY[:-1]}${{aws:username")),
        mine(identity("kms:Decrypt", f"{KEY[:-1]}${{aws:username}}")),
        "identity policy",
    ),
]
WRITTEN = [
    key_policy(
        *("wildcard in principal", "error", "role/a*"),
        allow(Principal={"AWS": [ROLE, f"arn:aws:iam::{A}:role/a*"]}),
        allow(Principal={"AWS": "*"}, Condition={"ArnLike": {"aws:PrincipalArn": f"{ROLE}*"}}),
    ),
    key_policy(
        *("wildcard in principal", "error", "::*:root"),
        allow(Principal={"AWS": "arn:aws:iam::*:root"}),
        allow(Principal={"AWS": ROOT}),
    ),
    key_policy(
        *("group as principal", "error", "group/team"),
        allow(Principal={"AWS": f"arn:aws:iam::{A}:group/team"}),
        allow(Principal={"AWS": f"arn:aws:iam::{A}:user/group/team"}),
    ),
    key_policy(
        *("session as principal", "suggestion", "assumed-role/app/one"),
        allow(Principal={"AWS": f"arn:aws:sts::{A}:assumed-role/app/one"}),
        allow(Principal={"AWS": f"arn:aws:iam::{A}:role/app"}),
    ),
    key_policy("empty", "warning", '"Action"', allow([]), allow(["kms:Decrypt"])),
    key_policy("empty", "warning", '"Principal"', allow(Principal={"AWS": []}), allow()),
    key_policy("empty", "warning", '"Condition"', allow(Condition={}), allow()),
    key_policy("empty", "warning", '"Bool"', allow(Condition={"Bool": {}}), allow()),
]
STATEMENTS = [
    key_policy("idle", "error", "{", allow(Action=None), allow(Action=None, NotAction="s3:*")),
    key_policy("idle", "error", "{", allow(Resource=None), allow()),
    Case(
        *("idle", "error", "{", mine(identity("sts:AssumeRole", None))),
        mine(allow("sts:AssumeRole", Resource=None)),
        "identity policy",
    ),
    key_policy("unknown action", "error", "Decript", allow("kms:Decript"), allow("KMS:deCRYPT")),
    key_policy("unknown action", "error", "Foo*", allow("kms:Foo*"), allow("kms:*Key?air*")),
    key_policy("unknown action", "error", "ReEncrypt", allow("kms:ReEncrypt"), allow("kms:ReEnc*")),
    key_policy("unknown action", "error", "Decrypt", allow("Decrypt"), allow("*")),
    key_policy("action of no key", "warning", "Keys", allow("kms:ListKeys"), allow("kms:List*")),
    key_policy("action of no key", "warning", "Retire", allow("kms:RetireGrant"), allow("kms:*")),
    key_policy("action of no key", "warning", "s3:", allow("s3:Get*"), allow("*:Decrypt")),
    key_policy(
        *("Allow with NotAction", "security warning", "NotAction"),
        allow(Action=None, NotAction="kms:Decrypt"),
        deny(Action=None, NotAction="kms:Decrypt"),
    ),
    key_policy("resource of a key policy", "suggestion", KEY, allow(Resource=KEY), allow()),
    key_policy(
        *("resource of a key policy", "error", ALIAS),
        allow(Resource=["*", ALIAS]),
        allow(NotResource=ALIAS, Resource=None),
    ),
    key_policy(
        *("resource of a key policy", "error", "s3:::"),
        allow(Resource="arn:aws:s3:::bucket"),
        allow(Resource=["*"]),
    ),
    key_policy(
        *("resource of a key policy", "error", "NotResource"),
        allow(NotResource="*", Resource=None),
        allow(),
    ),
    Case(
        *("resource", "warning", '"Resource"', mine(identity("kms:ListKeys", KEY))),
        mine(identity(["kms:ListKeys", "kms:Decrypt"])),
        "identity policy",
    ),
    Case(
        *("resource", "error", ALIAS, mine(identity(["kms:Decrypt", "kms:Encrypt"], ALIAS))),
        mine(identity(["kms:Decrypt", "kms:UpdateAlias"], [KEY, ALIAS])),
        "identity policy",
    ),
    key_policy(
        *("everyone", "security warning", '"Principal"'),
        allow(Principal={"AWS": "*"}),
        allow(Principal={"AWS": "*"}, Condition={"StringEquals": {"kms:CallerAccount": "1" * 12}}),
    ),
    key_policy("everyone", "security warning", '"Principal"', allow(Principal="*"), deny()),
    key_policy(
        *("everyone in control", "security warning", '"Principal"'),
        allow("kms:Put*", Principal="*"),
        allow("kms:Get*", Principal="*"),
    ),
    key_policy(
        *("everyone in control", "security warning", '"Principal"'),
        allow(["kms:Decrypt", "kms:CreateGrant"], Principal={"AWS": ["*"]}),
        allow(["kms:Decrypt", "kms:CreateGrant"]),
    ),
    key_policy(
        *("Allow with NotPrincipal", "security warning", "NotPrincipal"),
        allow(Principal=None, NotPrincipal={"AWS": ROLE}),
        deny(Principal=None, NotPrincipal={"AWS": [ROLE, ROOT]}),
    ),
    key_policy(
        *("Deny with NotPrincipal", "warning", ROLE),
        deny(Principal=None, NotPrincipal={"AWS": ROLE}),
        deny(Principal=None, NotPrincipal={"AWS": [ROLE, A]}),
    ),
    key_policy(
        *("Deny with NotPrincipal", "warning", SESSION),
        deny(Principal=None, NotPrincipal={"AWS": [SESSION, ROOT]}),
        deny(Principal=None, NotPrincipal={"AWS": [SESSION, ROLE, ROOT]}),
    ),
    key_policy(
        *("confused deputy", "suggestion", "cloudtrail"),
        allow(Principal={"Service": "cloudtrail.amazonaws.com"}),
        allow(
            Principal={"Service": "cloudtrail.amazonaws.com"},
            Condition={"StringEquals": {"aws:SourceAccount": A}},
        ),
    ),
    Case(
        *("control policy", "error", '"Effect"', mine(allow(Principal="*")), mine(deny())),
        "RCP",
    ),
    Case(
        *("control policy", "error", '"Principal"', mine(deny(Principal={"AWS": ROLE}))),
        mine(deny(Principal="*")),
        "RCP",
    ),
    key_policy(
        *("contradiction", "error", "kms:viaservice"),
        allow(
            Condition={
                "StringEquals": {"kms:ViaService": [VIA]},
                "StringLike": {"kms:viaservice": "ec2.*"},
            }
        ),
        allow(
            Condition={
                "StringEquals": {"kms:ViaService": [VIA, "ec2.us-east-1.amazonaws.com"]},
                "StringLike": {"kms:viaservice": "ec2.*"},
            }
        ),
    ),
    key_policy(
        *("contradiction", "error", "kms:ViaService"),
        allow(
            Condition={
                "StringEquals": {"kms:ViaService": VIA},
                "Null": {"kms:ViaService": "true"},
            }
        ),
        allow(
            Condition={
                "StringEqualsIfExists": {"kms:ViaService": VIA},
                "Null": {"kms:ViaService": "true"},
            }
        ),
    ),
    key_policy(
        *("variable out of place", "error", "kms:${"),
        allow(["kms:Decrypt", "kms:${aws:username}"]),
        on("StringLike", "aws:PrincipalArn", "*${aws:username}"),
    ),
    key_policy(
        *("variable out of place", "error", "role/${"),
        allow(Principal={"AWS": f"arn:aws:iam::{A}:role/${{aws:username}}"}),
        allow(),
    ),
    key_policy(
        *("variable out of place", "error", "SourceIp"),
        on("IpAddress", "aws:SourceIp", "${aws:SourceIp}"),
        on("StringEquals", "aws:SourceIp", "${aws:SourceIp}"),
    ),
    Case(
        *("variable out of place", "error", "${", mine(identity("kms:*", "arn:aws:kms:${x}:*"))),
        mine(identity("kms:*", f"{KEY}/${{aws:username}}")),
        "identity policy",
    ),
]
CONDITIONS = [
    key_policy(
        *("unknown key", "error", "ViaServices"),
        on("StringEquals", "kms:ViaServices", VIA),
        on("StringEquals", "KMS:viaservice", VIA),
    ),
    key_policy(
        *("unknown key", "error", "EncryptionContext"),
        on("StringEquals", "kms:EncryptionContext", "x"),
        on("StringEquals", "kms:EncryptionContext:dept", "x"),
    ),
    key_policy(
        *("unknown key", "error", "SourceIP4"),
        on("IpAddress", "aws:SourceIP4", "10.0.0.0/8"),
        on("StringEquals", "s3:whatever", "x"),
    ),
    key_policy(
        *("unknown key", "error", "username"),
        on("StringEquals", "username", "alice"),
        on("StringEquals", "aws:VpceOrgID", "o-1"),
    ),
    key_policy(
        *("key that key policies lack", "error", "ResourceTag"),
        on("StringEquals", "aws:ResourceTag/team", "a"),
        on("StringEquals", "aws:PrincipalTag/team", "a"),
    ),
    key_policy(
        *("key that key policies lack", "security warning", "ResourceAliases"),
        denied_on("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/a"),
        denied_on("StringEquals", "kms:RequestAlias", "alias/a"),
    ),
    Case(
        *("key that key policies lack", "security warning", "ResourceTag"),
        beside(on("StringNotEquals", "aws:ResourceTag/team", "a")),
        mine(identity("kms:Decrypt", Condition={"Null": {"aws:ResourceTag/team": "false"}})),
    ),
    key_policy(
        *("key never there", "error", "MacAlgorithm"),
        on("StringEquals", "kms:MacAlgorithm", "HMAC_SHA_256"),
        on("StringEquals", "kms:MacAlgorithm", "HMAC_SHA_256", action="kms:VerifyMac"),
    ),
    key_policy(
        *("key never there", "security warning", "kms:RequestAlias"),
        denied_on("StringEquals", "kms:RequestAlias", "alias/a", "kms:ScheduleKeyDeletion"),
        denied_on("StringEquals", "kms:KeySpec", "RSA_2048", "kms:ScheduleKeyDeletion"),
    ),
    key_policy(
        *("key never there", "warning", "kms:RequestAlias"),
        denied_on("StringNotEquals", "kms:RequestAlias", "alias/a", "kms:ScheduleKeyDeletion"),
        denied_on("StringNotEquals", "kms:RequestAlias", "alias/a", "kms:DescribeKey"),
    ),
    key_policy(
        *("key seldom there", "warning", "kms:EncryptionContext:dept"),
        on(
            *("StringEquals", "kms:EncryptionContext:dept", "x"),
            action=["kms:Decrypt", "kms:DescribeKey"],
        ),
        on("StringEquals", "kms:ViaService", VIA, action=["kms:Decrypt", "kms:DescribeKey"]),
    ),
    key_policy(
        *("key seldom there", "security warning", "kms:EncryptionContext:dept"),
        on("StringEqualsIfExists", "kms:EncryptionContext:dept", "x", action="kms:*"),
        on("StringEqualsIfExists", "kms:EncryptionContext:dept", "x", action="kms:*crypt"),
    ),
    key_policy(
        *("key seldom there", "warning", "kms:EncryptionContext:dept"),
        denied_on("StringNotEquals", "kms:EncryptionContext:dept", "x", "kms:*"),
        denied_on("StringEquals", "kms:EncryptionContext:dept", "x", "kms:*"),
    ),
    key_policy(
        *("operator", "warning", "RotationPeriod"),
        on("StringEquals", "kms:RotationPeriodInDays", "90", action="kms:EnableKeyRotation"),
        on("NumericEquals", "kms:RotationPeriodInDays", "90", action="kms:EnableKeyRotation"),
    ),
    key_policy(
        *("operator", "error", "kms:KeySpec"),
        on("NumericEquals", "kms:KeySpec", "5"),
        on("StringLike", "kms:KeySpec", "RSA_*"),
    ),
    key_policy(
        *("operator", "error", "CurrentTime"),
        on("NumericLessThan", "aws:CurrentTime", "1800000000"),
        on("NumericLessThan", "aws:EpochTime", "1800000000"),
    ),
    key_policy(
        *("operator", "warning", "PrincipalTag"),
        on("Bool", "aws:PrincipalTag/admin", "true"),
        on("Bool", "aws:ViaAWSService", "true"),
    ),
    key_policy(
        *("unreadable value", "warning", "yes"),
        on("Bool", "kms:MultiRegion", ["true", "yes"]),
        on("Bool", "kms:MultiRegion", True),
    ),
    key_policy(
        *("unreadable value", "warning", "tomorrow"),
        on("DateLessThan", "aws:CurrentTime", "tomorrow"),
        on("DateLessThan", "aws:CurrentTime", "2026-12"),
    ),
    key_policy(
        *("unreadable value", "warning", "10.0.0"),
        on("IpAddress", "aws:SourceIp", "10.0.0"),
        on("IpAddress", "aws:SourceIp", "10.1.2.3/8"),
    ),
    key_policy(
        *("unreadable value", "warning", "role/app"),
        on("ArnEquals", "aws:PrincipalArn", "role/app"),
        on("ArnEquals", "aws:PrincipalArn", "arn:*:*:*:*:role/app"),
    ),
    key_policy(
        *("unreadable value", "warning", "absent"),
        on("Null", "aws:PrincipalTag/a", "absent"),
        on("Null", "aws:PrincipalTag/a", "false"),
    ),
    key_policy(
        *("unreadable value", "warning", "many"),
        on("NumericLessThan", "aws:MultiFactorAuthAge", "many"),
        on("NumericLessThan", "aws:MultiFactorAuthAge", 3600),
    ),
    key_policy(
        *("wildcard", "warning", "s3.*"),
        on("StringEquals", "kms:ViaService", VIA, "s3.*"),
        on("StringLike", "kms:ViaService", VIA, "s3.*"),
    ),
    key_policy(
        *("wildcard", "warning", "*${"),
        on("StringEquals", "aws:PrincipalTag/a", "*${aws:username}"),
        on("StringEquals", "aws:PrincipalTag/a", "${*}${aws:username}"),
    ),
    key_policy(
        *("sensitive wildcard", "security warning", "o-*"),
        on("StringLike", "aws:PrincipalOrgID", "o-*"),
        on("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-1/*"),
    ),
    key_policy(
        *("no values", "warning", "kms:ViaService"),
        on("StringEquals", "kms:ViaService", []),
        on("StringEquals", "kms:ViaService", [VIA]),
    ),
    key_policy(
        *("MFA", "security warning", "MultiFactor"),
        denied_on("Bool", "aws:MultiFactorAuthPresent", "false"),
        denied_on("BoolIfExists", "aws:MultiFactorAuthPresent", "false"),
    ),
    key_policy(
        *("MFA", "security warning", "MultiFactor"),
        denied_on("Bool", "aws:MultiFactorAuthPresent", False),
        on("Bool", "aws:MultiFactorAuthPresent", "false"),
    ),
    key_policy(
        *("set operator", "error", "kms:EncryptionContext:a"),
        on("ForAllValues:StringEquals", "kms:EncryptionContext:a", "x"),
        on("ForAllValues:StringEquals", "kms:EncryptionContextKeys", "a"),
    ),
    key_policy(
        *("set operator", "security warning", "kms:ViaService"),
        on("ForAllValues:StringEquals", "kms:ViaService", VIA),
        on("StringEquals", "kms:ViaService", VIA),
    ),
    key_policy(
        *("set operator", "suggestion", "kms:ViaService"),
        on("ForAnyValue:StringEquals", "kms:ViaService", VIA),
        on("ForAnyValue:StringEquals", "aws:CalledVia", "athena.amazonaws.com"),
    ),
    key_policy(
        *("no set operator", "error", "kms:GrantOperations"),
        on("StringEquals", "kms:GrantOperations", "Decrypt", action="kms:CreateGrant"),
        on("StringEquals", "kms:GrantConstraintType", "SourceArn", action="kms:CreateGrant"),
    ),
    key_policy(
        *("ForAllValues", "security warning", "kms:EncryptionContextKeys"),
        on("ForAllValues:StringEquals", "kms:EncryptionContextKeys", "a"),
        allow(
            Condition={
                "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "a"},
                "Null": {"kms:encryptioncontextkeys": "false"},
            }
        ),
    ),
    key_policy(
        *("ForAllValues", "security warning", "kms:GrantOperations"),
        on("ForAllValues:StringEquals", "kms:GrantOperations", "Decrypt", action="kms:*Grant*"),
        on("ForAllValues:StringEquals", "kms:GrantOperations", "Decrypt", action="kms:CreateGrant"),
    ),
    key_policy(
        *("negated", "security warning", "kms:ViaService"),
        on("StringNotEquals", "kms:ViaService", VIA),
        on("StringNotEqualsIfExists", "kms:ViaService", VIA),
    ),
    key_policy(
        *("negated", "security warning", "aws:PrincipalTag/a"),
        on("StringNotEquals", "aws:PrincipalTag/a", "x"),
        on("StringNotEquals", "aws:ResourceTag/a", "x"),  # it is said that it is never there
    ),
    key_policy(
        *("negated", "security warning", "aws:SourceIp"),
        on("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"),
        on("ArnNotLike", "aws:PrincipalArn", ROLE),
    ),
    key_policy(
        *("negated", "security warning", "kms:RequestAlias"),
        on("StringNotLike", "kms:RequestAlias", "alias/a*"),
        on("StringNotLike", "kms:KeySpec", "RSA*"),
    ),
    key_policy(
        *("negated", "security warning", "aws:username"),
        on("StringNotEquals", "aws:username", "bob"),
        denied_on("StringNotEquals", "aws:username", "bob"),
    ),
]
CASES = [*DOCUMENTS, *WRITTEN, *STATEMENTS, *CONDITIONS]
ANOTHER = Case(
    *(
        "another account",
        "suggestion",
        B,
        beside(allow(Principal={"AWS": f"arn:aws:iam::{B}:root"})),
    ),
    beside(allow(Principal={"AWS": [A, SESSION]})),
)


def found_by(findings: Findings, rule: str) -> list[tuple[str, int]]:
    """The levels and lines of a rule's findings."""
    return [(each.level, each.line) for each in findings if each.rule == rule]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.at}"[:50])
def test_a_rule_finds_what_it_is_for_in_its_line_and_leaves_a_near_miss_alone(case: Case) -> None:
    text = json.dumps(case.found, indent=2)
    found = found_by(lint(text, case.kind), case.rule)
    assert case.level in dict(found), lint(text, case.kind)
    lines = text.splitlines()
    assert any(case.at in lines[line - 1] for level, line in found if level == case.level), found
    near = found_by(lint(json.dumps(case.near, indent=2), case.kind), case.rule)
    assert near == [], lint(case.near, case.kind)


def test_every_rule_has_a_case() -> None:
    rules = {*ON_DOCUMENTS, *ON_WRITTEN, *ON_STATEMENTS, *ON_CONDITIONS}
    assert {case.rule for case in (*CASES, ANOTHER)} == rules


def test_principals_of_another_account_are_pointed_out_where_the_account_is_known() -> None:
    assert found_by(lint(ANOTHER.found, account=A), "another account")
    assert not found_by(lint(ANOTHER.found), "another account")
    assert not found_by(lint(ANOTHER.near, account=A), "another account")


def test_what_other_accounts_can_never_do_is_pointed_out() -> None:
    over_there = {"AWS": B}
    useless = beside(allow(["kms:Decrypt", "kms:ScheduleKeyDeletion"], Principal=over_there))
    found = [each for each in lint(useless, account=A) if each.level == "warning"]
    assert len(found) == 1
    assert "ScheduleKeyDeletion" in found[0].message
    fine = beside(allow(["kms:Decrypt", "kms:ReEncryptFrom"], Principal=over_there))
    assert [each.level for each in lint(fine, account=A)] == ["suggestion"]


def test_another_accounts_key_is_not_this_one() -> None:
    assert [each.level for each in lint(beside(allow(Resource=KEY)), account=B)][-1] == "error"
    assert [each.level for each in lint(beside(allow(Resource=KEY)), account=A)] == ["suggestion"]
