"""Processes whose parent died: they become ours and are ended.

The Hub starts the service. A Hub that is killed leaves the service behind, on the port that the
next Hub's service needs.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Collection, Sequence
from pathlib import Path

from .errors import SetupError
from .process import Process

PR_SET_CHILD_SUBREAPER = 36
PAUSE = 0.5  # seconds between two looks


def adopt() -> None:
    """Let grandchildren that lose their parent become our children (Linux prctl)."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise SetupError(f"prctl failed: {os.strerror(ctypes.get_errno())}.")


def find_children() -> set[int]:
    """Return the process ids of our direct children."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


async def keep_sweeping(processes: Sequence[Process]) -> None:
    """End whatever became our child without being one of `processes`."""
    while True:
        end_all({process.pid for process in processes})
        await asyncio.sleep(PAUSE)


def end_all(but: Collection[int] = ()) -> None:
    """End and reap every child of ours except those given."""
    for pid in find_children().difference(but):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, os.WNOHANG)
