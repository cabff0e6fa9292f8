"""S3's error codes, HTTP statuses and wording.

Sources: "Error responses" in the S3 API reference; wording as users and other implementations have
recorded it from AWS. HEAD requests have no body, so boto3 shows their status alone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from kmslab.aws.failures import Failures
from kmslab.errors import AwsError

FAILURES = Failures(
    busy=("ServiceUnavailable", 503),
    broken=("InternalError", 500),
    text=("InvalidArgument", 400),
    renamed={
        "UnrecognizedClientException": ("InvalidAccessKeyId", 403),
        "ExpiredTokenException": ("ExpiredToken", 400),
        "AccessDeniedException": ("AccessDenied", 403),
    },
)

_ERRORS = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users "
        "of the system. Please select a different name and try again.",
    ),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (
        400,
        "Your proposed upload is smaller than the minimum allowed size",
    ),
    "IllegalLocationConstraintException": (
        400,
        "The unspecified location constraint is incompatible for the region specific endpoint "
        "this request was sent to.",
    ),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidBucketAclWithObjectOwnership": (
        400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    ),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidEncryptionAlgorithmError": (
        400,
        "The Encryption request you specified is not valid. Supported value: AES256.",
    ),
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found.  The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedPolicy": (400, "Policies must be valid JSON and the first byte must be '{'"),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchPublicAccessBlockConfiguration": (
        404,
        "The public access block configuration was not found",
    ),
    "NoSuchUpload": (
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
        "been aborted or completed.",
    ),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (
        501,
        "A header you provided implies functionality that is not implemented",
    ),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
}


def error(code: str, message: str = "") -> AwsError:
    """One of S3's errors, in its own words unless others are given; 400 for codes not listed."""
    status, words = _ERRORS.get(code, (400, ""))
    return AwsError(code, message or words, status)


def invalid(message: str) -> AwsError:
    """InvalidArgument, for a header or parameter that S3 doesn't take."""
    return AwsError("InvalidArgument", message)


def invalid_request(message: str) -> AwsError:
    """InvalidRequest, for parameters that don't go together."""
    return AwsError("InvalidRequest", message)


def through(kms: AwsError) -> AwsError:
    """An error of KMS as S3 passes it on to the caller.

    What KMS denies is S3's AccessDenied with KMS's text; others get the prefix "KMS.". Recorded for
    Disabled-, KMSInvalidState- and NotFoundException; the others follow the same rule here.
    """
    denied = kms.code == "AccessDeniedException"
    passed = AwsError(
        "AccessDenied" if denied else f"KMS.{kms.code}", kms.message, 403 if denied else kms.status
    )
    passed.decisions = kms.decisions
    return passed


def without_body(refused: AwsError) -> AwsError:
    """The same error as a HEAD request shows it: the status and its phrase."""
    refused.code, refused.message = str(refused.status), HTTPStatus(refused.status).phrase
    return refused


def not_modified() -> AwsError:
    """304: the caller has the object as it is."""
    return AwsError("304", "Not Modified", 304)


def unanswered(name: str, value: Any) -> AwsError:
    """A parameter that S3 has and this lab doesn't."""
    return AwsError("NotImplemented", f"kmslab does not answer {name}={value!r} yet.", 501)
