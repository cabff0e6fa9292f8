"""Bucket policies: what S3 takes as one, and the four operations around it.

    not JSON                         MalformedPolicy   "Policies must be valid JSON …"
    a principal that doesn't exist   MalformedPolicy   "Invalid principal in policy"
    another bucket's ARN             MalformedPolicy   "Policy has invalid resource"
    not an action of S3              MalformedPolicy   "Policy has invalid action"
    no Resource                      MalformedPolicy   "Missing required field Resource"
    anything else wrong              MalformedPolicy   our words: which statement, and what
    public, while that is blocked    AccessDenied

Sources: PutBucketPolicy; wording as users have reported it. The policy is read by the evaluator
before it is saved, so what is saved decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kmslab.accounts import principals
from kmslab.accounts.documents import named_principals
from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.iam.documents import MalformedPolicy, compiled, load
from kmslab.s3 import errors, names, records
from kmslab.s3.public import is_public
from kmslab.s3.records import Bucket
from kmslab.s3.request import Request

MOST_BYTES = 20 * 1024


def put_bucket_policy(request: Request) -> Output:
    """PutBucketPolicy: replaces the policy, whole."""
    document = request.get("Policy")
    with request.rooms.store.transaction():
        bucket = names.bucket(request)
        _check(request, bucket, document)
        records.save_bucket(request.rooms.store, replace(bucket, policy=document))
    return {}


def get_bucket_policy(request: Request) -> Output:
    """GetBucketPolicy: the document as it was put."""
    policy = names.bucket(request).policy
    if policy is None:
        raise errors.error("NoSuchBucketPolicy")
    return {"Policy": policy}


def get_bucket_policy_status(request: Request) -> Output:
    """GetBucketPolicyStatus: whether S3 counts the policy as public."""
    policy = names.bucket(request).policy
    if policy is None:
        raise errors.error("NoSuchBucketPolicy")
    return {"PolicyStatus": {"IsPublic": is_public(policy)}}


def delete_bucket_policy(request: Request) -> Output:
    """DeleteBucketPolicy: also where there is none."""
    with request.rooms.store.transaction():
        records.save_bucket(request.rooms.store, replace(names.bucket(request), policy=None))
    return {}


def _check(request: Request, bucket: Bucket, document: str) -> None:
    if len(document.encode()) > MOST_BYTES:
        raise errors.error("MalformedPolicy", f"A bucket policy has at most {MOST_BYTES} bytes.")
    if not document.lstrip().startswith("{"):
        raise errors.error("MalformedPolicy")
    try:
        policy = compiled(document, "resource")
    except MalformedPolicy as error:
        raise errors.error("MalformedPolicy", f"{error}") from None
    if not policy.statements:
        raise errors.error("MalformedPolicy", "Missing required field Statement")
    for kind, name in named_principals(document):
        if kind == "AWS" and not principals.exists(request.rooms.accounts, name):
            raise errors.error("MalformedPolicy", "Invalid principal in policy")
    _check_elements(bucket, document)
    if (bucket.public_access_block or {}).get("BlockPublicPolicy") and is_public(document):
        raise AwsError(
            "AccessDenied",
            f"User: {request.call.principal.arn} is not authorized to perform: s3:PutBucketPolicy "
            f'on resource: "{bucket.arn}" because public policies are prevented by the '
            "BlockPublicPolicy setting in S3 Block Public Access.",
            403,
        )


def _check_elements(bucket: Bucket, document: str) -> None:
    """A bucket policy speaks of S3's actions, and of its own bucket and what is in it."""
    for statement in _statements(document):
        if not statement.keys() & {"Resource", "NotResource"}:
            raise errors.error("MalformedPolicy", "Missing required field Resource")
    for action in _texts(document, "Action", "NotAction"):
        if action != "*" and not action.lower().startswith("s3:"):
            raise errors.error("MalformedPolicy", "Policy has invalid action")
    for arn in _texts(document, "Resource", "NotResource"):
        if arn != bucket.arn and not arn.startswith((f"{bucket.arn}/", f"{bucket.arn}*")):
            raise errors.error("MalformedPolicy", "Policy has invalid resource")


def _statements(document: str) -> list[dict[str, Any]]:
    statements = load(document)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _texts(document: str, *elements: str) -> Iterator[str]:
    for statement in _statements(document):
        for element in elements:
            found = statement.get(element, [])
            yield from found if isinstance(found, list) else [found]
