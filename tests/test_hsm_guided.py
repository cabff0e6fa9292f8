"""The learner's own HSM: roles, keys and tables in PKCS#11's words, and what bad input comes to."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from expect import run, start
from pkcs11 import Attribute, Mechanism
from pkcs11.exceptions import PKCS11Error

from kmslab import Lab
from kmslab.errors import AttributeRefused, HsmError, HsmInput, HsmOff, HsmRefused
from kmslab.hsm.guided import refusal, templates, words
from kmslab.hsm.guided.key import Key
from kmslab.hsm.guided.own import Hsm
from kmslab.hsm.guided.session import Session

STRANGE: list[Any] = [
    None, 0, 1, -1, 2**70, 1.5, float("nan"), "", "x", "\ud800", "a\x00b", "x" * 300, b"", b"\xff",
    b"x" * 99, bytearray(3), memoryview(b"abc"), [], [None], (), {}, {"a": 1}, set(), object(),
    ..., True, False, int, Attribute.VALUE, Attribute.SENSITIVE, Mechanism.AES_GCM, lambda: 1,
]  # fmt: skip


@pytest.fixture(scope="module")
def hsm(lab: Lab) -> Hsm:
    """The module's HSM; its trusted key is made."""
    lab.hsm.trusted_key()
    return lab.hsm


@pytest.fixture
def user(hsm: Hsm) -> Session:
    """Its crypto user's session."""
    return hsm.user()


def refused(call: Callable[[], object], value: str, attribute: str = "") -> None:
    """The call is refused with this return value, and this attribute is named."""
    with pytest.raises(AttributeRefused) as caught:
        call()
    assert (caught.value.return_value, caught.value.attribute) == (value, attribute)
    assert "\n" not in str(caught.value)
    assert value in str(caught.value)


def message(call: Callable[[], object]) -> str:
    """What an error of kmslab says, "" where there is none; any other error is raised."""
    try:
        call()
    except HsmError as error:
        return str(error) or "an error that says nothing\n"
    return ""


# --- One HSM of one's own ----------------------------------------------------------------------


def test_it_is_made_at_first_use_and_is_none_of_the_fleet(fresh: Lab) -> None:
    assert not (fresh.path / "own-hsm").exists()
    hsm = fresh.hsm
    assert hsm is fresh.hsm
    assert repr(hsm) == "<Hsm own-hsm, on>"
    assert isinstance(hsm.token, pkcs11.Token)
    assert "own-hsm" not in {each.device.name for each in fresh.hsms.hsms}
    hsm.user()
    assert repr(hsm) == "<Hsm own-hsm, on, crypto user logged in>"


