"""What is remembered of decisions never changes one."""

from __future__ import annotations

from typing import Any

from asking import account, allow, answer, deny, document
from hypothesis import given, settings
from hypothesis import strategies as st

from kmslab import Lab

CONTEXTS = st.dictionaries(st.sampled_from(["dept", "Dept", "kind"]), st.sampled_from("ab"))
ADDRESSES = ["127.0.0.1", "10.0.0.1", "203.0.113.9"]


def _conditions() -> Any:
    dept = {"StringEquals": {"kms:EncryptionContext:dept": "a"}}
    kinds = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["kind"]}}
    inside = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    early = {"DateLessThan": {"aws:CurrentTime": "2026-01-05T09:30:00Z"}}
    return st.sampled_from([{}, dept, kinds, inside, early])


STATEMENTS = st.lists(
    st.builds(
        lambda kind, condition: {**kind("kms:Encrypt"), "Condition": condition},
        st.sampled_from([allow, deny]),
        _conditions(),
    ),
    min_size=1,
    max_size=4,
)
CALLS = st.lists(st.tuples(CONTEXTS, st.sampled_from(ADDRESSES)), min_size=4, max_size=8)


@settings(max_examples=40, deadline=None)
@given(statements=STATEMENTS, calls=CALLS)
def test_a_remembered_decision_is_the_one_that_would_be_made(
    statements: list[dict[str, Any]], calls: list[tuple[dict[str, str], str]]
) -> None:
    with Lab(seed=3) as lab:
        key = lab.client("kms").create_key()["KeyMetadata"]["KeyId"]
        alice = lab.user("alice", policy=statements)
        subset = {"EncryptionContextSubset": {"DEPT": "b"}}
        lab.client("kms").create_grant(
            KeyId=key, GranteePrincipal=alice.arn, Operations=["Encrypt"], Constraints=subset
        )
        answers = dict[str, list[str]]()
        for forgets in (False, True):
            answers[str(forgets)] = found = []
            for context, address in calls:
                if forgets:
                    lab._rooms.store._known.clear()
                client = alice.client("kms", source_ip=address)
                call = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": context}
                found.append(answer(client.encrypt, **call))
        assert answers["True"] == answers["False"]


def test_time_passes_for_remembered_decisions(fresh: Lab) -> None:
    now = fresh.clock.now()
    until = {"DateLessThan": {"aws:CurrentTime": f"{now.replace(microsecond=0).isoformat()}"}}
    kms, alice = fresh.client("kms"), fresh.user("alice", policy=allow("kms:DescribeKey"))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    soon = fresh.clock.now().timestamp() + 3600
    until = {"NumericLessThan": {"aws:EpochTime": str(int(soon))}}
    alice.put_policy("until", [deny("kms:DescribeKey", Condition=until)])
    client = alice.client("kms")
    assert answer(client.describe_key, KeyId=key) == "AccessDeniedException"
    assert answer(client.describe_key, KeyId=key) == "AccessDeniedException"
    fresh.clock.advance(hours=2)
    assert answer(client.describe_key, KeyId=key) == "ok"


def test_another_process_policy_counts_here(fresh: Lab) -> None:
    with Lab(fresh.path) as other:
        key = fresh.client("kms").create_key()["KeyMetadata"]["KeyId"]
        client = fresh.user("alice").client("kms")
        assert answer(client.describe_key, KeyId=key) == "AccessDeniedException"
        bob_too = document(
            account(other), allow("kms:*", Principal={"AWS": other.user("alice").arn})
        )
        other.client("kms").put_key_policy(KeyId=key, Policy=bob_too)
        assert answer(client.describe_key, KeyId=key) == "ok"
        other.user("alice").put_policy("no", [deny("kms:*")])
        assert answer(client.describe_key, KeyId=key) == "AccessDeniedException"


def test_a_condition_is_asked_of_each_request(fresh: Lab) -> None:
    dept = {"StringEquals": {"kms:EncryptionContext:dept": "a"}}
    alice = fresh.user("alice", policy=allow("kms:Encrypt", Condition=dept))
    key, client = fresh.client("kms").create_key()["KeyMetadata"]["KeyId"], alice.client("kms")
    for value, said in (("a", "ok"), ("b", "AccessDeniedException"), ("a", "ok")):
        call = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": {"dept": value}}
        assert answer(client.encrypt, **call) == said
