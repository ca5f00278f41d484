"""What was done in a term, by whom, and how long each step took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Step:
    """One thing somebody did; `found` is what came of it, in figures."""

    who: str
    what: str
    seconds: float = 0.0
    found: str = ""


@dataclass
class Diary:
    """The steps of one term, in order."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, who: str, what: str) -> Iterator[Step]:
        """Time what is done inside; it is written down when it came to its end."""
        step, began = Step(who, what), time.monotonic()
        yield step
        step.seconds = time.monotonic() - began
        self.steps.append(step)
        print(f"{step.seconds:7.2f} s  {who}: {what} {step.found}", flush=True)

    @property
    def seconds(self) -> float:
        """Return how long all of it took."""
        return sum(step.seconds for step in self.steps)

    def make_table(self) -> str:
        """Return it as a table in Markdown."""
        rows = [
            f"| {number} | {step.who} | {step.what} | {step.found} | {step.seconds:.2f} |"
            for number, step in enumerate(self.steps, 1)
        ]
        return "\n".join(["| | who | what | found | seconds |", "|---|---|---|---|---|", *rows])
