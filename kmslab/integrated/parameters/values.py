"""Values of SecureString parameters: KMS itself encrypts them, there is no data key.

    PutParameter                     kms:Encrypt of the value, at most 4,096 bytes
    GetParameter, WithDecryption     kms:Decrypt
    GetParameter without it          the ciphertext, in Base64

Each time with the caller's rights, and the parameter's ARN as PARAMETER_ARN in the encryption
context. A refusal keeps KMS's own words: AccessDeniedException keeps its code, a key that isn't
there, is disabled or waits for its deletion is InvalidKeyId. That every other refusal is that too
is an inference: GetParameter declares no other error for it. Source: "AWS KMS encryption for AWS
Systems Manager Parameter Store SecureString parameters".
"""

from __future__ import annotations

import base64

from kmslab.errors import AwsError
from kmslab.integrated.answers import because, worded
from kmslab.integrated.parameters.records import SECURE, Parameter
from kmslab.integrated.request import Request, Rooms

MANAGED = "alias/aws/ssm"


def encrypted(request: Request[Rooms], arn: str, key: str, value: str) -> str:
    """A value as KMS encrypts it, in Base64."""
    try:
        answer = request.kms(
            "Encrypt",
            KeyId=request.rooms.keys.managed(request.call) if key == MANAGED else key,
            Plaintext=value.encode(),
            EncryptionContext={"PARAMETER_ARN": arn},
        )
    except AwsError as error:
        raise _refused(error) from error
    return base64.b64encode(answer["CiphertextBlob"]).decode()


def shown(request: Request[Rooms], parameter: Parameter) -> str:
    """A parameter's value as the request wants it: decrypted, or as it is kept."""
    if parameter.kind != SECURE or not request.get("WithDecryption", False):
        return parameter.value
    try:
        answer = request.kms(
            "Decrypt",
            CiphertextBlob=base64.b64decode(parameter.value),
            EncryptionContext={"PARAMETER_ARN": parameter.arn},
        )
    except ValueError as error:
        raise AwsError("InternalServerError", "The parameter's record is broken.", 500) from error
    except AwsError as error:
        raise _refused(error) from error
    value: bytes = answer["Plaintext"]
    return value.decode()


def _refused(error: AwsError) -> AwsError:
    if error.status >= 500:
        return because(error, "InternalServerError", worded(error), 500)
    denied = error.code == "AccessDeniedException"
    return because(error, error.code if denied else "InvalidKeyId", worded(error))
