"""What events of services that encrypt with KMS show otherwise than the rest.

    Secrets Manager   no value of a secret, not even hidden; of answers, the ARN of PutSecretValue,
                      all of DeleteSecret's, else nothing
    Parameter Store   the value is HIDDEN_DUE_TO_SECURITY_REASONS, also that of a String
    EC2               zone and status for availability zone and state, times as numbers
    S3                bucketName for the bucket, a bucket policy as an object, and no answers

Sources: "Logging AWS Secrets Manager events with AWS CloudTrail" (CreateSecret, DeleteSecret),
"Amazon EC2 example one" (CreateVolume), events that users published (PutSecretValue, PutParameter,
AttachVolume), "CloudTrail log file entries for Amazon S3". That Secrets Manager's other events show
no answer is an inference. S3's events also have the host's name, and some configurations as XML
names them: not here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any

from kmslab.aws.call import Call, Output, Parameters

_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_S3_NAMES: Mapping[str, str] = MappingProxyType({"Bucket": "BucketName", "Policy": "BucketPolicy"})
_EC2_NAMES: Mapping[str, str] = MappingProxyType({"AvailabilityZone": "Zone", "State": "Status"})


def parameters(call: Call) -> Parameters:
    """A call's parameters, as far as its event shows them."""
    change = _PARAMETERS.get(call.service)
    return call.parameters if change is None else change(call.parameters)


def answer(call: Call, output: Output) -> Output:
    """An answer, as far as its event shows it."""
    change = _ANSWERS.get(call.service)
    return output if change is None else change(call.operation, output)


def _without_secret(asked: Parameters) -> Parameters:
    hidden = ("SecretString", "SecretBinary")
    return {name: value for name, value in asked.items() if name not in hidden}


def _hide_value(asked: Parameters) -> Parameters:
    return {**asked, "Value": _HIDDEN} if "Value" in asked else asked


def _ec2_parameters(asked: Parameters) -> Parameters:
    return {_EC2_NAMES.get(name, name): value for name, value in asked.items()}


def _s3_parameters(asked: Parameters) -> Parameters:
    shown = {_S3_NAMES.get(name, name): value for name, value in asked.items()}
    with suppress(KeyError, ValueError, RecursionError):  # a policy that S3 refused may be no JSON
        shown["BucketPolicy"] = json.loads(shown["BucketPolicy"])
    return shown


def _of_secret(operation: str, output: Output) -> Output:
    if operation == "PutSecretValue":
        return {"Arn": output["ARN"]}
    return output if operation == "DeleteSecret" else {}


def _of_ec2(_operation: str, output: Output) -> Output:
    return {_EC2_NAMES.get(name, name): _number(value) for name, value in output.items()}


def _number(value: Any) -> Any:
    """A time as EC2's events have it: milliseconds since 1970."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value


_PARAMETERS: Mapping[str, Callable[[Parameters], Parameters]] = MappingProxyType(
    {
        "secretsmanager": _without_secret,
        "ssm": _hide_value,
        "ec2": _ec2_parameters,
        "s3": _s3_parameters,
    }
)
_ANSWERS: Mapping[str, Callable[[str, Output], Output]] = MappingProxyType(
    {"secretsmanager": _of_secret, "ec2": _of_ec2, "s3": lambda _operation, _output: {}}
)
