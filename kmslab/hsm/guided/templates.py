"""Two templates for a key, to look at attribute by attribute, and the trusted key's own.

    careless   what a program gets by that asks for a key that "works everywhere"
    careful    the value never shown, and a backup under a TRUSTED key only

A key that is never to leave its HSM has EXTRACTABLE=False instead, and no backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pkcs11 import Attribute, Mechanism, ObjectClass

from kmslab.hsm.guided import words

Template = Mapping[str, Any]

CARELESS: Template = MappingProxyType(
    {
        "PRIVATE": False,
        "SENSITIVE": False,
        "EXTRACTABLE": True,
        "WRAP_WITH_TRUSTED": False,
        "ENCRYPT": True,
        "DECRYPT": True,
        "WRAP": True,
        "UNWRAP": True,
        "MODIFIABLE": True,
    }
)
CAREFUL: Template = MappingProxyType(
    {
        "PRIVATE": True,
        "SENSITIVE": True,
        "EXTRACTABLE": True,
        "WRAP_WITH_TRUSTED": True,
        "ENCRYPT": True,
        "DECRYPT": True,
        "WRAP": False,
        "UNWRAP": False,
        "MODIFIABLE": False,
    }
)
# What comes back from a backup is as well kept as what went in: a crypto user can't unwrap it as a
# readable key, nor as one that others may wrap, nor as one that wraps.
RESTORED: Template = MappingProxyType(
    {"SENSITIVE": True, "WRAP_WITH_TRUSTED": True, "WRAP": False, "UNWRAP": False}
)
TRUSTED: Mapping[Attribute, Any] = MappingProxyType(
    {
        Attribute.PRIVATE: False,  # the security officer has no others
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: True,
        Attribute.WRAP_WITH_TRUSTED: True,
        Attribute.TRUSTED: True,
        Attribute.WRAP: True,
        Attribute.UNWRAP: True,
        Attribute.ALLOWED_MECHANISMS: (Mechanism.AES_KEY_WRAP,),
        Attribute.WRAP_TEMPLATE: {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.TRUSTED: False,
        },
        Attribute.UNWRAP_TEMPLATE: words.template({"UNWRAP_TEMPLATE": dict(RESTORED)})[
            Attribute.UNWRAP_TEMPLATE
        ],
    }
)
TRUSTED_AT_REST: Mapping[Attribute, Any] = MappingProxyType(
    {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.MODIFIABLE: False,
    }
)
