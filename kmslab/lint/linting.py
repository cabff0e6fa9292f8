"""`lint(policy)`: every rule, tried on a document.

    lint('{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*"}]}')

The rules stand in tables, each a small function under the name that its findings carry: about the
document, a statement, or one condition. The idea and the levels are those of IAM Access Analyzer's
policy validation; the rules about KMS go further than it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kmslab.iam.conditions import Condition
from kmslab.iam.documents import MalformedPolicy
from kmslab.lint import (
    rules_actions,
    rules_form,
    rules_keys,
    rules_operators,
    rules_principals,
    rules_sets,
    rules_values,
    rules_variables,
    rules_whole,
)
from kmslab.lint.document import KEY_POLICY, KINDS, Document, Found, Part, fault_of, read
from kmslab.lint.findings import Finding, Findings
from kmslab.lint.words import shown

ON_DOCUMENTS: Mapping[str, Callable[[Document], Iterator[Found]]] = MappingProxyType(
    {
        "malformed": rules_form.malformed,
        "unknown name": rules_form.unknown_name,
        "size": rules_form.size,
        "old version": rules_variables.old_version,
        "unknown variable": rules_variables.unknown,
        "locked out": rules_whole.locked_out,
        "statement twice": rules_whole.twice,
        "Sid twice": rules_whole.same_sid,
        "undone": rules_whole.undone,
    }
)
# These look at what is written, and so at statements that the evaluator refuses as well.
ON_WRITTEN: Mapping[str, Callable[[Part], Iterator[Found]]] = MappingProxyType(
    {
        "malformed": rules_form.malformed_statement,
        "wildcard in principal": rules_principals.wildcard,
        "group as principal": rules_principals.group,
        "empty": rules_form.empty,
    }
)
ON_STATEMENTS: Mapping[str, Callable[[Part], Iterator[Found]]] = MappingProxyType(
    {
        "idle": rules_form.idle,
        "unknown action": rules_actions.unknown_action,
        "action of no key": rules_actions.action_of_no_key,
        "Allow with NotAction": rules_actions.allow_all_but,
        "resource of a key policy": rules_actions.resource_of_key_policy,
        "resource": rules_actions.resource_of_no_key,
        "everyone": rules_principals.open_to_everyone,
        "everyone in control": rules_principals.controlled_by_everyone,
        "session as principal": rules_principals.session,
        "Allow with NotPrincipal": rules_principals.allow_all_but,
        "Deny with NotPrincipal": rules_principals.deny_all_but,
        "another account": rules_principals.other_account,
        "confused deputy": rules_principals.service_without_source,
        "control policy": rules_principals.control_policy,
        "contradiction": rules_values.contradictory,
        "variable out of place": rules_variables.misplaced,
    }
)
ON_CONDITIONS: Mapping[str, Callable[[Part, Condition], Iterator[Found]]] = MappingProxyType(
    {
        "unknown key": rules_keys.unknown_key,
        "key that key policies lack": rules_keys.hidden_from_key_policies,
        "key never there": rules_keys.never_carried,
        "key seldom there": rules_keys.seldom_carried,
        "operator": rules_operators.unfitting,
        "unreadable value": rules_operators.unreadable,
        "wildcard": rules_values.wildcard,
        "sensitive wildcard": rules_values.sensitive_wildcard,
        "no values": rules_values.no_values,
        "MFA": rules_values.mfa,
        "set operator": rules_sets.set_of_one,
        "no set operator": rules_sets.several_without_set,
        "ForAllValues": rules_sets.true_of_none,
        "negated": rules_sets.negated,
    }
)


_WHOLE = 'a policy is {"Version": "2012-10-17", "Statement": [this]}'


def lint(policy: str | Mapping[str, Any], kind: str = KEY_POLICY, *, account: str = "") -> Findings:
    """What there is to say of a policy, given as JSON text or as a dict.

    `kind`: key policy, identity policy, trust policy, SCP or RCP. `account`: the account of the
    key, or of the policy's bearer; with it, principals of other accounts are pointed out. Lines are
    those of the text; of a dict, those of `json.dumps(policy, indent=2)`. Whatever is wrong with
    the policy is a finding: `TypeError` only for what is neither text nor dict, `ValueError` for
    another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: one of {', '.join(KINDS)} is due")
    if not isinstance(policy, str | Mapping):
        raise TypeError(f"policy={shown(repr(policy))}: a JSON text or a dict is due")
    try:
        text = policy if isinstance(policy, str) else _text(policy)
        document = read(text, kind, account)
        if "Effect" in document.top and "Statement" not in document.top:
            return _malformed(kind, 1, "this is a statement alone", _WHOLE)
        return Findings(_sorted(document, _tried(document)), kind)
    except json.JSONDecodeError as error:
        what = f"it is no JSON: {error.msg}, column {error.colno}"
        return _malformed(kind, error.lineno, what, "look before this place too: often it is there")
    except RecursionError:
        return _malformed(kind, 1, "it is nested too deep", "a policy needs six levels")
    except MalformedPolicy as error:
        return _malformed(kind, 1, shown(error), "write what JSON can hold")


def _text(policy: Mapping[str, Any]) -> str:
    try:
        return json.dumps(policy, indent=2, default=_plain)
    except (TypeError, ValueError) as error:
        raise MalformedPolicy(f"JSON can't hold it: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__}")


def _malformed(kind: str, line: int, message: str, advice: str) -> Findings:
    return Findings((Finding(line, "", "error", "malformed", message, advice),), kind)


def _tried(document: Document) -> Iterator[tuple[str, Found]]:
    """What each rule finds, with the rule's name."""
    for name, about_document in ON_DOCUMENTS.items():
        yield from ((name, found) for found in about_document(document))
    for part in document.parts:
        for name, about_written in ON_WRITTEN.items():
            yield from ((name, found) for found in about_written(part))
    for part in document.good:
        for name, about in ON_STATEMENTS.items():
            yield from ((name, found) for found in about(part))
        for condition in part.good.conditions:
            for name, on_condition in ON_CONDITIONS.items():
                yield from ((name, found) for found in on_condition(part, condition))


def _sorted(document: Document, tried: Iterator[tuple[str, Found]]) -> tuple[Finding, ...]:
    """By line, none twice. Where a rule knows better, the evaluator's own words are left out."""
    made = dict.fromkeys(_finding(document, name, found) for name, found in tried)
    explained = {(each.line, each.level) for each in made if each.rule != "malformed"}
    found = [
        each for each in made if each.rule != "malformed" or (each.line, "error") not in explained
    ]
    if not any(each.level == "error" for each in found):
        fault = fault_of(document.text, document.kind)
        found += [Finding(1, "", "error", "malformed", shown(fault), "")] if fault else []
    return tuple(sorted(found, key=lambda each: each.order))


def _finding(document: Document, rule: str, found: Found) -> Finding:
    line = found.line or document.line(found.path)
    inside = (part for part in document.parts if found.path[: len(part.path)] == part.path)
    part = next(inside, None) if found.path else None
    name = part.name if part is not None and len(found.path) >= len(part.path) else ""
    return Finding(line, name, found.level, rule, found.message, found.advice)
