"""The organisation: who is in it, which policies lie over whom, what can't be detached."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from stage import ALLOW, DENY, Folk

from kmslab.accounts.applying import rcps
from kmslab.accounts.named import Named
from kmslab.errors import AwsError, KmslabError

PARTNER = "222222222222"


@pytest.fixture
def folk(tmp_path: Path) -> Folk:
    """Everybody in a lab's accounts."""
    return Folk(tmp_path)


def names(levels: tuple[tuple[Named, ...], ...]) -> list[list[str]]:
    """The names of policies, level by level."""
    return [[each.name for each in level] for level in levels]


def test_before_its_first_use_there_is_no_organisation(folk: Folk) -> None:
    applied = folk.applying(folk.admin)
    assert (applied.scps, applied.organization, applied.organization_path) == ((), "", "")
    assert rcps(folk.accounts, folk.account) == ()


def test_the_labs_account_is_a_member_with_full_access_at_every_level(folk: Folk) -> None:
    organization = folk.organization
    applied = folk.applying(folk.admin)
    assert names(applied.scps) == [["FullAWSAccess"]] * 2
    assert names(rcps(folk.accounts, folk.account)) == [["RCPFullAWSAccess"]] * 2
    assert applied.organization == organization.id
    assert re.fullmatch(r"o-[a-z0-9]{10}", organization.id)
    assert re.fullmatch(rf"{organization.id}/r-[a-z0-9]{{4}}/", applied.organization_path)
    assert organization.accounts == (folk.account,)


def test_an_account_outside_is_capped_by_nothing(folk: Folk) -> None:
    folk.organization.scp("nothing", DENY)
    partner = folk.account(PARTNER)
    applied = folk.applying(partner.admin)
    assert (applied.scps, applied.organization) == ((), "")
    assert rcps(folk.accounts, PARTNER) == ()


def test_everybody_in_a_member_account_is_capped_its_root_user_too(folk: Folk) -> None:
    folk.organization.scp("deny", DENY, at=folk.account)
    for who in (folk.root, folk.admin, folk.role("app"), folk.role("app").session("run-1")):
        applied = folk.applying(who)
        assert names(applied.scps)[-1] == ["FullAWSAccess", "deny"]
        assert json.loads(applied.scps[-1][1].document)["Statement"] == [DENY]
        assert applied.organization == folk.organization.id


def test_the_management_account_is_bound_by_nothing_and_in_the_organisation(folk: Folk) -> None:
    organization = folk.organization
    organization.scp("deny", DENY)
    organization.rcp("deny-r", {**DENY, "Principal": "*"})
    number = organization._now().management
    assert number != folk.account
    applied = folk.applying(folk.account(number).admin)
    assert (applied.scps, applied.organization) == ((), organization.id)
    assert re.fullmatch(rf"{organization.id}/r-[a-z0-9]{{4}}/", applied.organization_path)
    assert rcps(folk.accounts, number) == ()
    with pytest.raises(ValueError, match="management account"):
        organization.join(number, ou="clinics")


def test_units_lie_between_the_root_and_an_account(folk: Folk) -> None:
    organization = folk.organization
    folk.account(PARTNER)
    organization.join(PARTNER, ou="clinics/berlin")
    organization.scp("all", ALLOW)
    organization.scp("clinics", ALLOW, at="clinics")
    organization.scp("berlin", ALLOW, at="clinics/berlin")
    organization.scp("partner", ALLOW, at=folk.account(PARTNER))
    organization.rcp("keys", {**DENY, "Principal": "*"}, at="clinics")
    applied = folk.applying(folk.account(PARTNER).admin)
    full = "FullAWSAccess"
    assert names(applied.scps) == [
        *([full, "all"], [full, "clinics"], [full, "berlin"], [full, "partner"]),
    ]
    full = "RCPFullAWSAccess"
    assert names(rcps(folk.accounts, PARTNER)) == [[full], [full, "keys"], [full], [full]]
    assert names(folk.applying(folk.admin).scps) == [["FullAWSAccess", "all"], ["FullAWSAccess"]]
    unit = r"ou-[a-z0-9]{4}-[a-z0-9]{8}"
    path = rf"{organization.id}/r-[a-z0-9]{{4}}/{unit}/{unit}/"
    assert re.fullmatch(path, applied.organization_path)
    assert organization.path(PARTNER) == applied.organization_path
    organization.join(PARTNER)
    assert len(folk.applying(folk.account(PARTNER).admin).scps) == 2


