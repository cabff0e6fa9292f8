"""A trail without HSMs: records, a recorder, callers of every kind, and CloudTrail's client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.model import ServiceModel

from kmslab.aws.authorize import Authorize, let_pass
from kmslab.aws.call import DIRECT, Call, Output, Way
from kmslab.aws.principal import Principal, Session
from kmslab.aws.session import loader, session
from kmslab.cloudtrail.events import Event, read_events
from kmslab.cloudtrail.recorder import Recorder
from kmslab.cloudtrail.service import CloudTrail
from kmslab.cloudtrail.trail import Trail
from kmslab.errors import AwsError
from kmslab.settings import Settings
from kmslab.store import Store

HERE, THERE = "us-east-1", "eu-central-1"
MINE, THEIRS, THIRD = "111122223333", "444455556666", "777788889999"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:{HERE}:{MINE}:key/{KEY_ID}"
THEIR_KEY = KEY.replace(MINE, THEIRS)
ROLE = f"arn:aws:iam::{MINE}:role/team/app"
THEIR_ROLE = f"arn:aws:iam::{THEIRS}:role/auditor"
BORN = 1_767_603_600.25  # 5 January 2026, 9:00:00 UTC

_SESSION = Session(ROLE, "AROAROLE", BORN, BORN + 3600)
ALICE = Principal(MINE, "user", "alice", "AIDAALICE", "AKIAALICE", path="/hr/")
ROOT = Principal(MINE, "root", "root", MINE, "AKIAROOT")
APP = Principal(MINE, "role session", "app/run-1", "AROAROLE:run-1", "ASIAAPP", session=_SESSION)
CARL = Principal(
    MINE,
    "federated user",
    "carl",
    f"{MINE}:carl",
    "ASIACARL",
    session=Session(ALICE.arn, ALICE.unique_id, BORN, BORN + 3600),
)
SERVICE = Principal("", "service", "logs.amazonaws.com", "", "")
EVERYONE = (ALICE, ROOT, APP, CARL, SERVICE)
MODELS = loader()


class Records:
    """The records of a lab of which only the trail is used."""

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        self.store = Store(folder / "records.sqlite")
        self.settings = Settings(self.store, seed)
        self.recorder = Recorder(self.store, self.settings)

    def call(
        self,
        who: Principal = ALICE,
        operation: str = "Encrypt",
        parameters: Output | None = None,
        *,
        service: str = "kms",
        region: str = HERE,
        way: Way = DIRECT,
    ) -> Call:
        """A call, by default of KMS."""
        asked = {"KeyId": KEY_ID} if parameters is None else parameters
        return Call(who, service, operation, region, asked, way=way)

    def success(
        self,
        who: Principal = ALICE,
        operation: str = "Encrypt",
        parameters: Output | None = None,
        *,
        arns: tuple[str, ...] = (KEY,),
        output: Output | None = None,
        **more: Any,
    ) -> str:
        """Records a call that was answered; returns its request id."""
        call = self.call(who, operation, parameters, **more)
        return self.recorder.success(call, arns, output or {})

    def failure(
        self,
        code: str,
        who: Principal = ALICE,
        operation: str = "Encrypt",
        *,
        arns: tuple[str, ...] = (KEY,),
        **more: Any,
    ) -> str:
        """Records a call that was refused; returns its request id."""
        call = self.call(who, operation, **more)
        return self.recorder.failure(call, arns, AwsError(code, "no"))

    def events(self, account: str = MINE) -> list[Event]:
        """All events of an account."""
        return read_events(self.store, account)

    def last(self, account: str = MINE) -> Event:
        """The newest event of an account."""
        return self.events(account)[-1]

    def trail(self, account: str = MINE) -> Trail:
        """The trail of an account."""
        return Trail.read(self.store, account)

    def client(
        self, who: Principal = ALICE, region: str = HERE, authorize: Authorize = let_pass
    ) -> Any:
        """A boto3 client of CloudTrail."""
        description = MODELS.load_service_model("cloudtrail", "service-2")
        model = ServiceModel(description, "cloudtrail")
        service = CloudTrail(self.store, self.settings, self.recorder, model, authorize)
        made = session(who, services={"cloudtrail": service}, secret="unsigned", models=MODELS)
        return made.client("cloudtrail", region_name=region)
