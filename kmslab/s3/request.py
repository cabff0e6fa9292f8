"""What an operation of S3 gets: the call, and S3's rooms."""

from __future__ import annotations

from dataclasses import dataclass

from kmslab.integrated import request as integrated
from kmslab.s3.bucket_keys import BucketKeys
from kmslab.s3.files import Files


@dataclass(frozen=True, slots=True)
class Rooms(integrated.Rooms):
    """What S3 works with: also the folder of ciphertext, and the bucket keys it holds."""

    files: Files
    bucket_keys: BucketKeys


Request = integrated.Request[Rooms]
Operation = integrated.Operation[Rooms]
