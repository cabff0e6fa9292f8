"""The lab's clock, which a learner can move forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kmslab.settings import Settings


class Clock:
    """The lab's time. `lab.clock.advance(days=365)` is a year that takes no time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> datetime:
        """The lab's time, in UTC."""
        return datetime.fromtimestamp(self._settings.now(), UTC)

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> datetime:
        """Moves the clock forward and returns the new time; `ValueError` for a step back."""
        steps = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        for name, value in steps.items():
            if not isinstance(value, int | float):
                raise TypeError(f"{name}={value!r}: a number is due")
        self._settings.advance(timedelta(**steps))
        return self.now()

    def __repr__(self) -> str:
        return f"<Clock {self.now():%Y-%m-%d %H:%M:%S} UTC>"
