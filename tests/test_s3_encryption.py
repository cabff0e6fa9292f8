"""Which protection an object gets: headers, defaults, SSE-C, bucket keys, another key in place."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
from expect import UNKNOWN_ID, refused
from objects import (
    CUSTOMER_KEY,
    LEAST_PART,
    MODES,
    NO_BLOCK,
    bucket,
    customer,
    how,
    paths,
    read,
    to_read,
    upload,
)

from kmslab import Lab

CUSTOMER = "Requests specifying Server Side Encryption with Customer provided keys must provide "
WITH_KEY = {"ServerSideEncryption": "aws:kms"}
SEALED = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "SSECustomerAlgorithm",
          "SSECustomerKeyMD5")  # fmt: skip


@pytest.fixture
def own(s3: Any, request: pytest.FixtureRequest) -> str:
    """A bucket of the test, new, as AWS makes them."""
    name = f"own-{abs(hash(request.node.name)) % 10**12}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def arn(kms: Any, key: str) -> str:
    """The ARN of the module's key."""
    return str(kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"])


def text(context: Any) -> str:
    """An encryption context as S3 takes it."""
    return base64.b64encode(json.dumps(context).encode()).decode()


def default(s3: Any, name: str, mode: str, **more: Any) -> None:
    """Sets a bucket's default encryption."""
    key = {"KMSMasterKeyID": more.pop("key")} if "key" in more else {}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": mode, **key}, **more}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


@pytest.mark.parametrize("mode", MODES)
def test_every_answer_says_how_an_object_is_protected(
    s3: Any, records: str, key: str, arn: str, mode: str
) -> None:
    more = how(mode, key)
    digest = "SSECustomerKeyMD5"
    expected = {
        "SSE-S3": {"ServerSideEncryption": "AES256"},
        "SSE-KMS": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn},
        "bucket key": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn,
                       "BucketKeyEnabled": True},
        "DSSE-KMS": {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": arn},
        "SSE-C": {"SSECustomerAlgorithm": "AES256"},
    }[mode]  # fmt: skip
    about = {"Bucket": records, "Key": "a"}
    answers = [
        s3.put_object(**about, Body=b"x", **more),
        s3.get_object(**about, **to_read(mode)),
        s3.head_object(**about, **to_read(mode)),
        s3.create_multipart_upload(**about, **more),
    ]
    upload_id = {**about, "UploadId": answers[-1]["UploadId"], "PartNumber": 1}
    answers.append(s3.upload_part(**upload_id, Body=b"x", **to_read(mode)))
    answers.append(s3.upload_part_copy(**upload_id, CopySource=f"{records}/plain", **to_read(mode))
                   if s3.put_object(Bucket=records, Key="plain", Body=b"x") else {})  # fmt: skip
    for answer in answers:
        said = {name: answer[name] for name in SEALED if name in answer}
        assert (digest in said) == (mode == "SSE-C")
        said.pop(digest, None)
        assert said == expected


