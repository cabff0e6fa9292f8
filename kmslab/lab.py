"""The lab: an empty AWS of your own. An HSM fleet, an account, its admin, a clock and a trail."""

from __future__ import annotations

import atexit
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kmslab.access.authorizer import Authorizer
from kmslab.access.history import remembering
from kmslab.accounts import founding, iam, sts
from kmslab.accounts.callers import Stage
from kmslab.accounts.people import People
from kmslab.accounts.records import Accounts
from kmslab.accounts.request import Rooms as AccountRooms
from kmslab.accounts.service import AccountService
from kmslab.aws import regions
from kmslab.aws.call import Call, Service
from kmslab.aws.session import Clients
from kmslab.clock import Clock
from kmslab.cloudhsm.late import Clusters
from kmslab.cloudtrail.recorder import Recorder
from kmslab.cloudtrail.service import CloudTrail
from kmslab.cloudtrail.trail import Trail
from kmslab.errors import StoreError
from kmslab.explain.answers import Answers
from kmslab.integrated.services import services
from kmslab.kms.request import Rooms
from kmslab.kms.rewrapping import Tokens
from kmslab.kms.service import Kms
from kmslab.kms.service_keys import SERVICES, first_use
from kmslab.s3.at_rest import Disk
from kmslab.s3.files import Files
from kmslab.s3.service import s3
from kmslab.settings import Settings
from kmslab.store import Store
from kmslab.temporary import TemporaryFolder

if TYPE_CHECKING:
    from kmslab.cloudhsm.admin import CloudHsmCli
    from kmslab.hsm.fleet import Fleet
    from kmslab.hsm.guided.own import Hsm
    from kmslab.xks.proxy import XksProxy


class Lab(People, Answers):
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
        clients = Clients()
        stage = _stage(self._rooms, clients)
        kms = Kms(self._rooms, clients.model("kms"))
        self._clusters = Clusters(self.path / "cloudhsm", self._rooms, kms, clients.model)
        self._rooms.connections.clusters = self._clusters
        files = Files(self.path / "s3", self._rooms.store)
        self.s3 = Disk(self._rooms.store, files)
        self._services: dict[str, Service] = {
            "kms": kms,
            "s3": s3(kms, self._rooms, files, clients.model),
            "iam": stage.iam,
            "sts": stage.sts,
            "cloudtrail": _cloudtrail(self._rooms, clients),
            "cloudhsmv2": self._clusters,
            **services(self._rooms, kms, clients.model),
        }
        history = self._rooms.authorizer.history
        clients.serve({name: remembering(one, history) for name, one in self._services.items()})
        super().__init__(stage, self._settings.account)
        self.clock = Clock(self._settings)
        self._proxies: list[XksProxy] = []
        atexit.register(self.close)

    @property
    def hsms(self) -> Fleet:
        """The HSMs that hold the lab's keys."""
        return self._rooms.fleet

    @cached_property
    def hsm(self) -> Hsm:
        """An HSM of your own, made at first use: none of the fleet's. Lesson 12 is about it."""
        from kmslab.hsm.guided.own import Hsm

        return Hsm(self.path / "own-hsm")

    def xks_proxy(self, host: str = "xks.example.com") -> XksProxy:
        """An external key store proxy of this name, running until its `close`, or the lab's.

        Its keys are in an HSM of its own, outside of AWS. Lesson 14 is about it.
        """
        from kmslab.xks.starting import start

        proxy = start(self.path / "xks", self._rooms.store, host)
        self._proxies.append(proxy)
        return proxy

    def cloudhsm(self, cluster_id: str) -> CloudHsmCli:
        """A client of a CloudHSM cluster: its users, sessions and HSMs. Lesson 13 is about it."""
        return self._clusters.cli(cluster_id)

    def first_use(self, service: str, region: str = regions.DEFAULT) -> str:
        """What happens in your account when a service first encrypts something of yours.

        s3, ebs, secretsmanager and ssm make an AWS managed key under alias/aws/…; dynamodb uses a
        key that AWS owns, of which you see nothing. Returns which kind of key it was.
        """
        if service not in SERVICES:
            raise ValueError(f"service={service!r}: one of {', '.join(SERVICES)} is due")
        call = Call(self.admin.principal, "kms", "CreateKey", region, {})
        first_use(self._rooms, call, SERVICES[service])
        return "AWS owned key" if SERVICES[service].owned else f"alias/aws/{service}"

    def trail(self, account: str = "") -> Trail:
        """What CloudTrail recorded so far, in the lab's account or another of its accounts."""
        return Trail.read(self._rooms.store, str(account))

    def close(self) -> None:
        """Switches the HSMs off; a temporary lab is gone then. Done when the process ends."""
        atexit.unregister(self.close)
        for proxy in self._proxies:
            proxy.close()
        self._rooms.connections.close()
        self._clusters.close()
        self._rooms.fleet.switch_off()
        if "hsm" in vars(self):
            self.hsm.switch_off()
        self._rooms.store.close()
        self._remove()

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
        fleet.attend(Tokens(store))
        accounts = Accounts(store, settings)
        founding.found(accounts, settings.account, "kmslab")
        authorizer = Authorizer(accounts)
        return Rooms(store, fleet, settings, Recorder(store, settings), authorizer)
    except BaseException:
        store.close()
        raise


def _stage(rooms: Rooms, clients: Clients) -> Stage:
    """What callers are made with, IAM and STS among it."""
    accounts = rooms.accounts
    inside = AccountRooms(accounts, rooms.recorder, rooms.authorizer)
    return Stage(
        accounts,
        AccountService("iam", inside, iam.OPERATIONS, clients.model),
        AccountService("sts", inside, sts.OPERATIONS, clients.model),
        clients,
    )


def _cloudtrail(rooms: Rooms, clients: Clients) -> Service:
    """CloudTrail's event history. Its model is loaded by the first call, not with each lab."""

    @cache
    def made() -> CloudTrail:
        model = clients.model("cloudtrail")
        return CloudTrail(rooms.store, rooms.settings, rooms.recorder, model, rooms.authorizer)

    return lambda call: made()(call)
