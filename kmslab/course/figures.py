"""Every figure of the course by name; `python -m kmslab.course.figures` writes them to images/.

ciphertext-anatomy  the parts of a ciphertext (lesson 03)
durability        what brings back which loss of HSMs, records and keys (lesson 15)
encryption-flow   envelope encryption between KMS, your program and the disk (lesson 06)
hsm-fleet         a ciphertext's way down to the domain key and back (lesson 15)
key-families      which key specs there are, and what each may be used for (lesson 02)
key-policy-ways   how a request comes through a key policy (lesson 07)
key-stores        who has to be there for a ciphertext to open (lesson 14)
key-states        how a key changes state, and what each state refuses (lesson 10)
lab               what a lab is made of (lesson 00)
policy-layers     the layers of policies through which a request falls (lesson 08)
s3-kms            PUT and GET of an object with a KMS key (lesson 11)
sign-and-mac      who holds which key, who makes and who checks (lesson 04)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from kmslab.course import (
    anatomy_view,
    durability,
    families_map,
    flow,
    inside,
    key_states,
    key_stores,
    layers_view,
    policy_ways,
    s3_flow,
    sign_and_mac,
    style,
)
from kmslab.course.diagrams import Diagram
from kmslab.course.picture import Picture

IMAGES = Path(__file__).parents[2] / "images"
LAB_ALT = (
    "What a lab is made of, all inside your laptop. Your notebook asks boto3, AWS's own client. "
    "boto3 asks kmslab's KMS, which checks, decides and records. KMS asks three HSMs, which share "
    "one domain key; each KMS key's material is used inside them only. KMS keeps its records on "
    "disk: names, states, and key material that only the HSMs can unwrap."
)


def s3_kms(kind: str = "svg") -> Picture:
    """PUT and GET in eight steps."""
    return s3_flow.picture(kind=kind)


def encryption_flow(kind: str = "svg") -> Picture:
    """Envelope encryption in six steps."""
    return flow.picture(kind=kind)


def hsm_fleet(kind: str = "svg") -> Picture:
    """Decrypt in seven steps, between a program, KMS and its HSMs."""
    return inside.picture(kind=kind)


@lru_cache
def lab(kind: str = "svg") -> Picture:
    """A notebook, boto3, KMS, its records and three HSMs."""
    sheet = Diagram(100, 36)
    sheet.place((1, 1), (98, 34), "your laptop")
    sheet.principal((8, 19), "your notebook")
    sheet.box((21, 14.5), (13, 8), style.PRINCIPAL, "boto3\nAWS's client")
    sheet.box((46, 14.5), (14, 8), style.KMS_KEY, "KMS\nchecks, decides,\nrecords")
    sheet.arrow((11.5, 18.5), (21, 18.5), "call")
    sheet.arrow((34, 18.5), (46, 18.5), "Encrypt")
    sheet.arrow((53, 14.5), (53, 9.5))
    sheet.box((44, 3.5), (18, 6), style.CIPHERTEXT, "records on disk,\nwrapped keys")
    sheet.arrow((60, 18.5), (70, 18.5), "PKCS#11")
    for number, name in enumerate(("hsm-a", "hsm-b", "hsm-c")):
        floor = 22.3 - 9.6 * number
        sheet.hsm((71, floor), (15, 8.8), "")
        sheet.key((78, floor + 5.4), name)
    sheet.text((92.5, 24.8), "one domain\nkey in all\nthree", size=9, color=style.QUIET)
    return sheet.picture(LAB_ALT, kind)


FIGURES: Mapping[str, Callable[[str], Picture]] = MappingProxyType(
    {
        "ciphertext-anatomy": anatomy_view.picture,
        "durability": durability.picture,
        "encryption-flow": encryption_flow,
        "hsm-fleet": hsm_fleet,
        "key-families": families_map.picture,
        "key-policy-ways": policy_ways.picture,
        "key-states": key_states.picture,
        "key-stores": key_stores.picture,
        "lab": lab,
        "policy-layers": layers_view.rules,
        "s3-kms": s3_kms,
        "sign-and-mac": sign_and_mac.picture,
    }
)


def write(folder: Path = IMAGES) -> None:
    """Writes every figure as SVG and as PNG."""
    folder.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        for kind in ("svg", "png"):
            (folder / f"{name}.{kind}").write_bytes(draw(kind).data)


if __name__ == "__main__":
    write()
