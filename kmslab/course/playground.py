"""The policy playground: a key policy that isn't saved, and what it would answer (lesson 07).

The lab's own evaluator decides, with the edited policy in place of the key's; IAM policies and
grants are as they are in the lab.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from kmslab.accounts.callers import Caller
from kmslab.course import policy_ways
from kmslab.explain.explanation import Explanation
from kmslab.lab import Lab

if TYPE_CHECKING:
    from kmslab.lint import Findings  # takes 50 ms: not with every lesson

# With the encryption context if there is one, then without.
WITH_CONTEXT = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
ACTIONS = (
    *WITH_CONTEXT,
    *("kms:DescribeKey", "kms:CreateGrant", "kms:PutKeyPolicy"),
    *("kms:DisableKey", "kms:ScheduleKeyDeletion"),
)
_CONTEXT = "kms:EncryptionContext"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy says to one question."""

    asked: str  # the question, in words
    findings: Findings  # of the linter, in the policy
    explanation: Explanation | None  # None: what was edited is no policy
    fault: str = ""  # why not

    @property
    def end(self) -> str:
        """Where it came to in the figure of `policy_ways`; "" for nowhere."""
        return policy_ways.way(self.explanation.decision) if self.explanation else ""

    @property
    def verdict(self) -> str:
        """In two words."""
        if self.explanation is None:
            return "No policy"
        return "Allowed" if self.explanation.allowed else "Denied"

    @property
    def why(self) -> str:
        """The reason, in AWS's words, or what is wrong with the policy."""
        if self.explanation is None:
            return self.fault
        return self.explanation.reason.removeprefix("allowed ")

    @property
    def line(self) -> str:
        """Question, answer and reason in one line of text."""
        count = len(self.findings)
        told = f" | lint: {count} finding{'s' if count > 1 else ''}" if count else ""
        return f"{self.asked}: {self.verdict}, {self.why}{told}"


class Playground:
    """A KMS key of the lab, and those who may ask for it, by short names."""

    def __init__(self, lab: Lab, key: str, callers: Iterable[Caller]) -> None:
        self._lab, self._key = lab, key
        self._kms = lab.client("kms")
        self.callers: Mapping[str, Caller] = {short(lab, each): each for each in callers}

    def saved(self) -> str:
        """The key's own policy, in lines."""
        text = self._kms.get_key_policy(KeyId=self._key)["Policy"]
        return json.dumps(json.loads(text), indent=2)

    def ask(self, policy: str, who: str, action: str, context: str = "") -> Answer:
        """What the policy would answer; `ValueError` for a context that can't be read."""
        pairs = read_context(context) if action in WITH_CONTEXT else {}
        given: dict[str, object] = {f"{_CONTEXT}:{key}": value for key, value in pairs.items()}
        if pairs:
            given[f"{_CONTEXT}Keys"] = list(pairs)
        told = written_context(pairs)
        asked = f"{who} asks for {action}{told and f' with {told}'}"
        findings = self._lab.lint(policy)
        caller = self.callers[who]
        try:
            found = self._lab.simulate(caller, action, self._key, given, policy=policy)
        except (ValueError, RecursionError) as error:
            return Answer(asked, findings, None, str(error))
        return Answer(asked, findings, found)

    def save(self, policy: str) -> str:
        """Calls PutKeyPolicy as the lab's admin: "saved", or AWS's error."""
        try:
            self._kms.put_key_policy(KeyId=self._key, Policy=policy)
        except ClientError as error:
            return "{Code}: {Message}".format(**error.response["Error"])
        except Exception as error:  # boto3 has limits of its own, as for an empty text
            return str(error)
        return "saved"


def short(lab: Lab, caller: Caller) -> str:
    """A caller by what tells it apart: the end of its ARN, and the account if it is another."""
    name = caller.arn.split(":", 5)[-1]
    return name if caller.account == lab.account else f"{name} of {caller.account}"


def read_context(text: str) -> dict[str, str]:
    """An encryption context from "dept=heart, patient=17"."""
    pairs = [each.partition("=") for each in text.split(",") if each.strip()]
    for name, sign, _ in pairs:
        if not sign or not name.strip():
            raise ValueError(f"context {text!r}: name=value is due, with commas between")
    return {name.strip(): value.strip() for name, _, value in pairs}


def written_context(pairs: Mapping[str, str]) -> str:
    """An encryption context as the text that is read as it; `ValueError` where there is none."""
    text = ", ".join(f"{name}={value}" for name, value in pairs.items())
    with suppress(ValueError):
        if read_context(text) == pairs:
            return text
    raise ValueError(f"context {dict(pairs)}: texts are due, without commas and outer spaces")
