"""How often S3 asks KMS: one bucket without a bucket key beside one with it (lesson 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import short
from kmslab.lab import Lab

PUT, PUT_10, GET_10, WAIT, OTHER = "Put 1", "Put 10", "Get 10", "+5 min", "Other caller"
ACTIONS = (PUT, PUT_10, GET_10, WAIT, OTHER)
BUCKETS: Mapping[str, bool] = MappingProxyType({"each-object": False, "bucket-key": True})
OPERATIONS = ("GenerateDataKey", "Decrypt")
SEED = 110  # of the widget's own lab
_PEOPLE = ("alice", "bob")
_MAY: Mapping[str, object] = MappingProxyType(
    {"Effect": "Allow", "Action": ["s3:*", "kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*"}
)


@dataclass(frozen=True, slots=True)
class Count:
    """What the trail has of one bucket: its calls of KMS, and the last one's context and caller."""

    bucket: str
    with_bucket_key: bool
    calls: Mapping[str, int]  # by operation
    context: str  # of the last call; empty before the first
    caller: str

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.calls.values())


class Counter:
    """Two buckets in a lab of its own, with one KMS key; each object is put into both.

    `counts` reads the lab's trail; nothing is counted by this class itself.
    """

    def __init__(self) -> None:
        self._lab = Lab(seed=SEED)
        self._people = {
            name: self._lab.user(name, policy=dict(_MAY)).client("s3") for name in _PEOPLE
        }
        self.caller = _PEOPLE[0]
        self.puts = self.gets = 0
        self.last = ""
        key = self._lab.client("kms").create_key(Description="records")["KeyMetadata"]["Arn"]
        for name, with_bucket_key in BUCKETS.items():
            self._make(name, key, with_bucket_key)
        self._ways: Mapping[str, Callable[[], object]] = {
            PUT: self._put,
            PUT_10: self._put_10,
            GET_10: self._get,
            WAIT: lambda: self._lab.clock.advance(minutes=5),
            OTHER: self._other,
        }

    @property
    def counts(self) -> tuple[Count, ...]:
        """One a bucket, from the trail."""
        events = [each for each in self._lab.trail() if each["eventName"] in OPERATIONS]
        return tuple(_count(name, kept, events) for name, kept in BUCKETS.items())

    def do(self, name: str) -> None:
        """Does one thing by its name, in both buckets; `ValueError` names what there is."""
        if name not in self._ways:
            raise ValueError(f"{name!r}: one of {', '.join(ACTIONS)} is due")
        self._ways[name]()
        self.last = name

    def _make(self, bucket: str, key: str, with_bucket_key: bool) -> None:
        s3 = self._lab.client("s3")
        s3.create_bucket(Bucket=bucket)
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        rule = {
            "ApplyServerSideEncryptionByDefault": by_default,
            "BucketKeyEnabled": with_bucket_key,
        }
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    @property
    def _s3(self) -> Any:
        return self._people[self.caller]

    def _put(self) -> None:
        self.puts += 1
        for bucket in BUCKETS:
            self._s3.put_object(Bucket=bucket, Key=f"{self.puts}.txt", Body=b"a record")

    def _put_10(self) -> None:
        for _ in range(10):
            self._put()

    def _get(self) -> None:
        """The ten newest objects; fewer where there are fewer."""
        for number in range(max(1, self.puts - 9), self.puts + 1):
            self.gets += 1
            for bucket in BUCKETS:
                self._s3.get_object(Bucket=bucket, Key=f"{number}.txt")["Body"].read()

    def _other(self) -> None:
        self.caller = next(name for name in _PEOPLE if name != self.caller)


def _count(bucket: str, with_bucket_key: bool, events: list[Event]) -> Count:
    own = [each for each in events if _is_of(bucket, each)]
    calls = {name: sum(each["eventName"] == name for each in own) for name in OPERATIONS}
    context = _arn(own[-1]) if own else ""
    caller = short(own[-1]["userIdentity"]) if own else ""
    return Count(bucket, with_bucket_key, calls, context, caller)


def _is_of(bucket: str, event: Event) -> bool:
    return _arn(event).removeprefix("arn:aws:s3:::").split("/")[0] == bucket


def _arn(event: Event) -> str:
    context: Mapping[str, str] = event["requestParameters"].get("encryptionContext") or {}
    return context.get("aws:s3:arn", "")