def test_who_asks_for_nothing_gets_sse_s3(s3: Any, own: str) -> None:
    got = s3.get_bucket_encryption(Bucket=own)["ServerSideEncryptionConfiguration"]["Rules"]
    assert got == [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
        }
    ]
    assert s3.put_object(Bucket=own, Key="a", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_a_bucket_has_a_default_and_a_request_wins_over_it(
    s3: Any, kms: Any, own: str, key: str, arn: str, other_key: str
) -> None:
    s3.put_object(Bucket=own, Key="before", Body=b"x")
    default(s3, own, "aws:kms", key=key, BucketKeyEnabled=True)
    made = s3.put_object(Bucket=own, Key="a", Body=b"x")
    assert (made["SSEKMSKeyId"], made["BucketKeyEnabled"]) == (arn, True)
    assert s3.put_object(Bucket=own, Key="a", ServerSideEncryption="AES256").get("SSEKMSKeyId") is (
        None
    )
    made = s3.put_object(Bucket=own, Key="a", **WITH_KEY, SSEKMSKeyId=other_key,
                         BucketKeyEnabled=False)  # fmt: skip
    assert made["SSEKMSKeyId"].endswith(other_key)
    assert "BucketKeyEnabled" not in made
    made = s3.put_object(Bucket=own, Key="a", **WITH_KEY)  # the AWS managed key
    managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert made["SSEKMSKeyId"] == managed["Arn"]
    assert made["BucketKeyEnabled"]
    assert s3.head_object(Bucket=own, Key="before")["ServerSideEncryption"] == "AES256"
    default(s3, own, "aws:kms:dsse", key=key, BucketKeyEnabled=True)
    made = s3.put_object(Bucket=own, Key="a", Body=b"x")
    assert made["ServerSideEncryption"] == "aws:kms:dsse"
    assert "BucketKeyEnabled" not in made
    default(s3, own, "AES256", BucketKeyEnabled=True)
    assert "BucketKeyEnabled" not in s3.put_object(Bucket=own, Key="a", Body=b"x")
    default(s3, own, "aws:kms", key="alias/none")  # S3 doesn't look
    with refused("KMS.NotFoundException"):
        s3.put_object(Bucket=own, Key="a", Body=b"x")
    s3.delete_bucket_encryption(Bucket=own)
    s3.delete_bucket_encryption(Bucket=own)
    assert s3.put_object(Bucket=own, Key="a", Body=b"x")["ServerSideEncryption"] == "AES256"


def test_what_is_no_default_is_refused(s3: Any, own: str, key: str) -> None:
    def put(*rules: dict[str, Any], name: str = own) -> None:
        s3.put_bucket_encryption(
            Bucket=name, ServerSideEncryptionConfiguration={"Rules": list(rules)}
        )

    def rule(mode: str, **more: Any) -> dict[str, Any]:
        return {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": mode, **more}}

    words = ("The XML you provided was not well-formed or did not validate against our published "
             "schema")  # fmt: skip
    blocks = [{"BlockedEncryptionTypes": {"EncryptionType": each}} for each in
              ([], ["SSE-KMS"], ["SSE-C", "NONE"])]  # fmt: skip
    for rules in ((), (rule("AES256"), rule("AES256")), (rule("aes"),), (rule(""),),
                  *([block] for block in blocks)):  # fmt: skip
        with refused("MalformedXML", words):
            put(*rules)
    words = ("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
             "aws:kms:dsse")  # fmt: skip
    with refused("InvalidArgument", words):
        put(rule("AES256", KMSMasterKeyID=key))
    with refused("NoSuchBucket", "The specified bucket does not exist"):
        put(name="no-such-bucket")


def test_sse_c_is_blocked_in_a_new_bucket_until_it_is_allowed(
    lab: Lab, s3: Any, own: str, records: str
) -> None:
    def words(what: str, name: str = "a") -> str:
        return (
            f"User: {lab.admin.arn} is not authorized to perform: s3:{what} on resource: "
            f'"arn:aws:s3:::{own}/{name}" because this bucket has blocked upload requests that '
            "specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a "
            "different server-side encryption type"
        )

    s3.put_object(Bucket=records, Key="a", Body=b"x")
    with refused("AccessDenied", words("PutObject")) as caught:
        s3.put_object(Bucket=own, Key="a", **customer())
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with refused("AccessDenied", words("CopyObject")):
        s3.copy_object(Bucket=own, Key="a", CopySource=f"{records}/a", **customer())
    with refused("AccessDenied", words("PutObject")):
        s3.create_multipart_upload(Bucket=own, Key="a", **customer())
    s3.put_bucket_encryption(Bucket=own, ServerSideEncryptionConfiguration=NO_BLOCK)
    s3.put_object(Bucket=own, Key="a", Body=b"x", **customer())
    default(s3, own, "AES256")  # what it leaves out stays
    s3.put_object(Bucket=own, Key="a", Body=b"x", **customer())
    default(s3, own, "AES256", BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]})
    with refused("AccessDenied"):
        s3.put_object(Bucket=own, Key="a", **customer())
    assert read(s3, own, "a", **customer()) == b"x"  # what is there can be read
    s3.delete_bucket_encryption(Bucket=own)
    with refused("AccessDenied"):
        s3.put_object(Bucket=own, Key="a", **customer())


