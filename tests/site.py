"""The whole product as a process: `coyotelab demo` on the test engine, as its users meet it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .people import Person

PASSWORD = "a password for the tests"
READY = "CoyoteLab is ready at "
READY_DEADLINE = 120.0


class Site:
    """A demo on the test project, with its own port and state folder."""

    def __init__(self, state: Path, machine: dict[str, Any], port: int) -> None:
        self.state, self.port = state, port
        self.url = f"http://coyote.localhost:{port}"
        self.log = state / "log" / "demo.log"
        names = ("engine", "project", "network")
        options = [f"--{name}={machine[name]}" for name in names]
        coyotelab = Path(sys.executable).with_name("coyotelab")
        cache = state.parent / "cache"
        self._command = [str(coyotelab), "demo", *options, f"--state={state}", f"--cache={cache}"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "COYOTELAB_DEMO_PASSWORD": PASSWORD,
            "COYOTELAB_PORT": str(self.port),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
        end = time.monotonic() + READY_DEADLINE
        while READY not in self.log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"the demo did not start:\n{self.get_logs()}")
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; return its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(60)

    def get_logs(self) -> str:
        """Return the ends of all its logs, for a failure's report."""
        logs = sorted(self.log.parent.glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in logs)

    def find_processes(self, word: str) -> list[int]:
        """Return the ids of the demo's own processes whose command line has the word."""
        assert self._process
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace")
                    parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                except OSError:
                    continue
                if word in command and parent == str(self._process.pid):
                    found.append(int(entry.name))
        return found

    def log_in(self, username: str) -> Person:
        return Person(self.url, username, PASSWORD).log_in()
