"""Wrong answers to the exercises of lesson 09, and a word of what the check has to say."""

from __future__ import annotations

_LABORATORY = 'lab.role("laboratory").arn'
_31 = '{"EncryptionContextSubset": {"patient": "31"}}'
_BLOOD = '{"EncryptionContextEquals": {"patient": "23", "kind": "blood"}}'
_ENDS = ("Decrypt", "RetireGrant")


def loan(who: str, operations: tuple[str, ...], constraints: str = "") -> str:
    """CreateGrant's parameters, as the source of a dict."""
    narrow = f', "Constraints": {constraints}' if constraints else ""
    return f'{{"GranteePrincipal": {who}, "Operations": {list(operations)}{narrow}}}'


def repair(revoke: str, *lend: str) -> str:
    """An answer to exercise 1; the names are parted by spaces."""
    return f'{{"revoke": {revoke.split()}, "lend": [{", ".join(lend)}]}}'


BOTH = "results results-2"
GOOD = loan(_LABORATORY, ("Decrypt",), _31)
LENDS_ON = loan(_LABORATORY, ("Decrypt", "CreateGrant"), _31)
TO_NIGHT = loan('lab.role("night").arn', ("Decrypt",), _31)

WRONG: dict[str, list[tuple[str, str]]] = {
    "09_1": [
        ("17", "two lists"),
        ('{"revoke": ["results-2"]}', "two lists"),
        (repair(""), "role/courier still has a loan"),
        (repair("results"), "role/courier still has a loan"),
        (repair("results-2"), "laboratory can still lend the key on"),
        (repair("nobody"), "no loan is called 'nobody'"),
        (repair("look look"), "names a loan twice"),
        (repair(BOTH), "laboratory can't read 31's letter"),
        (repair(BOTH, "7"), "parameters is due, not int"),
        (repair(BOTH, "{}"), "CreateGrant does not take"),
        (repair(BOTH, loan(_LABORATORY, ("Decrypt",))), "belongs to patient 17"),
        (repair(BOTH, LENDS_ON), "laboratory can still lend"),
        (repair(BOTH, GOOD, TO_NIGHT), "role/night still has a loan"),
        (repair(f"{BOTH} bills", GOOD), "billing can't read 31's bill"),
        (repair(f"{BOTH} look", GOOD), "auditor can't look"),
    ],
    "09_2": [
        ("17", "not int"),
        ("{}", "CreateGrant does not take"),
        ('{"Days": 1}', "CreateGrant does not take"),
        (loan("task.arn", _ENDS), "it also opens"),
        (loan("task.arn", _ENDS, '{"EncryptionContextSubset": {"kind": "blood"}}'), "also opens"),
        (loan("task.arn", _ENDS, '{"EncryptionContextSubset": {"patient": "23"}}'), "also opens"),
        (loan("task.arn", _ENDS, '{"EncryptionContextEquals": {"patient": "23"}}'), "Decrypt says"),
        (loan("task.arn", ("Decrypt",), _BLOOD), "its RetireGrant says AccessDenied"),
        (loan("task.arn", (*_ENDS, "Encrypt"), _BLOOD), "does not need Encrypt"),
        (loan("task.arn", (*_ENDS, "CreateGrant"), _BLOOD), "does not need CreateGrant"),
        (loan('lab.role("pharmacy").arn', _ENDS, _BLOOD), "Decrypt says AccessDenied"),
        (loan("lab.account", _ENDS, _BLOOD), "Decrypt says AccessDenied"),
    ],
}
