"""Lesson 10: the figure of a key's states, the two widgets, and what its checks accept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from expect import refused

from kmslab import Lab
from kmslab.course import check, key_states, life, life_view, own_material, pile, widgets
from kmslab.course.life import Life
from kmslab.kms import states

LETTER = b"Dear patient"
FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
# How a key of `Life` comes into a state.
WAYS = {
    states.ENABLED: (),
    states.DISABLED: ("DisableKey",),
    states.PENDING_IMPORT: ("DeleteImportedKeyMaterial",),
    states.PENDING_DELETION: ("ScheduleKeyDeletion",),
    key_states.DELETED: ("ScheduleKeyDeletion", "+8 days"),
}


@pytest.fixture(scope="module")
def old_lab() -> Iterator[Lab]:
    """A lab whose clock may be moved by any test."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def kms(old_lab: Lab) -> Any:
    return old_lab.client("kms")


@pytest.fixture(scope="module")
def lived(old_lab: Lab) -> Life:
    """A key that the tests of this module share; each begins with a state of its own."""
    return Life(old_lab)


def begin(lived: Life, state: str) -> None:
    """A key of `lived` that is Enabled, and then comes into this state."""
    lived.do("Decrypt")  # other tests move the clock
    for name, found in (
        (life.NEW_KEY, key_states.DELETED),
        ("CancelKeyDeletion", states.PENDING_DELETION),
        ("EnableKey", states.DISABLED),
        ("ImportKeyMaterial", states.PENDING_IMPORT),
    ):
        if lived.state == found:
            lived.do(name)
    for name in WAYS[state]:
        lived.do(name)
    assert lived.state == state, lived.last


def key_of(kms: Any, **how: Any) -> str:
    key: str = kms.create_key(**how)["KeyMetadata"]["KeyId"]
    return key


# --- The figure --------------------------------------------------------------------------------


