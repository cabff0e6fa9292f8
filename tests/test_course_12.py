"""Lesson 12: the HSM's wall, by name and by check box, and what the lesson's checks accept."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import traitlets
from wrong_12 import _GOOD

from kmslab import Lab
from kmslab.course import check, wall, wall_view, widgets
from kmslab.course.wall import Wall
from kmslab.hsm.attempts import same_key

READ_ONLY, ACTION = "CKR_ATTRIBUTE_READ_ONLY", "CKR_ACTION_PROHIBITED"
NOT_WRAPPABLE, UNEXTRACTABLE = "CKR_KEY_NOT_WRAPPABLE", "CKR_KEY_UNEXTRACTABLE"
_WRAPPING = (wall.OWN, wall.KNOWN, wall.DECRYPT, wall.OTHERS)
# What each way comes to on a key of each preset: "", or the return value and the attribute.
OUTCOMES: dict[str, dict[str, tuple[str, str]]] = {
    wall.CARELESS: {
        **dict.fromkeys((*wall.WAYS,), ("", "")),
        wall.OPEN_BACKUP: ("CKR_TEMPLATE_INCONSISTENT", "UNWRAP_TEMPLATE"),
    },
    wall.CAREFUL: {
        wall.READ: ("CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
        wall.CHANGE: (ACTION, "MODIFIABLE=False"),
        wall.COPY: (READ_ONLY, "MODIFIABLE=False"),
        **dict.fromkeys(_WRAPPING, (NOT_WRAPPABLE, "WRAP_WITH_TRUSTED=True")),
        wall.BACKUP: ("", ""),
        wall.OPEN_BACKUP: ("CKR_TEMPLATE_INCONSISTENT", "UNWRAP_TEMPLATE"),
    },
    wall.INSIDE: {
        wall.READ: ("CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
        wall.CHANGE: (ACTION, "MODIFIABLE=False"),
        wall.COPY: (ACTION, "COPYABLE=False"),
        **dict.fromkeys(
            (*_WRAPPING, wall.BACKUP, wall.OPEN_BACKUP), (UNEXTRACTABLE, "EXTRACTABLE=False")
        ),
    },
}


@pytest.fixture(scope="module")
def clinic() -> Iterator[Lab]:
    """The learner's lab."""
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def hsm_wall(clinic: Lab) -> Wall:
    return Wall(clinic.hsm)


@pytest.fixture
def widget(clinic: Lab) -> widgets.HsmWall:
    return widgets.HsmWall(clinic.hsm)


# --- The wall ----------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", OUTCOMES)
@pytest.mark.parametrize("way", wall.WAYS)
def test_each_way_gets_the_hsm_s_answer_for_each_preset(
    clinic: Lab, hsm_wall: Wall, way: str, preset: str
) -> None:
    before = clinic.hsm.user().objects().labels
    tried = hsm_wall.go(way, wall.PRESETS[preset])
    assert (tried.made.return_value, tried.made.attribute) == OUTCOMES[preset][way]
    out = "backup" if way == wall.BACKUP else "out"
    assert tried.state == ("held" if OUTCOMES[preset][way][0] else out)
    assert str(tried).startswith(f"{preset} key, ")
    assert clinic.hsm.user().objects().labels == before


def test_extractable_alone_stops_every_way_and_sensitive_three(hsm_wall: Wall) -> None:
    open_to_all = wall.PRESETS[wall.CARELESS]

    def held(**flags: bool) -> set[str]:
        made = {way: hsm_wall.go(way, {**open_to_all, **flags}) for way in wall.WAYS}
        return {way for way, each in made.items() if each.state == "held"} - {wall.OPEN_BACKUP}

    assert held(EXTRACTABLE=False) == set(wall.WAYS) - {wall.OPEN_BACKUP}
    assert held(SENSITIVE=True) == {wall.READ, wall.CHANGE, wall.COPY}
    assert held(WRAP_WITH_TRUSTED=True) == set(_WRAPPING)


def test_the_picture_shows_each_attribute_once_and_where_it_ends(hsm_wall: Wall) -> None:
    for preset, way, end in (
        (wall.CARELESS, wall.READ, "an arrow goes through"),
        (wall.CAREFUL, wall.BACKUP, "an arrow goes through"),
        (wall.CAREFUL, wall.OWN, "an arrow ends at WRAP_WITH_TRUSTED"),
        (wall.CAREFUL, wall.OPEN_BACKUP, "an arrow ends at UNWRAP_TEMPLATE"),
    ):
        tried = hsm_wall.go(way, wall.PRESETS[preset])
        drawn = wall_view.picture(tried)
        found = re.findall(r"<text[^>]*>(.*?)</text>", drawn.data.decode())
        for name, flag in wall.PRESETS[preset].items():
            assert found.count(f"{name}={flag}") == 1, (preset, way, name)
        assert end in drawn.alt
        assert all(f"{name}={flag}" in drawn.alt for name, flag in wall.PRESETS[preset].items())
        assert all(html.escape(step) in wall_view.page(tried) for step in tried.made.steps)


# --- The widget --------------------------------------------------------------------------------


