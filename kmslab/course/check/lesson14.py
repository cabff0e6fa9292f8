"""Checks of lesson 14, Custom key stores."""

from __future__ import annotations

from typing import Any

from kmslab.course import customers
from kmslab.course.check.exercise import exercise, need, need_bytes, opened
from kmslab.lab import Lab

_LEAST_WORDS = 3  # of a reason
_WHY = "ConnectionErrorCode"


@exercise(
    "bring the key store back, then set answer to its CustomKeyStoreId.",
    "describe_custom_key_stores shows a ConnectionErrorCode; a FAILED store is disconnected first.",
    "cluster.cli.change_password gives kmsuser a new password; who else has to be told of it?",
)
def ex1(lab: Lab, blob: bytes, answer: object) -> str:
    """A CloudHSM key store that fails to connect, mended; its key has to open a blob again."""
    need(isinstance(answer, str), f"an id is due here, not {type(answer).__name__}")
    stores = lab.client("kms").describe_custom_key_stores()["CustomKeyStores"]
    store = next((each for each in stores if each["CustomKeyStoreId"] == answer), None)
    need(store is not None, f"the lab has no custom key store {answer}")
    assert store is not None  # noqa: S101  for the reader of types
    kind, state = store["CustomKeyStoreType"], store["ConnectionState"]
    need(kind == "AWS_CLOUDHSM", "that is the external key store, which was never broken")
    why = f" ({store[_WHY]})" if _WHY in store else ""
    need(state != "CONNECTING", "it is CONNECTING: let ten minutes pass")
    need(state == "CONNECTED", f"its state is {state}{why}")
    opened(lab.client("kms"), need_bytes(blob, "the blob"), {})
    return (
        "the blob opens again; and kmsuser has one more password by now, which only KMS knows, so "
        "the one that you set is good for nothing any more"
    )


@exercise(
    "set answer to a dict: for each customer, a pair of an Origin and why.",
    "look at what you give up: who needs rotation, and who shares no HSM with strangers?",
    "the laboratory may have one of two; the bakery, the bank, the ministry and the publisher not.",
)
def ex2(answer: object) -> str:
    """A place for keys for each of five customers: whatever meets all that he needs is right."""
    need(isinstance(answer, dict), f"a dict is due here, not {type(answer).__name__}")
    assert isinstance(answer, dict)  # noqa: S101  for the reader of types
    missing = [name for name in customers.CUSTOMERS if name not in answer]
    need(not missing, f"{', '.join(missing)}: no answer")
    for name in customers.CUSTOMERS:
        _judge(name, answer[name])
    choices = customers.suited("laboratory")
    other = next(place for place in choices if place != answer["laboratory"][0])
    return f"every need is met; the laboratory could have taken {other} as well"


def _judge(name: str, given: Any) -> None:
    pair = isinstance(given, tuple | list) and len(given) == 2
    texts = pair and all(isinstance(each, str) for each in given)
    need(texts, f"{name}: a pair of an Origin and why is due")
    place, why = given
    need(place in customers.PLACES, f"{name}: {place!r} is none of {', '.join(customers.PLACES)}")
    lack = customers.lacking(name, place)
    need(not lack, f"{name}: not {place}, since {lack}")
    need(len(why.split()) >= _LEAST_WORDS, f"{name}: say why, in a few words")