def test_every_operation_that_a_state_can_refuse_is_in_one_row_of_the_figure() -> None:
    listed = [name for names in key_states.KINDS.values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(states.REFUSED) <= set(listed)


@pytest.mark.parametrize("kind", key_states.KINDS)
def test_a_row_of_the_figure_says_what_the_lab_does(kind: str) -> None:
    for name in key_states.KINDS[kind]:
        for state in states.STATES:
            assert (state in key_states.refusing(kind)) == (states.refuse(name, state) is not None)


def test_the_figure_has_a_no_for_each_refusal_and_says_it_in_words() -> None:
    picture = key_states.picture()
    words = re.findall(r"<text[^>]*>(.*?)</text>", picture.data.decode())
    assert words.count("no") == sum(len(key_states.refusing(kind)) for kind in key_states.KINDS)
    assert "Updating refuses: EnableKey, DisableKey; GetParametersForImport;" in picture.alt
    assert "Enabled refuses: CancelKeyDeletion." in picture.alt


def test_the_present_state_is_marked_in_words_too() -> None:
    assert key_states.machine("Disabled").data.count(b"(now)") == 1
    assert key_states.machine("Disabled").alt.endswith("The key is now: Disabled.")
    assert b"(now)" not in key_states.picture().data


# --- A key's life ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", WAYS)
def test_what_a_state_is_said_to_refuse_the_lab_refuses_with_that_error(
    lived: Life, state: str
) -> None:
    begin(lived, state)
    for name, code in life.refusals(state).items():
        lived.do(name)
        assert lived.last.startswith(f"{name}: {code}: "), lived.last
        assert lived.state == state


@pytest.mark.parametrize("state", [state for state in WAYS if state != key_states.DELETED])
def test_what_a_state_is_said_to_allow_the_lab_does(lived: Life, state: str) -> None:
    for name in set(life.OPERATIONS) - set(life.refusals(state)):
        begin(lived, state)
        lived.do(name)
        assert lived.last == f"{name}: done"


def test_time_deletes_imported_material_and_the_same_material_brings_the_key_back(
    lived: Life,
) -> None:
    begin(lived, states.ENABLED)
    assert lived.ahead().startswith("Its material expires on ")
    lived.do("+1 year")
    assert lived.state == states.PENDING_IMPORT
    lived.do("ImportKeyMaterial")
    lived.do("Decrypt")
    assert (lived.state, lived.last) == (states.ENABLED, "Decrypt: done")


def test_what_time_did_unseen_is_said_with_the_next_call(old_lab: Lab, lived: Life) -> None:
    begin(lived, states.DISABLED)
    old_lab.clock.advance(days=31)
    lived.do("EnableKey")
    assert lived.last.startswith("(Time made it PendingImport.) EnableKey: KMSInvalidState")


def test_a_key_that_waits_says_when_it_will_be_deleted(lived: Life) -> None:
    begin(lived, states.PENDING_DELETION)
    assert re.fullmatch(r"It will be deleted on \d{4}-\d\d-\d\d\.", lived.ahead())


def test_a_page_lists_what_is_allowed_and_the_errors_of_the_rest() -> None:
    page = life_view.page("Disabled", "EnableKey: <done>", "Soon.", "2026-01-05")
    assert "EnableKey: &lt;done&gt;" in page
    assert "Disabled</b> on 2026-01-05" in page
    assert "Refuses with DisabledException:</b> Decrypt<" in page
    assert "Refuses with KMSInvalidStateException:</b> CancelKeyDeletion<" in page
    assert "Allows:</b> EnableKey, DisableKey, " in page
    assert '<img src="data:image/svg+xml' in page
    gone = life_view.line(key_states.DELETED, "+8 days: it is 2026-01-13")
    assert gone == "+8 days: it is 2026-01-13 | deleted."


def test_the_widget_is_driven_by_buttons_and_by_name_and_never_raises(old_lab: Lab) -> None:
    widget = widgets.KeyLife(old_lab)
    widget.buttons["DisableKey"].click()
    assert widget.value == "Disabled"
    widget.do("Decrypt")
    assert "Decrypt: DisabledException: arn:aws:kms:" in widget.view.value
    assert widget.text.startswith("Decrypt: DisabledException: arn:aws:kms:")
    assert repr(widget) == "<KeyLife: Disabled>"
    assert widget.still() == widget.view.value
    with pytest.raises(ValueError, match="'Explode': one of Decrypt, EnableKey, "):
        widget.do("Explode")


def test_the_widget_never_shows_the_material(old_lab: Lab) -> None:
    widget = widgets.KeyLife(old_lab)
    material = widget.life._material
    for shown in (widget.view.value, widget.text, repr(widget), repr(widget.life)):
        assert material.hex() not in shown
        assert repr(material) not in shown


# --- The pile ----------------------------------------------------------------------------------


def test_the_pile_ties_each_blob_to_the_generation_that_opens_it(old_lab: Lab, kms: Any) -> None:
    key = key_of(kms)
    widget = widgets.RotationPile(old_lab, key, {})
    for name in ("Encrypt one more", "Rotate now", "Encrypt one more", "Encrypt one more"):
        widget.buttons[name].click()
    assert widget.value == 2
    assert widget.text == ("2 of 2 is current; 1 opens letter 1; 2 opens letter 2, letter 3")
    for each in pile.read(kms, key, widget.blobs):
        for name in each.blobs:
            opened = kms.decrypt(CiphertextBlob=widget.blobs[name])
            assert opened["KeyMaterialId"] == each.material_id


def test_a_year_rotates_the_key_only_if_that_was_asked_for(old_lab: Lab, kms: Any) -> None:
    widget = widgets.RotationPile(old_lab, key := key_of(kms), {})
    widget.do("+1 year")
    assert widget.value == 1
    kms.enable_key_rotation(KeyId=key)
    widget.do("+1 year")
    assert widget.value == 2
    newest = pile.read(kms, key, {})[-1]
    assert (newest.number, newest.how, newest.current) == (2, "AUTOMATIC", True)


def test_the_newest_generation_stands_on_top_and_is_marked_in_words(old_lab: Lab) -> None:
    key, blob = scene(old_lab.client("kms"))
    widget = widgets.RotationPile(old_lab, key, {"<b>": blob})
    widget.do("Rotate now")
    rows = re.findall(r"<tr>.*?</tr>", widget.still())[1:]
    assert [", current" in row for row in rows] == [True, False]
    assert "rotated on demand" in rows[0]
    assert "decrypts only" in rows[1]
    assert "&lt;b&gt;" in rows[1]


def test_the_pile_shows_a_refusal_in_the_words_of_aws(old_lab: Lab, kms: Any) -> None:
    widget = widgets.RotationPile(old_lab, key := key_of(kms), {})
    kms.disable_key(KeyId=key)
    widget.do("Encrypt one more")
    assert re.match(r"DisabledException: arn:\S+ is disabled\. \| 1 of 1 is current", widget.text)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    old_lab.clock.advance(days=8)
    widget.do("Rotate now")
    assert "NotFoundException: Key" in widget.view.value
    with pytest.raises(ValueError, match="one of Rotate now, "):
        widget.do("Explode")


# --- The checks --------------------------------------------------------------------------------


def scene(kms: Any) -> tuple[str, bytes]:
    """What the cell of exercise 1 makes."""
    key = key_of(kms)
    return key, kms.encrypt(KeyId=key, Plaintext=LETTER)["CiphertextBlob"]


def moved(kms: Any, key: str, first: bytes) -> bytes:
    blob: bytes = kms.re_encrypt(CiphertextBlob=first, DestinationKeyId=key)["CiphertextBlob"]
    return blob


@pytest.mark.parametrize("days", [300, 365])
def test_exercise_1_accepts_any_period_that_makes_three_generations(
    old_lab: Lab, kms: Any, days: int
) -> None:
    key, first = scene(kms)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=days)
    old_lab.clock.advance(days=731)
    assert check.lesson10.ex1(old_lab, first, moved(kms, key, first)).state == "done"


