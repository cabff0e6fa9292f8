"""Runs the lessons and writes their outputs back in one form: `./course refresh [NN]`.

Two runs of a lesson give the same file: no timings, no versions, no widget state, and an output
that differs only in what `tests/nbval.cfg` lets differ stays as it was. A diff then shows what
changed in the lesson. The line of links in a lesson's head is made here as well, and so are the
figures under images/.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from kmslab.course import figures

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_KEPT = ("tags", "slideshow")
PREDICT = "**Predict:**"
_AT_ONCE = 2


def lessons() -> list[Path]:
    """The lessons in order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def title(path: Path) -> str:
    """A lesson's number and title, from its first line: "05 Data keys"."""
    first: str = read(path).cells[0].source
    return first.splitlines()[0].removeprefix("# ")


def navigation(path: Path) -> str:
    """The links of a lesson's head: the one before, the one after."""
    all_lessons = lessons()
    place = all_lessons.index(path)
    before, after = all_lessons[:place][-1:], all_lessons[place + 1 :][:1]
    return " · ".join(
        [f"← [{title(other)}]({other.name})" for other in before]
        + [f"[{title(other)}]({other.name}) →" for other in after]
    )


def read(path: Path) -> Any:
    """A notebook as nbformat's tree."""
    return nbformat.read(path, as_version=4)


def normalise(notebook: Any) -> Any:
    """Takes out of a notebook, in place, what says nothing about the lesson; returns it."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {name: cell.metadata[name] for name in _KEPT if name in cell.metadata}
        )
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data.pop(WIDGET, None)
                output.metadata = nbformat.from_dict({})
    hide_answers(notebook)
    return notebook


def hide_answers(notebook: Any) -> None:
    """Folds the output of each cell that follows a prediction; running the cell unfolds it.

    JupyterLab shows the first line of a folded output, which would be the answer: so an output
    without content comes first. (nbval compares contents only, so it never misses one.)
    """
    for before, cell in pairwise(notebook.cells):
        if cell.cell_type == "code" and PREDICT in before.source:
            cell.metadata.jupyter = nbformat.from_dict({"outputs_hidden": True})
            if cell.outputs and cell.outputs[0].get("data") != {}:
                cell.outputs.insert(0, nbformat.v4.new_output("display_data"))


def render(notebook: Any) -> str:
    """A notebook's file, as it is committed."""
    text: str = nbformat.writes(notebook, version=4)
    return text.rstrip("\n") + "\n"


async def run(path: Path) -> bool:
    """Runs one lesson and writes it; returns whether its file changed."""
    old, new = read(path), read(path)
    for cell in new.cells:
        if "navigation" in cell.metadata.get("tags", []):
            cell.source = navigation(path)
    client = NotebookClient(
        new,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    )
    await client.async_execute()
    keep_equal(old, normalise(new))
    text, before = render(new), path.read_text()
    if text != before:
        path.write_text(text)
    return text != before


def keep_equal(old: Any, new: Any) -> None:
    """Puts back the old outputs of cells whose new ones mean the same."""
    rules = sanitisers()
    before = {cell.id: cell for cell in old.cells}
    for cell in new.cells:
        same = before.get(cell.id)
        if cell.cell_type == "code" and same and same.get("outputs"):
            ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
            if ignored or _plain(same.outputs, rules) == _plain(cell.outputs, rules):
                cell.outputs = same.outputs


def sanitisers() -> list[tuple[re.Pattern[str], str]]:
    """The rules of tests/nbval.cfg: what may differ between two runs."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tests" / "nbval.cfg")
    return [
        (re.compile(config[name]["regex"]), config[name]["replace"])
        for name in config
        if name != "DEFAULT"
    ]


def _plain(outputs: Any, rules: Sequence[tuple[re.Pattern[str], str]]) -> str:
    text = json.dumps(outputs, sort_keys=True)
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


async def _all(paths: Sequence[Path]) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(path: Path) -> None:
        async with turn:
            changed = await run(path)
            print(f"  {path.name:<40} {'changed' if changed else 'same'}", flush=True)

    await asyncio.gather(*(one(path) for path in paths))


def main(numbers: Sequence[str]) -> None:
    """Refreshes the lessons with these numbers, or all of them, and the figures."""
    chosen = [path for path in lessons() if not numbers or path.name[:2] in numbers]
    if not chosen:
        there = ", ".join(path.name[:2] for path in lessons())
        sys.exit(f"there is no lesson {', '.join(numbers)}; there are {there}")
    figures.write()
    asyncio.run(_all(chosen))


if __name__ == "__main__":
    main(sys.argv[1:])
