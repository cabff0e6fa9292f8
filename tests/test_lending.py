"""Grants at work: whom they let do what, from when, until when, and what they can't."""

from __future__ import annotations

from typing import Any

import pytest
from asking import account, allow, allowed, answer, deny, document
from expect import refused

from kmslab import Lab
from kmslab.kms.lending import MOST_AT_ONCE, SETTLE_SECONDS

HR = {"EncryptionContext": {"dept": "hr", "patient": "17"}}


class Loan:
    """A key, and alice, to whom it is lent."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.kms = lab.client("kms")
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.alice = lab.user("alice")
        self.client = self.alice.client("kms")

    def lend(self, *operations: str, **more: Any) -> dict[str, Any]:
        """A new grant."""
        asked = {"GranteePrincipal": self.alice.arn, "KeyId": self.key, **more}
        made: dict[str, Any] = self.kms.create_grant(Operations=list(operations), **asked)
        return made

    def settle(self) -> None:
        """Waits until grants are in force."""
        self.lab.clock.advance(seconds=SETTLE_SECONDS)

    def encrypts(self, **more: Any) -> bool:
        """Whether alice may encrypt."""
        return allowed(self.client.encrypt, KeyId=self.key, Plaintext=b"x", **more)


@pytest.fixture
def loan(fresh: Lab) -> Loan:
    return Loan(fresh)


def test_a_grant_takes_a_moment_and_its_token_makes_up_for_it(loan: Loan) -> None:
    token = loan.lend("Encrypt")["GrantToken"]
    assert not loan.encrypts()
    assert loan.encrypts(GrantTokens=[token])
    assert not loan.encrypts()
    loan.lab.clock.advance(seconds=SETTLE_SECONDS - 5)
    assert not loan.encrypts()
    loan.lab.clock.advance(seconds=6)
    assert loan.encrypts()


def test_a_token_helps_its_grantee_alone_and_its_key_alone(loan: Loan) -> None:
    token = loan.lend("Encrypt")["GrantToken"]
    bob, other = loan.lab.user("bob").client("kms"), loan.kms.create_key()["KeyMetadata"]["Arn"]
    call = {"Plaintext": b"x", "GrantTokens": [token]}
    assert not allowed(bob.encrypt, KeyId=loan.key, **call)
    assert not allowed(loan.client.encrypt, KeyId=other, **call)


def test_a_token_helps_its_own_grant_alone(loan: Loan) -> None:
    loan.lend("Encrypt")
    other = loan.lend("DescribeKey")["GrantToken"]
    assert not loan.encrypts(GrantTokens=[other])
    assert allowed(loan.client.describe_key, KeyId=loan.key, GrantTokens=[other])


def test_a_grant_lends_its_operations_alone(loan: Loan) -> None:
    loan.lend("Encrypt", "DescribeKey")
    loan.settle()
    assert loan.encrypts()
    assert allowed(loan.client.describe_key, KeyId=loan.key)
    for call in (loan.client.generate_data_key_without_plaintext, loan.client.list_grants):
        more = {"KeySpec": "AES_256"} if "data_key" in call.__name__ else {}
        assert not allowed(call, KeyId=loan.key, **more)


def test_a_deny_beats_a_grant(loan: Loan) -> None:
    loan.lend("Encrypt")
    loan.settle()
    assert loan.encrypts()
    loan.alice.put_policy("no", [deny("kms:Encrypt")])
    assert not loan.encrypts()


def test_a_grant_needs_no_statement_for_the_account(loan: Loan) -> None:
    admin = allow("kms:*", Principal={"AWS": loan.lab.admin.arn})
    loan.kms.put_key_policy(KeyId=loan.key, Policy=document(admin))
    loan.lend("Encrypt")
    loan.settle()
    assert loan.encrypts()


@pytest.mark.parametrize(
    ("constraint", "context", "fits"),
    [
        ({"EncryptionContextSubset": {"dept": "hr"}}, {"dept": "hr", "patient": "17"}, True),
        ({"EncryptionContextSubset": {"DEPT": "hr"}}, {"dept": "hr"}, True),
        ({"EncryptionContextSubset": {"dept": "HR"}}, {"dept": "hr"}, False),
        ({"EncryptionContextSubset": {"dept": "hr"}}, {"patient": "17"}, False),
        ({"EncryptionContextSubset": {"dept": "hr"}}, {}, False),
        ({"EncryptionContextEquals": {"dept": "hr"}}, {"dept": "hr"}, True),
        ({"EncryptionContextEquals": {"Dept": "hr"}}, {"dept": "hr"}, True),
        ({"EncryptionContextEquals": {"dept": "hr"}}, {"dept": "hr", "patient": "17"}, False),
        ({"EncryptionContextEquals": {"dept": "hr", "a": "b"}}, {"dept": "hr"}, False),
    ],
)
@pytest.mark.parametrize("others", [0, MOST_AT_ONCE + 1])
def test_a_constraint_looks_at_the_whole_context_or_at_a_part(
    loan: Loan, constraint: Any, context: Any, fits: bool, others: int
) -> None:
    for number in range(others):
        loan.lend("Encrypt", Constraints={"EncryptionContextEquals": {"number": str(number)}})
    loan.lend("Encrypt", Constraints=constraint)
    loan.settle()
    assert loan.encrypts(EncryptionContext=context) is fits
    assert loan.encrypts(EncryptionContext=context) is fits


@pytest.mark.parametrize("others", [0, MOST_AT_ONCE + 1])
def test_a_context_is_not_asked_of_describe_key(loan: Loan, others: int) -> None:
    for number in range(others):
        loan.lend("Encrypt", Constraints={"EncryptionContextEquals": {"number": str(number)}})
    loan.lend("DescribeKey", "Encrypt", Constraints={"EncryptionContextEquals": {"a": "b"}})
    loan.settle()
    assert allowed(loan.client.describe_key, KeyId=loan.key)


def test_a_role_as_grantee_is_each_of_its_sessions(loan: Loan) -> None:
    role = loan.lab.role("app", path="/path/")
    loan.lend("Encrypt", GranteePrincipal=role.arn)
    one = loan.lend("DescribeKey", GranteePrincipal=role.session("one").arn)
    assert one["GrantId"]
    loan.settle()
    for name, described in (("one", True), ("two", False)):
        client = role.session(name).client("kms")
        assert allowed(client.encrypt, KeyId=loan.key, Plaintext=b"x")
        assert allowed(client.describe_key, KeyId=loan.key) is described


def test_an_account_as_grantee_only_passes_it_on(loan: Loan) -> None:
    partner = loan.lab.account("222222222222")
    loan.lend("Encrypt", GranteePrincipal=partner.root.arn)
    loan.settle()
    bob, call = partner.user("bob"), {"KeyId": loan.key, "Plaintext": b"x"}
    assert not allowed(bob.client("kms").encrypt, **call)
    bob.put_policy("p", [allow("kms:Encrypt", resource=loan.key)])
    assert allowed(bob.client("kms").encrypt, **call)
    assert allowed(partner.root.client("kms").encrypt, **call)


def test_a_grant_alone_is_enough_for_a_principal_of_another_account(loan: Loan) -> None:
    bob = loan.lab.account("222222222222").user("bob")
    loan.lend("Encrypt", GranteePrincipal=bob.arn)
    loan.settle()
    assert allowed(bob.client("kms").encrypt, KeyId=loan.key, Plaintext=b"x")


def test_a_service_uses_a_grant_for_the_resource_that_it_names(loan: Loan) -> None:
    source = "arn:aws:rds:us-east-1:111122223333:db:one"
    loan.kms.create_grant(
        KeyId=loan.key,
        Operations=["Encrypt"],
        GranteeServicePrincipal="rds.amazonaws.com",
        RetiringServicePrincipal="rds.amazonaws.com",
        Constraints={"SourceArn": source},
    )
    loan.settle()
    for arn, ok in ((source, True), (f"{source}2", False), ("", False)):
        service = loan.lab.service("rds.amazonaws.com", source_arn=arn)
        assert allowed(service.client("kms").encrypt, KeyId=loan.key, Plaintext=b"x") is ok
    other = loan.lab.service("ec2.amazonaws.com", source_arn=source)
    assert not allowed(other.client("kms").encrypt, KeyId=loan.key, Plaintext=b"x")


CHILD = {"GranteePrincipal": "", "Operations": ["Encrypt"]}


@pytest.mark.parametrize(
    ("outer", "inner", "operations", "ok"),
    [
        ({}, {}, ["Encrypt"], True),
        ({}, {}, ["Encrypt", "CreateGrant"], True),
        ({}, {}, ["Encrypt", "Decrypt"], False),
        ({}, {"EncryptionContextSubset": {"a": "1"}}, ["Encrypt"], True),
        ({"EncryptionContextSubset": {"a": "1"}}, {}, ["Encrypt"], False),
        (
            {"EncryptionContextSubset": {"a": "1"}},
            {"EncryptionContextSubset": {"a": "1", "b": "2"}},
            ["Encrypt"],
            True,
        ),
        (
            {"EncryptionContextSubset": {"a": "1"}},
            {"EncryptionContextEquals": {"a": "1", "b": "2"}},
            ["Encrypt"],
            True,
        ),
        (
            {"EncryptionContextSubset": {"a": "1"}},
            {"EncryptionContextSubset": {"b": "2"}},
            ["Encrypt"],
            False,
        ),
        (
            {"EncryptionContextEquals": {"a": "1"}},
            {"EncryptionContextSubset": {"a": "1"}},
            ["Encrypt"],
            False,
        ),
        (
            {"EncryptionContextEquals": {"a": "1"}},
            {"EncryptionContextEquals": {"a": "1"}},
            ["Encrypt"],
            True,
        ),
    ],
)
def test_a_grant_made_through_a_grant_is_no_wider(
    loan: Loan, outer: Any, inner: Any, operations: list[str], ok: bool
) -> None:
    loan.lend("Encrypt", "CreateGrant", Constraints=outer)
    loan.settle()
    bob = loan.lab.user("bob")
    child = {"KeyId": loan.key, "GranteePrincipal": bob.arn, "Constraints": inner}
    assert allowed(loan.client.create_grant, Operations=operations, **child) is ok


def test_a_policy_lets_one_lend_what_one_may_not_do(loan: Loan) -> None:
    loan.alice.put_policy("p", [allow("kms:CreateGrant")])
    assert not loan.encrypts()
    lent = {"KeyId": loan.key, "GranteePrincipal": loan.alice.arn, "Operations": ["Encrypt"]}
    assert answer(loan.client.create_grant, **lent) == "ok"
    loan.settle()
    assert loan.encrypts()


def test_revoking_ends_a_grant_at_once(loan: Loan) -> None:
    made = loan.lend("Encrypt")
    loan.settle()
    assert loan.encrypts(GrantTokens=[made["GrantToken"]])
    assert not allowed(loan.client.revoke_grant, KeyId=loan.key, GrantId=made["GrantId"])
    loan.kms.revoke_grant(KeyId=loan.key, GrantId=made["GrantId"])
    assert not loan.encrypts()
    assert not loan.encrypts(GrantTokens=[made["GrantToken"]])


def _retires(loan: Loan, client: Any, made: dict[str, Any]) -> bool:
    return allowed(client.retire_grant, KeyId=loan.key, GrantId=made["GrantId"])


def test_a_grant_is_retired_by_its_retiring_principal(loan: Loan) -> None:
    bob, carol = loan.lab.user("bob"), loan.lab.user("carol")
    made = loan.lend("Encrypt", RetiringPrincipal=bob.arn)
    for who in (loan.alice, carol):
        assert not _retires(loan, who.client("kms"), made)
    assert _retires(loan, bob.client("kms"), made)


def test_a_grantee_retires_a_grant_that_lends_retire_grant(loan: Loan) -> None:
    constraint = {"EncryptionContextEquals": {"a": "b"}}
    made = loan.lend("Encrypt", "RetireGrant", Constraints=constraint)
    assert answer(loan.client.retire_grant, GrantToken=made["GrantToken"]) == "ok"
    assert not _retires(loan, loan.client, loan.lend("Encrypt"))


def test_the_account_that_made_a_grant_retires_it_and_passes_that_on(loan: Loan) -> None:
    bob = loan.lab.user("bob")
    made = loan.lend("Encrypt")
    key_policy = document(account(loan.lab), allow("kms:RetireGrant", Principal={"AWS": bob.arn}))
    loan.kms.put_key_policy(KeyId=loan.key, Policy=key_policy)
    assert not _retires(loan, bob.client("kms"), made)  # a key policy has no say
    bob.put_policy("p", [allow("kms:RetireGrant")])
    assert _retires(loan, bob.client("kms"), made)
    assert _retires(loan, loan.lab.root.client("kms"), loan.lend("Encrypt"))


def test_an_iam_deny_keeps_a_retiring_principal_from_retiring(loan: Loan) -> None:
    bob = loan.lab.user("bob", policy=deny("kms:RetireGrant"))
    made = loan.lend("Encrypt", RetiringPrincipal=bob.arn)
    assert not _retires(loan, bob.client("kms"), made)


def test_a_partner_retires_what_was_lent_to_its_account(loan: Loan) -> None:
    partner = loan.lab.account("222222222222")
    made = loan.lend("Encrypt", RetiringPrincipal=partner.root.arn)
    bob = partner.user("bob")
    assert not _retires(loan, bob.client("kms"), made)
    bob.put_policy("p", [allow("kms:RetireGrant", resource=loan.key)])
    assert _retires(loan, bob.client("kms"), made)


def test_grants_to_retire_are_listed_across_accounts(loan: Loan) -> None:
    partner = loan.lab.account("222222222222")
    made = loan.lend("Encrypt", RetiringPrincipal=partner.root.arn)
    listed = partner.client("kms").list_retirable_grants(RetiringPrincipal=partner.root.arn)
    assert [each["GrantId"] for each in listed["Grants"]] == [made["GrantId"]]


def test_a_grant_is_not_inherited_by_a_new_user_of_the_same_name(loan: Loan) -> None:
    made = loan.lend("Encrypt", RetiringPrincipal=loan.alice.arn)
    old = loan.alice.unique_id
    loan.settle()
    assert loan.encrypts()
    loan.lab.client("iam").delete_user(UserName="alice")
    again = loan.lab.user("alice").client("kms")
    assert not allowed(again.encrypt, KeyId=loan.key, Plaintext=b"x")
    assert not _retires(loan, again, made)
    (shown,) = loan.kms.list_grants(KeyId=loan.key)["Grants"]
    assert (shown["GranteePrincipal"], shown["RetiringPrincipal"]) == (old, old)


def test_a_dry_run_asks_for_the_permission_and_does_nothing(loan: Loan) -> None:
    with refused("AccessDeniedException"):
        loan.client.encrypt(KeyId=loan.key, Plaintext=b"x", DryRun=True)
    loan.lend("Encrypt")
    loan.settle()
    with refused("DryRunOperationException"):
        loan.client.encrypt(KeyId=loan.key, Plaintext=b"x", DryRun=True)


def test_a_service_that_calls_for_a_user_may_make_grants_where_the_user_may_not(
    loan: Loan,
) -> None:
    from kmslab.aws.call import Call, Way

    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    loan.alice.put_policy("p", [allow("kms:CreateGrant", Condition=for_services)])
    asked = {"KeyId": loan.key, "GranteePrincipal": loan.alice.arn, "Operations": ["Encrypt"]}
    assert not allowed(loan.client.create_grant, **asked)
    way = Way(service="ec2.amazonaws.com")
    call = Call(loan.alice.principal, "kms", "CreateGrant", "us-east-1", asked, way=way)
    assert loan.lab._services["kms"](call).output["GrantId"]