def test_the_widget_is_driven_by_name_box_list_and_button(widget: widgets.HsmWall) -> None:
    assert widget.text == "careless key | read: the key is out, all 32 bytes of it."
    widget.boxes["SENSITIVE"].value = True
    assert widget.text == (
        "own key | read: read VALUE is refused: CKR_ATTRIBUTE_SENSITIVE (SENSITIVE=True)."
    )
    assert widget.flags["SENSITIVE"] is True
    widget.choice.value = wall.OWN
    assert (widget.value, widget.tried.state) == (wall.OWN, "out")
    widget.buttons[wall.CAREFUL].click()
    assert widget.tried.stopped_by == "WRAP_WITH_TRUSTED"
    assert {name: box.value for name, box in widget.boxes.items()} == wall.PRESETS[wall.CAREFUL]
    widget.do(wall.BACKUP)
    assert widget.choice.value == wall.BACKUP
    assert widget.text.startswith("careful key | back up under trusted key: 40 bytes")
    widget.flags = {"EXTRACTABLE": False}
    assert widget.boxes["EXTRACTABLE"].value is False
    assert widget.boxes["WRAP_WITH_TRUSTED"].value is True
    assert repr(widget) == f"<HsmWall: {widget.text}>"
    assert widget.still() == widget.view.value
    assert 'alt="A key in an HSM behind a wall' in widget.still()


def test_the_widget_names_what_it_does_not_know(widget: widgets.HsmWall) -> None:
    before = widget.text
    for wrong in (lambda: widget.do("shout"), lambda: setattr(widget, "value", "shout")):
        with pytest.raises(ValueError, match=r"'shout': one of .*read"):
            wrong()
    with pytest.raises(ValueError, match="'SECRET': one of SENSITIVE"):
        widget.flags = {"SECRET": True}
    with pytest.raises(traitlets.TraitError):
        widget.flags = {"SENSITIVE": "yes"}
    assert widget.text == before


def test_each_box_says_what_its_attribute_means(widget: widgets.HsmWall) -> None:
    for name, box in widget.boxes.items():
        assert box.description == name
        assert box.tooltip == wall.meaning(name)


def test_the_widget_works_while_the_officer_was_logged_in(
    clinic: Lab, widget: widgets.HsmWall
) -> None:
    clinic.hsm.officer()
    widget.do(wall.CAREFUL)
    widget.do(wall.COPY)
    assert widget.tried.state == "held"


# --- The checks --------------------------------------------------------------------------------


def by_own(user: Any, key: Any) -> bytes:
    own = user.generate_key("own", TOKEN=False, WRAP=True, DECRYPT=True)
    return bytes(own.decrypt(own.wrap_key(key, "AES_CBC"), "AES_CBC"))


def by_import(user: Any, key: Any) -> bytes:
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    known = user.import_key("known", bytes(32), TOKEN=False, WRAP=True)
    return aes_key_unwrap(bytes(32), known.wrap_key(key))


def by_reimport(user: Any, key: Any) -> bytes:
    own = user.generate_key("own", TOKEN=False, WRAP=True, UNWRAP=True)
    again = own.unwrap_key(own.wrap_key(key), "again", SENSITIVE=False, EXTRACTABLE=True)
    return bytes(again["VALUE"])


def by_blocks(user: Any, key: Any) -> bytes:
    """AES Key Wrap undone by hand (RFC 3394, 2.2.2), with the HSM's decryption of single blocks."""
    own = user.generate_key("own", TOKEN=False, WRAP=True, DECRYPT=True)
    a, *r = (own.wrap_key(key)[at : at + 8] for at in range(0, 40, 8))
    for t in range(24, 0, -1):
        i = (t - 1) % 4
        block = own.decrypt(bytes(x ^ y for x, y in zip(a, t.to_bytes(8), strict=True)) + r[i])
        a, r[i] = block[:8], block[8:]
    return b"".join(r)


@pytest.mark.parametrize("way", [by_own, by_import, by_reimport, by_blocks])
def test_exercise_1_accepts_every_road_out(clinic: Lab, way: Callable[[Any, Any], bytes]) -> None:
    assert check.lesson12.ex1(clinic, way).state == "done"


def test_exercise_1_shows_no_key_and_leaves_none(clinic: Lab) -> None:
    taken: list[bytes] = []

    def keeps(user: Any, key: Any) -> bytes:
        taken.append(by_own(user, key))
        assert same_key(key, taken[0])
        return taken[0]

    def returns_half(user: Any, key: Any) -> bytes:
        taken.append(by_own(user, key))
        return taken[1][:16]

    said = [check.lesson12.ex1(clinic, keeps), check.lesson12.ex1(clinic, returns_half)]
    assert [each.state for each in said] == ["done", "not yet"]
    for each in taken:
        for text in (*map(repr, said), *(one._repr_html_() for one in said)):
            assert each.hex() not in text
            assert repr(each)[2:-1] not in text
    assert "the check's" not in clinic.hsm.user().objects().labels


@pytest.mark.parametrize(
    "more",
    [{}, {"COPYABLE": False}, {"UNWRAP": False}, {"SIGN": True}, {"PRIVATE": True}, {"ID": b"7"}],
)
def test_exercise_2_accepts_every_template_that_holds(clinic: Lab, more: dict[str, Any]) -> None:
    assert check.lesson12.ex2(clinic, {**_GOOD, **more}).state == "done"
    assert "the check's" not in clinic.hsm.user().objects().labels


def test_the_checks_hint_further_and_never_raise(clinic: Lab) -> None:
    for ex in (check.lesson12.ex1, check.lesson12.ex2):
        assert ex(clinic, ...).state == "not started"
        every: tuple[object, ...] = (None, [], {1: 2}, {"SENSITIVE": object()}, "x", lambda: 1, int)
        for wrong in every:
            assert ex(clinic, wrong).state == "not yet"
        assert "Hint: " in ex(clinic, None).text
