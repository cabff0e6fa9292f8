"""The lab: an empty AWS of your own. An HSM fleet, one account, its admin, a clock and a trail."""

from __future__ import annotations

import atexit
import hashlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.model import ServiceModel

from kmslab.aws import regions
from kmslab.aws.call import Call, Service
from kmslab.aws.principal import Principal
from kmslab.aws.session import loader, session
from kmslab.clock import Clock
from kmslab.cloudtrail.recorder import Recorder
from kmslab.cloudtrail.trail import Trail
from kmslab.errors import StoreError
from kmslab.kms.request import Rooms
from kmslab.kms.service import Kms
from kmslab.kms.service_keys import SERVICES, first_use
from kmslab.settings import Settings
from kmslab.store import Store
from kmslab.temporary import TemporaryFolder

if TYPE_CHECKING:
    from kmslab.hsm.fleet import Fleet


class Lab:
    """A lab, ready to use.

    `Lab()` is fresh, and gone when the process ends. `Lab(path)` lives in that folder and can be
    opened again, by another process at the same time too. `Lab(seed=6)` gives its keys, account
    and events the same ids on every run; key material stays random.

        lab = Lab()
        kms = lab.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]

    Raises `HsmModuleMissing` without SoftHSM2 and `StoreError` for a folder that can't be used.
    """

    def __init__(self, path: str | Path | None = None, *, seed: int | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise TypeError(f"seed={seed!r}: a whole number is due")
        self._temporary = TemporaryFolder() if path is None else None
        self.path = self._temporary.path if self._temporary else _folder(path)
        try:
            self._rooms = _rooms(self.path, seed)
        except BaseException:
            self._remove()
            raise
        self._settings = self._rooms.settings
        self._models = loader()
        self._services: dict[str, Service] = {"kms": Kms(self._rooms, self._model("kms"))}
        self._session: boto3.Session | None = None
        self.clock = Clock(self._settings)
        self.admin = _admin(self._settings.account)
        atexit.register(self.close)

    @property
    def account(self) -> str:
        """The lab's account number, twelve digits."""
        return self._settings.account

    @property
    def hsms(self) -> Fleet:
        """The HSMs that hold the lab's keys."""
        return self._rooms.fleet

    def client(self, service: str, region: str = regions.DEFAULT) -> Any:
        """A boto3 client, answered inside this process: no network, no AWS account.

        Keys of one Region are not seen in another; a multi-Region key is in several.
        """
        if service not in self._services:
            known = ", ".join(sorted(self._services))
            raise ValueError(f"the lab has no service {service!r}; it has: {known}")
        if region != regions.DEFAULT:
            regions.check(region)
        return self.session().client(service, region_name=region)

    def session(self) -> boto3.Session:
        """A `boto3.Session` of the account's admin, for libraries that want one."""
        if self._session is None:
            secret = secrets.token_urlsafe(30)
            self._session = session(
                self.admin, regions.DEFAULT, self._services, secret, self._models
            )
        return self._session

    def first_use(self, service: str, region: str = regions.DEFAULT) -> str:
        """What happens in your account when a service first encrypts something of yours.

        s3, ebs, secretsmanager and ssm make an AWS managed key under alias/aws/…; dynamodb uses a
        key that AWS owns, of which you see nothing. Returns which kind of key it was.
        """
        if service not in SERVICES:
            raise ValueError(f"service={service!r}: one of {', '.join(SERVICES)} is due")
        call = Call(self.admin, "kms", "CreateKey", region, {})
        first_use(self._rooms, call, SERVICES[service])
        return "AWS owned key" if SERVICES[service].owned else f"alias/aws/{service}"

    def trail(self) -> Trail:
        """What CloudTrail recorded so far."""
        return Trail.read(self._rooms.store)

    def close(self) -> None:
        """Switches the HSMs off; a temporary lab is gone then. Done when the process ends."""
        atexit.unregister(self.close)
        self._rooms.fleet.switch_off()
        self._rooms.store.close()
        self._remove()

    def _model(self, service: str) -> ServiceModel:
        return ServiceModel(self._models.load_service_model(service, "service-2"), service)

    def _remove(self) -> None:
        if self._temporary:
            self._temporary.remove()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = "temporary" if self._temporary else str(self.path)
        return (
            f"<Lab {kind}, account {self.account}, {regions.DEFAULT}, {len(self.hsms.hsms)} HSMs>"
        )


def _folder(path: str | Path | None) -> Path:
    if not isinstance(path, str | Path):
        raise TypeError(f"path={path!r}: the name of a folder is due")
    folder = Path(path).expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StoreError(f"the lab's folder can't be made: {folder}: {error.strerror}") from error
    return folder.resolve()


def _rooms(folder: Path, seed: int | None) -> Rooms:
    from kmslab.hsm.fleet import Fleet  # python-pkcs11 takes 0.2 s to import: not before use

    store = Store(folder / "records.sqlite")
    try:
        settings = Settings(store, seed)
        fleet = Fleet.open(folder / "hsms", made=settings.has_fleet)
        settings.note_fleet()
        return Rooms(store, fleet, settings, Recorder(store, settings))
    except BaseException:
        store.close()
        raise


def _admin(account: str) -> Principal:
    """The account's first user; its ids are made from the account's number."""
    tail = hashlib.sha256(account.encode()).hexdigest()[:16].upper()
    return Principal(account, "user", "admin", f"AIDA{tail}", f"AKIA{tail}")
