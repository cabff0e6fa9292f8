"""The HSMs of a fleet at work: which of them serves, and what happens when one fails.

A token has an HSM it goes to first (so that its keys are at hand there), and the others are its
stand-ins. An HSM that refuses is asked to prove itself with its domain key: if it can, the refusal
was an answer; if it can't, it is taken out of service, and the next one is asked. So whoever asks
hears of a failure only when no HSM is left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pkcs11.exceptions import PKCS11Error

from kmslab.errors import FleetDown, HsmError, HsmOff, HsmRefused, KmslabError, TokenRefused
from kmslab.hsm import ceremonies, roster
from kmslab.hsm.member import Member, has_token, is_passing, made_member, reason
from kmslab.hsm.roster import Roster
from kmslab.hsm.session import HsmSession

Result = TypeVar("Result")
RECENT_SECONDS = 5.0  # after a rotation, in which a request may hold a token of before
RETRY_SECONDS = 0.05  # between two tries to open what is out of service
_ROUNDS, _PAUSE_SECONDS = 5, 0.01  # for an HSM that does not find its own keys


class _Nobody:
    """What stands for the answer where no HSM gave one."""


class Racks:
    """Where a fleet's HSMs stand. `members` is replaced whole, so it can be read without a lock."""

    def __init__(
        self, folder: Path, now: Roster, stamp: roster.Stamp | None, opened: ceremonies.Opened
    ) -> None:
        self.folder = folder
        self._file = str(roster.path(folder))
        self.roster = now
        self.members = tuple(made_member(place, opened.get(place.name)) for place in now.places)
        self._stamp = stamp
        self._lock = threading.RLock()
        self._retry = float("-inf")  # when what is out of service is tried again
        self._rotated = float("-inf")  # when this process saw a rotation

    def serve(self, token: bytes, work: Callable[[HsmSession], Result]) -> Result:
        """Has the first HSM that can do a piece of work; `FleetDown` where none is left.

        While another process writes to an HSM's token, the HSM may not find its own keys for some
        milliseconds: who refuses for that reason alone is asked again.
        """
        self.catch_up()
        for _ in range(_ROUNDS):
            refused: list[tuple[HsmSession, Exception]] = []
            answer = self._ask(token, work, refused)
            if not isinstance(answer, _Nobody):
                return answer
            if not refused and self._second_chance():
                continue
            if not any(is_passing(error) for _, error in refused):
                break
            time.sleep(_PAUSE_SECONDS)
        if refused:
            session, error = refused[0]
            raise self._refusal(session, error) from error
        raise FleetDown(self._why())

    def catch_up(self) -> None:
        """Does what another process, or a ceremony, wrote into the roster."""
        if roster.stamp(self._file) == self._stamp:
            return
        with self._lock:
            stamp = roster.stamp(self._file)
            if stamp not in (None, self._stamp):
                self._follow(roster.read(self.folder))
            self._stamp = stamp

    def put_in(self, opened: ceremonies.Opened, now: Roster) -> None:
        """Takes HSMs that a ceremony opened into service."""
        with self._lock:
            known = {each.place.name: each for each in self.members}
            for name in opened:
                if name in known and (session := known[name].session):
                    session.switch_off()
            self.members = tuple(
                made_member(place, opened[place.name], known.get(place.name))
                if place.name in opened
                else known.get(place.name) or Member(place)
                for place in now.places
            )
            self.roster = now

    def at_work(self) -> list[HsmSession]:
        """The HSMs that are on."""
        self.catch_up()
        return [each.session for each in self.members if each.session and each.is_on]

    def at_work_or_down(self) -> list[HsmSession]:
        """The HSMs that are on; `FleetDown` where none is."""
        sessions = self.at_work()
        if not sessions:
            raise FleetDown(self._why())
        return sessions

    def domain_name(self, generation: int = 0) -> str:
        """The name of a generation's domain keys, or of those in use."""
        return self.serve(b"\0", lambda hsm: hsm.domain_name(generation))

    def saw_rotation(self) -> bool:
        """Whether a token that this process made may be of another domain key than is used now."""
        self.catch_up()
        return bool(self.roster.coming) or self._rotated > float("-inf")

    def each(self, work: Callable[[HsmSession], None]) -> None:
        """Does a piece of work in every HSM that is on; one that fails is taken out of service."""
        for member in self.members:
            if session := member.session:
                try:
                    work(session)
                except PKCS11Error as error:
                    self._take_out(member, session, error)

    def switch_off(self) -> None:
        """Switches all HSMs off in this process."""
        for each in self.members:
            if each.session:
                each.session.switch_off()

    def _ask(
        self,
        token: bytes,
        work: Callable[[HsmSession], Result],
        refused: list[tuple[HsmSession, Exception]],
    ) -> Result | _Nobody:
        """The answer of the first HSM that gives one; of a token, all must say what one says."""
        members = self.members
        first = token[0] if members else 0
        for number in range(len(members)):
            member = members[(first + number) % len(members)]
            while session := member.session:
                try:
                    result = work(session)
                except HsmOff:
                    break
                except (HsmRefused, PKCS11Error) as error:
                    if not self._is_sound(member, session):
                        if self._take_out(member, session, error):
                            continue  # another one took its place
                        break
                    if isinstance(error, HsmRefused) and not isinstance(error, TokenRefused):
                        raise
                    refused.append((session, error))
                    break
                member.served += 1
                return result
        return _Nobody()

    def _follow(self, now: Roster) -> None:
        before, known = self.roster, {each.place.name: each for each in self.members}
        members = []
        for place in now.places:
            member = known.pop(place.name, None) or Member(place)
            member.place = place
            self._follow_one(member, now)
            members.append(member)
        for gone in known.values():
            if gone.session:
                gone.session.switch_off()
        self.members, self.roster = tuple(members), now
        if now.generation != before.generation:
            self._rotated = time.monotonic()
            for session in [each.session for each in members if each.session]:
                session.forget_all()

    def _follow_one(self, member: Member, now: Roster) -> None:
        session, folder = member.session, self.folder / member.place.name
        if not member.place.is_on:
            if session:
                session.switch_off()
            member.trouble, member.pulled = "", True
            return
        same = session is not None and not member.pulled and session.device.is_from(folder)
        if session and same and (not session.is_on or ceremonies.hold(session, now)):
            return  # as it was: taken out of service, or at work
        if session:
            session.switch_off()
        try:
            with roster.alone(self.folder):
                member.session = ceremonies.open_one(self.folder, member.place, now)
            member.trouble, member.pulled = "", False
        except KmslabError as error:
            member.session, member.trouble = None, str(error)

    def _is_sound(self, member: Member, session: HsmSession) -> bool:
        """Whether an HSM that refused works all the same; it gets some tries."""
        folder = self.folder / member.place.name
        for _ in range(_ROUNDS):
            if session.is_sound():
                return True
            if not session.is_on or not has_token(folder) or not session.device.is_from(folder):
                return False
            time.sleep(_PAUSE_SECONDS)
        return False

    def _take_out(self, member: Member, session: HsmSession, error: Exception) -> bool:
        """Switches an HSM off that fails; True where another one took its place meanwhile."""
        folder = self.folder / member.place.name
        if member.session is session and session.is_on:
            member.trouble = reason(folder, session, error)
        session.switch_off()
        if session.device.is_from(folder) or not (folder / "pins.json").exists():
            return False
        with self._lock:
            if member.session is session:
                self._follow_one(member, self.roster)
        return member.is_on

    def _second_chance(self) -> bool:
        """Opens what is out of service again, as none is left; False where that is no use.

        Whatever kept this process from opening an HSM, such as a full disk, may be over; or another
        thread just opened one, which the lock waits for.
        """
        with self._lock:
            if any(each.is_on for each in self.members):
                return True
            if time.monotonic() < self._retry:
                return False
            self._retry = time.monotonic() + RETRY_SECONDS
            for member in self.members:
                session, trouble = member.session, member.trouble
                if member.place.is_on and trouble and not member.is_on:
                    member.session = None
                    self._follow_one(member, self.roster)
                    if member.session is None:
                        member.session, member.trouble = session, trouble
            return any(each.is_on for each in self.members)

    def _refusal(self, session: HsmSession, error: Exception) -> HsmError:
        if isinstance(error, TokenRefused) and time.monotonic() < self._rotated + RECENT_SECONDS:
            return FleetDown("the domain key was replaced while the request ran: ask again")
        if isinstance(error, HsmRefused):
            return error
        return HsmRefused(f"{session.device.name} refused: {type(error).__name__}")

    def _why(self) -> str:
        troubles = [f"{each.place.name}: {each.trouble}" for each in self.members if each.trouble]
        if not troubles:
            return "no HSM of the fleet is switched on"
        return f"no HSM of the fleet is left; {'; '.join(troubles)}"
