"""Rules about Action and Resource: names that there aren't, and pairs that never meet.

Sources: KMS Developer Guide, "AWS KMS permissions" (permissions reference), "Key policies in AWS
KMS", "Specifying KMS keys in IAM policy statements"; IAM User Guide, "IAM policy validation check
reference" (Invalid action, Unsupported resource ARN in policy).
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.wildcards import ANY, matches
from kmslab.lint import actions
from kmslab.lint.actions import ACTIONS, NOT_IN_KEY_POLICIES, of_pattern, short
from kmslab.lint.document import KEY_POLICY, Found, Part
from kmslab.lint.words import did_you_mean, listed, shown

_KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ARN_PARTS = 6
_NO_SUCH = "look the action up in the permissions reference of AWS KMS"


def unknown_action(part: Part) -> Iterator[Found]:
    """An action that KMS doesn't have, or that is of no service."""
    for path, written in _written(part, "Action"):
        if "${" in written:
            continue  # see rules_variables
        if ":" not in written and written != ANY:
            advice = did_you_mean(f"kms:{written}", ACTIONS, "write it with its service")
            what = f"{shown(written)} names no service: it matches nothing"
            yield Found(path, "error", what, advice)
        elif written.lower() == "kms:reencrypt":
            what = "kms:ReEncrypt is no action: ReEncrypt asks for ReEncryptFrom and ReEncryptTo"
            yield Found(path, "error", what, "write kms:ReEncrypt*")
        elif written.lower().startswith("kms:") and not of_pattern(written):
            what = f"KMS has no action {shown(written)}"
            yield Found(path, "error", what, did_you_mean(written, ACTIONS, _NO_SUCH))


def action_of_no_key(part: Part) -> Iterator[Found]:
    """An action in a key policy on which no key policy has a say."""
    if part.kind != KEY_POLICY:
        return
    for path, written in _written(part, "Action"):
        found = of_pattern(written)
        service = written.lower().partition(":")[0]
        if found and found <= NOT_IN_KEY_POLICIES:
            what = f"{shown(written)} is not decided by key policies: it does nothing here"
            advice = "remove it; allow it by an IAM policy"
            if found == {"kms:RetireGrant"}:
                advice = "remove it; a grant itself says who may retire it"
            yield Found(path, "warning", what, advice)
        elif ":" in written and not matches(service, "kms"):
            what = f"{shown(written)}: a key policy is asked about actions of kms alone"
            yield Found(path, "warning", what, "move it to an IAM policy")


def allow_all_but(part: Part) -> Iterator[Found]:
    """Allow with NotAction."""
    if part.allows and "NotAction" in part.elements:
        yield Found(
            part.at("NotAction"),
            "security warning",
            "Allow with NotAction gives everything but what it lists, and whatever AWS adds later",
            "list what is allowed in Action",
        )


def resource_of_key_policy(part: Part) -> Iterator[Found]:
    """A resource in a key policy other than "*", which is its own key."""
    if part.kind != KEY_POLICY:
        return
    for path, written in _written(part, "Resource"):
        if part.element("Resource") == "NotResource":
            yield from _not_resource(path, written)
        elif written != ANY:
            yield _other_resource(path, written, part.account)


def resource_of_no_key(part: Part) -> Iterator[Found]:
    """Actions that have no resource, or not this one, in a policy that names resources."""
    resource = part.good.resource
    if part.kind == KEY_POLICY or resource is None or resource.negated:
        return
    named = _named_actions(part)
    without = named & actions.ABOUT_NO_KEY
    if without and not resource.patterns.everything and resource.written:
        yield Found(
            part.at("Resource"),
            "warning",
            f'{listed(short(without))}: about no key, so that only Resource "*" matches',
            'give them a statement of their own with "Resource": "*"',
        )
    on_keys = named - actions.ABOUT_NO_KEY
    if on_keys and not on_keys & actions.ABOUT_ALIASES:
        for path, written in _written(part, "Resource"):
            if _is_alias(written):
                yield Found(
                    path,
                    "error",
                    f"{shown(written)} is the alias itself: a request is about its key",
                    "write the key's ARN, or a condition on kms:ResourceAliases",
                )


def _written(part: Part, name: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The texts of an element or its opposite, each with its path."""
    name = part.element(name)
    texts = part.elements.get(name, [])
    for at, each in enumerate([texts] if isinstance(texts, str) else texts):
        yield part.at(name, at), each


def _named_actions(part: Part) -> frozenset[str]:
    """The actions of KMS that it names or nearly names: kms:* and * name none."""
    action = part.good.action
    if action is None or action.negated:
        return frozenset()
    patterns = [each for each in action.written if each.strip(ANY).lower() not in ("", "kms:")]
    return frozenset[str]().union(*map(of_pattern, patterns))


def _not_resource(path: tuple[str | int, ...], written: str) -> Iterator[Found]:
    if matches(written, _KEY_ARN):
        what = f"NotResource {shown(written)} leaves out the key itself: it matches nothing"
        yield Found(path, "error", what, 'write "Resource": "*"')


def _other_resource(path: tuple[str | int, ...], written: str, account: str) -> Found:
    if _is_alias(written):
        what = "an alias ARN never matches: a key policy is asked about its key"
        return Found(path, "error", what, 'write "*", which is this key')
    if not _may_be_key(written):
        what = f"{shown(written)} is no ARN of a KMS key: it matches nothing"
        return Found(path, "error", what, 'write "*", which is this key')
    parts = written.split(":", _ARN_PARTS - 1)
    if account and len(parts) == _ARN_PARTS and not matches(parts[4], account):
        what = f"this key is in account {account}: {shown(written)} is another key"
        return Found(path, "error", what, 'write "*", which is this key')
    return Found(
        path,
        "suggestion",
        f"{shown(written)} matches this key or nothing: a key policy is about its own key",
        'write "*", which is this key',
    )


def _is_alias(written: str) -> bool:
    parts = written.split(":", _ARN_PARTS - 1)
    return len(parts) == _ARN_PARTS and parts[2] == "kms" and parts[5].startswith("alias/")


def _may_be_key(written: str) -> bool:
    """Whether there can be a key that the pattern matches."""
    if matches(written, _KEY_ARN):
        return True
    parts = written.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS:
        return ANY in written  # a star crosses colons
    named = parts[5].startswith("key/") or matches(parts[5], _KEY_ARN.split(":", 5)[5])
    return matches(parts[0], "arn") and matches(parts[2], "kms") and named
