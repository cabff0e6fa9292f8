"""`python -m kmslab.iam < requests.jsonl > decisions.jsonl`; the lines' form is in `lines.py`."""

from __future__ import annotations

import sys
from contextlib import suppress

from kmslab.iam.lines import answers


def main() -> None:
    """Answers each line of standard input as it comes."""
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    with suppress(BrokenPipeError, KeyboardInterrupt):
        for line in answers(sys.stdin):
            print(line, flush=True)


if __name__ == "__main__":
    main()
