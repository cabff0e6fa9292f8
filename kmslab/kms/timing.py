"""Times of the records as boto3 shows them, and how long AWS takes for what it does not do at once.

AWS gives no exact times ("a few seconds"); these are round numbers near what is seen there.
"""

from __future__ import annotations

from datetime import UTC, datetime

SETTLING_SECONDS = 5  # a new replica is Creating, a primary Region is Updating
ROTATION_SECONDS = 30  # a rotation on demand is in progress


def when(seconds: float) -> datetime:
    """A time of the records, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
