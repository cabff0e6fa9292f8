"""One HSM of a fleet as a process has it, and what its failures mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pkcs11.exceptions import (
    KeyHandleInvalid,
    ObjectHandleInvalid,
    UnwrappingKeyHandleInvalid,
    WrappingKeyHandleInvalid,
)

from kmslab.errors import KmslabError
from kmslab.hsm.roster import Place
from kmslab.hsm.session import HsmSession

_PASSING = (
    *(KeyHandleInvalid, ObjectHandleInvalid),
    *(WrappingKeyHandleInvalid, UnwrappingKeyHandleInvalid),
)


@dataclass(slots=True)
class Member:
    """One HSM of the fleet, as this process has it."""

    place: Place
    session: HsmSession | None = None
    trouble: str = ""  # why it is out of service
    served: int = 0  # calls, by this process
    pulled: bool = False  # by somebody, until it is put back

    @property
    def is_on(self) -> bool:
        """Whether it serves."""
        return self.session is not None and self.session.is_on


def made_member(
    place: Place, opened: HsmSession | KmslabError | None, known: Member | None = None
) -> Member:
    """An HSM that was opened, or that could not be; `known` is what it was before."""
    served = known.served if known else 0
    if isinstance(opened, KmslabError):
        return Member(place, None, str(opened), served)
    return Member(place, opened, "", served)


def is_passing(error: Exception) -> bool:
    """Whether an HSM that works did not find a key of its own."""
    return isinstance(error.__cause__ or error, _PASSING)


def has_token(folder: Path) -> bool:
    """Whether an HSM's folder still holds a token's file."""
    return any((folder / "tokens").glob("*/token.object"))


def reason(folder: Path, session: HsmSession, error: Exception) -> str:
    """Why an HSM is taken out of service, in a few words and without a secret."""
    if not has_token(folder):
        return "its token folder is gone"
    cause = error.__cause__ or error
    return f"{session.device.name} refused: {type(cause).__name__}"
