"""Every lesson in a real JupyterLab in a real browser: as committed, run, and used by keyboard.

One server and one browser serve the whole file, so it must stay in one process (`--dist loadfile`).
pytest brings the tests of a lesson together, in the order of this file: it is opened and run once.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator

import chromium
import pytest
from browser import Browser, Lesson, browsing
from playwright.sync_api import expect
from serving import serving

from kmslab.command import refresh

pytestmark = pytest.mark.skipif(
    chromium.find() is None and os.environ.get("CI") != "true",
    reason="NO BROWSER TEST: there is no Chromium on this machine",
)
WORDS = re.compile(r'<img [^>]*alt="([^"]*)"')
TABLES_ALONE = ("13_cloudhsm",)  # what they show is no picture
STEPPERS = {  # where it is made, the step that a later cell moved it to, and steps 1 and 3
    "04_signing_macs_agreement": (
        "widgets.signature_way(",
        ("5 The pharmacy hashes", "1 Hand out the public key", "3 Sign in the HSM"),
    ),
    "05_data_keys": (
        "widgets.data_key_holders(",
        ("4 Drop the plaintext data key", "1 Before", "3 Encrypt the data yourself"),
    ),
    "06_envelope_encryption": (
        "widgets.encryption_flow(",
        ("6 Read it again", "1 Ask for a data key", "3 Encrypt the file"),
    ),
    "11_s3": (
        "widgets.s3_way(",
        ("7 S3 has the data key decrypted", "1 PUT", "3 Two forms of one key"),
    ),
    "15_inside_kms": (
        "widgets.way_down(",
        ("7 Check, decrypt, forget", "1 The blob arrives", "3 Which backing key"),
    ),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that shows a JupyterLab of its own."""
    with (
        serving(tmp_path_factory.mktemp("jupyter lab")) as server,
        browsing(server) as browser,
    ):
        yield browser


@pytest.fixture(scope="module", params=[path.stem for path in refresh.lessons()])
def unrun(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Lesson]:
    """A lesson, opened and not run."""
    with browser.lesson(request.param) as lesson:
        yield lesson


@pytest.fixture(scope="module")
def lesson(unrun: Lesson) -> Lesson:
    """The same lesson after Run All."""
    unrun.run_all()
    return unrun


def of(*names: str) -> pytest.MarkDecorator:
    """For a test of these lessons alone."""
    return pytest.mark.parametrize("unrun", names, indirect=True)


