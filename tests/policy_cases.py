"""Cases for policy evaluators: random, repeatable, and near a decision.

A case is built around one request so that single elements decide: the policies allow it, then one
element of one needed policy is made to miss, or one Deny is made to hit. How a case was meant only
steers the shares of the three decisions; what is right is for the evaluators to say.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from policy_conditions import condition
from policy_elements import MODERN, action, not_principal, principal, resource
from policy_requests import request
from policy_words import Scene

Document = dict[str, Any]
Made = dict[str, Any]
FULL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


# --- statements and documents -----------------------------------------------------------------


def conditions(scene: Scene, version: str, broken: bool) -> dict[str, Any]:
    """A Condition element; one condition doesn't hold where it is to break the statement."""
    count = 1 if scene.chance(0.7) else 2
    wrong = int(scene.rng.random() * count) if broken else -1
    block: dict[str, Any] = {}
    for at in range(count):
        name, key, wanted = condition(scene, at != wrong, version)
        block.setdefault(name, {})[key] = wanted
    return block


def who(scene: Scene, place: str, effect: str, hit: bool, way: str) -> tuple[str, Any]:
    """Principal or NotPrincipal; trust policies don't support the second."""
    if place == "rcp":
        return "Principal", "*"
    inverse = place != "trust" and scene.chance(0.35 if effect == "Deny" else 0.05)
    if inverse and (effect == "Deny" or way == "direct"):
        return not_principal(scene, hit, effect)
    return principal(scene, hit, way)


def statement(
    scene: Scene, version: str, place: str, effect: str, hit: bool, way: str = "direct"
) -> Made:
    """A statement that applies to the request, or misses it in one element."""
    by_resource = place in ("key", "bucket", "trust", "rcp")
    parts = ["action", "condition"] + ["resource"] * (place != "trust")
    parts += ["principal"] * (by_resource and place != "rcp")
    broken = "" if hit else scene.one(parts)
    made: Made = {"Sid": "one"} if scene.chance(0.1) else {}
    made["Effect"] = effect
    if by_resource:
        name, value = who(scene, place, effect, broken != "principal", way)
        made[name] = value
    name, value = action(scene, broken != "action")
    made[name] = value
    if place == "key" and (broken == "resource" or scene.chance(0.7)):
        made |= {} if broken == "resource" and scene.chance(0.5) else {"Resource": "*"}
    elif place != "trust":
        name, value = resource(scene, version, broken != "resource")
        made[name] = value
    if broken == "condition" or scene.chance(0.4):
        made["Condition"] = conditions(scene, version, broken == "condition")
    return made


def document(scene: Scene, version: str, statements: list[Made]) -> Document:
    """A document with its statements in any order, a single one perhaps without a list."""
    if len(statements) > 1 and scene.chance(0.5):
        statements = statements[::-1]
    made: Document = {"Version": version} if version else {}
    made["Statement"] = statements[0] if len(statements) == 1 and scene.chance(0.3) else statements
    return made


def policy(
    scene: Scene, place: str, allow: bool, deny: bool = False, way: str = "direct"
) -> Document:
    """A policy that allows or not, denies or not, with near misses around."""
    version = MODERN if scene.chance(0.8) else scene.one(("2008-10-17", ""))
    statements = []
    if allow and place == "limit" and scene.chance(0.5):
        statements.append(dict(FULL))
    elif allow:
        statements.append(statement(scene, version, place, "Allow", True, way))
    elif place != "rcp" and scene.chance(0.8):
        statements.append(statement(scene, version, place, "Allow", False, way))
    if deny:
        statements.append(statement(scene, version, place, "Deny", True, denied_way(scene)))
    if not statements or scene.chance(0.15):
        effect = "Deny" if place == "rcp" or scene.chance(0.7) else "Allow"
        statements.append(statement(scene, version, place, effect, False, denied_way(scene)))
    return document(scene, version, statements)


def denied_way(scene: Scene) -> str:
    """A Deny may name the caller in any way."""
    session = scene.caller.kind in ("role", "assumed-role")
    return scene.one(("direct", "account", "role" if session else "direct"))


# --- a whole case -----------------------------------------------------------------------------

PLACES = {"kms": "key", "s3": "bucket", "sts": "trust"}


def route(scene: Scene) -> tuple[str, list[str]]:
    """How the resource's policy is to allow the request, and which policies have to."""
    kind, service = scene.caller.kind, scene.service
    by_identity = [] if kind == "root" else ["identity"]
    by_identity += ["session"] * (kind == "federated-user")
    session = kind in ("role", "assumed-role")
    own = "role" if session and scene.chance(0.5) else "direct"
    if scene.resource_account != scene.caller.account:
        return scene.one((own, "account")), ["resource", *by_identity]
    if service == "none" or (service == "s3" and (kind == "root" or scene.chance(0.5))):
        return "", by_identity
    if service != "s3" and scene.chance(0.5):
        return "account", ["resource", *by_identity]
    return own, ["resource"]


