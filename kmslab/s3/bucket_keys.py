"""S3 Bucket Keys: one data key for many objects, kept in memory for a short time.

S3 asks KMS for a key for the bucket, uses it for five minutes of lab time, and derives the keys of
single objects from it by itself. So KMS sees one call instead of a call an object, with the
bucket's ARN as encryption context. Each requester gets a bucket key of its own, so that its access
to the KMS key is in CloudTrail once at least. A session of a role counts as the role.

The price: for as long as S3 keeps it, the key policy isn't asked again. AWS calls the time short
and doesn't say how long. Sources: "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys",
"How Amazon S3 uses AWS KMS".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from cachetools import TTLCache

from kmslab.aws.call import Call

KEPT_SECONDS = 300
MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key in both its forms."""

    plaintext: bytes = field(repr=False)
    encrypted: bytes = field(repr=False)
    key_arn: str  # of the KMS key


class BucketKeys:
    """The bucket keys that S3 holds now. Nothing of them is written anywhere."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._kept: TTLCache[Hashable, DataKey] = TTLCache(MOST_KEPT, KEPT_SECONDS, now)
        self._lock = threading.Lock()

    def to_encrypt(
        self, call: Call, context: Mapping[str, str], key_id: str, make: Callable[[], DataKey]
    ) -> DataKey:
        """The bucket key with which to encrypt; `make` asks KMS for one."""
        name = ("encrypt", key_id, *_about(call, context))
        known = self._find(name)
        if known is None:
            known = make()
            self._keep(name, known)
            self._keep(("open", known.encrypted, *_about(call, context)), known)
        return known

    def to_open(
        self,
        call: Call,
        context: Mapping[str, str],
        encrypted: bytes,
        make: Callable[[], DataKey],
    ) -> DataKey:
        """The bucket key that an object was encrypted with; `make` has KMS open it."""
        name = ("open", encrypted, *_about(call, context))
        known = self._find(name)
        if known is None:
            known = make()
            self._keep(name, known)
        return known

    def _find(self, name: Hashable) -> DataKey | None:
        with self._lock:
            return self._kept.get(name)

    def _keep(self, name: Hashable, key: DataKey) -> None:
        with self._lock:
            self._kept[name] = key

    def __repr__(self) -> str:
        return f"<{len(self._kept)} bucket keys>"


def _about(call: Call, context: Mapping[str, str]) -> tuple[Hashable, ...]:
    """Who asks, and for what."""
    who = call.principal
    policies = who.session.policies if who.session else ()
    return who.policy_arn, policies, call.region, tuple(sorted(context.items()))
