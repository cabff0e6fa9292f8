"""A JupyterLab of its own over a copy of the lessons, for the browser test."""

from __future__ import annotations

import os
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

import pytest

from kmslab.command import refresh


@dataclass(frozen=True, slots=True)
class Server:
    """A JupyterLab that answers on 127.0.0.1: its port, token and folder of lessons."""

    port: int
    token: str = field(repr=False)
    lessons: Path

    def url(self, path: str) -> str:
        """The address of a page, or of a part of its API."""
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Runs JupyterLab in an empty folder, with lessons and settings of its own, during the block.

    What it says is in the file `log` there. Its kernels end with it.
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
            "--LabApp.expose_app_in_browser=True",  # as window.jupyterapp
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
