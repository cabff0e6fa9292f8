"""How every lesson is built (the form is in CONTRIBUTING.md); strict nbval compares its outputs."""

from __future__ import annotations

import re
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kmslab.command import refresh

LESSONS = refresh.lessons()
pytestmark = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in refresh.read(path).cells if cell.cell_type == "code"]


def texts(path: Path) -> str:
    cells = refresh.read(path).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_every_code_cell_has_run_in_order(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_only_cells_that_say_so_end_in_an_error_and_nothing_warns(path: Path) -> None:
    for cell in code_cells(path):
        kinds = {output.get("name", output.output_type) for output in cell.outputs}
        assert ("error" in kinds) == ("raises-exception" in tags(cell)), cell.source
        assert "stderr" not in kinds, cell.source


def test_an_error_is_one_clean_line(path: Path) -> None:
    for cell in code_cells(path):
        for output in cell.outputs:
            if output.output_type == "error":
                assert len(output.traceback) == 1, cell.source
                assert "\n" not in output.traceback[0], cell.source


def test_the_file_is_in_its_normal_form(path: Path) -> None:
    assert refresh.render(refresh.normalise(refresh.read(path))) == path.read_text()


def test_the_answer_to_a_prediction_is_folded(path: Path) -> None:
    cells = refresh.read(path).cells
    asked = [cell for before, cell in pairwise(cells) if refresh.PREDICT in before.source]
    assert asked
    for cell in asked:
        assert cell.cell_type == "code"
        assert cell.metadata.jupyter.outputs_hidden is True


def test_the_links_of_the_head_are_right(path: Path) -> None:
    found = [cell for cell in refresh.read(path).cells if "navigation" in tags(cell)]
    assert [cell.source for cell in found] == [refresh.navigation(path)]


def test_code_is_short_and_stands_between_texts(path: Path) -> None:
    cells = code_cells(path)
    lines = sorted(len([row for row in cell.source.splitlines() if row.strip()]) for cell in cells)
    assert statistics.median(lines) <= 3
    assert lines[int(0.9 * len(lines))] <= 9
    assert lines[-1] <= 15
    assert max(len(row) for cell in cells for row in cell.source.splitlines()) <= 90
    kinds = "".join(cell.cell_type[0] for cell in refresh.read(path).cells)
    assert "ccc" not in kinds


def test_it_has_the_size_of_a_lesson(path: Path) -> None:
    assert 25 <= len(refresh.read(path).cells) <= 55
    assert 900 <= len(texts(path).split()) <= 1_500
    assert sum("nbval-ignore-output" in tags(cell) for cell in code_cells(path)) <= 2


def test_head_and_tail_are_whole(path: Path) -> None:
    text = texts(path)
    number = path.name[:2]
    assert re.match(rf"# {number} .+\n\nTeaching \d+ min · Exercises \d+ min · Read before: ", text)
    for part in ("**Questions**", "**After this you can**", "**Predict:**", "## Break it"):
        assert part in text, part
    tail = "Exercises", "Key points", "Do you remember?", "In the real AWS"
    places = [*(text.index(f"## {part}") for part in tail), text.index("**Next:**")]
    assert places == sorted(places)
    assert 5 <= text.count("<details><summary>") <= 8


def test_every_exercise_has_a_check_and_a_solution_one_click_away(path: Path) -> None:
    number, sources = path.name[:2], [cell.source for cell in code_cells(path)]
    solutions = sorted((refresh.NOTEBOOKS / "solutions").glob(f"{number}_*.py"))
    assert 2 <= len(solutions) <= 4
    for place, solution in enumerate(solutions, start=1):
        assert f"# %load solutions/{solution.name}" in sources
        task = next(source for source in sources if f"check.lesson{number}.ex{place}(" in source)
        assert "answer = ..." in task


def test_every_picture_says_what_it_shows(path: Path) -> None:
    cells = refresh.read(path).cells
    shown = [output.data.get("text/html", "") for cell in code_cells(path)
             for output in cell.outputs if "data" in output]  # fmt: skip
    for text in (*shown, *(cell.source for cell in cells)):
        for image in re.findall(r"<img [^>]*>", text):
            assert re.search(r'alt="[^"]+"', image) or "64px" in image, image[-300:]
        assert "![](" not in text
    assert any("<img " in text for text in shown), "a lesson has a picture"


def test_its_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", texts(path)):
        assert (path.parent / target).exists(), target


def test_no_secret_and_no_path_of_a_machine_is_shown(path: Path) -> None:
    text = path.read_text()
    assert "'Plaintext': b" not in text
    assert not re.search(r"(?<![\w.])/(?:home|root|Users|tmp)/", text)
