"""One program that shall run: started, watched, started again when it dies, stopped when told."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .commands import get_tail

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before it is started again, doubling
STEADY = 60.0  # seconds of life after which the next death counts as the first
STOP_DEADLINE = 20.0  # seconds a program may take to end before it is killed


@dataclass
class Process:
    """A program with its log file. `deaths` counts unexpected ends since the last steady time."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    deaths: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """The process id, 0 while the program does not run."""
        return self._child.pid if self._child else 0

    async def keep_running(self) -> None:
        """Run the program until `stop`, starting it again whenever it ends by itself."""
        while not self._stopping.is_set():
            began = time.monotonic()
            # Known as soon as it exists: nothing on this loop can take it for an orphan.
            self._child = self._start()
            code = await asyncio.to_thread(self._child.wait)
            if self._stopping.is_set():
                return
            self.deaths = 1 if time.monotonic() - began > STEADY else self.deaths + 1
            pause = get_pause(self.deaths)
            print(f"The {self.name} ended ({explain(code)}); again in {pause:.0f} s.", flush=True)
            await asyncio.sleep(pause)

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )

    async def stop(self) -> None:
        """End the program, politely first."""
        self._stopping.set()
        if self._child is None:
            return
        self._child.terminate()
        try:
            await asyncio.to_thread(self._child.wait, STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._child.kill()

    def get_tail(self) -> str:
        """Return the end of the program's log."""
        return get_tail(self.log)


def get_pause(deaths: int) -> float:
    """Return the seconds to wait after so many unexpected ends in a row."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (deaths - 1)))


def explain(code: int) -> str:
    """Return what an exit code means, in words."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
