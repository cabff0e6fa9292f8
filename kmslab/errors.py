"""What can go wrong, as one tree.

    KmslabError
    ├── AwsError            an AWS service refuses: code, message and HTTP status as AWS has them
    ├── HsmError            an HSM can't do what was asked
    │   ├── HsmModuleMissing    SoftHSM2 isn't on this machine, or doesn't load
    │   ├── HsmOff              this HSM is switched off or was pulled out
    │   ├── FleetDown           no HSM of the fleet is left
    │   ├── HsmInput            what was given isn't what PKCS#11 takes: a type, name or length
    │   └── HsmRefused          the HSM refused: a wrong tag, a broken token, a wrong PIN
    │       ├── TokenRefused        an exported key token does not open under the domain key
    │       ├── ShareRefused        an operator's share: a wrong PIN, damaged, of another backup
    │       ├── QuorumMissing       fewer operators than it takes
    │       ├── BackupRefused       a backup is damaged, or of a domain key that is no longer used
    │       └── AttributeRefused    with PKCS#11's return value, and the attribute that stopped it
    ├── StoreError          the lab's folder can't be made, read or written
    │   └── StoreBusy           another process writes, and didn't end in time
    ├── ClusterError        a CloudHSM cluster can't: its own tree is in cloudhsm/errors.py
    ├── EnvelopeError       a file isn't what envelope encryption wrote, or was changed since
    └── DamagedObject       what S3 stored on the disk was changed, moved or cut off

boto3 turns an `AwsError` into its own typed exception, so a learner meets the others only when
using kmslab's own API, or while reading an object of which a later part was damaged. No message
carries a key, a PIN or a plaintext.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmslab.iam.decision import Decision


class KmslabError(Exception):
    """The root of everything kmslab raises by itself."""


class AwsError(KmslabError):
    """An AWS service's refusal; `code` is AWS's name for it, as in `NotFoundException`."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.status = status
        self.request_id = ""  # the service puts in the request's own
        self.decisions: tuple[Decision, ...] = ()  # of a refusal: what was decided, and why


class HsmError(KmslabError):
    """An HSM can't do what was asked."""


class HsmModuleMissing(HsmError):
    """SoftHSM2 isn't on this machine, or what was found doesn't load."""


class HsmOff(HsmError):
    """This HSM is switched off or was pulled out; another one of the fleet may serve."""


class FleetDown(HsmError):
    """No HSM of the fleet is left."""


class HsmRefused(HsmError):
    """The HSM refused: the tag doesn't fit, the token is broken, the PIN is wrong."""


class TokenRefused(HsmRefused):
    """An exported key token does not open under the domain key."""


class ShareRefused(HsmRefused):
    """An operator's share doesn't open with this PIN, is damaged, or belongs to another backup."""


class QuorumMissing(HsmRefused):
    """Fewer operators came with their shares than it takes."""


class BackupRefused(HsmRefused):
    """A backup is damaged, or of a domain key that the records are no longer wrapped under."""


class AttributeRefused(HsmRefused):
    """A refusal in PKCS#11's words; `attribute` stopped it ("" where none did)."""

    def __init__(self, what: str, return_value: str, attribute: str = "", more: str = "") -> None:
        because = ", ".join(filter(None, (attribute, more)))
        super().__init__(f"{what}: {return_value}{because and f' ({because})'}")
        self.what = what
        self.return_value = return_value
        self.attribute = attribute
        self.more = more


class HsmInput(HsmError):
    """What was given isn't what PKCS#11 takes: an attribute's name or type, a length."""


class StoreError(KmslabError):
    """The lab's folder can't be made, read or written."""


class StoreBusy(StoreError):
    """Another process writes to the lab's records, and did not end in time."""


class EnvelopeError(KmslabError):
    """A file isn't what envelope encryption wrote, or it was changed since."""


class DamagedObject(KmslabError):
    """What S3 stored on the disk was changed, moved or cut off; none of it is given out."""
