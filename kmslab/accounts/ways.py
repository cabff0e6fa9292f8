"""How a learner says which way a call comes: from where, through which door."""

from __future__ import annotations

import hashlib
import ipaddress

from kmslab.accounts.documents import Policy, checked_document, written
from kmslab.aws.call import DIRECT, Endpoint, Way
from kmslab.errors import AwsError

_OPEN = (
    '{"Version": "2012-10-17", "Statement": '
    '[{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}'
)


def way(
    source_ip: str | None = None,
    vpc_endpoint: Endpoint | Policy | None = None,
    mfa: bool | None = None,
) -> Way:
    """The way of a client's calls.

    `vpc_endpoint` is the policy of a VPC endpoint, or an endpoint's id ("vpce-…") with AWS's
    default policy, which lets everything pass; by default calls come through none.
    """
    if source_ip is None and vpc_endpoint is None and mfa is None:
        return DIRECT
    if mfa is not None and not isinstance(mfa, bool):
        raise TypeError(f"mfa={mfa!r}: True, False or None is due")
    return Way(
        source_ip=_address(source_ip or DIRECT.source_ip), endpoint=_endpoint(vpc_endpoint), mfa=mfa
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"source_ip={text!r}: an IP address is due, as in 203.0.113.7") from None


def _endpoint(given: Endpoint | Policy | None) -> Endpoint | None:
    if given is None or isinstance(given, Endpoint):
        return given
    if isinstance(given, str) and given.startswith("vpce-"):
        return Endpoint(given, _OPEN)
    policy = written(given)
    try:
        checked_document(policy, "endpoint")
    except AwsError as error:
        raise ValueError(f"vpc_endpoint={given!r}: {error.message}") from None
    return Endpoint(f"vpce-0{hashlib.sha256(policy.encode()).hexdigest()[:16]}", policy)
