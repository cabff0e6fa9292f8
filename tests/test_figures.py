"""Figures, widgets and the views that lessons use."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from kmslab.course import figures, flow, holders, show, style, widgets
from kmslab.course.picture import Picture
from kmslab.envelope import Header

HEADER = Header(b"\x01\x00" * 63, {"patient": "17"})
DATA_KEY = {
    "Plaintext": b"secret data key of thirty-two by",
    "CiphertextBlob": b"\x01\x00\x20" * 42,
}


@pytest.mark.parametrize("name", sorted(figures.FIGURES))
def test_the_committed_figure_is_what_the_code_draws(name: str) -> None:
    committed = figures.IMAGES / f"{name}.svg"
    assert figures.FIGURES[name]("svg").data == committed.read_bytes()
    assert committed.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_no_figure_is_left_that_nothing_draws() -> None:
    assert {path.stem for path in figures.IMAGES.iterdir()} == set(figures.FIGURES)


@pytest.mark.parametrize("name", sorted(figures.FIGURES))
def test_a_figure_is_the_same_on_every_run_and_holds_real_text(name: str) -> None:
    for cached in (flow.picture, figures.lab):
        cached.cache_clear()
    again = figures.FIGURES[name]("svg").data
    assert again == (figures.IMAGES / f"{name}.svg").read_bytes()
    texts = [each.text or "" for each in ET.fromstring(again).iter() if each.tag.endswith("text")]
    assert any("KMS" in text for text in texts)


@pytest.mark.parametrize("name", ["INK", "QUIET"])
def test_text_has_contrast(name: str) -> None:
    """WCAG 2.2: at least 4.5:1 on the figure's ground."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = luminance(getattr(style, name)), luminance(style.PAPER)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_picture_goes_out_as_an_image_with_its_words() -> None:
    shown = Picture(b"<svg/>", 'says "what" it <shows>')._repr_html_()
    assert 'src="data:image/svg+xml;base64,' in shown
    assert 'alt="says &quot;what&quot; it &lt;shows&gt;"' in shown


def test_a_step_of_the_flow_shows_what_came_so_far_and_says_only_that() -> None:
    third, last = flow.picture(3), flow.picture(6)
    assert b"Decrypt" in last.data
    assert b"Decrypt" not in third.data
    assert "3: your program" in third.alt
    assert "4: " not in third.alt


def test_the_flow_speaks_of_the_learners_own_file() -> None:
    lines = [flow.story(HEADER, 1_300_000).line(step) for step in range(1, 7)]
    assert "patient = 17" in lines[0]
    assert "126 bytes that begin 01 00 01 00" in lines[1]
    assert "1,300,000 bytes into 3 frames" in lines[2]


def test_the_table_of_holders_has_a_row_a_step_and_never_the_data_key() -> None:
    story = holders.story(DATA_KEY, b"d" * 100, b"e" * 116)
    for number in range(1, 7):
        assert story.html(number).count("<tr>") == number + 1
    last = story.html(6)
    assert "32 bytes" in last
    assert "ciphertext, 116 bytes" in last
    plaintext = DATA_KEY["Plaintext"]
    assert plaintext.decode() not in last
    assert plaintext.hex(" ")[:12] not in last


def test_a_stepper_moves_by_value_and_by_buttons_and_stops_at_both_ends() -> None:
    stepper = widgets.encryption_flow(HEADER, 1_300_000)
    assert stepper.text.startswith("1 of 6 · Ask for a data key")
    stepper.back.click()
    assert stepper.value == 1
    stepper.forth.click()
    assert stepper.field.value == 2
    stepper.value = 6
    assert "6 Read it again" in stepper.view.value
    stepper.forth.click()
    assert stepper.value == 6


@pytest.mark.parametrize("step", [0, 7])
def test_a_step_that_does_not_exist_names_those_that_do(step: int) -> None:
    stepper = widgets.data_key_holders(DATA_KEY, b"d", b"e")
    with pytest.raises(ValueError, match=rf"step {step}: 'Who holds what' has steps 1 to 6"):
        stepper.value = step
    assert stepper.value == 1


def test_a_widget_carries_its_still_picture_beside_the_live_view() -> None:
    bundle = widgets.encryption_flow(HEADER, 10)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<img " in bundle["text/html"]
    assert bundle["text/plain"] == "<Stepper 'Envelope encryption', 6 steps>"


def test_a_progress_bar_counts_to_its_end() -> None:
    bar = widgets.Progress("Encrypting")
    seen = []
    for done in range(0, 300, 50):
        bar(done << 20, 250 << 20)
        seen.append(bar.bar.value)
    assert seen == [0, 20, 40, 60, 80, 100]
    assert bar.numbers.value == "250 MiB of 250 MiB"


def test_a_progress_bar_without_a_total_counts_bytes() -> None:
    bar = widgets.Progress("Encrypting")
    bar(3 << 20, None)
    assert bar.numbers.value == "3 MiB"


def test_a_hexdump_shows_place_bytes_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    show.hexdump(b"kmslab01\x00\xff" + bytes(30), most=32)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "000000  6b 6d 73 6c 61 62 30 31 00 ff 00 00 00 00 00 00  kmslab01........"
    assert lines[1].startswith("000010  00 00")
    assert lines[2] == "… 8 bytes more"


def test_the_clinics_data_is_what_its_generator_makes() -> None:
    import runpy

    from PIL import Image, ImageChops

    data = Path(__file__).parents[1] / "notebooks" / "data"
    made = runpy.run_path(str(data / "make.py"))
    assert (data / "letter.txt").read_text() == made["LETTER"]
    assert (data / "visits.csv").read_text().splitlines() == [",".join(r) for r in made["visits"]()]
    with Image.open(data / "xray.png") as committed:
        apart = ImageChops.difference(committed.convert("L"), made["xray"]()).getextrema()
    assert apart[1] <= 1, "another processor may round differently, by one step of grey"


def test_alternative_texts_have_no_markup() -> None:
    for draw in figures.FIGURES.values():
        assert not re.search(r"[<>_*`]", draw("svg").alt)


def test_a_hexdump_of_something_else_names_its_kind() -> None:
    with pytest.raises(TypeError, match="hexdump shows bytes, and this is a str"):
        show.hexdump("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="most=-5: at least 1 byte is due"):
        show.hexdump(b"x", most=-5)
