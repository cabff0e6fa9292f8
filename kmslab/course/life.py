"""The life of one key, lived by its owner: a real KMS key in the learner's lab (lesson 10)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from kmslab.course.key_states import DELETED
from kmslab.course.own_material import BYTES, send
from kmslab.kms import states
from kmslab.lab import Lab

NEW_KEY = "New key"
CLOCK: Mapping[str, int] = MappingProxyType({"+1 day": 1, "+8 days": 8, "+1 year": 365})
OPERATIONS = (
    *("Decrypt", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"),
    *("DeleteImportedKeyMaterial", "ImportKeyMaterial"),
)
WAITING_DAYS = 7  # of a deletion
VALID_DAYS = 30  # of imported material
_LETTER = b"a letter that was encrypted when the key was new"


class Life:
    """A key with Origin EXTERNAL, its owner's copy of the material, and one ciphertext under it.

    `do` asks the real KMS and keeps its answer, an error too, as a line in `last`.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._kms = lab.client("kms")
        self._ways: dict[str, Callable[[], Any]] = {
            "Decrypt": self._decrypt,
            "EnableKey": lambda: self._kms.enable_key(KeyId=self.key),
            "DisableKey": lambda: self._kms.disable_key(KeyId=self.key),
            "ScheduleKeyDeletion": lambda: self._kms.schedule_key_deletion(
                KeyId=self.key, PendingWindowInDays=WAITING_DAYS
            ),
            "CancelKeyDeletion": lambda: self._kms.cancel_key_deletion(KeyId=self.key),
            "DeleteImportedKeyMaterial": lambda: self._kms.delete_imported_key_material(
                KeyId=self.key
            ),
            "ImportKeyMaterial": self._import,
            NEW_KEY: self._begin,
        }
        self._begin()
        self.last, self._known = f"{NEW_KEY}: done", self._describe()

    @property
    def names(self) -> tuple[str, ...]:
        """What can be done, by name."""
        return (*OPERATIONS, *CLOCK, NEW_KEY)

    @property
    def state(self) -> str:
        """The key's state, or "deleted"."""
        return str(self._known.get("KeyState", DELETED))

    @property
    def now(self) -> str:
        """The lab's date."""
        return f"{self._lab.clock.now():%Y-%m-%d}"

    def do(self, name: str) -> None:
        """Does one thing by its name; `ValueError` names what there is.

        Where the clock was moved elsewhere, `last` also says what that did to the key.
        """
        if name not in self.names:
            raise ValueError(f"{name!r}: one of {', '.join(self.names)} is due")
        before, self._known = self.state, self._describe()
        meanwhile = f"(Time made it {self.state}.) " if self.state != before else ""
        self.last = f"{meanwhile}{name}: {self._done(name)}"
        self._known = self._describe()

    def ahead(self) -> str:
        """What time will bring to the key, or nothing."""
        known = self._known
        if "DeletionDate" in known:
            return f"It will be deleted on {known['DeletionDate']:%Y-%m-%d}."
        if "ValidTo" in known:
            return f"Its material expires on {known['ValidTo']:%Y-%m-%d}."
        return ""

    def _done(self, name: str) -> str:
        if name in CLOCK:
            self._lab.clock.advance(days=CLOCK[name])
            return f"it is {self.now}"
        try:
            self._ways[name]()
        except ClientError as error:
            return "{Code}: {Message}".format(**error.response["Error"])
        return "done"

    def _begin(self) -> None:
        made = self._kms.create_key(Origin="EXTERNAL", Description="the life of a key")
        self.key: str = made["KeyMetadata"]["KeyId"]
        self._material = os.urandom(BYTES)
        self._import()
        self._blob = self._kms.encrypt(KeyId=self.key, Plaintext=_LETTER)["CiphertextBlob"]

    def _import(self) -> None:
        until = self._lab.clock.now() + timedelta(days=VALID_DAYS)
        send(self._kms, self.key, self._material, ValidTo=until)

    def _decrypt(self) -> None:
        self._kms.decrypt(KeyId=self.key, CiphertextBlob=self._blob)

    def _describe(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = self._kms.describe_key(KeyId=self.key)["KeyMetadata"]
        except self._kms.exceptions.NotFoundException:
            return {}
        return known


def refusals(state: str) -> dict[str, str]:
    """For each operation that a state refuses, the code of the error."""
    if state == DELETED:
        return dict.fromkeys(OPERATIONS, "NotFoundException")
    found = {name: states.refuse(name, state) for name in OPERATIONS}
    return {name: refusal[0] for name, refusal in found.items() if refusal}
