"""Wrong answers to the exercises of lesson 09, and a word of what the check has to say."""

from __future__ import annotations

_LABORATORY = 'lab.role("laboratory").arn'
_LABORATORY_2, _AUDITOR = 'lab.role("laboratory-2").arn', 'lab.role("auditor").arn'
_ELSEWHERE = 'lab.account("333333333333", name="elsewhere").role("auditor").arn'
_31 = '{"EncryptionContextSubset": {"patient": "31"}}'
_LETTERS = '{"EncryptionContextSubset": {"kind": "letter"}}'
_A_LETTER, _A_BILL = ', "kind": "letter"}}', ', "kind": "bill"}}'
_BLOOD = '{"EncryptionContextEquals": {"patient": "23", "kind": "blood"}}'
_ROOMS = _BLOOD.replace("Equals", "Subset")
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
ONE_BY_ONE = [loan(_LABORATORY, ("Decrypt",), _31[:-2] + more) for more in (_A_LETTER, _A_BILL)]
TO_NIGHT = loan('lab.role("night").arn', ("Decrypt",), _31)

WRONG: dict[str, list[tuple[str, str]]] = {
    "09_1": [
        ("17", "two lists"),
        ('{"revoke": ["results-2"]}', "two lists"),
        ('{"revoke": 1, "lend": []}', "two lists are due"),
        ('{"revoke": [1], "lend": []}', "names are due, not int"),
        (repair(""), "laboratory can still lend the key on"),
        (repair("results"), "role/courier has a loan, and by the rules"),
        (repair("results-2"), "laboratory can still lend the key on"),
        (repair("nobody"), "no loan is called 'nobody'"),
        (repair("look look"), "names a loan twice"),
        (repair(BOTH), "laboratory can't read 31's letter"),
        (repair(BOTH, "7"), "parameters is due, not int"),
        (repair(BOTH, "{}"), "CreateGrant does not take"),
        (repair(BOTH, loan(_LABORATORY, ("Decrypt",))), "belongs to patient 17"),
        (repair(BOTH, LENDS_ON), "laboratory can still lend"),
        (repair(BOTH, GOOD, TO_NIGHT), "role/night has a loan"),
        (repair(BOTH, GOOD, loan(_LABORATORY_2, ("Decrypt",), _31)), "laboratory-2 has a loan"),
        (repair(f"{BOTH} look", GOOD, loan(_ELSEWHERE, ("DescribeKey",))), "333333333333:role"),
        (repair(BOTH, GOOD, loan(_LABORATORY, ("DescribeKey", "CreateGrant"))), "lend the key on"),
        (repair(BOTH, GOOD, loan(_AUDITOR, ("DescribeKey", "CreateGrant"))), "auditor can still"),
        (repair(BOTH, GOOD, loan(_LABORATORY, ("Encrypt",))), "may do more than read: Encrypt"),
        (repair(BOTH, GOOD, loan(_AUDITOR, ("Decrypt",), _31)), "may do more than look: Decrypt"),
        (repair(BOTH, *ONE_BY_ONE), "laboratory can't read 31's blood"),
        (repair(BOTH, GOOD, loan(_LABORATORY, ("Decrypt",), _LETTERS)), "belongs to patient 17"),
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
        (loan("role.arn", _ENDS, _BLOOD), "another session of the laboratory can read it, too"),
        (loan("task.arn", _ENDS, _ROOMS), "'room': '4'}: Equals wants no pair more"),
    ],
}
