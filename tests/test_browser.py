"""Lesson 06 in a real JupyterLab in a real browser: as committed, run, and used by keyboard."""

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
from pathlib import Path

import chromium
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
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
LESSON = "06_envelope_encryption.ipynb"
pytestmark = pytest.mark.skipif(
    chromium.find() is None and os.environ.get("CI") != "true",
    reason="NO BROWSER TEST: there is no Chromium on this machine",
)
SECONDS = 1_000  # Playwright counts in milliseconds


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab of its own, over a copy of the lessons; ended afterwards."""
    folder = tmp_path_factory.mktemp("jupyter lab")
    shutil.copytree(ROOT / "notebooks", folder / "lessons")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    own = ("CONFIG_DIR", "RUNTIME_DIR", "DATA_DIR")
    lab_own = ("SETTINGS_DIR", "WORKSPACES_DIR")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
            f"--ServerApp.root_dir={folder / 'lessons'}",
        ],
        env={
            **os.environ,
            "JUPYTER_TOKEN": token,
            **{f"JUPYTER_{name}": str(folder / name) for name in own},
            **{f"JUPYTERLAB_{name}": str(folder / name) for name in lab_own},
        },
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/{LESSON}?token={token}"
    finally:
        server.terminate()
        server.wait(20)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the server answers; fails with its log when it ends or takes a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"JupyterLab does not answer: {log.read_text()[-2000:]}")


class Seen:
    """What the page said to the console and asked of the network."""

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
        if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            self.elsewhere.append(url)


@pytest.fixture(scope="module")
def opened(lab_url: str) -> Iterator[tuple[Page, Seen]]:
    """The lesson, opened and not run."""
    browser_path = chromium.find()
    assert browser_path, "CI has no Chromium: the browser test must run there"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        seen = Seen(page)
        page.goto(lab_url)
        kernel = page.locator(".jp-Toolbar-kernelName")
        expect(kernel).to_contain_text("Python 3", timeout=60 * SECONDS)
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        expect(page.locator(idle)).to_be_visible(timeout=60 * SECONDS)
        yield page, seen
        browser.close()


def outputs(page: Page) -> Locator:
    return page.locator(".jp-Cell-outputArea")


def test_as_committed_it_shows_its_pictures_and_no_missing_model(
    opened: tuple[Page, Seen],
) -> None:
    page, _ = opened
    expect(page.get_by_alt_text("Envelope encryption in six steps")).to_be_visible()
    assert "model not found" not in page.locator("body").inner_text().lower()


def test_all_cells_run_unfold_and_only_the_expected_ones_end_in_an_error(
    opened: tuple[Page, Seen],
) -> None:
    page, _ = opened
    folded = page.locator(".jp-OutputPlaceholder")
    expect(folded).to_have_count((ROOT / "notebooks" / LESSON).read_text().count("**Predict:**"))
    run_all(page)
    expect(folded).to_have_count(0)
    tagged = (ROOT / "notebooks" / LESSON).read_text().count('"raises-exception"')
    errors = outputs(page).locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    expect(errors).to_have_count(tagged)
    assert "model not found" not in page.locator("body").inner_text().lower()


def test_the_stepper_is_moved_with_the_keyboard(opened: tuple[Page, Seen]) -> None:
    page, _ = opened
    field = page.get_by_label("Step", exact=True)
    text = outputs(page).locator(".widget-html-content").first
    expect(text).to_contain_text("6 Read it again")  # a later cell moved it there
    field.focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(text).to_contain_text("1 Ask for a data key")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(text).to_contain_text("3 Encrypt the file")


def test_the_stepper_is_moved_with_its_buttons(opened: tuple[Page, Seen]) -> None:
    page, _ = opened
    text = outputs(page).locator(".widget-html-content").first
    page.get_by_role("button", name="Next").click()
    expect(text).to_contain_text("4 Drop the plaintext key")
    page.get_by_role("button", name="Back").focus()
    page.keyboard.press("Space")
    expect(text).to_contain_text("3 Encrypt the file")


def test_the_progress_bar_is_full(opened: tuple[Page, Seen]) -> None:
    page, _ = opened
    expect(outputs(page).get_by_text("256 MiB of 256 MiB")).to_be_visible()


def test_the_page_found_no_fault_and_asked_nothing_of_the_internet(
    opened: tuple[Page, Seen],
) -> None:
    _, seen = opened
    assert seen.errors == []
    assert seen.elsewhere == []


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]:not(.lm-mod-disabled)').click()
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    waiting = prompts.filter(has_text=re.compile(r"\[[* ]\]"))
    expect(waiting.first).to_be_visible(timeout=30 * SECONDS)
    expect(waiting).to_have_count(0, timeout=90 * SECONDS)
