"""The figure `durability`: where a lab's keys are kept, and what brings them back (lesson 15).

Each row is tried in tests/test_hsm_fleet.py, test_hsm_quorum.py, test_importing.py or
test_deletion.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kmslab.course import style
from kmslab.course.diagrams import Diagram, Point
from kmslab.course.picture import Picture
from kmslab.hsm.roster import ZONES


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that gets lost, what is lost with it, and what brings it back."""

    what: str
    lost: str
    back: str
    color: str


LOSSES = (
    Loss("one HSM", "nothing: the next one serves", "a clone of another HSM", style.PLAINTEXT),
    Loss("all HSMs", "until then, every KMS key", "the backup, 3 of 5 operators", style.DATA_KEY),
    Loss("all HSMs and the backup", "every KMS key, for good", "nothing", style.DENIED),
    Loss(
        "the backup, or 3 of 5 cards",
        "nothing, while an HSM lives",
        "a new backup, at once",
        style.PLAINTEXT,
    ),
    Loss("the records", "every key token", "a copy of the records", style.DATA_KEY),
    Loss(
        "imported key material",
        "what was encrypted with it",
        "its owner, who imports it again",
        style.DATA_KEY,
    ),
    Loss(
        "a KMS key, when its wait is over",
        "what was encrypted with it, for good",
        "nothing, once no old copy of the records is left",
        style.DENIED,
    ),
)
_ALT = (
    "Three HSMs, one in each of the zones us-east-1a, us-east-1b and us-east-1c, hold the same "
    "domain key. The records on disk hold the key tokens: key material of KMS keys, wrapped under "
    "the domain key. A backup holds the domain key, wrapped under a backup key that five operators "
    "share: any three of them open it. A table says what is lost with what, and what brings it "
    "back. "
)
_HEAD = ("gone", "what is lost with it", "what brings it back")
_COLUMNS = ((2.0, 30.0), (33.0, 34.0), (68.0, 32.0))  # left side and width of each
_ROW = 4.0
_TABLE = _ROW * (len(LOSSES) + 1)


@lru_cache
def picture(kind: str = "svg") -> Picture:
    """The HSMs, the records and the backup above, the losses below."""
    sheet = Diagram(102, _TABLE + 37)
    _places(sheet, _TABLE + 2)
    top = _TABLE - 1
    for words, (x, width) in zip(_HEAD, _COLUMNS, strict=True):
        sheet.text((x + width / 2, top), words, bold=True)
    for number, loss in enumerate(LOSSES, start=1):
        _row(sheet, top - _ROW * number - 0.8, loss)
    told = " ".join(f"{each.what}: lost, {each.lost}; back, {each.back}." for each in LOSSES)
    return sheet.picture(_ALT + told, kind)


def _places(sheet: Diagram, floor: float) -> None:
    """Three zones, the records below them, the backup and its operators on the right."""
    for number, zone in enumerate(ZONES):
        x = 2 + 20.0 * number
        sheet.place((x, floor + 14), (18, 20), zone)
        sheet.hsm((x + 2, floor + 15.5), (14, 13.5), f"hsm-{zone[-1]}")
        sheet.key((x + 9, floor + 22), "domain key", color=style.INK)
        sheet.arrow((x + 9, floor + 9.5), (x + 9, floor + 15))
    records = "records on disk: key tokens of all KMS keys, wrapped under the domain key"
    sheet.box((2, floor + 3), (58, 6.5), style.CIPHERTEXT, records)
    sheet.place((68, floor + 1), (32, 33), "in a safe, and with people")
    sheet.arrow((60.5, floor + 24), (71, floor + 24))
    sheet.text((64, floor + 25.6), "backup", size=9)
    sheet.box((71.5, floor + 20), (26, 8), style.CIPHERTEXT, "the domain key,\nunder a backup key")
    sheet.arrow((84, floor + 13), (84, floor + 20))
    sheet.text((91, floor + 16.2), "any 3 of 5\nopen it", size=9)
    for number in range(5):
        sheet.principal((73 + 5.6 * number, floor + 8.5), "card")


def _row(sheet: Diagram, y: float, loss: Loss) -> None:
    for words, (x, width) in zip((loss.what, loss.lost, loss.back), _COLUMNS, strict=True):
        corner: Point = (x, y)
        sheet.box(corner, (width, _ROW - 0.8), loss.color, words)
