"""The settings of a key store as a request gives them: complete, of one kind, and used by no other.

    AWS_CLOUDHSM         CloudHsmClusterId, TrustAnchorCertificate, KeyStorePassword
    EXTERNAL_KEY_STORE   XksProxyUriEndpoint, XksProxyUriPath, XksProxyConnectivity,
                         XksProxyAuthenticationCredential; for VPC_ENDPOINT_SERVICE the service too

AWS doesn't publish its wording for settings that are missing or of the other kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kmslab.errors import AwsError
from kmslab.kms.request import Request
from kmslab.kms.stores import records
from kmslab.kms.stores.records import CLOUDHSM, EXTERNAL, KeyStore

PUBLIC, VPC = "PUBLIC_ENDPOINT", "VPC_ENDPOINT_SERVICE"
_SERVICE = "VpcEndpointServiceName"
CREDENTIAL, PASSWORD = "XksProxyAuthenticationCredential", "KeyStorePassword"
# Parameters of a request, and what DescribeCustomKeyStores calls them.
_PROXY: Mapping[str, str] = MappingProxyType(
    {
        "XksProxyConnectivity": "Connectivity",
        "XksProxyUriEndpoint": "UriEndpoint",
        "XksProxyUriPath": "UriPath",
        "XksProxyVpcEndpointServiceName": _SERVICE,
        "XksProxyVpcEndpointServiceOwner": "VpcEndpointServiceOwner",
    }
)
_OF_KIND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLOUDHSM: ("CloudHsmClusterId", "TrustAnchorCertificate", PASSWORD),
        EXTERNAL: (*_PROXY, CREDENTIAL),
    }
)
_NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CLOUDHSM: _OF_KIND[CLOUDHSM],
        EXTERNAL: (*tuple(_PROXY)[:3], CREDENTIAL),
    }
)


def kind(request: Request) -> str:
    """The kind of store that a CreateCustomKeyStore request asks for, with all that it needs."""
    asked: str = request.get("CustomKeyStoreType", CLOUDHSM)
    check_kind(request, asked)
    for name in _NEEDED[asked]:
        if request.get(name) is None:
            raise _invalid(f"{name} is required for a custom key store of type {asked}.")
    return asked


def check_kind(request: Request, asked: str) -> None:
    """ValidationException for a parameter that only the other kind of store has."""
    for other, names in _OF_KIND.items():
        for name in names if other != asked else ():
            if request.get(name) is not None:
                raise _invalid(f"{name} is not valid for a custom key store of type {asked}.")


def proxy(request: Request, before: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """The details of an external key store: those of before, with what the request changes."""
    details = dict(before)
    for parameter, name in _PROXY.items():
        value = request.call.parameters.get(parameter)
        if value is not None:
            details[name] = value
    credential = request.get(CREDENTIAL)
    if credential:
        details["AccessKeyId"] = credential["AccessKeyId"]
    if details["Connectivity"] == PUBLIC:
        if request.get("XksProxyVpcEndpointServiceName"):
            raise _invalid(f"XksProxyVpcEndpointServiceName is not valid with {PUBLIC}.")
        details.pop(_SERVICE, None)
        details.pop("VpcEndpointServiceOwner", None)
    elif not details.get(_SERVICE):
        raise _invalid(f"XksProxyVpcEndpointServiceName is required with {VPC}.")
    return details


def secret(request: Request) -> str | None:
    """The password or secret access key that a request gives, if it does."""
    credential = request.get(CREDENTIAL)
    given: str | None = credential["RawSecretAccessKey"] if credential else request.get(PASSWORD)
    return given


def check_unused_proxy(request: Request, details: Mapping[str, Any], own: str = "") -> None:
    """No other store of the account and Region has the same proxy address or VPC service.

    An endpoint can serve several stores by several paths, unless one reaches it through a VPC.
    """
    for other in records.every(request.rooms, request.call.account, request.call.region):
        if other.kind != EXTERNAL or other.store_id == own:
            continue
        _compare(details, other)


def _compare(details: Mapping[str, Any], other: KeyStore) -> None:
    theirs = other.details
    same = details["UriEndpoint"].lower() == theirs["UriEndpoint"].lower()
    if same and details["UriPath"] == theirs["UriPath"]:
        raise _in_use("XksProxyUriInUse", "XksProxyUriEndpoint and XksProxyUriPath")
    if details.get(_SERVICE) is not None and details[_SERVICE] == theirs.get(_SERVICE):
        raise _in_use("XksProxyVpcEndpointServiceInUse", "XksProxyVpcEndpointServiceName")
    if same and VPC in (details["Connectivity"], theirs["Connectivity"]):
        raise _in_use("XksProxyUriEndpointInUse", "XksProxyUriEndpoint")


def _in_use(code: str, what: str) -> AwsError:
    return AwsError(
        f"{code}Exception",
        f"The {what} is already associated with another external key store in this Region.",
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