def test_exercise_1_notices_a_program_that_had_the_plaintext(old_lab: Lab, kms: Any) -> None:
    key, first = scene(kms)
    kms.enable_key_rotation(KeyId=key)
    old_lab.clock.advance(days=731)
    blob = kms.encrypt(KeyId=key, Plaintext=LETTER)["CiphertextBlob"]
    outcome = check.lesson10.ex1(old_lab, first, blob)
    assert "not yet: the trail shows Encrypt" in repr(outcome)


def test_exercise_1_tells_rotation_on_demand_from_automatic(old_lab: Lab, kms: Any) -> None:
    key, first = scene(kms)
    for _ in range(2):
        kms.rotate_key_on_demand(KeyId=key)
        old_lab.clock.advance(days=366)
    outcome = check.lesson10.ex1(old_lab, first, moved(kms, key, first))
    assert "not yet: the key was rotated on demand" in repr(outcome)


def test_exercise_1_says_how_to_start_again_after_too_many_years(old_lab: Lab, kms: Any) -> None:
    key, first = scene(kms)
    kms.enable_key_rotation(KeyId=key)
    old_lab.clock.advance(days=1_500)
    outcome = check.lesson10.ex1(old_lab, first, moved(kms, key, first))
    assert "is 5, not 3; for a new key, run the cell" in repr(outcome)


def test_exercise_2_can_be_judged_again_after_a_wrong_answer(old_lab: Lab, kms: Any) -> None:
    key, material = key_of(kms, Origin="EXTERNAL"), os.urandom(32)
    own_material.send(kms, key, material, **FOREVER)
    sealed = kms.encrypt(KeyId=key, Plaintext=LETTER)["CiphertextBlob"]
    missed = check.lesson10.ex2(old_lab, LETTER, sealed, material[:31])
    assert repr(missed).startswith("not yet: the material was deleted")
    assert material[:31].hex() not in repr(missed)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert check.lesson10.ex2(old_lab, LETTER, sealed, material).state == "done"


def test_exercise_3_accepts_the_longest_waiting_period(old_lab: Lab, kms: Any) -> None:
    (_, stays), (key, goes) = scene(kms), scene(kms)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)
    assert check.lesson10.ex3(old_lab, LETTER, {"17": stays, "31": goes}).state == "done"


# --- What the lesson stands on -----------------------------------------------------------------


def test_the_trail_shows_who_did_what_time_brought_about(old_lab: Lab, kms: Any) -> None:
    kms.enable_key_rotation(KeyId=key_of(kms))
    old_lab.clock.advance(days=366)
    kms.list_keys()
    row = repr(old_lab.trail().named("RotateKey").tail(1))
    assert re.fullmatch(r"[\d: -]+  RotateKey  AWS Internal  \w{8}…", row)


def test_a_key_without_its_imported_material_is_not_disabled_after_cancelling(kms: Any) -> None:
    for key in (key_of(kms, Origin="EXTERNAL"), filled := key_of(kms, Origin="EXTERNAL")):
        if key == filled:
            own_material.send(kms, key, os.urandom(32), **FOREVER)
        kms.schedule_key_deletion(KeyId=key)
        kms.delete_imported_key_material(KeyId=key)
        kms.cancel_key_deletion(KeyId=key)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
        with refused("KMSInvalidStateException"):
            kms.enable_key(KeyId=key)
