"""Key policies as records: every KMS key has one, named "default".

What may be saved: `saving_policies.py`; who may use a key with it: `permissions.py` and `iam/`.
Source: "Key policies in AWS KMS", GetKeyPolicy.
"""

from __future__ import annotations

from kmslab.aws.call import Output
from kmslab.errors import AwsError
from kmslab.kms import paging
from kmslab.kms.key import Key
from kmslab.kms.request import Request, Rooms

NAME = "default"
_LIMIT = paging.Limit(default=100, most=1000)
_DEFAULT = """\
{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::ACCOUNT:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""


def get_key_policy(request: Request) -> Output:
    """GetKeyPolicy: the document as it was put; AWS gives it back with its own spaces."""
    check_name(request)
    return {"Policy": find(request.rooms, request.key), "PolicyName": NAME}


def list_key_policies(request: Request) -> Output:
    """ListKeyPolicies: a key has one policy, named default."""
    page = paging.page(request, _LIMIT)
    return page.cut_named("PolicyNames", [(NAME, NAME)] if page.after < NAME else [])


def find(rooms: Rooms, key: Key) -> str:
    """A key's policy document."""
    kept = rooms.store.known(
        "SELECT document FROM policy WHERE account = ? AND region = ? AND key_id = ?",
        (key.account, key.region, key.key_id),
        str,
    )
    return kept or default(key.account)


def put(rooms: Rooms, key: Key, document: str) -> None:
    """Keeps a key's policy document."""
    rooms.store.write(
        "INSERT OR REPLACE INTO policy VALUES (?, ?, ?, ?)",
        (key.account, key.region, key.key_id, document),
    )


def default(account: str) -> str:
    """The policy of a key that was created without one: the account's IAM policies decide."""
    return _DEFAULT.replace("ACCOUNT", account)


def check_name(request: Request) -> None:
    """NotFoundException for a policy of another name than default."""
    if request.get("PolicyName", NAME) != NAME:
        raise AwsError("NotFoundException", "No such policy exists")
