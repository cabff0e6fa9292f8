"""Every operation that this Parameter Store answers, and what each has to be allowed.

Each is decided by its own action, on every parameter that it names; GetParametersByPath on the path
and on no parameter under it. GetParameter and DeleteParameter leave no event where the parameter
isn't there. The advanced tier, policies, labels, tags and shared parameters are left out. Source:
"How Parameter Store authorizes parameter retrieval"; Service Authorization Reference, "AWS Systems
Manager".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from kmslab.access.ask import Ask
from kmslab.aws.failures import Failures
from kmslab.iam.request import text
from kmslab.iam.variables import Lookup, Values
from kmslab.integrated.parameters import putting, reading
from kmslab.integrated.parameters.naming import Named, named
from kmslab.integrated.parameters.records import arn_of
from kmslab.integrated.request import Operation, Request, Rooms
from kmslab.integrated.service import Words

WORDS = Words(
    Failures(
        busy=("InternalServerError", 500),
        broken=("InternalServerError", 500),
        text=("SerializationException", 400),
    ),
    unrecorded=frozenset({"ParameterNotFound"}),
)


def _about_parameters(request: Request[Rooms]) -> Iterator[Ask]:
    """The permission of the operation's name, on each parameter that the request names."""
    call = request.call
    single = request.get("Name") or request.get("Path")
    for each in [single] if single else request.get("Names"):
        reads = call.operation in ("GetParameter", "GetParameters")  # by ARN and version, too
        asked = named(call, each) if reads else Named(call.account, each)
        arn = arn_of(asked.account, call.region, asked.name.rstrip("/"))
        yield Ask(f"ssm:{call.operation}", arn, asked.account, lookup=_lookup(request))


def _lookup(request: Request[Rooms]) -> Lookup:
    """Parameter Store's condition keys: ssm:Overwrite of PutParameter, ssm:Recursive of a path."""
    flags = {"ssm:overwrite": ("PutParameter", "Overwrite")}
    flags["ssm:recursive"] = ("GetParametersByPath", "Recursive")

    def lookup(key: str) -> Values | None:
        operation, flag = flags.get(key, ("", ""))
        asked = operation == request.call.operation
        return (text(bool(request.get(flag, False))),) if asked else None

    return lookup


def _about_none(request: Request[Rooms]) -> Iterator[Ask]:
    """DescribeParameters is about all parameters of the account."""
    call = request.call
    yield Ask(f"ssm:{call.operation}", f"arn:aws:ssm:{call.region}:{call.account}:*")


OPERATIONS: Mapping[str, Operation[Rooms]] = MappingProxyType(
    {
        "PutParameter": Operation(putting.put_parameter, _about_parameters),
        "GetParameter": Operation(reading.get_parameter, _about_parameters),
        "GetParameters": Operation(reading.get_parameters, _about_parameters),
        "GetParametersByPath": Operation(reading.get_parameters_by_path, _about_parameters),
        "DescribeParameters": Operation(reading.describe_parameters, _about_none),
        "DeleteParameter": Operation(reading.delete_parameter, _about_parameters),
        "DeleteParameters": Operation(reading.delete_parameters, _about_parameters),
    }
)
