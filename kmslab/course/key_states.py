"""The states of a key: what brings it into each, and what each refuses (lesson 10).

Both come from `kmslab.kms.states`, so that the figure can't say anything else than the lab does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture
from kmslab.kms import states

DELETED = "deleted"  # no state of AWS's: the key is not there any more
_CRYPTOGRAPHY = (
    *("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "Sign", "Verify"),
    *("GenerateMac", "VerifyMac", "GetPublicKey", "DeriveSharedSecret"),
    *("Encapsulate", "Decapsulate"),
)

# Operations that the same states refuse, under one name.
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Encrypt, Decrypt, Sign …": _CRYPTOGRAPHY,
        "CreateGrant": ("CreateGrant",),
        "EnableKey, DisableKey": ("EnableKey", "DisableKey"),
        "Enable-, DisableKeyRotation": ("EnableKeyRotation", "DisableKeyRotation"),
        "RotateKeyOnDemand": ("RotateKeyOnDemand",),
        "GetParametersForImport": ("GetParametersForImport",),
        "ImportKeyMaterial": ("ImportKeyMaterial",),
        "DeleteImportedKeyMaterial": ("DeleteImportedKeyMaterial",),
        "ScheduleKeyDeletion": ("ScheduleKeyDeletion",),
        "CancelKeyDeletion": ("CancelKeyDeletion",),
        "aliases, tags, description": (
            *("CreateAlias", "UpdateAlias", "TagResource", "UntagResource"),
            "UpdateKeyDescription",
        ),
        "ReplicateKey": ("ReplicateKey",),
        "UpdatePrimaryRegion": ("UpdatePrimaryRegion",),
        "DescribeKey, key policy": ("DescribeKey", "GetKeyPolicy", "PutKeyPolicy"),
    }
)
_COMMON = (states.ENABLED, states.DISABLED, states.PENDING_IMPORT, states.PENDING_DELETION)
_RARER = (
    *(states.CREATING, states.UPDATING, states.PENDING_REPLICA_DELETION),
    states.UNAVAILABLE,
)
_BOX = (16.0, 6.0)
_PLACES: Mapping[str, Point] = MappingProxyType(
    {
        states.PENDING_IMPORT: (31, 5),
        states.ENABLED: (31, 22),
        states.DISABLED: (62, 22),
        states.PENDING_DELETION: (62, 5),
        DELETED: (91, 5),
    }
)
_WAYS: tuple[tuple[Point, Point, str, Point], ...] = (  # from, to, by what, and where that stands
    ((5, 22), (22, 22), "CreateKey", (13, 23.6)),
    ((5, 5), (22, 5), "CreateKey,\nOrigin EXTERNAL", (12.6, 8)),
    ((27, 9), (27, 18), "Import-\nKeyMaterial", (21.4, 13.5)),
    ((35, 18), (35, 9), "material\ndeleted or\nexpired", (40.4, 12)),
    ((40, 23.5), (53, 23.5), "DisableKey", (46.5, 25.1)),
    ((53, 20.5), (40, 20.5), "EnableKey", (46.5, 19)),
    ((40, 18), (53.4, 9), "Schedule-\nKeyDeletion", (52.2, 14.6)),
    ((40, 5), (53, 5), "Schedule-\nKeyDeletion", (46.5, 2)),
    ((60, 18), (60, 9), "", (60, 13)),
    ((66, 9), (66, 18), "CancelKeyDeletion", (75.4, 13.5)),
    ((71, 5), (82, 5), "7 to 30 days", (76.4, 6.6)),
)
_ALT = (
    "The states of a key. CreateKey makes an Enabled key; with Origin EXTERNAL one that is "
    "PendingImport, until ImportKeyMaterial makes it Enabled. Deleted or expired material makes it "
    "PendingImport again. DisableKey and EnableKey go between Enabled and Disabled. From these "
    "three ScheduleKeyDeletion leads to PendingDeletion; CancelKeyDeletion leads from there to "
    "Disabled, and 7 to 30 days of waiting to deletion, for good."
)
_ROW = 2.7  # of the table, in units of a diagram


def refusing(kind: str) -> frozenset[str]:
    """The states that refuse a kind of operations."""
    return states.REFUSED.get(KINDS[kind][0], frozenset())


@lru_cache
def picture(kind: str = "svg") -> Picture:
    """The figure `key-states`: how a key changes state, and what each state refuses."""
    floor = _ROW * len(KINDS) + 10
    sheet = Diagram(102, floor + 28)
    _machine(sheet, floor, "")
    _table(sheet, floor - 3)
    refused = " ".join(
        f"{name} refuses: {'; '.join(each for each in KINDS if name in refusing(each))}."
        for name in (*_COMMON, *_RARER)
    )
    return sheet.picture(f"{_ALT} A table says what the states refuse. {refused}", kind)


@lru_cache(maxsize=16)
def machine(now: str) -> Picture:
    """The states of a single-Region key, and which one it is in now."""
    sheet = Diagram(102, 28)
    _machine(sheet, 0.5, now)
    return sheet.picture(f"{_ALT} The key is now: {now}.")


def _machine(sheet: Diagram, floor: float, now: str) -> None:
    """The common states, the present one marked, and the ways between them."""
    for name, (x, y) in _PLACES.items():
        corner = x - _BOX[0] / 2, floor + y - _BOX[1] / 2
        words = "deleted,\nfor good" if name == DELETED else name
        if name == now:
            around = (corner[0] - 0.9, corner[1] - 0.9), (_BOX[0] + 1.8, _BOX[1] + 1.8)
            sheet.box(*around, style.INK)
            words += "\n(now)"
        sheet.box(corner, _BOX, style.KMS_KEY if now in ("", name) else style.QUIET, words)
    for start, end, by, at in _WAYS:
        sheet.arrow((start[0], floor + start[1]), (end[0], floor + end[1]))
        sheet.text((at[0], floor + at[1]), by, size=8.5)


def _table(sheet: Diagram, top: float) -> None:
    """Rows are kinds of operations, columns states; the common ones first."""
    columns = {name: 32.0 + 8.6 * place for place, name in enumerate(_COMMON)}
    columns |= {name: 70.0 + 8.6 * place for place, name in enumerate(_RARER)}
    sheet.text((14, top - 1), "Does KMS allow it?", bold=True)
    sheet.text((83, top + 2.6), "multi-Region keys and key stores only", size=8.5)
    for name, x in columns.items():
        words = name.replace("Pending", "Pending-\n").replace("Replica", "Replica-\n")
        sheet.text((x, top - 1), words, size=8.5, bold=True)
    for number, kind in enumerate(KINDS, start=1):
        y = top - _ROW * number - 2
        sheet.text((14, y), kind, size=9)
        for name, x in columns.items():
            _cell(sheet, (x, y), refused=name in refusing(kind))


def _cell(sheet: Diagram, at: Point, *, refused: bool) -> None:
    if refused:
        sheet.box((at[0] - 3.6, at[1] - 1.1), (7.2, 2.2), style.DENIED)
        sheet.text(at, "no", size=9, bold=True)
    else:
        sheet.text(at, "yes", size=9, color=style.QUIET)
