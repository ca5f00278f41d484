"""A real JupyterHub process for tests: started, asked over REST, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
START_DEADLINE = 60.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(what: str, ask: Callable[[], T | None], deadline: float = 60.0) -> T:
    """Return the first answer of `ask` that is true, or fail with a sentence."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {deadline:.0f} s")


def call(
    method: str, url: str, token: str = "", body: Any = None, timeout: float = 60.0
) -> tuple[int, Any]:
    """Send a request; return status and the answer (JSON decoded when it is JSON)."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {token}"} if token else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, _decoded(response.read(), response.headers)
    except urllib.error.HTTPError as error:
        return error.code, _decoded(error.read(), error.headers)
    except OSError as error:
        return 0, str(error)


def _decoded(content: bytes, headers: Any) -> Any:
    if "json" in headers.get("Content-Type", ""):
        return json.loads(content)
    return content


class HubProcess:
    """`jupyterhub -f config` in a folder; `api(method, path)` speaks to it with a token."""

    def __init__(self, config: Path, folder: Path, api_url: str, token: str) -> None:
        self.config, self.folder = config, folder
        self.api_url, self.token = api_url.rstrip("/"), token
        self.log = folder / "hub.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ}
            )
        try:
            wait_for("the Hub's answer", lambda: self.api("GET", "/")[0] == 200, START_DEADLINE)
        except AssertionError:
            self.stop()
            raise AssertionError(self.log.read_text()[-4000:]) from None

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return call(method, self.api_url + path, self.token, body)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)
