"""The life of a loan: a grant, those who try to use it, and what time does to it (lesson 09)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from kmslab.course import tries
from kmslab.kms.lending import SETTLE_SECONDS
from kmslab.lab import Lab

LEND, USE, USE_EARLY, USE_ELSEWHERE = "Lend", "Use", "Use with token", "Use for patient 17"
STEAL, RETIRE, REVOKE, NEW_KEY = "Mallory uses token", "Retire", "Revoke", "New key"
CLOCK: Mapping[str, int] = MappingProxyType({"+1 min": 1, "+6 min": 6})
NONE, MADE, IN_FORCE, ENDED = "no grant", "made", "in force", "ended"  # what a grant can be
SEED = 90  # of the widget's own lab
PATIENT, OTHER = "23", "17"  # whose records are lent, and whose are not


@dataclass(frozen=True, slots=True)
class Moment:
    """What was done, in seconds of lab time since the key was made, and the grant after it."""

    seconds: int
    name: str
    outcome: str  # "ok", or the code of AWS's error; empty for a step of the clock
    state: str


class Loan:
    """A key in a lab of its own, of which a laboratory may decrypt one patient's records.

    `do` makes real calls, each by somebody else, and keeps what they came to in `moments`.
    """

    def __init__(self) -> None:
        self._lab = Lab(seed=SEED)
        self._clinic = self._lab.client("kms")
        self._role = self._lab.role("laboratory")
        self._mallory = self._lab.user("mallory").client("kms")
        self._ways: dict[str, Callable[[], str]] = {
            LEND: self._lend,
            REVOKE: self._revoke,
            USE: lambda: self._open(self._laboratory(), PATIENT),
            USE_EARLY: lambda: self._open(self._laboratory(), PATIENT, [self._token]),
            USE_ELSEWHERE: lambda: self._open(self._laboratory(), OTHER, [self._token]),
            RETIRE: self._retire,
            STEAL: lambda: self._open(self._mallory, PATIENT, [self._token]),
        }
        self._begin()

    @property
    def names(self) -> tuple[str, ...]:
        """What can be done, by name."""
        return (*self._ways, *CLOCK, NEW_KEY)

    @property
    def state(self) -> str:
        """What the grant is now."""
        if self._made is None:
            return ENDED if self._grant else NONE
        return MADE if self.waits() else IN_FORCE

    def do(self, name: str) -> None:
        """Does one thing by its name; `ValueError` names what there is."""
        if name not in self.names:
            raise ValueError(f"{name!r}: one of {', '.join(self.names)} is due")
        if name == NEW_KEY:
            self._begin()
        elif name in CLOCK:
            self._lab.clock.advance(minutes=CLOCK[name])
            self._note(name, "")
        else:
            self._note(name, self._ways[name]())

    def waits(self) -> int:
        """Seconds until the grant is in force without its token; 0 where it is, or has ended."""
        if self._made is None:
            return 0
        age = (self._lab.clock.now() - self._made).total_seconds()
        return max(0, SETTLE_SECONDS - int(age))

    def _begin(self) -> None:
        """A new key, one refused try, and then a loan."""
        self._start = self._lab.clock.now()
        self._key = self._clinic.create_key(Description="records")["KeyMetadata"]["Arn"]
        self._blobs = {who: self._seal(who) for who in (PATIENT, OTHER)}
        self._grant = self._token = ""
        self.moments: list[Moment] = []
        self.do(USE)
        self.do(LEND)

    def _note(self, name: str, outcome: str) -> None:
        found = self._clinic.list_grants(KeyId=self._key)["Grants"]
        made = {each["GrantId"]: each["CreationDate"] for each in found}
        self._made: datetime | None = made.get(self._grant)
        seconds = int((self._lab.clock.now() - self._start).total_seconds())
        self.moments.append(Moment(seconds, name, outcome, self.state))

    def _lend(self) -> str:
        """CreateGrant under a name: while the grant lives, asking again finds the same one."""
        made = self._clinic.create_grant(
            KeyId=self._key,
            Name="one-result",
            GranteePrincipal=self._role.arn,
            Operations=["Decrypt", "RetireGrant"],
            Constraints={"EncryptionContextSubset": {"patient": PATIENT}},
        )
        same = made["GrantId"] == self._grant
        self._grant, self._token = made["GrantId"], made["GrantToken"]
        return "ok, the same grant" if same else tries.OK

    def _open(self, kms: Any, patient: str, tokens: list[str] | None = None) -> str:
        asked = {"KeyId": self._key, "CiphertextBlob": self._blobs[patient]}
        context = {"EncryptionContext": {"patient": patient}}
        return tries.outcome(kms.decrypt, **asked, **context, GrantTokens=tokens or [])

    def _revoke(self) -> str:
        named = {"KeyId": self._key, "GrantId": self._grant}
        return tries.outcome(self._clinic.revoke_grant, **named)

    def _retire(self) -> str:
        return tries.outcome(self._laboratory().retire_grant, GrantToken=self._token)

    def _laboratory(self) -> Any:
        """A client of a new session: one lasts an hour, and the clock may be moved by more."""
        return self._role.session("run-1").client("kms")

    def _seal(self, patient: str) -> bytes:
        context = {"patient": patient}
        asked = {"KeyId": self._key, "Plaintext": b"a result", "EncryptionContext": context}
        blob: bytes = self._clinic.encrypt(**asked)["CiphertextBlob"]
        return blob
