"""Rules about condition keys: whether AWS has them, and whether the request carries them.

Sources: KMS Developer Guide, "AWS KMS condition keys" (which operations carry which key; a
condition on a key that isn't carried "is never satisfied"), "ABAC for AWS KMS" (tags and aliases
of keys count in IAM policies only); IAM User Guide, "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Iterator

from kmslab.iam.conditions import Condition
from kmslab.lint import known_keys
from kmslab.lint.actions import is_for_kms_alone, named_exactly, short
from kmslab.lint.asked import asked_actions, is_hidden, is_true_without, without_key
from kmslab.lint.document import Found, Part
from kmslab.lint.findings import Level
from kmslab.lint.known_keys import NAMES
from kmslab.lint.words import did_you_mean, listed, shown

_NO_SUCH = "look the key up among AWS's global condition keys and those of AWS KMS"


def unknown_key(part: Part, condition: Condition) -> Iterator[Found]:
    """A key that AWS doesn't have."""
    key = condition.lookup_key
    if ":" not in key:
        advice = did_you_mean(f"aws:{key}", NAMES, "write it with its service, as in kms:KeySpec")
        what = f"{shown(condition.key)} is no condition key: no request carries it"
        yield Found(part.of(condition), "error", what, advice)
    elif known_keys.is_of_aws_or_kms(key) and known_keys.known(key) is None:
        what = f"{shown(condition.key)}: no such condition key is known"
        advice = did_you_mean(condition.key, NAMES, _NO_SUCH)
        yield Found(part.of(condition), "error", what, advice)


def hidden_from_key_policies(part: Part, condition: Condition) -> Iterator[Found]:
    """A condition of a key policy on the tags or aliases of the KMS key."""
    if is_hidden(part, condition):
        yield Found(
            part.of(condition),
            _level(part, condition),
            f"key policies don't see {shown(condition.key)}: {_outcome(part, condition)}",
            "write this condition in an IAM policy",
        )


def never_carried(part: Part, condition: Condition) -> Iterator[Found]:
    """A key that no action of the statement carries."""
    missing = _missing(part, condition)
    if missing and missing == asked_actions(part) and is_for_kms_alone(part.good):
        verb = "carries" if len(missing) == 1 else "carry"
        yield Found(
            part.of(condition),
            _level(part, condition),
            f"{listed(short(missing))} never {verb} {shown(condition.key)}: "
            f"{_outcome(part, condition)}",
            "remove the condition, or move it to the actions that it is about",
        )


def seldom_carried(part: Part, condition: Condition) -> Iterator[Found]:
    """A key that only some actions of the statement carry: the others never meet it."""
    missing = _missing(part, condition)
    if missing == asked_actions(part) and is_for_kms_alone(part.good):
        return
    level: Level = "warning"
    if is_true_without(condition):
        level = "security warning" if part.good.allows else "warning"
        what = f"always {'allowed' if part.good.allows else 'denied'}"
    elif part.good.allows:
        what = "never allowed"
    else:  # a wide Deny is often meant for the few that carry the key
        missing &= named_exactly(part.good)
        what = "never denied"
    if missing:
        which = listed(short(missing))
        message = f"without {shown(condition.key)}, and so {what} here: {which}"
        yield Found(part.of(condition), level, message, "give them a statement of their own")


def _missing(part: Part, condition: Condition) -> frozenset[str]:
    """The actions of KMS in the statement that lack the key, as far as that is of interest."""
    key = condition.lookup_key
    of_others = not key.startswith("kms:") and not is_for_kms_alone(part.good)
    return frozenset() if is_hidden(part, condition) or of_others else without_key(part, key)


def _level(part: Part, condition: Condition) -> Level:
    """How grave it is that a key is never there."""
    if part.good.allows:
        return "security warning" if is_true_without(condition) else "error"
    return "warning" if is_true_without(condition) else "security warning"


def _outcome(part: Part, condition: Condition) -> str:
    if is_true_without(condition):
        return "the condition is always true"
    return f"the statement never {'allows' if part.good.allows else 'denies'} anything"
