"""Rules about Principal: who is let in, and names that are nobody's.

Sources: IAM User Guide, "AWS JSON policy elements: Principal", "… NotPrincipal", "IAM policy
validation check reference" (Unsupported wildcard in principal, Allow with NotPrincipal); KMS
Developer Guide, "Key policies in AWS KMS", "Allowing users in other accounts to use a KMS key";
AWS Organizations User Guide, "RCP syntax".
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.principals import EVERYONE
from kmslab.kms.permissions import ACROSS_ACCOUNTS
from kmslab.lint import actions
from kmslab.lint.actions import HALVES, short
from kmslab.lint.document import KEY_POLICY, RCP, Found, Part
from kmslab.lint.positions import Path
from kmslab.lint.words import listed, shown

# Who may do one of these can give the key, or every use of it, to anybody.
_CONTROL = frozenset({"kms:PutKeyPolicy", "kms:CreateGrant", "kms:ScheduleKeyDeletion"})
_SOURCES = ("aws:source", "kms:encryptioncontext:", "kms:calleraccount", "aws:principalorg")
_ARN_PARTS = 6


def open_to_everyone(part: Part) -> Iterator[Found]:
    """An Allow for everyone without any condition."""
    if _is_open(part) and not actions.of_statement(part.good) & _CONTROL:
        yield Found(
            part.at("Principal"),
            "security warning",
            "everyone, in every AWS account, is allowed this",
            "name principals, or add a condition such as StringEquals kms:CallerAccount",
        )


def controlled_by_everyone(part: Part) -> Iterator[Found]:
    """An Allow for everyone, without any condition, of what gives the key away."""
    found = actions.of_statement(part.good) & _CONTROL
    if found and _is_open(part):
        yield Found(
            part.at("Principal"),
            "security warning",
            f"everyone is allowed {listed(short(found))}: anybody can take the key over",
            "name the administrators, or the account, as Principal",
        )


def wildcard(part: Part) -> Iterator[Found]:
    """A wildcard within a principal: only "*" alone has a meaning."""
    for path, kind, name in entries(part):
        if kind == "AWS" and name != EVERYONE and ("*" in name or "?" in name):
            yield Found(
                path,
                "error",
                f"{shown(name)}: a principal is no pattern, and this one is nobody",
                'write whole ARNs, or "*" with a condition ArnLike aws:PrincipalArn',
            )


def group(part: Part) -> Iterator[Found]:
    """A group of users as principal."""
    for path, kind, name in entries(part):
        if kind == "AWS" and name.startswith("arn:") and ":group/" in name:
            yield Found(
                path,
                "error",
                f"{shown(name)}: a group is no principal",
                "name users or roles, or let the account decide and give the group an IAM policy",
            )


def session(part: Part) -> Iterator[Found]:
    """One session of a role as principal of an Allow."""
    for path, kind, name in entries(part):
        if part.allows and kind == "AWS" and ":assumed-role/" in name:
            role = name.split("/")[1] if name.count("/") > 1 else "the role"
            yield Found(
                path,
                "suggestion",
                f"{shown(name)} is one session: the role's next one may have another name",
                f"name the role, arn:aws:iam::ACCOUNT:role/{shown(role)}",
            )


def allow_all_but(part: Part) -> Iterator[Found]:
    """Allow with NotPrincipal."""
    if part.allows and "NotPrincipal" in part.elements:
        yield Found(
            part.at("NotPrincipal"),
            "security warning",
            "Allow with NotPrincipal lets in everyone but those it lists",
            "list those who are let in as Principal",
        )


def deny_all_but(part: Part) -> Iterator[Found]:
    """Deny with NotPrincipal that names somebody without what contains him."""
    principal = part.good.principal
    if part.good.allows or principal is None or not principal.negated:
        return
    for path, kind, name in entries(part, "NotPrincipal"):
        account, role = _containers(name)
        missing = [f"account {account}"] if account not in principal.accounts else []
        if role and f"{account} {role}" not in principal.roles:
            missing.append(f"role {role}")
        if kind == "AWS" and account and missing:
            yield Found(
                path,
                "warning",
                f"{shown(name)} is denied all the same: {' and '.join(missing)} is not listed",
                'list that too, or deny Principal "*" with ArnNotEquals aws:PrincipalArn',
            )


def other_account(part: Part) -> Iterator[Found]:
    """A principal of another account than the key's."""
    if not part.account or not part.allows or "NotPrincipal" in part.elements:
        return
    for path, kind, name in entries(part):
        account = name if name.isdigit() else _account(name)
        if kind == "AWS" and account and account != part.account:
            yield Found(
                path,
                "suggestion",
                f"{shown(name)} is of another account than this one, {part.account}",
                f"if that is meant: an IAM policy in account {account} has to allow it too",
            )
            yield from _not_across(part, account)


def service_without_source(part: Part) -> Iterator[Found]:
    """An Allow for a service whoever makes it call: the confused deputy."""
    keys = [each.lookup_key for each in part.good.conditions]
    if not part.allows or any(each.startswith(_SOURCES) for each in keys):
        return
    for path, kind, name in entries(part):
        if kind == "Service" and part.kind == KEY_POLICY:
            yield Found(
                path,
                "suggestion",
                f"{shown(name)} may call for anybody's resource, not only for yours",
                "add a condition on aws:SourceArn or aws:SourceAccount",
            )


def control_policy(part: Part) -> Iterator[Found]:
    """A resource control policy that allows, or that names somebody."""
    if part.kind != RCP:
        return
    if part.good.allows:
        what = "a resource control policy of one's own denies: Allow is for RCPFullAWSAccess"
        yield Found(part.at("Effect"), "error", what, "turn it into a Deny of the rest")
    principal = part.good.principal
    if principal is not None and (principal.negated or principal.written != (EVERYONE,)):
        what = 'the Principal of a resource control policy is "*"'
        advice = "name whom it is about in a condition, as on aws:PrincipalArn"
        yield Found(part.at(part.element("Principal")), "error", what, advice)


def entries(part: Part, name: str = "") -> Iterator[tuple[Path, str, str]]:
    """Whom a statement names, well or badly written: where, which kind, which name."""
    name = name or part.element("Principal")
    named = part.elements.get(name)
    if isinstance(named, str):
        yield part.at(name), "AWS", named
    if isinstance(named, dict):
        for kind, names in named.items():
            for at, each in enumerate(names if isinstance(names, list) else [names]):
                if isinstance(each, str):
                    yield part.at(name, kind, at), kind, each


def _is_open(part: Part) -> bool:
    principal = part.good.principal
    return (
        part.allows
        and principal is not None
        and principal.everyone
        and not principal.negated
        and not part.good.conditions
        and part.kind != RCP
    )


def _not_across(part: Part, account: str) -> Iterator[Found]:
    """What the statement names that no other account's principals can do."""
    across = ACROSS_ACCOUNTS | set(HALVES)
    named = actions.named_exactly(part.good)
    found = frozenset(each for each in named if each.removeprefix("kms:") not in across)
    if found:
        yield Found(
            part.at("Action"),
            "warning",
            f"{listed(short(found))}: not for principals of other accounts, as of {account}",
            "let the key's own account do it",
        )


def _containers(arn: str) -> tuple[str, str]:
    """The account and, of a session, the role that contain a principal."""
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS or parts[5] == "root":
        return "", ""
    kind, _, name = parts[5].partition("/")
    return parts[4], name.partition("/")[0] if kind == "assumed-role" else ""


def _account(arn: str) -> str:
    parts = arn.split(":", _ARN_PARTS - 1)
    return parts[4] if len(parts) == _ARN_PARTS else ""