def test_full_access_can_be_detached_once_something_else_is_attached(folk: Folk) -> None:
    organization = folk.organization
    with pytest.raises(KmslabError, match="FullAWSAccess is the last service control policy at"):
        organization.remove("FullAWSAccess", at=folk.account)
    organization.scp("kms", ALLOW, at=folk.account)
    organization.remove("FullAWSAccess", at=folk.account)
    assert names(folk.applying(folk.admin).scps) == [["FullAWSAccess"], ["kms"]]
    organization.join(folk.account)  # once more: it does not come back
    assert names(folk.applying(folk.admin).scps) == [["FullAWSAccess"], ["kms"]]
    organization.scp("FullAWSAccess", ALLOW, at=folk.account)
    assert names(folk.applying(folk.admin).scps)[1] == ["kms", "FullAWSAccess"]
    everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    assert json.loads(folk.applying(folk.admin).scps[1][1].document)["Statement"] == everything
    with pytest.raises(ValueError, match="RCPFullAWSAccess"):
        organization.remove("RCPFullAWSAccess")


def test_a_policy_is_replaced_by_its_name_and_removed_everywhere(folk: Folk) -> None:
    organization = folk.organization
    for at in ("root", folk.account):
        organization.scp("p", DENY, at=at)
    organization.scp("p", ALLOW)
    scps = folk.applying(folk.admin).scps
    assert [json.loads(level[1].document)["Statement"] for level in scps] == [[ALLOW]] * 2
    organization.remove("p", at="root")
    assert names(folk.applying(folk.admin).scps) == [["FullAWSAccess"], ["FullAWSAccess", "p"]]
    organization.remove("p")
    assert names(folk.applying(folk.admin).scps) == [["FullAWSAccess"]] * 2
    organization.rcp("r", {**DENY, "Principal": "*"})
    organization.remove("r")
    assert names(rcps(folk.accounts, folk.account)) == [["RCPFullAWSAccess"]] * 2


def test_what_does_not_fit_is_named(folk: Folk) -> None:
    organization = folk.organization
    for wrong, what in (
        (lambda: organization.join("333333333333"), "333333333333.*lab.account"),
        (lambda: organization.join(folk.account, ou="/x"), "ou='/x'"),
        (lambda: organization.join(folk.account, ou="root"), "ou='root'"),
        (lambda: organization.scp("p", ALLOW, at="clinics"), f"at='clinics'.*root, {folk.account}"),
        (lambda: organization.remove("p"), "name='p'"),
        (lambda: organization.path("333333333333"), f"333333333333.*{folk.account}"),
        (lambda: organization.scp("p", {**ALLOW, "Sid": "x" * 5_200}), "5120"),
    ):
        with pytest.raises(ValueError, match=what):
            wrong()
    with pytest.raises(AwsError, match="MalformedPolicyDocument"):
        organization.scp("p", "{")
    for number in range(4):
        organization.scp(f"p{number}", ALLOW)
    with pytest.raises(ValueError, match="at most 5"):
        organization.scp("p4", ALLOW)


def test_it_is_one_organisation_in_every_process_and_after_reopening(
    folk: Folk, tmp_path: Path
) -> None:
    folk.organization.scp("deny", DENY)
    other = Folk(tmp_path)
    assert other.organization.id == folk.organization.id
    assert other.applying(other.admin).scps == folk.applying(folk.admin).scps


def test_a_seed_repeats_the_organisation(tmp_path: Path) -> None:
    shown = []
    for name in "ab":
        (tmp_path / name).mkdir()
        folk = Folk(tmp_path / name, seed=6)
        folk.organization.join(folk.account, ou="clinics")
        shown.append((folk.organization._now(), folk.user("alice").principal))
    assert shown[0] == shown[1]


def test_a_notebook_shows_it_as_a_table(folk: Folk) -> None:
    organization = folk.organization
    folk.account(PARTNER, name="a <b>")
    organization.join(PARTNER, ou="clinics")
    organization.scp("deny <x>", DENY, at="clinics")
    shown = organization._repr_html_()
    for text in (organization.id, "unit clinics", "deny &lt;x&gt;", "a &lt;b&gt;, in clinics"):
        assert text in shown
    assert repr(organization) == f"<Organization {organization.id}, 2 accounts>"
