"""Random requests, and the contexts they come with."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import policy_words as pool
from policy_words import Scene, Values


def some(rng: random.Random, values: tuple[str, ...]) -> list[str]:
    """None of the values, or up to three."""
    return [values[int(rng.random() * len(values))] for _ in range(int(rng.random() * 3.2))]


def dates(rng: random.Random) -> dict[str, Values]:
    """Moments, as ISO 8601 or in seconds."""
    seconds = tuple(str(moment) for moment in pool.MOMENTS)
    found: dict[str, Values] = {pool.DATE_KEYS[3]: some(rng, seconds)} if rng.random() < 0.6 else {}
    for key in pool.DATE_KEYS[:3]:
        moment = pool.MOMENTS[int(rng.random() * len(pool.MOMENTS))]
        if rng.random() < 0.7:
            iso = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            found[key] = str(moment) if key == "aws:EpochTime" or rng.random() < 0.2 else iso
    return found


SINGLE = (
    (pool.STRING_KEYS[:5], pool.WORDS),
    (pool.NUMBER_KEYS[:2], pool.NUMBERS),
    (pool.BOOL_KEYS, ("true", "false")),
    (pool.BINARY_KEYS, pool.BINARIES),
    (pool.ADDRESS_KEYS, pool.ADDRESSES),
    (pool.ARN_KEYS[1:], pool.ARNS),
)
SEVERAL = (
    (pool.STRING_LISTS, pool.WORDS),
    (pool.NUMBER_KEYS[2:], pool.NUMBERS),
    (pool.ARN_LISTS, pool.ARNS),
)


def known(rng: random.Random, caller: pool.Caller) -> dict[str, Values]:
    """The context of a request, apart from what follows from the caller."""
    context: dict[str, Values] = {}
    if caller.kind == "assumed-role" and (caller.role.count("/") > 1 or rng.random() < 0.2):
        context["aws:PrincipalArn"] = caller.role
    for keys, values in SINGLE:
        for key in keys:
            if rng.random() < 0.6:
                context[key] = values[int(rng.random() * len(values))]
    for keys, values in SEVERAL:
        context |= {key: some(rng, values) for key in keys if rng.random() < 0.7}
    if rng.random() < 0.1:
        context[pool.STRING_LISTS[1]] = ""  # no value either
    return context | dates(rng)


def request(rng: random.Random) -> tuple[Scene, dict[str, Values]]:
    """A request, and the part of its context that the case itself gives."""
    account = pool.ACCOUNTS[int(rng.random() * 2)]
    caller = rng.choices(pool.CALLERS[account], pool.WEIGHTS)[0]
    service = rng.choices(("kms", "s3", "none", "sts"), (45, 28, 15, 12))[0]
    if service == "sts" and caller.kind in ("root", "federated-user"):
        service = "kms"  # neither may call AssumeRole
    owner = account
    if service != "none" and rng.random() < 0.35:
        owner = pool.AWAY if account == pool.HOME else pool.HOME
    if service == "kms":
        action_name = "kms:" + rng.choice(pool.KMS_ACTIONS)
        name = f"arn:aws:kms:us-east-1:{owner}:{rng.choice(pool.KEYS)}"
    elif service == "s3":
        name = "arn:aws:s3:::" + rng.choice(pool.OBJECTS)
        action_name = "s3:" + (rng.choice(pool.S3_ACTIONS) if "/" in name else "ListBucket")
    elif service == "sts":
        action_name, name = "sts:AssumeRole", f"arn:aws:iam::{owner}:role/target"
    else:
        action_name, name = rng.choice(pool.BARE_ACTIONS), "*"
    given = known(rng, caller)
    scene = Scene(rng, service, action_name, name, owner, caller, pool.follows(caller) | given)
    return scene, given
