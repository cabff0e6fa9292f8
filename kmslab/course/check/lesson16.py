"""Checks of lesson 16, The audit trail: by what `incident` noted, and by trying a repair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from kmslab.accounts.callers import Caller
from kmslab.cloudtrail.events import Event
from kmslab.cloudtrail.identity import names
from kmslab.course.check.exercise import exercise, need
from kmslab.course.incident import Case
from kmslab.course.incident_cast import ADDRESSES, LABORATORY, LENDING, PATIENTS, STRANGERS
from kmslab.course.incident_week import lend_to_scanner
from kmslab.course.tries import outcome

_WOULD_WORK = "DryRunOperationException"


@exercise(
    "put the numbers of the patients whose records the intruder opened into `answer`, as a set.",
    "who calls from where nobody works, at night? Take all that this caller did, on any day.",
    "the successful Decrypts of account 555555555555 name the patients in their context.",
)
def ex1(case: Case, answer: object) -> str:
    """The patients whose records were opened."""
    named = _patients(answer)
    unknown = named - set(PATIENTS)
    need(not unknown, f"{_some(unknown)}: the clinic has no such patient")
    opened, missed = case.facts.opened, case.facts.missed
    wrong = named - set(opened) - missed
    need(not wrong, f"{_some(wrong)}: the intruder opened nothing of theirs")
    need(not named & missed, f"{_some(named & missed)}: asked for, and KMS did not open it")
    missing = set(opened) - named
    places = {place for addresses in opened.values() for place in addresses}
    by_place = [{each for each in opened if place in opened[each]} for place in places]
    came = ": the same caller came again, from another address" if named in by_place else ""
    need(not missing, f"{len(missing)} of {len(opened)} patients are missing{came}")
    return f"{len(opened)} patients must be told; without the context you could not say which"


@exercise(
    "put who made the intruder's grant (the role session) and the grant's id into `answer`.",
    "CreateGrant's event has the grantee in requestParameters, the id in responseElements.",
    "the grantee is in account 555555555555; userIdentity of the CreateGrant says who made it.",
)
def ex2(case: Case, answer: object) -> str:
    """The session whose credentials made the grant, and the grant's id."""
    made = _grants(case)
    who, grant = _pair(answer)
    if who in made:  # the other way round
        who, grant = grant, who
    need(grant in made, f"no CreateGrant of this trail answered with the grant id {grant!r}")
    event = made[grant]
    grantee = event["requestParameters"]["granteePrincipal"]
    need(grant == case.facts.grant, f"this grant lends to {grantee}, who works here")
    stranger = {case.cast.stranger.arn, case.cast.stranger.unique_id, STRANGERS, "helper"}
    need(
        who.removeprefix("account ") not in stranger, "that is who used the grant, not who made it"
    )
    role = case.lab.role("deploy")
    need(who not in (role.name, role.arn, role.unique_id), "that is the role; name its session")
    need(who in names(event["userIdentity"]), f"the grant was not made by {who!r}")
    address = event["sourceIPAddress"]
    return f"{case.maker.name} was an honest build; its credentials were used from {address}"


@exercise(
    "stop the intruder and close the hole in `clinic`, then set answer to True.",
    "RevokeGrant ends the grant; by `lend-keys`, the role deploy may lend the key to anybody.",
    'a Condition on kms:GranteePrincipal: StringEquals, the ARN of clinic.role("scanner").',
)
def ex3(case: Case, answer: object) -> str:
    """The lab after the repair: what must not work is tried, then what must."""
    need(answer is True, "repair the lab, then set answer to True")
    for what, works in _misuse(case):
        need(not works, f"tried: {what}, and it works{_beside(case, what)}")
    for what, works in _work(case):
        need(works, f"tried: {what}, and it is refused, which stops ordinary work")
    return "the grant is gone, and the next thief of a build can lend the key to the scanner only"


def _misuse(case: Case) -> Iterator[tuple[str, bool]]:
    """What must not work, and whether it does. All of it is a dry run."""
    people, account = case.cast, case.cast.stranger.account
    yield f"account {account} opens a letter", _reads(case, people.stranger, "letter")
    deploy = _client(case, "deploy")
    x_rays = {"Constraints": {"EncryptionContextSubset": {"kind": "x-ray"}}}
    others = {
        f"account {account}": people.stranger.arn,
        "a laboratory's user": people.lab.account(LABORATORY).user("results").arn,
        "the role itself": people.lab.role("deploy").arn,
    }
    for whom, arn in others.items():
        for how, more in (("everything", dict[str, Any]()), ("X-rays", x_rays)):
            lent = outcome(
                deploy.create_grant,
                KeyId=people.arn("records"),
                GranteePrincipal=arn,
                Operations=["Decrypt"],
                DryRun=True,
                **more,
            )
            yield f"deploy lends the key for {how} to {whom}", lent == _WOULD_WORK


def _beside(case: Case, what: str) -> str:
    """A word on the policy that lets `deploy` lend the key, where another one stands beside it."""
    iam, role = case.lab.client("iam"), {"RoleName": "deploy"}
    names = iam.list_role_policies(**role)["PolicyNames"]
    others = {*names, *map(str, iam.list_attached_role_policies(**role)["AttachedPolicies"])}
    if not what.startswith("deploy") or LENDING not in names or len(others) == 1:
        return ""
    old = iam.get_role_policy(**role, PolicyName=LENDING)["PolicyDocument"]
    if any("Condition" in statement for statement in old["Statement"]):
        return ""
    how = "replace it (put_policy with the same name), or deny"
    return f": the old `{LENDING}` still allows it: {how}"


def _work(case: Case) -> Iterator[tuple[str, bool]]:
    """What must go on, and whether it does."""
    people = case.cast
    for name in ("alice", "bob"):
        yield f"{name} reads a letter", _reads(case, people.lab.user(name), "letter")
    laboratory = people.lab.account(LABORATORY).user("results")
    yield "the laboratory reads a blood result", _reads(case, laboratory, "blood")
    for name in ("records-app", "scanner"):
        yield f"{name} reads an X-ray", _reads(case, people.lab.role(name), "x-ray")
    deploy = _client(case, "deploy")
    lent = outcome(lambda **more: lend_to_scanner(people, deploy, "ward", **more), DryRun=True)
    yield "deploy lends X-rays to the scanner", lent == _WOULD_WORK


def _reads(case: Case, who: Caller, kind: str) -> bool:
    kms = who.client("kms", source_ip=ADDRESSES["deploy"])
    return case.cast.read(kms, PATIENTS[0], kind, DryRun=True) == _WOULD_WORK


def _client(case: Case, role: str) -> Any:
    return case.lab.role(role).client("kms", source_ip=ADDRESSES[role])


def _grants(case: Case) -> dict[str, Event]:
    """The CreateGrant events that were answered, by the grant's id."""
    events = case.trail().named("CreateGrant")
    return {
        event["responseElements"]["grantId"]: event for event in events if event["responseElements"]
    }


def _patients(answer: object) -> set[str]:
    need(isinstance(answer, Iterable) and not isinstance(answer, str), "a set of numbers is due")
    return {str(each) for each in cast("Iterable[object]", answer)}


def _pair(answer: object) -> tuple[str, str]:
    pair = tuple(answer) if isinstance(answer, tuple | list) else ()
    need([type(each) for each in pair] == [str, str], "two texts are due: who, and the grant's id")
    return pair[0], pair[1]


def _some(patients: set[str]) -> str:
    more = len(patients) - 3
    return ", ".join(sorted(patients)[:3]) + (f" and {more} more" if more > 0 else "")
