"""Five customers of a consultant, and what each place for keys offers (exercise of lesson 14).

Several places may suit a customer: what decides is whether each of his needs is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DEFAULT, CLUSTER, EXTERNAL = "AWS_KMS", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"
PLACES = (DEFAULT, CLUSTER, EXTERNAL)
# What a customer may need: the places that offer it, and what the others lack.
OFFERS: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "no duties": ((DEFAULT,), "somebody has to run the HSMs, their users and their backups"),
        "cheap": ((DEFAULT,), "two HSMs or a key manager have to be paid for every hour"),
        "asymmetric": ((DEFAULT,), "custom key stores hold symmetric encryption keys only"),
        "rotation": ((DEFAULT,), "keys in a custom key store do not rotate"),
        "two Regions": ((DEFAULT,), "keys in a custom key store are of one Region"),
        "AWS services": (PLACES, ""),
        "HSMs of one's own": ((CLUSTER, EXTERNAL), "KMS's HSMs are shared by all customers"),
        "inside AWS": ((DEFAULT, CLUSTER), "every call goes to a proxy outside of AWS"),
        "outside AWS": ((EXTERNAL,), "the key material lies in AWS's data centres"),
        "own switch": ((CLUSTER, EXTERNAL), "only AWS can switch these HSMs off"),
    }
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer: what he says, and what of it decides."""

    says: str
    needs: tuple[str, ...]


CUSTOMERS: Mapping[str, Customer] = MappingProxyType(
    {
        "bakery": Customer(
            "We encrypt our buckets, have no IT staff, and count every dollar.",
            ("AWS services", "no duties", "cheap"),
        ),
        "bank": Customer(
            "The supervisor wants HSMs that serve nobody else. We have a team for them, and none "
            "of our payments may wait for a line out of AWS.",
            ("AWS services", "HSMs of one's own", "inside AWS"),
        ),
        "ministry": Customer(
            "The law says that keys stay in our own building, and that we can cut them off "
            "ourselves.",
            ("AWS services", "outside AWS", "own switch"),
        ),
        "publisher": Customer(
            "We sign our apps, and our keys must change by themselves every year.",
            ("asymmetric", "rotation"),
        ),
        "laboratory": Customer(
            "We share no HSM with strangers, and want to be able to pull the plug. Where the HSM "
            "stands is all the same to us.",
            ("AWS services", "HSMs of one's own", "own switch"),
        ),
    }
)


def lacking(customer: str, place: str) -> str:
    """What a customer would miss first in a place; empty where it suits him."""
    for need in CUSTOMERS[customer].needs:
        places, lack = OFFERS[need]
        if place not in places:
            return lack
    return ""


def suited(customer: str) -> tuple[str, ...]:
    """The places that suit a customer."""
    return tuple(place for place in PLACES if not lacking(customer, place))


def briefs() -> None:
    """Prints what the customers say."""
    for name, customer in CUSTOMERS.items():
        print(f"{name}: {customer.says}")