def test_its_keys_stay_when_the_lab_is_opened_again(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab:
        key = lab.hsm.user().generate_key("k", ENCRYPT=True)
        lab.hsm.user().generate_key("gone", TOKEN=False)
        block = key.encrypt(bytes(16))
    with Lab(tmp_path / "lab") as lab:
        assert lab.hsm.user().objects().labels == ("k",)
        assert lab.hsm.user().get_key("k").encrypt(bytes(16)) == block


def test_two_processes_that_make_it_at_once_have_one(tmp_path: Path) -> None:
    code = "import sys; from kmslab import Lab; print(Lab(sys.argv[1]).hsm.trusted_key().label)"
    with Lab(tmp_path / "lab"):
        pass
    children = [start(code, tmp_path / "lab") for _ in range(4)]
    said = [child.communicate(timeout=50)[0] for child in children]
    assert said == ["backup key\n"] * 4
    assert [path.name for path in (tmp_path / "lab").glob("own-hsm*")] == ["own-hsm"]
    with Lab(tmp_path / "lab") as lab:
        assert "backup key" in lab.hsm.user().objects().labels


def test_it_is_not_made_when_its_lab_is_gone() -> None:
    lab = Lab()
    lab.close()
    with pytest.raises(HsmOff, match="gone with its lab"):
        lab.hsm  # noqa: B018  raises
    assert not lab.path.exists()


def test_one_role_is_logged_in_at_a_time(fresh: Lab) -> None:
    hsm = fresh.hsm
    user = hsm.user()
    key = user.generate_key("k")
    assert hsm.user() is user
    officer = hsm.officer()
    assert not user.is_open
    assert hsm.officer() is officer
    assert officer.objects().labels == ()
    with pytest.raises(HsmRefused, match="get the key again"):
        key["LABEL"]
    assert repr(key) == "<Key that is gone: CKR_SESSION_HANDLE_INVALID>"
    assert hsm.user().get_key("k").label == "k"
    with hsm.user():
        pass
    assert hsm.user().is_open


def test_after_the_lab_is_closed_every_call_says_so() -> None:
    lab = Lab()
    hsm = lab.hsm
    trusted = hsm.trusted_key()
    user = hsm.user()
    lab.close()
    calls: list[Callable[[], object]] = [
        hsm.user, hsm.officer, hsm.trusted_key, user.objects, lambda: trusted["LABEL"],
        lambda: user.generate_key("k"), trusted.destroy, trusted.attributes,
        lambda: trusted.wrap_key(trusted), lambda: hsm.token, user.close,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(HsmOff):
            call()
    assert repr(hsm) == "<Hsm own-hsm, off>"


def test_a_wrong_pin_is_refused_and_the_right_one_works_after_it(fresh: Lab) -> None:
    hsm = fresh.hsm
    for pin in ("0000", "1", "x" * 300):
        with pytest.raises(AttributeRefused, match=r"CKR_PIN_(INCORRECT|LEN_RANGE)"):
            hsm.user(pin)
    hsm.set_pin("1234")
    assert hsm.user("1234").is_open
    assert hsm.officer().is_open
    refused(lambda: hsm.set_pin("123"), "CKR_PIN_LEN_RANGE")
    assert hsm.user().is_open
    with pytest.raises(AttributeRefused) as caught:
        hsm.user("secret-pin")
    assert "secret-pin" not in str(caught.value)


# --- Keys and what stops whom ------------------------------------------------------------------


def test_a_key_has_the_attributes_it_was_made_with(user: Session) -> None:
    for name, template in (("careless", templates.CARELESS), ("careful", templates.CAREFUL)):
        key = user.generate_key(name, TOKEN=False, **template)
        assert {each: key[each] for each in template} == template
        shown = repr(key.attributes())
        for each, flag in template.items():
            assert re.search(rf"^{each} +{flag} +\S", shown, re.M), each
        key.destroy()


@pytest.mark.parametrize("name", [each.name for each in words.MEANINGS])
def test_each_flag_can_be_asked_for_by_name_and_means_something(user: Session, name: str) -> None:
    by_hsm = {"LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "TRUSTED"}
    if name in by_hsm:
        refused(
            lambda: user.generate_key("k", TOKEN=False, **{name: True}),
            "CKR_ATTRIBUTE_READ_ONLY",
            "TRUSTED" if name == "TRUSTED" else "",
        )
        return
    for flag in (True, False):
        key = user.generate_key("k", **{"TOKEN": False, "DESTROYABLE": True, name: flag})
        assert key[name] is key[f"CKA_{name}"] is key[Attribute[name]] is flag
        if name != "DESTROYABLE" or flag:
            key.destroy()


REFUSALS: dict[str, tuple[Callable[[Key, Key], object], dict[str, bool], str, str]] = {
    "read": (lambda key, _: key["VALUE"], {}, "CKR_ATTRIBUTE_SENSITIVE", "SENSITIVE=True"),
    "wrap": (lambda key, own: own.wrap_key(key), {}, "CKR_KEY_UNEXTRACTABLE", "EXTRACTABLE=False"),
    "untrusted": (
        lambda key, own: own.wrap_key(key), {"EXTRACTABLE": True, "WRAP_WITH_TRUSTED": True},
        "CKR_KEY_NOT_WRAPPABLE", "WRAP_WITH_TRUSTED=True",
    ),
    "wrap by it": (
        lambda key, own: key.wrap_key(own), {},
        "CKR_KEY_FUNCTION_NOT_PERMITTED", "WRAP=False",
    ),
    "unwrap by it": (
        lambda key, _: key.unwrap_key(bytes(40), "x"), {},
        "CKR_KEY_FUNCTION_NOT_PERMITTED", "UNWRAP=False",
    ),
    "decrypt": (
        lambda key, _: key.decrypt(bytes(16)), {"ENCRYPT": True},
        "CKR_KEY_FUNCTION_NOT_PERMITTED", "DECRYPT=False",
    ),
    "encrypt": (
        lambda key, _: key.encrypt(bytes(16)), {"DECRYPT": True},
        "CKR_KEY_FUNCTION_NOT_PERMITTED", "ENCRYPT=False",
    ),
    "sensitive": (
        lambda key, _: key.__setitem__("SENSITIVE", False), {},
        "CKR_ATTRIBUTE_READ_ONLY", "SENSITIVE",
    ),
    "extractable": (
        lambda key, _: key.__setitem__("EXTRACTABLE", True), {},
        "CKR_ATTRIBUTE_READ_ONLY", "EXTRACTABLE",
    ),
    "trusted": (
        lambda key, _: key.__setitem__("TRUSTED", True), {},
        "CKR_ATTRIBUTE_READ_ONLY", "TRUSTED",
    ),
    "fixed": (
        lambda key, _: key.__setitem__("DECRYPT", True), {"MODIFIABLE": False},
        "CKR_ACTION_PROHIBITED", "MODIFIABLE=False",
    ),
    "copy": (
        lambda key, _: key.copy(EXTRACTABLE=True, LABEL="x"), {},
        "CKR_ATTRIBUTE_READ_ONLY", "EXTRACTABLE",
    ),
    "no copy": (
        lambda key, _: key.copy(), {"COPYABLE": False},
        "CKR_ACTION_PROHIBITED", "COPYABLE=False",
    ),
    "to the open": (
        lambda key, _: key.copy(PRIVATE=False), {}, "CKR_TEMPLATE_INCONSISTENT", "PRIVATE",
    ),
    "destroy": (
        lambda key, _: key.destroy(), {"DESTROYABLE": False},
        "CKR_ACTION_PROHIBITED", "DESTROYABLE=False",
    ),
    "mechanism": (
        lambda key, own: own.wrap_key(key, "AES_ECB"), {"EXTRACTABLE": True},
        "CKR_MECHANISM_INVALID", "ALLOWED_MECHANISMS",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_the_return_value_and_the_attribute(user: Session, name: str) -> None:
    call, attributes, value, attribute = REFUSALS[name]
    own = user.generate_key("own", TOKEN=False, WRAP=True, DECRYPT=True)
    uses = attributes if set(attributes) & {"ENCRYPT", "DECRYPT"} else {"ENCRYPT": True}
    key = user.generate_key("k", **{"TOKEN": False, **uses, **attributes})
    refused(lambda: call(key, own), value, attribute)


def test_the_officer_makes_trusted_keys_and_no_private_ones(fresh: Lab) -> None:
    officer = fresh.hsm.officer()
    key = officer.generate_key("officer's", TRUSTED=True, WRAP=True)
    assert (key["TRUSTED"], key["PRIVATE"]) == (True, False)
    refused(
        lambda: officer.generate_key("k", PRIVATE=True), "CKR_USER_NOT_LOGGED_IN", "PRIVATE=True"
    )
    assert fresh.hsm.user().get_key("officer's")["TRUSTED"]


def test_of_two_keys_with_one_label_the_newer_one_is_meant(fresh: Lab) -> None:
    user = fresh.hsm.user()
    first, second = (user.generate_key("k", SIGN=sign) for sign in (True, False))
    assert (user.get_key("k")["SIGN"], first["SIGN"], second["SIGN"]) == (False, True, False)


def test_attributes_may_come_in_any_order(user: Session) -> None:
    for template in (templates.CAREFUL, dict(reversed(templates.CAREFUL.items()))):
        key = user.generate_key("k", TOKEN=False, **template)
        assert {name: key[name] for name in template} == template


def test_a_refused_key_leaves_nothing_that_is_seen(fresh: Lab) -> None:
    user = fresh.hsm.user()
    refused(lambda: user.generate_key("k", TRUSTED=True), "CKR_ATTRIBUTE_READ_ONLY", "TRUSTED")
    refused(
        lambda: user.import_key("k", bytes(32), TRUSTED=True), "CKR_ATTRIBUTE_READ_ONLY", "TRUSTED"
    )
    assert user.objects().labels == ()


def test_the_trusted_key_is_made_once_and_lies_encrypted(fresh: Lab) -> None:
    first = fresh.hsm.trusted_key()
    mark = first["CHECK_VALUE"]
    assert fresh.hsm.trusted_key()["CHECK_VALUE"] == mark
    assert fresh.hsm.user().objects().labels == ("backup key",)
    flags = {name: first[name] for name in ("PRIVATE", "TRUSTED", "EXTRACTABLE", "MODIFIABLE")}
    assert flags == {"PRIVATE": True, "TRUSTED": True, "EXTRACTABLE": False, "MODIFIABLE": False}
    fresh.hsm.user().generate_key("another")  # of that label, and not trusted
    assert fresh.hsm.trusted_key("another")["TRUSTED"]


# --- How it is shown ---------------------------------------------------------------------------


def test_objects_are_a_table_with_the_meaning_of_each_attribute(fresh: Lab) -> None:
    user = fresh.hsm.user()
    assert repr(user.objects()) == "crypto user sees no key"
    user.generate_key("<b>&", EXTRACTABLE=True)
    page, text = user.objects()._repr_html_(), repr(user.objects())
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert re.search(r"^EXTRACTABLE +True$", text, re.M)
    for name, meaning in words.MEANINGS.items():
        assert f'<th scope="row" style="text-align:left">{name.name}</th>' in page
        assert page.count(meaning.replace("'", "&#x27;")) == 2  # in a column, and on hover


def test_return_values_have_pkcs11_s_names() -> None:
    names = {
        "AttributeSensitive": "CKR_ATTRIBUTE_SENSITIVE",
        "KeyUnextractable": "CKR_KEY_UNEXTRACTABLE",
        "PinIncorrect": "CKR_PIN_INCORRECT",
        "AnotherUserAlreadyLoggedIn": "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
    }
    for name, value in names.items():
        assert refusal.return_value(getattr(pkcs11.exceptions, name)()) == value
    for code, value in (("0x1b", "CKR_ACTION_PROHIBITED"), ("0x7777", "CKR 0x7777")):
        assert refusal.return_value(PKCS11Error(f"Unmapped error code {code}")) == value


# --- Bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
def test_strange_values_end_in_a_sentence_that_says_what_is_due(user: Session, value: Any) -> None:
    key = user.generate_key("k", TOKEN=False, WRAP=True, UNWRAP=True, ENCRYPT=True, DECRYPT=True)
    calls: dict[str, Callable[[], object]] = {
        "label": lambda: user.generate_key(value, TOKEN=False).destroy(),
        "bits": lambda: user.generate_key("k", value, TOKEN=False),
        "flag": lambda: user.generate_key("k", TOKEN=False, SENSITIVE=value).destroy(),
        "id": lambda: user.generate_key("k", TOKEN=False, ID=value).destroy(),
        "mechanisms": lambda: user.generate_key("k", TOKEN=False, ALLOWED_MECHANISMS=value),
        "template": lambda: user.generate_key("k", TOKEN=False, UNWRAP_TEMPLATE=value),
        "import": lambda: user.import_key("k", value, TOKEN=False),
        "find": lambda: user.get_key(value),
        "read": lambda: key[value],
        "set": lambda: key.__setitem__(value, value),
        "copy": lambda: key.copy(LABEL=value).destroy(),
        "wrap": lambda: key.wrap_key(value),
        "by": lambda: key.wrap_key(key, value),
        "unwrap": lambda: key.unwrap_key(value, "k"),
        "encrypt": lambda: key.encrypt(value),
        "decrypt": lambda: key.decrypt(value),
    }
    said = [message(call) for call in calls.values()]
    assert not [each for each in said if "\n" in each]
    assert sum(map(bool, said)) >= len(calls) - 6  # a few of them take what is strange elsewhere
    assert key.encrypt(bytes(16))  # and the HSM still works
    key.destroy()


def test_a_value_is_not_in_the_message(user: Session) -> None:
    for value in (b"secret key", bytearray(b"secret key"), b"secret key" * 9):
        with pytest.raises(HsmInput) as caught:
            user.import_key("k", value)  # type: ignore[arg-type]
        assert "secret" not in str(caught.value)
        with pytest.raises(HsmInput) as caught:
            user.generate_key("k", SENSITIVE=value)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "words_in_it"),
    [
        (lambda user: user.generate_key("k", SENSITVE=True), "'SENSITVE' is no attribute"),
        (lambda user: user.generate_key("k", SENSITIVE=1), "SENSITIVE=1: True or False is due"),
        (lambda user: user.generate_key("k", 100), "bits=100: 128, 192 or 256 is due"),
        (lambda user: user.generate_key("k", True), "bits=True: 128, 192 or 256 is due"),
        (lambda user: user.generate_key("k", ID=None), "ID=None: bytes are due"),
        (lambda user: user.generate_key(None), "label=None: a text of 1 to 255"),
        (lambda user: user.import_key("k", bytes(5)), "has 5 bytes: an AES key has 16, 24 or 32"),
        (lambda user: user.get_key("nobody"), "sees no key 'nobody'; there are: backup key"),
    ],
)
def test_the_message_names_the_value_and_what_would_be_right(
    user: Session, call: Callable[[Session], object], words_in_it: str
) -> None:
    with pytest.raises(HsmError, match=re.escape(words_in_it)):
        call(user)


def test_nothing_strange_reaches_a_template_and_the_process_lives() -> None:
    """Many random calls in a process of their own: bad templates free what they never filled."""
    said = run(_FUZZ, Path(__file__).parent, 7)
    assert said.splitlines()[-1] == "alive"


_FUZZ = """
import random, sys
sys.path.insert(0, sys.argv[1])
from test_hsm_guided import fuzz
fuzz(int(sys.argv[2]))
print("alive")
"""


def fuzz(seed: int, rounds: int = 1_500) -> None:
    """Random calls with random values; whatever is not an error of kmslab's ends it."""
    rng = random.Random(seed)
    names = [*map(str, words._KNOWN), "CLASS", "", "X"]
    with Lab() as lab:
        for number in range(rounds):
            who = lab.hsm.officer if number % 100 > 90 else lab.hsm.user
            asked: dict[str, Any] = {
                rng.choice(names): rng.choice([True, False, *STRANGE])
                for _ in range(rng.randrange(4))
            }
            asked["TOKEN"] = False
            try:
                key = who().generate_key(rng.choice(["k", *STRANGE]), **asked)
                key.copy(**{rng.choice(names): rng.choice(STRANGE)})
                key[rng.choice([*names, *STRANGE])] = rng.choice(STRANGE)
                key.unwrap_key(rng.randbytes(rng.randrange(64)), "k", **asked)
            except HsmError:
                continue
        assert lab.hsm.user().generate_key("end", ENCRYPT=True).encrypt(bytes(16))
