"""Wrong answers to the exercises of lesson 12, and a word of what the check has to say."""

from __future__ import annotations

_OWN = "(own := user.generate_key('own', TOKEN=False, WRAP=True, UNWRAP=True, DECRYPT=True))"
_GOOD = {
    "SENSITIVE": True,
    "EXTRACTABLE": True,
    "WRAP_WITH_TRUSTED": True,
    "ENCRYPT": True,
    "DECRYPT": True,
    "MODIFIABLE": False,
}


def template(**other: object) -> str:
    """The right answer to exercise 2 with something else in it; None takes an attribute out."""
    return str({name: each for name, each in {**_GOOD, **other}.items() if each is not None})


WRONG: dict[str, list[tuple[str, str]]] = {
    "12_1": [
        ("17", "a function of user and key is due, not int"),
        ("b'x' * 32", "not bytes"),
        ("lambda user, key: key['VALUE']", "read VALUE: CKR_ATTRIBUTE_SENSITIVE"),
        ("lambda user, key: attacks.wrap_then_decrypt(user, key)", "not Attempt"),
        ("lambda user, key: user.get_key('careless')['VALUE']", "are not the key"),
        ("lambda user, key: bytes(32)", "the 32 bytes that it returns are not the key"),
        ("lambda user, key: b''", "the 0 bytes that it returns are not the key"),
        ("lambda user, key: key.copy(SENSITIVE=False)['VALUE']", "CKR_ATTRIBUTE_READ_ONLY"),
        (f"lambda user, key: {_OWN}.wrap_key(key)", "the 40 bytes that it returns are not"),
        (f"lambda user, key: {_OWN}.wrap_key(key, 'AES_CBC')", "32 bytes that it returns are not"),
        (f"lambda user, key: {_OWN}.wrap_key(key, 'AES_GCM')", "is no mechanism here"),
        (f"lambda user, key: {_OWN}.decrypt(own.wrap_key(key))", "CKR_ENCRYPTED_DATA_LEN_RANGE"),
        ("lambda user, key: hsm.officer().get_key('payroll')['VALUE']", "sees no key 'payroll'"),
        ("lambda user: 1", "TypeError"),
        ("lambda user, key: key.steal()", "AttributeError"),
    ],
    "12_2": [
        ("17", "a dict of attributes is due, not int"),
        ("{1: True}", "a dict of attributes is due"),
        ("{}", "there is no backup: CKR_KEY_UNEXTRACTABLE"),
        ("dict(templates.CARELESS)", "read still works"),
        ("{**templates.CAREFUL, 'PRIVATE': False}", "steals the token folder"),
        (template(SENSITIVE=False), "read still works"),
        (template(EXTRACTABLE=False), "there is no backup: CKR_KEY_UNEXTRACTABLE"),
        (template(WRAP_WITH_TRUSTED=None), "wrap under own key still works"),
        (template(MODIFIABLE=True), "it takes other keys out"),
        (template(WRAP=True), "it takes other keys out"),
        (template(DECRYPT=None), "the payroll program can't use it: decrypt"),
        (template(ENCRYPT=False), "the payroll program can't use it: encrypt"),
        (template(PRIVATE=False), "reads this key in it: PRIVATE=False"),
        (template(TRUSTED=True), "TRUSTED is not for you to choose"),
        (template(TOKEN=True), "TOKEN is not for you to choose"),
        (template(SENSITIVE="yes"), "SENSITIVE='yes': True or False is due"),
        (template(SECRET=True), "'SECRET' is no attribute"),
        (template(LOCAL=False), "the HSM does not make such a key"),
        (template(ALLOWED_MECHANISMS=[]), "mechanisms are due"),
    ],
}