WRONG = {
    "with SSE-S3": ({**customer(), "ServerSideEncryption": "AES256"}, "InvalidArgument",
        "Server Side Encryption with Customer provided key is incompatible with the encryption "
        "method specified"),
    "with a KMS key": ({**customer(), "SSEKMSKeyId": UNKNOWN_ID}, "InvalidArgument",
        "Server Side Encryption with Customer provided key is incompatible with the encryption "
        "method specified"),
    "wrong algorithm": ({**customer(), "SSECustomerAlgorithm": "AES512"},
        "InvalidEncryptionAlgorithmError",
        "The Encryption request you specified is not valid. Supported value: AES256."),
    "no algorithm": ({"SSECustomerKey": CUSTOMER_KEY}, "InvalidArgument",
        f"{CUSTOMER}a valid encryption algorithm."),
    "an empty algorithm": ({"SSECustomerAlgorithm": ""}, "InvalidEncryptionAlgorithmError", None),
    "no key": ({"SSECustomerAlgorithm": "AES256"}, "InvalidArgument",
        f"{CUSTOMER}an appropriate secret key."),
    "a short key": (customer(b"short"), "InvalidArgument",
        "The secret key was invalid for the specified algorithm."),
    "an empty key": (customer(b""), "InvalidArgument",
        "The secret key was invalid for the specified algorithm."),
    "a wrong digest": ({**customer(), "SSECustomerKey": base64.b64encode(CUSTOMER_KEY).decode(),
        "SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument",
        "The calculated MD5 hash of the key did not match the hash that was provided."),
    "a strange digest": ({**customer(), "SSECustomerKey": "AAAA", "SSECustomerKeyMD5": "é"},
        "InvalidArgument",
        "The calculated MD5 hash of the key did not match the hash that was provided."),
    "an unknown mode": ({"ServerSideEncryption": "aes:kms"}, "InvalidArgument",
        "The encryption method specified is not supported"),
    "an empty mode": ({"ServerSideEncryption": ""}, "InvalidArgument",
        "The encryption method specified is not supported"),
    "a mode of file systems": ({"ServerSideEncryption": "aws:fsx"}, "InvalidArgument",
        "The encryption method specified is not supported"),
    "a key without a mode": ({"SSEKMSKeyId": UNKNOWN_ID}, "InvalidArgument",
        "Server Side Encryption with AWS KMS managed key requires HTTP header "
        "x-amz-server-side-encryption : aws:kms"),
    "a key with SSE-S3": ({"SSEKMSKeyId": UNKNOWN_ID, "ServerSideEncryption": "AES256"},
        "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header "
        "x-amz-server-side-encryption : aws:kms"),
    "DSSE-KMS with a bucket key": ({"ServerSideEncryption": "aws:kms:dsse",
        "BucketKeyEnabled": True}, "InvalidArgument", None),
    "a context with SSE-S3": ({"SSEKMSEncryptionContext": "e30="}, "InvalidArgument", None),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_headers_that_do_not_go_together_are_refused_in_aws_words(
    s3: Any, records: str, case: str
) -> None:
    more, code, words = WRONG[case]
    for call in (s3.put_object, s3.create_multipart_upload):
        with refused(code, words) as caught:
            call(Bucket=records, Key="wrong", **more)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    s3.put_object(Bucket=records, Key="source", Body=b"x")
    with refused(code, words):
        s3.copy_object(Bucket=records, Key="wrong", CopySource=f"{records}/source", **more)
    with refused("NoSuchKey"):
        read(s3, records, "wrong")


@pytest.mark.parametrize(
    "context", ["?", "e30", "bm8=", "W10=", text({"a": 1}), text({"a": None}), text([["a", "b"]]),
                text({"a": {"b": "c"}}), "é", base64.b64encode(b"[" * 100_000).decode(),
                base64.b64encode(b'{"a": "\xff"}').decode()],
)  # fmt: skip
def test_a_context_that_is_none_is_refused_in_aws_words(
    s3: Any, records: str, key: str, context: str
) -> None:
    words = ("The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 "
             "string holding JSON which represents a string-string map")  # fmt: skip
    with refused("InvalidArgument", words):
        s3.put_object(Bucket=records, Key="a", SSEKMSEncryptionContext=context,
                      **how("SSE-KMS", key))  # fmt: skip


def test_reading_with_customer_keys(s3: Any, records: str) -> None:
    s3.put_object(Bucket=records, Key="theirs", Body=b"x", **customer())
    s3.put_object(Bucket=records, Key="ours", Body=b"x")
    wrong = f"{CUSTOMER}the correct secret key."
    needs = ("The object was stored using a form of Server Side Encryption. The correct parameters "
             "must be provided to retrieve the object.")  # fmt: skip
    with refused("InvalidRequest", needs):
        read(s3, records, "theirs")
    for other in (os.urandom(32), b"short", CUSTOMER_KEY + b"x", CUSTOMER_KEY[:-1]):
        with refused("AccessDenied", wrong) as caught:
            read(s3, records, "theirs", **customer(other))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        with refused("403", "Forbidden"):
            s3.head_object(Bucket=records, Key="theirs", **customer(other))
    with refused("InvalidRequest", "The encryption parameters are not applicable to this object."):
        read(s3, records, "ours", **customer())
    for name, more in (("theirs", {}), ("ours", customer())):
        with refused("400", "Bad Request"):
            s3.head_object(Bucket=records, Key=name, **more)
    with refused("InvalidRequest", needs):
        s3.copy_object(Bucket=records, Key="copy", CopySource=f"{records}/theirs")
    with refused("AccessDenied", wrong):
        s3.copy_object(Bucket=records, Key="copy", CopySource=f"{records}/theirs",
                       **customer(os.urandom(32), "CopySource"))  # fmt: skip
    with refused("InvalidRequest"):
        s3.copy_object(Bucket=records, Key="copy", CopySource=f"{records}/ours",
                       **customer(prefix="CopySource"))  # fmt: skip
    s3.delete_object(Bucket=records, Key="theirs")  # needs no key


def test_one_customer_key_may_serve_many_objects(lab: Lab, s3: Any, records: str) -> None:
    for name in ("one", "two"):
        s3.put_object(Bucket=records, Key=name, Body=bytes(64), **customer())
    one, two = (lab.s3.at_rest(records, name) for name in ("one", "two"))
    assert one.ciphertext != two.ciphertext
    assert one.protection.check != two.protection.check
    assert one.protection.salt != two.protection.salt


# What KMS answers


def test_a_key_that_cannot_be_used_is_said_in_kms_words(lab: Lab, s3: Any, records: str) -> None:
    kms, far = lab.client("kms"), lab.client("kms", "us-west-2")
    made = kms.create_key()["KeyMetadata"]
    more = how("SSE-KMS", made["KeyId"])
    s3.put_object(Bucket=records, Key="a", Body=b"x", **more)
    kms.disable_key(KeyId=made["KeyId"])
    for call in (lambda: read(s3, records, "a"), lambda: s3.put_object(Bucket=records, Key="b",
                                                                       **more)):  # fmt: skip
        with refused("KMS.DisabledException", f"{made['Arn']} is disabled.") as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    with refused("KMS.KMSInvalidStateException", f"{made['Arn']} is pending deletion."):
        read(s3, records, "a")
    with refused("KMS.NotFoundException", "Invalid keyId 'fake-key-id'"):
        s3.put_object(Bucket=records, Key="b", **how("SSE-KMS", "fake-key-id"))
    gone = f"arn:aws:kms:us-east-1:{lab.account}:key/{UNKNOWN_ID}"
    for name in (UNKNOWN_ID, gone):
        with refused("KMS.NotFoundException", f"Key '{gone}' does not exist"):
            s3.put_object(Bucket=records, Key="b", **how("SSE-KMS", name))
    there = far.create_key()["KeyMetadata"]["Arn"]
    with refused("KMS.NotFoundException"):
        s3.put_object(Bucket=records, Key="b", **how("SSE-KMS", there))
    pair = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    with refused("KMS.InvalidKeyUsageException"):
        s3.put_object(Bucket=records, Key="b", **how("SSE-KMS", pair))
    assert "b" not in [each["Key"] for each in s3.list_objects_v2(Bucket=records)["Contents"]]


def test_an_alias_means_the_key_it_names_then(s3: Any, kms: Any, records: str, key: str, arn: str,
                                              other_key: str) -> None:  # fmt: skip
    kms.create_alias(AliasName="alias/objects", TargetKeyId=key)
    made = s3.put_object(Bucket=records, Key="a", Body=b"x", **how("SSE-KMS", "alias/objects"))
    assert made["SSEKMSKeyId"] == arn
    kms.update_alias(AliasName="alias/objects", TargetKeyId=other_key)
    assert read(s3, records, "a") == b"x"
    assert s3.head_object(Bucket=records, Key="a")["SSEKMSKeyId"] == arn


def test_without_any_hsm_nothing_opens(fresh: Lab) -> None:
    s3 = fresh.client("s3")
    name = bucket(s3, "records")
    for mode, more in (("own", {}), ("kms", WITH_KEY)):
        s3.put_object(Bucket=name, Key=mode, Body=b"x", **more)
    fresh.hsms.switch_off()
    with refused("InternalError"):
        read(s3, name, "own")
    with refused("KMS.KeyUnavailableException"):
        read(s3, name, "kms")


# Another key in place


@pytest.mark.parametrize("mode", ["SSE-S3", "SSE-KMS", "bucket key", "parts"])
def test_another_key_in_place_changes_no_byte_on_the_disk(
    lab: Lab, s3: Any, kms: Any, records: str, mode: str
) -> None:
    first, second = (kms.create_key()["KeyMetadata"] for _ in range(2))
    more = how("SSE-KMS" if mode == "parts" else mode, first["KeyId"])
    if mode != "SSE-S3":
        more["SSEKMSEncryptionContext"] = text({"case": "17"})
    plain = b"a letter" * 1_000
    if mode == "parts":
        plain = bytes(LEAST_PART + 5)
        upload(s3, records, mode, [plain[:LEAST_PART], plain[LEAST_PART:]], **more)
    else:
        s3.put_object(Bucket=records, Key=mode, Body=plain, Metadata={"a": "1"}, **more)
    before = s3.head_object(Bucket=records, Key=mode)
    on_disk = {path: path.read_bytes() for path in paths(lab, records, mode)}
    s3.update_object_encryption(
        Bucket=records, Key=mode, ObjectEncryption={"SSEKMS": {"KMSKeyArn": second["Arn"]}}
    )
    after = s3.head_object(Bucket=records, Key=mode)
    assert {path: path.read_bytes() for path in paths(lab, records, mode)} == on_disk
    assert after["SSEKMSKeyId"] == second["Arn"]
    assert after["ServerSideEncryption"] == "aws:kms"
    assert "BucketKeyEnabled" not in after
    for name in ("ETag", "LastModified", "Metadata", "ContentLength", "ContentType"):
        assert after[name] == before[name]
    kms.disable_key(KeyId=first["KeyId"])
    assert read(s3, records, mode) == plain
    own = {} if mode == "SSE-S3" else {"case": "17"}
    context = {**own, "aws:s3:arn": f"arn:aws:s3:::{records}/{mode}"}
    assert lab.s3.at_rest(records, mode).context == context
    opened = lab.trail().named("Decrypt")[-1]
    assert opened["requestParameters"]["encryptionContext"] == context
    kms.disable_key(KeyId=second["KeyId"])
    with refused("KMS.DisabledException"):
        read(s3, records, mode)


def test_what_cannot_get_another_key_in_place(
    lab: Lab, s3: Any, records: str, key: str, arn: str
) -> None:
    def update(name: str, key_arn: str) -> None:
        wanted = {"SSEKMS": {"KMSKeyArn": key_arn}}
        s3.update_object_encryption(Bucket=records, Key=name, ObjectEncryption=wanted)

    for mode in MODES:
        s3.put_object(Bucket=records, Key=mode, Body=b"x", **how(mode, key))
    for mode in ("DSSE-KMS", "SSE-C"):
        with refused("InvalidRequest") as caught:
            update(mode, arn)
        assert "with the encryption type DSSE-KMS or SSE-C" in str(caught.value)
    for name in ("alias/aws/s3" + "x" * 20, arn.replace("key/", "alias/"), "x" * 30):
        with refused("InvalidRequest") as caught:
            update("SSE-S3", name)
        assert "require a valid AWS KMS key Amazon Resource Name" in str(caught.value)
    theirs = arn.replace(lab.account, "1" * 12)
    with refused("AccessDenied") as caught:
        update("SSE-S3", theirs)
    assert "owned by the same account as the bucket" in str(caught.value)
    with refused("KMS.NotFoundException"):
        update("SSE-S3", arn.replace(key, UNKNOWN_ID))
    with refused("NoSuchKey"):
        update("none", arn)
    with refused("NotImplemented"):
        s3.update_object_encryption(Bucket=records, Key="SSE-S3", ObjectEncryption={
            "SSEKMS": {"KMSKeyArn": arn, "BucketKeyEnabled": True}
        })  # fmt: skip
    assert read(s3, records, "SSE-S3") == b"x"
