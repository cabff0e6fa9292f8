"""Elements of a statement that match a request, or miss it by a little."""

from __future__ import annotations

from typing import Any

from policy_words import HOME, NEAR, NEAR_ACTIONS, OTHER, Scene, Values

Element = tuple[str, Any]
MODERN = "2012-10-17"


def swapped(text: str) -> str:
    """The text with one letter in the other case, so that comparing without case shows."""
    for at in range(len(text) - 1, -1, -1):
        if text[at].isalpha():
            return text[:at] + text[at].swapcase() + text[at + 1 :]
    return text + "x"


def listed(scene: Scene, value: str, others: list[str]) -> Any:
    """One item, or a list with it at some place among others."""
    if scene.chance(0.55):
        return value if scene.chance(0.7) else [value]
    return [value, *others] if scene.chance(0.5) else [*others, value]


def escaped(scene: Scene, text: str, version: str) -> str:
    """A text whose special characters are meant as they are, as far as the Version lets one."""
    if version != MODERN or scene.chance(0.3):
        return text
    return escaped_all(text)


def first(value: Values, text: str) -> bool:
    """Whether a key of several values has a first one that is in the text."""
    return isinstance(value, list) and bool(value) and value[0] in text


def with_variable(scene: Scene, text: str, found: bool) -> str:
    """The text written with a policy variable that has its value, or has none."""
    names = [
        name
        for name, value in scene.context.items()
        if isinstance(value, str) and value and value in text
    ]
    if found and names and scene.chance(0.75):
        name = scene.one(names)
        spelled = name.upper() if scene.chance(0.15) else name
        extra = ", 'none'" if scene.chance(0.2) else ""
        return text.replace(str(scene.context[name]), f"${{{spelled}{extra}}}", 1)
    head, slash, tail = text.rpartition("/") if "/" in text else text.rpartition(":")
    if found and not set("*?$") & set(tail):
        return f"{head}{slash}${{aws:PrincipalTag/absent, '{tail}'}}"
    if found:
        return escaped(scene, text, MODERN)
    lists = [name for name, value in scene.context.items() if first(value, text)]
    if lists and scene.chance(0.4):  # a multivalued key has no value as a variable
        name = scene.one(lists)
        return text.replace(scene.context[name][0], f"${{{name}}}", 1)
    wrong = ("${aws:PrincipalTag/absent}", "${aws:TagKeys}", "${aws:PrincipalTag/absent, 'no'}")
    return head + slash + scene.one((*wrong, f"{tail}${{aws:PrincipalTag/absent}}"))


def fooled(scene: Scene, text: str, version: str) -> str:
    """A pattern that covers the text only for who takes a literal character for a wildcard."""
    if version != MODERN:
        return with_variable(scene, text, found=True)  # literal text there
    special = [
        name
        for name, value in scene.context.items()
        if isinstance(value, str) and set(value) & set("*?") and value != text
    ]
    if special and scene.chance(0.5):
        return f"${{{scene.one(special)}}}"
    return escaped_all(wild(scene, text)) if not set(text) & set("*?") else text + "${?}"


def escaped_all(text: str) -> str:
    """The text with every special character meant as it is."""
    swap = {"*": "${*}", "?": "${?}", "$": "${$}"}
    return "".join(swap.get(letter, letter) for letter in text)


def wild(scene: Scene, text: str) -> str:
    """The text with a part of it as a wildcard."""
    if len(text) < 2:
        return "*"
    start = int(scene.rng.random() * len(text))
    end = start + 1 + int(scene.rng.random() * (len(text) - start))
    if scene.chance(0.35):
        return text[:start] + "?" + text[start + 1 :]
    return text[:start] + "*" + text[end if scene.chance(0.8) else start :]


# --- actions ----------------------------------------------------------------------------------


def covering_action(scene: Scene) -> str:
    """An action pattern that covers the request."""
    service, name = scene.action.split(":")
    way = scene.rng.random()
    if way < 0.3:
        return scene.action
    if way < 0.45:
        return f"{service}:*" if scene.chance(0.7) else "*"
    if way < 0.6:
        return swapped(scene.action) if scene.chance(0.5) else scene.action.upper()
    return f"{service}:{wild(scene, name)}"


def other_action(scene: Scene) -> str:
    """An action pattern that doesn't."""
    service, name = scene.action.split(":")
    misses = (
        f"{service}:{scene.one(NEAR_ACTIONS)}",
        f"{service}:{name[:-1]}",
        f"{service}:{name}?",
        f"{service}:{name[1:]}*",
        f"{'s3' if service == 'kms' else 'kms'}:*",
        f"{service}:" + "${aws:PrincipalTag/op, '" + name + "'}",
    )
    return scene.one(misses)


def action(scene: Scene, hit: bool) -> Element:
    """Action or NotAction."""
    inverse = scene.chance(0.15)
    others = [other_action(scene) for _ in range(1 + int(scene.rng.random() * 2))]
    if hit != inverse:
        value = listed(scene, covering_action(scene), others)
    else:
        value = others if scene.chance(0.4) else others[0]
    return ("NotAction" if inverse else "Action"), value


# --- resources --------------------------------------------------------------------------------


