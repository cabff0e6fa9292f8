"""A boto3 session that knows the lab and nothing of the computer it runs on.

botocore reads AWS_… variables, ~/.aws/config, credentials files and ~/.aws/models. A learner's real
account must never get into a lesson, nor a broken profile stop one, so every such source is taken
away here.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.loaders import Loader

from kmslab.aws import transport
from kmslab.aws.call import USER_AGENT, Service
from kmslab.aws.principal import Principal

_FILES = ("config_file", "credentials_file")


def session(
    principal: Principal,
    region: str,
    services: dict[str, Service],
    secret: str,
    models: Loader,
) -> boto3.Session:
    """A `boto3.Session` of a principal whose clients are answered by the lab's services.

    `secret` stands where a secret access key would: nothing is signed in this process, since a
    client is bound to its principal when it is made. `models` is what `loader` gave.
    """
    core = botocore.session.Session(session_vars=_without_environment())
    core.register_component("data_loader", models)
    # botocore puts its user agent together anew for every request; a given one saves 60 µs a call.
    core.set_default_client_config(
        Config(user_agent=USER_AGENT, ignore_configured_endpoint_urls=True)
    )
    for name in services:
        transport.answer(core, name, principal, services[name])
    transport.refuse_others(core, ", ".join(sorted(services)))
    return boto3.Session(
        aws_access_key_id=principal.access_key_id,
        aws_secret_access_key=secret,
        region_name=region,
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
