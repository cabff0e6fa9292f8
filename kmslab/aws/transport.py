"""Answers a boto3 client in the process: no socket, no signature, no serialising.

botocore fires `before-parameter-build` with the learner's own parameters, and `before-call` when
the request is ready to be sent. Whatever a `before-call` handler returns is the answer. A status of
300 or more with an `Error` in it becomes botocore's typed exception, such as
`kms.exceptions.NotFoundException`; paginators work as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.model import OperationModel, StructureShape
from botocore.utils import parse_to_aware_datetime

from kmslab.aws.call import DIRECT, Call, Parameters, Service, Way
from kmslab.aws.principal import Principal
from kmslab.aws.shapes import once_a_shape
from kmslab.errors import AwsError, KmslabError

_KEPT = "kmslab_parameters"  # where the parameters wait between the two events


def answer(
    session: botocore.session.Session,
    name: str,
    principal: Principal,
    service: Service,
    way: Way = DIRECT,
) -> None:
    """From now on, clients of this session for the service `name` are answered by `service`."""

    def respond(
        model: OperationModel, context: dict[str, Any], **_: Any
    ) -> tuple[AWSResponse, dict[str, Any]]:
        call = Call(
            principal=principal,
            service=name,
            operation=model.name,
            region=context["client_region"],
            parameters=_plain(context[_KEPT], model),
            way=way,
        )
        return _send(service, call)

    session.register(f"before-parameter-build.{name}", _keep)
    session.register(f"before-call.{name}", respond)


def refuse_others(session: botocore.session.Session, known: str) -> None:
    """A client of any other service gets an error, and so does who asks for a presigned URL.

    Neither may reach the network.
    """

    def respond(model: OperationModel, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        asked = f"{model.service_model.service_name}:{model.name}"
        message = f"kmslab does not answer {asked} yet, only {known}."
        return _refusal(AwsError("UnknownOperationException", message))

    def refuse_to_sign(request: Any, **_: Any) -> None:
        address = request.url.partition("?")[0]
        raise KmslabError(
            f"a presigned URL for {address} would lead out of the lab to AWS itself, where nobody "
            "knows its signature. Give somebody a client of their own instead, as in "
            'lab.user("alice").client("s3")'
        )

    session.register("before-call", respond)
    session.register("before-sign", refuse_to_sign)  # no request of the lab's own is ever signed


def _keep(params: Parameters, context: dict[str, Any], **_: Any) -> None:
    context[_KEPT] = params


def _send(service: Service, call: Call) -> tuple[AWSResponse, dict[str, Any]]:
    try:
        answered = service(call)
    except AwsError as error:
        return _refusal(error)
    return _response(200, answered.output, answered.request_id)


def _refusal(error: AwsError) -> tuple[AWSResponse, dict[str, Any]]:
    problem = {"Error": {"Code": error.code, "Message": error.message}}
    return _response(error.status, problem, error.request_id)


def _response(
    status: int, parsed: dict[str, Any], request_id: str
) -> tuple[AWSResponse, dict[str, Any]]:
    parsed["ResponseMetadata"] = {
        "RequestId": request_id,
        "HTTPStatusCode": status,
        "HTTPHeaders": {"x-amzn-requestid": request_id},
        "RetryAttempts": 0,
    }
    return AWSResponse("", status, {}, None), parsed


def _plain(parameters: Parameters, model: OperationModel) -> Parameters:
    """The parameters as a service gets them.

    boto3 takes text and bytearray for bytes, and text, numbers and naive datetimes for a time.
    """
    shape = model.input_shape
    if shape is None:
        return {}
    plain = dict(parameters)
    for name, convert in _conversions(shape).items():
        if plain.get(name) is not None:
            plain[name] = convert(plain[name])
    return plain


@once_a_shape
def _conversions(shape: StructureShape) -> dict[str, Callable[[Any], Any]]:
    """The members of a request that boto3 takes in several forms."""
    kinds = {"blob": _bytes, "timestamp": parse_to_aware_datetime}
    payload = shape.serialization.get(
        "payload"
    )  # a stream, where it is a blob: read by the service
    types = {name: one.type_name for name, one in shape.members.items() if name != payload}
    return {name: kinds[kind] for name, kind in types.items() if kind in kinds}


def _bytes(value: str | bytes | bytearray) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
