"""Says in a notebook what takes long: a kernel that is busy without a reason looks broken."""

from __future__ import annotations

import sys


def say(what: str) -> None:
    """Shows a line below the cell that runs now; outside a notebook, nothing.

    It stays there, so that a cell has the same output on every run, however long it took.
    """
    ipython = sys.modules.get("IPython")
    if ipython and hasattr(ipython.get_ipython(), "kernel"):
        ipython.display.display({"text/plain": what}, raw=True)


def making_rsa(bits: int) -> None:
    """Says that an HSM makes an RSA key pair: up to seconds, by luck."""
    say(f"Making an RSA key pair of {bits} bits in the HSM: finding its primes takes a while.")
