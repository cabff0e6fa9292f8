"""What a KMS key is: a name, a state, and which key material is its current one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from kmslab.aws.call import Output

KEY_ID = re.compile(
    r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", re.ASCII
)
SYMMETRIC = "SYMMETRIC_DEFAULT"
USAGE = "ENCRYPT_DECRYPT"


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: a name and a state for key material. The material itself is in the HSMs only.

    So far every key is symmetric, for encryption, with material made by KMS (origin AWS_KMS).
    """

    account: str
    region: str
    key_id: str
    created: float
    description: str
    state: str
    material_id: str

    @property
    def arn(self) -> str:
        """The key's ARN, its name from anywhere."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.key_id}"

    def metadata(self) -> Output:
        """The key as DescribeKey shows it (KeyMetadata)."""
        return {
            "AWSAccountId": self.account,
            "KeyId": self.key_id,
            "Arn": self.arn,
            "CreationDate": datetime.fromtimestamp(self.created, UTC),
            "Enabled": self.state == "Enabled",
            "Description": self.description,
            "KeyUsage": USAGE,
            "KeyState": self.state,
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": SYMMETRIC,
            "KeySpec": SYMMETRIC,
            "EncryptionAlgorithms": [SYMMETRIC],
            "MultiRegion": False,
            "CurrentKeyMaterialId": self.material_id,
        }