def test_as_committed_its_pictures_are_seen_and_have_words(unrun: Lesson) -> None:
    texts = [
        output.data["text/html"]
        for cell in unrun.cells
        if not cell.metadata.get("jupyter", {}).get("outputs_hidden")
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    words = [html.unescape(alt) for text in texts for alt in WORDS.findall(text)]
    assert bool(words) == (unrun.name not in TABLES_ALONE)
    seen = unrun.outputs.locator("img").evaluate_all(
        "all => all.filter(one => one.naturalWidth && one.checkVisibility()).map(one => one.alt)"
    )
    assert seen == [each or "Image" for each in words]  # so JupyterLab calls one without words


def test_as_committed_it_misses_no_widget(unrun: Lesson) -> None:
    assert "model not found" not in unrun.page.locator("body").inner_text().lower()


def test_as_committed_the_answer_to_each_prediction_is_folded(unrun: Lesson) -> None:
    asked = sum(cell.source.count(refresh.PREDICT) for cell in unrun.cells)
    expect(unrun.folded).to_have_count(asked)


def test_run_all_numbers_every_cell_and_unfolds_the_answers(lesson: Lesson) -> None:
    count = sum(cell.cell_type == "code" for cell in lesson.cells)
    assert lesson.prompts.all_inner_texts() == [f"[{each}]:" for each in range(1, count + 1)]
    expect(lesson.folded).to_have_count(0)


def test_run_all_ends_in_an_error_only_where_the_lesson_says_so(lesson: Lesson) -> None:
    failed = lesson.page.locator(".jp-Cell").evaluate_all(
        """cells => [...cells.keys()].filter(each => cells[each].querySelector(
            '[data-mime-type="application/vnd.jupyter.stderr"]'  // an error or stderr
        ))"""
    )
    tags = [cell.metadata.get("tags", []) for cell in lesson.cells]
    assert failed == [number for number, each in enumerate(tags) if "raises-exception" in each]


def test_run_all_brings_each_widget_to_life(lesson: Lesson) -> None:
    made = sum(len(re.findall(r"\bwidgets\.\w+\(", cell.source)) for cell in lesson.cells)
    expect(lesson.outputs.locator(".widget-vbox")).to_have_count(made)
    assert "model not found" not in lesson.page.locator("body").inner_text().lower()


@of("02_kms_keys")
def test_a_need_is_chosen_by_keyboard(lesson: Lesson) -> None:
    families = lesson.widget("widgets.KeyFamilies(")
    expect(families.view).to_contain_text("To sign letters so that anyone can check them")
    keyboard = families.reach(families.output.get_by_label("I want to"))
    keyboard.press("Space")
    expect(families.output.locator("select:open")).to_be_visible()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(families.view).to_contain_text("To agree on a secret with a partner")
    chosen = re.compile("Chosen: .* for KEY AGREEMENT")
    expect(families.view.locator("img")).to_have_attribute("alt", chosen)


@of("03_encrypting")
def test_a_byte_is_chosen_and_flipped_by_keyboard(lesson: Lesson) -> None:
    anatomy = lesson.widget("widgets.CiphertextAnatomy(")
    expect(anatomy.view).to_contain_text("Byte 5 belongs to the key id")
    expect(anatomy.view).to_contain_text("One bit of it is flipped")
    keyboard = anatomy.reach(anatomy.output.get_by_label("Byte", exact=True))
    keyboard.press("ArrowUp")
    expect(anatomy.view).to_contain_text("Byte 6 belongs to the key id")
    keyboard.press("Control+A")
    keyboard.type("110")
    keyboard.press("Enter")
    expect(anatomy.view).to_contain_text("Byte 110 belongs to the tag")
    expect(anatomy.view).to_contain_text("Decrypt says: InvalidCiphertextException")
    anatomy.reach(anatomy.output.get_by_label("Flip one bit of it")).press("Space")
    expect(anatomy.view).to_contain_text("It is unchanged. Decrypt says: it opens")


@of(*STEPPERS)
def test_a_stepper_is_moved_by_keyboard(lesson: Lesson) -> None:
    code, (now, first, third) = STEPPERS[lesson.name]
    stepper = lesson.widget(code)
    expect(stepper.view).to_contain_text(now)
    keyboard = stepper.reach(stepper.output.get_by_label("Step", exact=True))
    for _ in range(6):
        keyboard.press("ArrowDown")
    expect(stepper.view).to_contain_text(first)
    keyboard.press("ArrowUp")
    keyboard.press("ArrowUp")
    expect(stepper.view).to_contain_text(third)
    stepper.press("Back")
    stepper.press("Back", "Enter")
    stepper.press("Back")
    expect(stepper.view).to_contain_text(first)
    stepper.press("Next")
    stepper.press("Next", "Enter")
    expect(stepper.view).to_contain_text(third)


@of("06_envelope_encryption")
def test_the_progress_bar_is_full(lesson: Lesson) -> None:
    bar = lesson.widget("widgets.Progress(").output
    expect(bar.locator(".progress-bar")).to_have_attribute("style", re.compile("width: 100%"))
    expect(bar).to_contain_text("256 MiB of 256 MiB")


@of("09_grants")
def test_a_key_is_lent_and_taken_back_by_keyboard(lesson: Lesson) -> None:
    life = lesson.widget("widgets.GrantLife(")
    for name, says in (
        ("New key", "The grant is made. Without its token it counts in 4 min"),
        ("Use", "Last: Use: AccessDeniedException"),
        ("Use with token", "Last: Use with token: ok"),
        ("Mallory uses token", "Last: Mallory uses token: AccessDeniedException"),
        ("+6 min", "The grant is in force."),
        ("Use for patient 17", "Last: Use for patient 17: AccessDeniedException"),
        ("Retire", "The grant has ended."),
        ("Use with token", "Last: Use with token: AccessDeniedException"),
    ):
        life.press(name)
        expect(life.view).to_contain_text(says)
    last = re.compile("Retire, ok .ended.; .* Use with token, AccessDeniedException .ended.[.]$")
    expect(life.view.locator("img")).to_have_attribute("alt", last)


@of("07_key_policies")
def test_a_key_policy_is_edited_and_asked_by_keyboard(lesson: Lesson) -> None:
    ground = lesson.widget("widgets.PolicyPlayground(")
    expect(ground.view).to_contain_text("user/dana of 222222222222 asks for kms:Decrypt: Denied")
    ground.press("Start again")
    keyboard = ground.reach(ground.output.get_by_label("Who asks"))
    keyboard.press("Space")
    keyboard.press("Home")
    keyboard.press("Enter")
    expect(ground.view).to_contain_text('user/alice asks for kms:Decrypt: Allowed, by "users"')
    expect(ground.view.locator("tr").filter(has_text="▶ decides")).to_contain_text("users")
    keyboard = ground.reach(ground.output.get_by_label("Key policy"))
    keyboard.press("Control+A")
    keyboard.type('{"Statement": []')
    keyboard.press("Tab")
    expect(ground.view).to_contain_text("it is no JSON")
    ground.press("Save (PutKeyPolicy)")
    expect(ground.view).to_contain_text("PutKeyPolicy: MalformedPolicyDocumentException")
    ground.press("Start again")
    ground.reach(ground.output.get_by_label("Encryption context"))
    keyboard.type("dept")
    keyboard.press("Tab")
    expect(ground.view).to_contain_text("name=value is due")


@of("08_iam_accounts_conditions")
def test_a_request_falls_through_the_sieve_by_keyboard(lesson: Lesson) -> None:
    sieve = lesson.widget("widgets.PolicySieve(")
    expect(sieve.view).to_contain_text("dan asks for kms:Encrypt: allowed")
    for label, key, says in (
        ("Who", "analyst", "analyst asks for kms:Encrypt: denied at the key policy"),
        ("Asks for", "kms:Decrypt", "analyst asks for kms:Decrypt: allowed"),
        ("Who", "eve", "eve asks for kms:Decrypt: denied at the identity policies"),
        ("With", "through S3", "eve asks for kms:Decrypt, through S3: allowed"),
        ("Asks for", "kms:DisableKey", "denied at the SCPs of the unit"),
    ):
        keyboard = sieve.reach(sieve.output.get_by_label(label, exact=True))
        keyboard.press("Space")
        expect(sieve.output.locator("select:open")).to_be_visible()
        keyboard.type(key)
        keyboard.press("Enter")
        expect(sieve.view).to_contain_text(says)
    sieve.press("Ask again")
    told = re.compile("SCPs of the unit: a Deny fits, stops here")
    expect(sieve.view.locator("img")).to_have_attribute("alt", told)


@of("10_life_of_a_key")
def test_a_pile_of_key_material_grows_by_keyboard(lesson: Lesson) -> None:
    pile = lesson.widget("widgets.RotationPile(")
    rows = pile.view.locator("tbody tr")
    expect(rows).to_have_count(3)
    pile.press("Rotate now")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("nothing of yours")
    pile.press("Encrypt one more", "Enter")
    expect(rows.first).to_contain_text("letter 4")
    pile.press("+1 year")
    expect(rows.first).to_contain_text("rotated by itself")
    expect(rows.nth(1)).to_contain_text("decrypts only")


@of("10_life_of_a_key")
def test_a_key_lives_and_dies_by_keyboard(lesson: Lesson) -> None:
    life = lesson.widget("widgets.KeyLife(")
    for name, says in (
        ("New key", "Enabled on"),
        ("DisableKey", "Disabled on"),
        ("Decrypt", "Decrypt: DisabledException"),
        ("EnableKey", "Enabled on"),
        ("+1 year", "PendingImport on"),
        ("ImportKeyMaterial", "Enabled on"),
        ("ScheduleKeyDeletion", "PendingDeletion on"),
        ("+8 days", "deleted on"),
    ):
        life.press(name)
        expect(life.view).to_contain_text(says)
        expect(life.view).to_contain_text(f"{name}: ")
    picture = life.view.locator("img")
    expect(picture).to_have_attribute("alt", re.compile("The key is now: deleted"))


@of("11_s3")
def test_calls_of_kms_are_counted_by_keyboard(lesson: Lesson) -> None:
    calls = lesson.widget("widgets.BucketCalls(")
    picture = calls.view.locator("img")
    without, kept = "each-object, without a bucket key", "bucket-key, with a bucket key"
    for name, generated, decrypted in (
        ("Put 1", (12, 2), (30, 2)),
        ("Put 10", (22, 2), (30, 2)),
        ("Other caller", (22, 2), (30, 2)),
        ("+5 min", (22, 2), (30, 2)),
        ("Get 10", (22, 2), (40, 3)),
    ):
        calls.press(name)
        said = [
            f"{where}: {made} GenerateDataKey, {opened} Decrypt, the last"
            for where, made, opened in zip((without, kept), generated, decrypted, strict=True)
        ]
        expect(picture).to_have_attribute("alt", re.compile(".*".join(said)))
    expect(calls.view).to_contain_text("The caller is alice")
    expect(picture).to_have_attribute("alt", re.compile(r"the context arn:aws:s3:::bucket-key\.$"))


@of("12_inside_an_hsm")
def test_the_wall_is_tried_by_keyboard(lesson: Lesson) -> None:
    wall = lesson.widget("widgets.HsmWall(")
    picture = wall.view.locator("img")
    expect(wall.view).to_contain_text("open the backup: unwrap is refused")
    wall.press("careless")
    keyboard = wall.reach(wall.output.get_by_label("Try to"))
    keyboard.press("Space")
    expect(wall.output.locator("select:open")).to_be_visible()
    keyboard.type("copy")
    keyboard.press("Enter")
    expect(wall.view).to_contain_text("The key is out. copy: ")
    expect(picture).to_have_attribute("alt", re.compile("an arrow goes through"))
    wall.reach(wall.output.get_by_label("COPYABLE")).press("Space")
    expect(wall.view).to_contain_text("The wall holds. copy: ")
    expect(wall.view).to_contain_text("CKR_ACTION_PROHIBITED (COPYABLE=False)")
    expect(picture).to_have_attribute("alt", re.compile("an arrow ends at COPYABLE"))
    wall.press("careful")
    expect(wall.output.get_by_label("COPYABLE")).to_be_checked()
    expect(wall.view).to_contain_text("CKR_ATTRIBUTE_READ_ONLY (MODIFIABLE=False)")


@of("16_audit_trail")
def test_a_trail_is_looked_through_by_keyboard(lesson: Lesson) -> None:
    trail = lesson.widget("widgets.TrailTimeline(")
    picture = trail.view.locator("img")
    expect(picture).to_have_attribute("alt", re.compile("A timeline of 14 events"))
    trail.reach(trail.output.get_by_label("refused only")).press("Space")
    expect(picture).to_have_attribute("alt", re.compile("A timeline of 2,605 events"))
    keyboard = trail.reach(trail.output.get_by_label("Event", exact=True))
    keyboard.press("Space")
    expect(trail.output.locator("select:open")).to_be_visible()
    keyboard.type("CreateG")
    keyboard.press("Enter")
    expect(picture).to_have_attribute("alt", re.compile(r"A timeline of 8 events .* deploy 8"))
    trail.reach(trail.output.get_by_label("From", exact=True))
    keyboard.type("2026-01-10")
    keyboard.press("Enter")
    rows = trail.view.locator("tbody tr")
    expect(rows).to_have_count(2)
    number = rows.first.locator("td").first.inner_text()
    trail.reach(trail.output.get_by_label("Whole #"))
    keyboard.type(number)
    keyboard.press("Enter")
    expect(trail.view.locator("pre")).to_contain_text('"eventName": "CreateGrant"')
    keyboard.type("x")
    keyboard.press("Enter")
    expect(trail.view).to_contain_text("the number of an event is due")


def test_the_page_found_no_fault_and_asked_nothing_of_the_internet(lesson: Lesson) -> None:
    assert lesson.seen.errors == []
    assert lesson.seen.elsewhere == []
