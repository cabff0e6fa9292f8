"""How long until a learner can work: importing kmslab, and making a lab?

Each in a fresh process, so nothing was imported before; `Lab()` includes importing python-pkcs11
and making the fleet of three HSMs.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from bench.measure import Result

ROUNDS = 5
_TIMED = "import time; {before}; start = time.perf_counter(); {work}; \
print(time.perf_counter() - start)"


def ask() -> list[Result]:
    """`import kmslab` beside `import boto3`, and `Lab()`."""
    _timed("import kmslab")  # brings the files into the page cache
    pairs = [(_timed("import boto3"), _timed("import kmslab")) for _ in range(ROUNDS)]
    labs = [_timed("kmslab.Lab()", before="import kmslab") for _ in range(ROUNDS)]
    boto3, kmslab = (median(times) for times in zip(*pairs, strict=True))
    more = median(ours - base for base, ours in pairs)
    detail = f"boto3 {boto3:.2f} s, kmslab {kmslab:.2f} s"
    return [
        Result("import kmslab, more than import boto3", more, "s", at_most=0.2, detail=detail),
        Result("Lab()", median(labs), "s", at_most=0.5, detail=f"slowest {max(labs):.2f} s"),
    ]


def _timed(work: str, before: str = "pass") -> float:
    code = _TIMED.format(work=work, before=before)
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
