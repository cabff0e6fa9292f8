"""Any life a key can have: hypothesis makes actions up, a model says what must come of them.

The model (`life.py`) shares no code with kmslab. After every action the lab must look as the model
does, and every blob must open where, and only where, the model says. The lab is closed and opened
in between, and killed while it works. KMSLAB_LIVES=500 lets 500 longer lives pass, with other luck
each time, and looks for the shortest life that fails.
"""

from __future__ import annotations

import atexit
import copy
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from actor import (
    CONTEXT,
    PLAINTEXT,
    START,
    Kms,
    freeze,
    perform,
    seen,
    thaw,
)
from expect import files, start
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from life import DAY, EXISTING, NEW, USABLE, Action, Model

from kmslab import Lab
from kmslab.errors import AwsError

REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
LIVES = int(os.environ.get("KMSLAB_LIVES", "0"))
MOST_KEYS, MOST_BLOBS, MOST_REOPENED, MOST_KILLS = 6, 8, 2, 2

SECONDS = (6.0, 31.0, 1_500.0, 8 * DAY, 8 * DAY, 31 * DAY, 91 * DAY, 401 * DAY)
ELSEWHERE = 11
keys, places = st.integers(0, MOST_KEYS - 1), st.integers(0, ELSEWHERE)
kinds = st.sampled_from(("plain", "shared", "shared", "external", "shared external"))
no_action = st.sampled_from(
    (
        *("use", "use", "enable", "enable", "disable", "disable", "cancel", "cancel"),
        *("disable_rotation", "rotate_on_demand", "rotate_on_demand"),
    )
)


# What the process that is killed does, and with which parameters.
KILLED: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("use", "enable", "disable", "cancel", "rotate_on_demand")},
    "schedule": {"days": 7},
    "enable_rotation": {"days": 90},
    "replicate": {"to": REGIONS[1]},
    "move": {"to": REGIONS[1]},
    "take_away": {"number": None},
    "create": {"kind": "shared", "region": REGIONS[0]},
}


