"""JupyterLab in a real browser, and a lesson that is open in it: its cells and widgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import chromium
import pytest
from playwright.sync_api import Keyboard, Locator, Page, expect, sync_playwright
from serving import Server

from kmslab.command import refresh

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SECONDS = 1_000  # Playwright counts in milliseconds
_OPEN = """async path => {
    await window.jupyterapp.commands.execute("docmanager:open", {path});
}"""
_CLOSE = """async () => {
    const lesson = window.jupyterapp.shell.currentWidget;
    await lesson.context.sessionContext.shutdown();
    lesson.dispose();
}"""
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


class Seen:
    """What a page said to the console and asked of the network."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(LOCAL):
            self.elsewhere.append(url)


@dataclass(frozen=True, slots=True)
class Widget:
    """A widget on the page, by its cell: what it shows, and its controls by keyboard."""

    cell: Locator

    @property
    def output(self) -> Locator:
        """All of it."""
        return self.cell.locator(".jp-Cell-outputArea")

    @property
    def view(self) -> Locator:
        """What it shows under its controls."""
        return self.output.locator(".widget-html-content")

    def reach(self, control: Locator) -> Keyboard:
        """Comes to a control as a reader without a mouse does, by Tab from the widget's cell."""
        keyboard = self.cell.page.keyboard
        self.cell.focus()
        for _ in range(20):
            keyboard.press("Tab")
            if control.evaluate("control => control === document.activeElement"):
                return keyboard
        pytest.fail(f"Tab does not come to {control}")

    def press(self, name: str, key: str = "Space") -> None:
        """Presses one of its buttons with a key."""
        named = re.compile(rf"{re.escape(name)}$")  # an icon may stand before it
        self.reach(self.output.get_by_role("button", name=named)).press(key)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson that is open: its page, what the page did, and the cells of its file."""

    name: str
    page: Page
    seen: Seen
    cells: list[Any] = field(repr=False)

    @property
    def prompts(self) -> Locator:
        """What stands before its code cells: [3], [*] where one runs, [ ] where one waits."""
        return self.page.locator(".jp-CodeCell .jp-InputPrompt")

    @property
    def outputs(self) -> Locator:
        """The outputs of its cells."""
        return self.page.locator(".jp-Cell-outputArea")

    @property
    def folded(self) -> Locator:
        """What stands in place of the outputs that are folded away."""
        return self.page.locator(".jp-OutputPlaceholder")

    def widget(self, code: str) -> Widget:
        """The widget of the one cell that has this in its code."""
        return Widget(self.page.locator(".jp-CodeCell").filter(has_text=code))

    def run_all(self) -> None:
        """Runs all cells by the menu, and waits until none waits."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        entry = '.lm-Menu-item[data-command="runmenu:run-all"]:not(.lm-mod-disabled)'
        self.page.locator(entry).click()
        waiting = self.prompts.filter(has_text=re.compile(r"\[[* ]\]"))
        expect(waiting.first).to_be_visible(timeout=30 * SECONDS)
        expect(waiting).to_have_count(0, timeout=90 * SECONDS)


@dataclass(frozen=True, slots=True)
class Browser:
    """A page with JupyterLab in it, which is loaded once: that takes as long as a lesson."""

    page: Page
    seen: Seen
    server: Server

    @contextmanager
    def lesson(self, name: str) -> Iterator[Lesson]:
        """Opens a lesson and waits for its kernel; ends both afterwards. Nothing is run."""
        cells = refresh.read(self.server.lessons / f"{name}.ipynb").cells
        self.page.evaluate(_OPEN, f"{name}.ipynb")
        kernel = self.page.locator(".jp-Toolbar-kernelName")
        try:
            expect(kernel).to_contain_text("Python 3", timeout=60 * SECONDS)
            idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
            expect(self.page.locator(idle)).to_be_visible(timeout=60 * SECONDS)
            yield Lesson(name, self.page, self.seen, cells)
        finally:
            self.page.evaluate(_CLOSE)
            self.seen.errors.clear()
            self.seen.elsewhere.clear()


@contextmanager
def browsing(server: Server) -> Iterator[Browser]:
    """Opens JupyterLab in this machine's Chromium; in CI there must be one."""
    path = chromium.find()
    assert path, "CI has no Chromium: the browser test must run there"
    expect.set_options(timeout=20 * SECONDS)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=FLAGS) as chrome,
        chrome.new_page(viewport={"width": 1300, "height": 1000}) as page,
    ):
        seen = Seen(page)
        page.goto(server.url("lab"))
        expect(page.locator(".jp-Launcher")).to_be_visible(timeout=60 * SECONDS)
        yield Browser(page, seen, server)
