"""What a client hears when something fails inside a service: a 5xx, with the reason in its message.

Every service has codes of its own for that. A text with half a surrogate pair passes through JSON,
and is no Unicode text all the same: that is the caller's fault, whichever service it meets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from kmslab.errors import AwsError, FleetDown, HsmError, StoreBusy, StoreError

Reply = tuple[str, int]  # an error's code and its HTTP status


@dataclass(frozen=True, slots=True)
class Failures:
    """The codes of one service."""

    busy: Reply  # another process writes, and didn't end in time
    broken: Reply  # the records can't be read or written, or an HSM fails
    text: Reply  # a text isn't valid Unicode
    down: Reply | None = None  # no HSM is left; None where the service never meets one
    # What other services, or the authorizer, call otherwise.
    renamed: Mapping[str, Reply] = field(default_factory=dict)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Whatever fails inside leaves as an `AwsError` of this service."""
        try:
            yield
        except AwsError as error:
            error.code, error.status = self.renamed.get(error.code, (error.code, error.status))
            raise
        except (HsmError, StoreError) as error:
            code, status = self._reply(error)
            raise AwsError(code, str(error), status) from error
        except UnicodeEncodeError:
            code, status = self.text
            raise AwsError(code, "A text is not valid Unicode.", status) from None

    def _reply(self, error: HsmError | StoreError) -> Reply:
        if isinstance(error, StoreBusy):
            return self.busy
        if isinstance(error, FleetDown) and self.down is not None:
            return self.down
        return self.broken
