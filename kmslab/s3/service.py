"""The S3 service. How a request travels: `integrated/service.py`; what each does: `operations.py`.

What S3 does that other services don't: a request is served in the Region of its bucket, whichever
client it came by (boto3 follows AWS's redirect); a refused HEAD request has no message; and a wrong
header is named in S3's own words, where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from botocore.model import ServiceModel, Shape

from kmslab.aws.call import Answer, Call, Service
from kmslab.aws.validation import validate
from kmslab.errors import AwsError
from kmslab.integrated.service import IntegratedService, Words
from kmslab.kms.request import Rooms as KmsRooms
from kmslab.kms.service_keys import SERVICES
from kmslab.s3 import errors, records
from kmslab.s3.bucket_keys import BucketKeys
from kmslab.s3.files import Files
from kmslab.s3.operations import OPERATIONS
from kmslab.s3.request import Rooms

_WORDS = Words(errors.FAILURES, invalid="InvalidArgument", unknown="NotImplemented")


_OWN_WORDS = ("CreateBucketConfiguration", "Metadata", "ObjectEncryption")  # judged by operations


class _Document(NamedTuple):
    """A part of a request that is judged by itself."""

    input_shape: Shape


class S3(IntegratedService[Rooms]):
    """S3 for every account and Region of a lab."""

    def __init__(self, rooms: Rooms, load: Callable[[str], ServiceModel]) -> None:
        super().__init__("s3", rooms, OPERATIONS, load, _WORDS)

    def __call__(self, call: Call) -> Answer:
        """Answers a call, or raises the `AwsError` that S3 would answer with."""
        try:
            return super().__call__(self._at_home(call))
        except AwsError as error:
            if call.operation.startswith("Head"):
                errors.without_body(error)
            raise

    def _check_shape(self, call: Call) -> None:
        """Judges the documents in a request, not its headers; MalformedXML, which says no more."""
        members = self._model.operation_model(call.operation).input_shape.members
        for name, value in call.parameters.items():
            if isinstance(value, dict) and name not in _OWN_WORDS:
                try:
                    validate(_Document(members[name]), value)
                except AwsError:
                    raise errors.error("MalformedXML") from None

    def _at_home(self, call: Call) -> Call:
        with self._words.failures.translated():
            self._rooms.store.catch_up()  # another process may have made the bucket
            name = call.parameters.get("Bucket")
            bucket = records.find_bucket(self._rooms.store, name) if name else None
        if bucket is None or bucket.region == call.region:
            return call
        return replace(call, region=bucket.region)

    def _arns(self, call: Call) -> list[str]:
        """The bucket that a call was about, for its event."""
        name = call.parameters.get("Bucket")
        return [f"arn:aws:s3:::{name}"] if name else []


def s3(kms: Service, kms_rooms: KmsRooms, files: Files, load: Callable[[str], ServiceModel]) -> S3:
    """S3 beside a KMS, in the same lab."""
    bucket_keys = BucketKeys(kms_rooms.settings.now_in_call)
    rooms = Rooms.beside(kms, kms_rooms, SERVICES["s3"], files=files, bucket_keys=bucket_keys)
    return S3(rooms, load)
