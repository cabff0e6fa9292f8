"""A JupyterLab of its own over a copy of the lessons, and a lesson that is open in a browser."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromium
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Playwright, expect

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
LOCAL = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")


@dataclass(frozen=True, slots=True)
class Server:
    """A JupyterLab that answers on 127.0.0.1: its port, token and folder of lessons."""

    port: int
    token: str = field(repr=False)
    lessons: Path

    def url(self, path: str) -> str:
        """The address of a page or of an answer of its API."""
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Runs JupyterLab in an empty folder, with settings and lessons of its own, to the block's end.

    What the server says is in the file `log` there. Its kernels end with it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(free.getsockname()[1], secrets.token_hex(16), folder / "lessons")
    shutil.copytree(refresh.NOTEBOOKS, server.lessons)
    own = ("JUPYTER_CONFIG", "JUPYTER_RUNTIME", "JUPYTER_DATA")
    lab_own = ("JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={server.port}"),
            f"--ServerApp.root_dir={server.lessons}",
        ],
        env={
            **os.environ,
            "JUPYTER_TOKEN": server.token,
            **{f"{name}_DIR": str(folder / name) for name in own + lab_own},
        },
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(server.url("api"), process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the server answers; fails with its log when it ends or takes a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab does not answer: {log.read_text()[-2000:]}")


@contextmanager
def browsing(playwright: Playwright) -> Iterator[BrowserContext]:
    """This machine's Chromium; its pages share what they loaded. In CI there must be one."""
    path = chromium.find()
    assert path, "CI has no Chromium: the browser test must run there"
    with playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        yield browser.new_context(viewport={"width": 1300, "height": 1000})


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
class Lesson:
    """A lesson that is open: its page, what the page did, and the cells of its file."""

    page: Page
    seen: Seen
    cells: list[Any] = field(repr=False)

    @property
    def outputs(self) -> Locator:
        """The outputs of all its cells."""
        return self.page.locator(".jp-Cell-outputArea")

    @property
    def prompts(self) -> Locator:
        """The numbers before its code cells: [3], or [*] while a cell runs."""
        return self.page.locator(".jp-CodeCell .jp-InputPrompt")

    def output_of(self, code: str) -> Locator:
        """The output of the cell with this in its code."""
        cell = self.page.locator(".jp-CodeCell").filter(has_text=code)
        return cell.locator(".jp-Cell-outputArea")

    def says(self) -> str:
        """All words on the page, in small letters."""
        return self.page.locator("body").inner_text().lower()

    def run_all(self) -> None:
        """Runs all cells by the menu, and waits until none is waiting."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        entry = '.lm-Menu-item[data-command="runmenu:run-all"]:not(.lm-mod-disabled)'
        self.page.locator(entry).click()
        waiting = self.prompts.filter(has_text=re.compile(r"\[[* ]\]"))
        expect(waiting.first).to_be_visible(timeout=30 * SECONDS)
        expect(waiting).to_have_count(0, timeout=90 * SECONDS)


@contextmanager
def opened(browser: BrowserContext, server: Server, name: str) -> Iterator[Lesson]:
    """Opens a lesson and waits for its kernel; closes both afterwards. It isn't run."""
    cells = refresh.read(server.lessons / f"{name}.ipynb").cells
    page = browser.new_page()
    lesson = Lesson(page, Seen(page), cells)
    page.goto(server.url(f"lab/workspaces/{name}/tree/{name}.ipynb"))
    kernel = page.locator(".jp-Toolbar-kernelName")
    expect(kernel).to_contain_text("Python 3", timeout=60 * SECONDS)
    idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
    expect(page.locator(idle)).to_be_visible(timeout=60 * SECONDS)
    yield lesson
    page.close()