WORKERS = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from actor import work_until_killed
for line in sys.stdin:
    worker = os.fork()
    if not worker:
        signal.alarm(60)
        work_until_killed(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
"""


class Life(RuleBasedStateMachine):
    """A lab in a folder, and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        freeze()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        shutil.copytree(_new_lab(), self.folder / "lab")
        self.lab = Lab(self.folder / "lab")
        self.model = Model(START)
        self.blobs: list[tuple[bytes, int, int]] = []  # blob, number of its key and generation
        self.tokens: set[bytes] = set()
        self.reopened = self.kills = 0

    def teardown(self) -> None:
        """The lab is whole to its end; nothing is left."""
        try:
            self.lab.close()
            with closing(sqlite3.connect(self.folder / "lab" / "records.sqlite")) as records:
                assert records.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finally:
            shutil.rmtree(self.folder)
            thaw()

    # What happens

    @initialize(days=st.sampled_from((90, 400)), spread=st.booleans())
    def begin(self, days: int, spread: bool) -> None:
        """A key of each kind: one that rotates, one in two Regions, two with imported material."""
        for kind in ("plain", "shared", "external", "shared external"):
            self._do(Action("create", more={"kind": kind, "region": REGIONS[0]}))
        for number in (0, 1):
            self._do(Action("enable_rotation", number, REGIONS[0], {"days": days}))
        for number in (2, 3):
            more = {"label": "a", "kind": None, "expires": None}
            self._do(Action("bring", number, REGIONS[0], more))
        for number in (1, 3) if spread else (1,):
            self._do(Action("replicate", number, REGIONS[0], {"to": REGIONS[1]}))
        self.advance(6.0)

    @precondition(lambda self: len(self.model.sets) < MOST_KEYS)
    @rule(kind=kinds, region=st.sampled_from((REGIONS[0], REGIONS[2])))
    def create(self, kind: str, region: str) -> None:
        """One more key."""
        self._do(Action("create", more={"kind": kind, "region": region}))

    @rule(name=no_action, key=keys, place=places)
    def do(self, name: str, key: int, place: int) -> None:
        """Something that needs a key only."""
        self._do(self._action(name, key, place))

    @rule(key=keys, place=places, days=st.sampled_from((7, 30)))
    def schedule(self, key: int, place: int, days: int) -> None:
        """ScheduleKeyDeletion."""
        self._do(self._action("schedule", key, place, days=days))

    @rule(key=keys, place=places, days=st.sampled_from((90, 400, None)))
    def enable_rotation(self, key: int, place: int, days: int | None) -> None:
        """EnableKeyRotation."""
        self._do(self._action("enable_rotation", key, place, days=days))

    @rule(key=keys, place=places, to=st.sampled_from(REGIONS))
    def replicate(self, key: int, place: int, to: str) -> None:
        """ReplicateKey."""
        self._do(self._action("replicate", key, place, to=to))

    @rule(key=keys, place=places, to=places)
    def move(self, key: int, place: int, to: int) -> None:
        """UpdatePrimaryRegion, mostly to a Region that has a replica."""
        action = self._action("move", key, place)
        others = sorted({*self.model.sets[action.key].copies} - {action.region})
        action.more["to"] = others[to % len(others)] if others and to != ELSEWHERE else REGIONS[2]
        self._do(action)

    @rule(key=keys, place=places, seconds=st.sampled_from((DAY, 91 * DAY, 401 * DAY)))
    def switch_off_and_on(self, key: int, place: int, seconds: float) -> None:
        """A key is off for a while: maybe it misses something."""
        action = self._action("disable", key, place)
        self._do(action)
        self.advance(seconds)
        self._do(Action("enable", action.key, action.region))

    @rule(key=keys, place=places, material=st.booleans(), seconds=st.sampled_from((DAY, 29 * DAY)))
    def nearly_delete(self, key: int, place: int, material: bool, seconds: float) -> None:
        """A key waits to be deleted and is kept after all, maybe without its material."""
        action = self._action("schedule", key, place, days=30)
        self._do(action)
        if material:
            self._do(Action("take_away", action.key, action.region, {"number": None}))
        self.advance(seconds)
        self._do(Action("cancel", action.key, action.region))
        self._do(Action("enable", action.key, action.region))

    @rule(
        key=keys,
        place=places,
        label=st.sampled_from(("a", "a", "b", "c")),
        kind=st.sampled_from((None, None, NEW, NEW, EXISTING)),
        expires=st.sampled_from((None, None, 20 * DAY + 7)),
    )
    def bring(
        self, key: int, place: int, label: str, kind: str | None, expires: float | None
    ) -> None:
        """ImportKeyMaterial."""
        self._do(self._action("bring", key, place, label=label, kind=kind, expires=expires))

    @rule(key=keys, place=places, number=st.sampled_from((None, 0, 1)))
    def take_away(self, key: int, place: int, number: int | None) -> None:
        """DeleteImportedKeyMaterial."""
        self._do(self._action("take_away", key, place, number=number))

    @rule(seconds=st.sampled_from(SECONDS))
    def advance(self, seconds: float) -> None:
        """Time passes, and what it brings happens at the next call."""
        self.lab.clock.advance(seconds=seconds)
        Kms(self.lab, REGIONS[0]).list_keys()
        self.model.now += seconds
        self.model.pass_time()

    @precondition(lambda self: self.reopened < MOST_REOPENED)
    @rule()
    def reopen(self) -> None:
        """The lab is closed and opened again."""
        self.reopened += 1
        self.lab.close()
        self.lab = Lab(self.folder / "lab")

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule(data=st.data(), statements=st.integers(2, 60))
    def kill(self, data: st.DataObject, statements: int) -> None:
        """A process does some of all this and dies in the middle of something."""
        self.kills += 1
        work = [self._draw(data) for _ in range(5)]
        self.lab.close()
        acks = self.folder / "acks"
        asked = {
            "folder": str(self.folder / "lab"),
            "statements": statements,
            "work": [(self._id(each), asdict(each)) for each in work],
            "acks": str(acks),
        }
        workers = _workers()
        assert workers.stdin is not None
        assert workers.stdout is not None
        print(json.dumps(asked), file=workers.stdin, flush=True)
        assert workers.stdout.readline() in ("0\n", "-9\n")
        self.lab = Lab(self.folder / "lab")
        answers = [json.loads(line) for line in acks.read_text().splitlines()]
        for action, (code, given) in zip(work, answers, strict=False):
            self._expect(action, code, given)
        if len(answers) < len(work):
            self._find_out(work[len(answers)])

    def _draw(self, data: st.DataObject) -> Action:
        """An action for the process that is killed."""
        name = data.draw(st.sampled_from(tuple(KILLED)))
        if name == "create":
            return Action(name, more=KILLED[name])
        return self._action(name, data.draw(keys), data.draw(places), **KILLED[name])

    def _action(self, name: str, key: int, place: int, **more: Any) -> Action:
        """An action on one of the keys that there are, nearly always in a Region that it is in."""
        living = [number for number, keys in enumerate(self.model.sets) if keys.copies]
        key = living[key % len(living)] if living else key % len(self.model.sets)
        its = list(self.model.sets[key].copies)
        region = its[place % len(its)] if its and place != ELSEWHERE else REGIONS[1]
        number = more.get("number")
        if number is not None and number >= len(self.model.sets[key].generations):
            more["number"] = None
        return Action(name, key, region, more)

    def _id(self, action: Action) -> str:
        return "" if action.name == "create" else self.model.sets[action.key].key_id

    def _do(self, action: Action) -> None:
        self._expect(action, *perform(self.lab, self._id(action), action))

    def _expect(self, action: Action, code: str, given: str) -> None:
        """The lab answered as the model does."""
        expected = self.model.apply(action)
        assert code == expected, (action, code, expected)
        if action.name == "create":
            self.model.sets[-1].key_id = given
        elif action.name == "use" and not code:
            self.blobs.append(
                (bytes.fromhex(given), action.key, self.model.sets[action.key].current)
            )

    def _find_out(self, action: Action) -> None:
        """Whether an action that got no answer was done. Either will do, but nothing in between."""
        self.model.pass_time()
        done = copy.deepcopy(self.model)
        done.apply(action)
        shown = seen(self.lab, REGIONS)
        if action.name == "create":
            known = {keys.key_id for keys in self.model.sets}
            done.sets[-1].key_id = next((key for key, _ in shown if key not in known), "")
        assert shown in (self.model.seen(), done.seen())
        if shown != self.model.seen():
            self.model = done

    # What must hold

    @invariant()
    def the_lab_looks_as_the_model(self) -> None:
        """States, dates, generations, rotation and lists of all Regions."""
        shown, expected = seen(self.lab, REGIONS), self.model.seen()
        assert shown.keys() == expected.keys()
        for name in shown:
            assert shown[name] == expected[name], name

    @invariant()
    def blobs_open_where_their_key_works(self) -> None:
        """In every Region of the key that is in a state for it, and nowhere else."""
        self.blobs = self.blobs[-MOST_BLOBS:]
        for blob, number, generation in self.blobs:
            keys = self.model.sets[number]
            for region in REGIONS:
                place = keys.copies.get(region)
                code = _opens(Kms(self.lab, region), blob)
                if place is None:
                    assert code == "AccessDeniedException"
                elif place.state in USABLE:
                    assert code == ""
                else:
                    disabled = place.state == "Disabled"
                    assert code == ("DisabledException" if disabled else "KMSInvalidStateException")
            assert generation <= keys.current

    @invariant()
    def no_row_is_left_of_a_key_that_is_gone(self) -> None:
        """In no table, but what the trail keeps."""
        living = {(keys.key_id, region) for keys in self.model.sets for region in keys.copies}
        for table in ("material", "policy", "tag", "alias", "key_grant", "due"):
            rows = self.lab._rooms.store.rows(f"SELECT key_id, region FROM {table}")
            assert set(rows) <= living, table
        rows = self.lab._rooms.store.rows("SELECT key_id FROM rotation")
        assert {key for (key,) in rows} <= {key for key, _ in living}
        count = self.lab._rooms.store.row("SELECT sum(keys) FROM key_count")
        assert count == (len(living),)

    @invariant()
    def what_was_deleted_is_gone(self) -> None:
        """Key material that the records do not have any more is in no file either."""
        rows = self.lab._rooms.store.rows("SELECT token FROM material WHERE token IS NOT NULL")
        now = {bytes(token) for (token,) in rows}
        gone = self.tokens - now
        self.tokens |= now
        if gone:
            raw = b"".join(files(self.lab.path).values())
            assert not [token for token in gone if token in raw]
            self.tokens = now


def _opens(kms: Kms, blob: bytes) -> str:
    """The error's code where the blob does not open."""
    try:
        answer = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    except AwsError as error:
        return error.code
    assert answer["Plaintext"] == PLAINTEXT
    return ""


@cache
def _new_lab() -> Path:
    """The folder of a lab that was made and not used: copying it is faster than making one."""
    folder = Path(tempfile.mkdtemp(prefix="life-"))
    atexit.register(shutil.rmtree, folder)
    Lab(folder / "lab").close()
    return folder / "lab"


@cache
def _workers() -> subprocess.Popen[str]:
    """A process that forks one for each line of its input, and prints how that one ended."""
    process = start(WORKERS, Path(__file__).parent, stdin=subprocess.PIPE)
    atexit.register(process.communicate)  # it ends with its input
    return process


Life.TestCase.settings = settings(
    max_examples=LIVES or 20,
    stateful_step_count=80 if LIVES else 40,
    deadline=None,
    derandomize=not LIVES,
    database=None,
    phases=(Phase.generate, Phase.shrink) if LIVES else (Phase.generate,),
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
