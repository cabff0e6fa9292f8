"""boto3 sessions that know the lab and nothing of the computer they run on.

botocore reads AWS_… variables, ~/.aws/config, credentials files and ~/.aws/models. A learner's real
account must never get into a lesson, nor a broken profile stop one, so every such source is taken
away here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.handlers import generate_idempotent_uuid
from botocore.loaders import Loader
from botocore.model import ServiceModel
from cachetools import LRUCache

from kmslab.aws import regions, transport
from kmslab.aws.call import DIRECT, USER_AGENT, Service, Way
from kmslab.aws.principal import Principal

MOST_SESSIONS = 64  # kept at once; one that is made anew costs some 10 ms
_FILES = ("config_file", "credentials_file")


class Clients:
    """Makes sessions and clients, answered by a lab's services: one session a caller and way."""

    def __init__(self) -> None:
        self._models = loader()
        self._services: Mapping[str, Service] = {}
        self._sessions: LRUCache[tuple[Principal, Way], boto3.Session] = LRUCache(MOST_SESSIONS)

    def serve(self, services: Mapping[str, Service]) -> None:
        """These services answer from now on."""
        self._services = services

    def model(self, service: str) -> ServiceModel:
        """botocore's model of a service."""
        return ServiceModel(self._models.load_service_model(service, "service-2"), service)

    def client(
        self, principal: Principal, way: Way, service: str, region: str = regions.DEFAULT
    ) -> Any:
        """A boto3 client of a caller; `ValueError` for a service or Region that the lab has not."""
        if service not in self._services:
            known = ", ".join(sorted(self._services))
            raise ValueError(f"the lab has no service {service!r}; it has: {known}")
        if region != regions.DEFAULT:
            regions.check(region)
        return self.session(principal, way).client(service, region_name=region)

    def session(
        self,
        principal: Principal,
        way: Way = DIRECT,
        secret: str | None = None,
        token: str | None = None,
    ) -> boto3.Session:
        """A caller's session. Without the secrets that STS gave, others stand in their place."""
        known = self._sessions.get((principal, way))
        if known is None or secret is not None:
            secret = secret or secrets.token_urlsafe(30)
            if principal.session is not None and token is None:
                token = secrets.token_urlsafe(60)
            known = session(principal, self._services, secret, self._models, way, token)
            self._sessions[principal, way] = known
        return known

    def core(self, principal: Principal, way: Way = DIRECT) -> botocore.session.Session:
        """A new botocore session of a caller, for libraries that make boto3 sessions of it."""
        secret = secrets.token_urlsafe(30)
        return session(principal, self._services, secret, self._models, way)._session


def session(
    principal: Principal,
    services: Mapping[str, Service],
    secret: str,
    models: Loader,
    way: Way = DIRECT,
    token: str | None = None,
) -> boto3.Session:
    """A `boto3.Session` of a principal whose clients are answered by the lab's services.

    `secret` stands where a secret access key would: nothing is signed in this process, since a
    client is bound to its principal when it is made. `models` is what `loader` gave.
    """
    core = botocore.session.Session(session_vars=_without_environment())
    core.register_component("data_loader", models)
    # botocore makes up tokens that tell a request from its repetition (ClientRequestToken). Nothing
    # is repeated here, and a version of a secret is named by it: a seeded lab has to name it.
    core.unregister("before-parameter-build", generate_idempotent_uuid)
    # botocore puts its user agent together anew for every request; a given one saves 60 µs a call.
    core.set_default_client_config(
        Config(user_agent=USER_AGENT, ignore_configured_endpoint_urls=True)
    )
    for name, service in services.items():
        transport.answer(core, name, principal, service, way)
    transport.refuse_others(core, ", ".join(sorted(services)))
    return boto3.Session(
        aws_access_key_id=principal.access_key_id or principal.name,  # a service has none
        aws_secret_access_key=secret,
        aws_session_token=token,
        region_name=regions.DEFAULT,
        botocore_session=core,
    )


def loader() -> Loader:
    """Loads botocore's own models of services, and none that lies in the home folder."""
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def _without_environment() -> dict[str, Any]:
    """botocore's settings, each with its default alone: no file, no variable."""
    return {
        name: (None, None, os.devnull if name in _FILES else default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