def covering_resource(scene: Scene, version: str) -> str:
    """A resource pattern that covers the request's resource."""
    if scene.resource == "*" or scene.chance(0.3):
        return "*"
    parts = scene.resource.split(":", 5)
    way = scene.rng.random()
    if way < 0.3:
        parts[5] = escaped(scene, parts[5], version)
    elif way < 0.65:
        parts[5] = wild(scene, parts[5])
    elif way < 0.75:
        parts[3] = "*" if parts[3] else ""
        parts[4] = "*"
    elif way < 0.8:
        return ":".join([*parts[:3], "*"])
    elif version == MODERN:
        parts[5] = with_variable(scene, parts[5], found=True)
    return ":".join(parts)


def other_resource(scene: Scene, version: str) -> str:
    """A resource pattern that doesn't."""
    if scene.resource == "*":
        return scene.one((f"arn:aws:kms:*:{HOME}:*", "arn:aws:s3:::*", "arn:aws:kms:*"))
    head, name = scene.resource[: -len(scene.resource.split(":", 5)[5])], scene.resource
    tail = name.split(":", 5)[5]
    misses = (
        name[:-1],
        name + "?",
        name + "/*",
        swapped(name),
        head.replace(":us-east-1:", ":us-east-2:") + "*" if "us-east" in head else name + "x",
        head.replace("arn:aws:", "arn:aws:${aws:PrincipalTag/absent, ''}") + tail,
        head + with_variable(scene, tail, found=False),
        head + fooled(scene, tail, version),
        name.replace("+", "").replace("[2]", "2") if "+" in name or "[" in name else name + "s",
        head + tail.split("/")[0] if "/" in tail else head + tail + "/*",
    )
    return scene.one(misses)


def resource(scene: Scene, version: str, hit: bool) -> Element:
    """Resource or NotResource."""
    inverse = scene.chance(0.12)
    others = [other_resource(scene, version) for _ in range(1 + int(scene.rng.random() * 2))]
    if hit != inverse:
        value = listed(scene, covering_resource(scene, version), others)
    else:
        value = others if scene.chance(0.4) else others[0]
    return ("NotResource" if inverse else "Resource"), value


# --- principals -------------------------------------------------------------------------------


def strangers(scene: Scene) -> tuple[Any, ...]:
    """Principals that don't cover the caller, each in the form of the element's value."""
    caller = scene.caller
    home = f"arn:aws:iam::{caller.account}"
    parent = caller.arn.rsplit("/", 1)[0]
    forms: tuple[Any, ...] = (
        {"AWS": f"{home}:user/carol"},
        {"AWS": swapped(caller.arn)} if caller.kind != "root" else {"AWS": f"{home}:user/Root"},
        {"AWS": f"{parent}/*"},
        {"AWS": f"{home}:role/ap"},
        {"AWS": f"arn:aws:sts::{caller.account}:assumed-role/app/s9"},
        {"AWS": f"arn:aws:sts::{caller.account}:federated-user/zoe"},
        {"AWS": [OTHER, f"arn:aws:iam::{OTHER}:root"]},
        {"AWS": caller.arn.replace(caller.account, OTHER)},
        {"AWS": f"{home}:group/admins"},
        {"AWS": ["AIDACKCEVSQ6C2EXAMPLE", "AROACLKWSDQRAOEXAMPLE"]},
        {"Service": "cloudtrail.amazonaws.com"},
        {"Federated": f"{home}:saml-provider/corp"},
        {"CanonicalUser": "79a59df900b949e5"},
    )
    return forms


def principal_names(scene: Scene, way: str) -> list[str]:
    """Names in the key AWS that cover the caller in one of the ways."""
    caller = scene.caller
    account = [f"arn:aws:iam::{caller.account}:root", caller.account]
    if way == "account" or caller.kind == "root":
        return account if way != "direct" or scene.chance(0.7) else ["*"]
    if way == "role":
        return [caller.role or caller.arn]
    return ["*"] if caller.kind == "role" or scene.chance(0.35) else [caller.arn]


def principal(scene: Scene, hit: bool, way: str) -> Element:
    """Principal, covering the caller in one of the ways, or missing it."""
    if not hit:
        forms = strangers(scene)
        return "Principal", forms[int(scene.rng.random() * len(forms))]
    name = scene.one(principal_names(scene, way))
    if name == "*" and scene.chance(0.4):
        return "Principal", "*"
    others = [f"arn:aws:iam::{OTHER}:user/carol", f"arn:aws:iam::{scene.caller.account}:role/zed"]
    value: dict[str, Any] = {"AWS": listed(scene, name, others)}
    if scene.chance(0.1):
        value["Service"] = "s3.amazonaws.com"
    return "Principal", value


def not_principal(scene: Scene, hit: bool, effect: str) -> Element:
    """NotPrincipal, whose listed names leave the caller out (a hit) or cover it."""
    caller = scene.caller
    levels = [f"arn:aws:iam::{caller.account}:root"]
    levels += [name for name in (caller.role, caller.arn) if name and caller.kind != "root"]
    if hit and effect == "Deny" and len(levels) > 1 and scene.chance(0.6):
        levels.pop(int(scene.rng.random() * len(levels)))
    elif hit:
        levels = [f"arn:aws:iam::{OTHER}:root", f"arn:aws:iam::{caller.account}:user/carol"]
    elif effect == "Allow":
        levels = [scene.one(levels)]
    return "NotPrincipal", {"AWS": listed(scene, levels[0], levels[1:])} if scene.chance(0.1) else {
        "AWS": levels if len(levels) > 1 or scene.chance(0.5) else levels[0]
    }


def near_word(text: str) -> str:
    """A word that only a careless comparison takes for the text."""
    return NEAR.get(text) or swapped(text)