def capped(way: str, needed: list[str]) -> list[str]:
    """The limits that count on this route: those of what identity policies or a role allow."""
    return ["boundary", "session"] if "identity" in needed or way == "role" else []


def limits(scene: Scene, must: list[str], broken: str, deny: str) -> Made:
    """Boundary and session policy, where the caller can have them."""
    made: Made = {"boundary": None, "session_policy": None}
    kind = scene.caller.kind
    sizes = {"boundary": 0.3 if kind != "root" else 0, "session": 0.35}
    sizes["session"] *= kind in ("assumed-role", "federated-user")
    for name, size in sizes.items():
        wanted = name in (broken, deny) or (name == "session" and name in must)
        if not size or not (wanted or scene.chance(size)):
            continue
        federated = kind == "federated-user" and broken == name and scene.chance(0.4)
        if not federated:
            allow = broken != name and (name in must or scene.chance(0.6))
            field = "boundary" if name == "boundary" else "session_policy"
            made[field] = policy(scene, "limit", allow, deny == name)
    return made


def levels(scene: Scene, broken: str, deny: str) -> Made:
    """SCPs over the caller and RCPs over the resource."""
    made: Made = {"scps": [], "rcps": []}
    if "scp" in (broken, deny) or scene.chance(0.25):
        depth = 1 + int(scene.rng.random() * 3)
        wrong = int(scene.rng.random() * depth)
        for at in range(depth):
            fails, denies = broken == "scp" and at == wrong, deny == "scp" and at == wrong
            level = [policy(scene, "limit", not fails, denies)]
            if fails and scene.chance(0.25):
                level = []
            elif scene.chance(0.25):
                level.append(policy(scene, "limit", False))
            made["scps"].append(level)
    if deny == "rcp" or scene.chance(0.2):
        made["rcps"] = [[policy(scene, "rcp", False)] for _ in range(int(scene.rng.random() * 2))]
        made["rcps"].append([policy(scene, "rcp", False, deny == "rcp")])
    return made


def plan(scene: Scene, must: list[str]) -> tuple[str, str]:
    """Which needed policy misses and which policy denies: mostly neither or one of the two."""
    intent = scene.rng.random()
    broken = deny = ""
    if intent < 0.35:
        broken = scene.one([*must, "scp"])
    elif intent < 0.71:
        choices = ["scp", "rcp", "boundary", *must, *must]
        deny = scene.one(choices)
    if broken == "session" and scene.caller.kind not in ("assumed-role", "federated-user"):
        broken = "identity" if "identity" in must else "resource"
    if deny == "boundary" and scene.caller.kind == "root":
        deny = "scp"
    return broken, deny


def by_resource(scene: Scene, way: str, needed: bool, broken: str, deny: str) -> Document | None:
    """The policy of the resource, if it has one."""
    place = PLACES.get(scene.service, "")
    wanted = needed or deny == "resource" or (way == "" and scene.chance(0.3))
    if not place or not wanted:
        return None
    return policy(scene, place, needed and broken != "resource", deny == "resource", way)


def by_identity(scene: Scene, must: list[str], broken: str, deny: str) -> list[Document]:
    """The identity's policies; the root user has none."""
    if scene.caller.kind == "root" or ("identity" not in must and scene.chance(0.5)):
        return []
    allow = broken != "identity" and ("identity" in must or scene.chance(0.3))
    found = [policy(scene, "identity", allow, deny == "identity")]
    if scene.chance(0.2):
        found.insert(int(scene.rng.random() * 2), policy(scene, "identity", False))
    return found


def build(rng: random.Random, number: int) -> Made:
    """One case."""
    scene, given = request(rng)
    way, needed = route(scene)
    must = needed + capped(way, needed)
    broken, deny = plan(scene, must or ["scp"])
    made: Made = {
        "id": f"case-{number}",
        "principal": scene.caller.arn,
        "account": scene.caller.account,
        "action": scene.action,
        "resource": scene.resource,
        "resource_account": scene.resource_account,
        "resource_policy": by_resource(scene, way, "resource" in needed, broken, deny),
        "identity_policies": by_identity(scene, must, broken, deny),
        "context": given,
    }
    return made | limits(scene, must, broken, deny) | levels(scene, broken, deny)


def cases(seed: int, count: int) -> Iterator[Made]:
    """So many cases; the same seed gives the same cases."""
    rng = random.Random(seed)
    for number in range(count):
        yield build(rng, number)
