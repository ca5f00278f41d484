"""Runs named steps one after the other and tells what each is, how long it took, why it failed."""

import fcntl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from .errors import SetupError

LOCK = Path("/run/lock/coyotelab-setup")


@dataclass(frozen=True)
class Step:
    """One thing to do. `action` is idempotent and returns a few words on what it found or did."""

    name: str
    action: Callable[[], str]


class StepFailed(SetupError):
    """A step failed; `str(error)` names the step and the reason."""

    def __init__(self, step: Step, reason: SetupError) -> None:
        super().__init__(f"Step “{step.name}” failed: {reason}", reason.mend)


@contextmanager
def only_one(output: TextIO = sys.stdout) -> Iterator[None]:
    """Wait until no other set-up runs on this machine, and keep others waiting."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up on this machine …", file=output, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_steps(steps: Sequence[Step], output: TextIO = sys.stdout) -> None:
    """Run the steps in order. Raises StepFailed at the first that fails; the rest is not begun."""
    width = len(str(len(steps)))
    with only_one(output):
        for number, step in enumerate(steps, 1):
            head = f"[{number:>{width}}/{len(steps)}] {step.name} … "
            print(head, end="", file=output, flush=True)
            print(_run(step, output), file=output, flush=True)


def _run(step: Step, output: TextIO) -> str:
    began = time.monotonic()
    try:
        result = step.action()
    except SetupError as error:
        print("FAILED", file=output, flush=True)
        raise StepFailed(step, error) from error
    except OSError as error:  # a full disk, a file system that is read-only
        print("FAILED", file=output, flush=True)
        reason = SetupError(f"{error}.", "Mend that, then run it again; it goes on from there.")
        raise StepFailed(step, reason) from error
    return get_outcome(result, time.monotonic() - began)


def get_outcome(result: str, seconds: float) -> str:
    """Return how a step ended, as one line: what, and how long if that is worth a word."""
    took = f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    return ", ".join(part for part in (result, took if seconds >= 0.05 else "") if part) or "done"


def say_failure(error: SetupError, output: TextIO = sys.stderr) -> None:
    """Tell the administrator what went wrong and what they can do."""
    print(f"\ncoyotelab: {error}", file=output)
    if error.mend:
        print(f"What to do: {error.mend}", file=output)
