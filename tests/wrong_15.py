"""Wrong answers to the exercises of lesson 15, and a word of what the check has to say."""

from __future__ import annotations

_FRIDAY, _CARDS = 'night.backups["friday"]', "night.cards"


def plan(operators: object, quorum: object) -> str:
    """An answer to exercise 1."""
    return f'{{"operators": {operators}, "quorum": {quorum}}}'


def move(*steps: str) -> str:
    """An answer to exercise 3 that does these steps; `us` and `eu` are the clients."""
    return (
        'lambda lab, key: (us := lab.client("kms"), eu := lab.client("kms", "eu-west-3"), '
        f"{', '.join(steps)})"
    )


MOVE = 'us.update_primary_region(KeyId=key, PrimaryRegion="eu-west-3")'
WAIT = "lab.clock.advance(minutes=1)"
DELETE = "us.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)"
DELETE_REPLICA = DELETE.replace("us.", "eu.")
BACK = 'eu.update_primary_region(KeyId=key, PrimaryRegion="us-east-1")'

WRONG: dict[str, list[tuple[str, str]]] = {
    "15_1": [
        ("3", "two numbers"),
        ('{"operators": 6}', "two numbers"),
        ('{"operators": 6, "quorum": 3, "zone": 1}', "two numbers"),
        (plan(5, 3), "2 of 5 are left, and it takes 3"),
        (plan(7, 5), "4 of 7 are left, and it takes 5"),
        (plan(3, 2), "0 of 3 are left"),
        (plan(5, 2), "the traitor and one stolen card open it"),
        (plan(6, 1), "backup refuses it: quorum=1 of 6"),
        (plan(2, 3), "backup refuses it"),
        (plan(8, 4), "at most 7"),
        (plan({"ann": "1234"}, 1), "backup refuses it"),
        (plan({f"op-{n}": "short" for n in range(6)}, 3), "is short"),
    ],
    "15_2": [
        ("night", "a pair is due"),
        (f"({_FRIDAY}, [])", "a pair is due"),
        (f"({_FRIDAY}, [1, 2, 3])", "a list of cards"),
        (f"({_FRIDAY}, {_CARDS})", "ShareRefused"),
        (f"({_FRIDAY}, {_CARDS}[1:])", "a wrong PIN"),
        (f"({_FRIDAY}, {_CARDS}[3:])", "QuorumMissing: 2 of the 3"),
        (f"({_FRIDAY}, {_CARDS}[2:4] + {_CARDS}[:1])", "belongs to another backup"),
        (f"({_FRIDAY}, [{_CARDS}[2]] * 3)", "QuorumMissing: 1 of the 3"),
        (f'(night.backups["monday"], {_CARDS}[2:])', "belongs to another backup"),
        ("(monday, monday.cards)", "BackupRefused"),
        ('("nowhere.json", night.cards)', "BackupRefused"),
    ],
    "15_3": [
        ("3", "a function is due"),
        ("lambda: None", "your function stopped"),
        ("lambda lab, key: None", "still in us-east-1, and is Enabled"),
        (move(MOVE, WAIT), "still in us-east-1, and is Enabled"),
        (move(DELETE), "still in us-east-1, and is PendingReplicaDeletion"),
        (move(MOVE, DELETE), "your function stopped"),
        (move(MOVE, WAIT, DELETE_REPLICA), "Decrypt in eu-west-3 says KMSInvalidState"),
        (move(DELETE_REPLICA), "Decrypt in eu-west-3 says AccessDenied"),
        (move("eu.disable_key(KeyId=key)", DELETE), "says DisabledException"),
        (move(MOVE, WAIT, BACK), "still in us-east-1"),
    ],
}
