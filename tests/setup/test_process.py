"""Programs of the demo are started again when they die, and end when told."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from coyotelab_setup import process
from coyotelab_setup.process import Process, explain, get_pause

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)",
]


def count_starts(log: Path) -> int:
    return log.read_text().count("up") if log.exists() else 0


async def wait_for_starts(log: Path, number: int) -> None:
    async with asyncio.timeout(10):
        while count_starts(log) < number:  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.02)


async def test_a_killed_program_comes_back_and_a_stopped_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE", 0.1)
    log = tmp_path / "log"
    program = Process("sleeper", SLEEP, dict(os.environ), log)
    task = asyncio.create_task(program.keep_running())
    await wait_for_starts(log, 1)
    first = program.pid
    os.kill(first, signal.SIGKILL)
    await wait_for_starts(log, 2)
    assert program.pid != first
    assert program.deaths == 1
    assert "The sleeper ended (signal SIGKILL); again in 0 s." in capsys.readouterr().out
    await program.stop()
    await asyncio.wait_for(task, 5)
    assert count_starts(log) == 2


async def test_a_program_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_DEADLINE", 0.3)
    log = tmp_path / "log"
    program = Process("stubborn", STUBBORN, dict(os.environ), log)
    task = asyncio.create_task(program.keep_running())
    await wait_for_starts(log, 1)
    await program.stop()
    await asyncio.wait_for(task, 5)


def test_pauses_grow_to_a_limit() -> None:
    assert [get_pause(deaths) for deaths in (1, 2, 3, 9)] == [1, 2, 4, 30]
    assert explain(3) == "exit code 3"
