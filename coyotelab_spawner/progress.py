"""The stages of one start, told to any number of listeners, early or late."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

# Percentages are only for the bar; what is told are the real stages.
FIRST, STEP, LAST = 10, 20, 90


class Progress:
    """Stages reported so far, and the news of the next one."""

    def __init__(self) -> None:
        self._stages: list[str] = []
        self._ended = False
        self._news = asyncio.Event()

    def report(self, stage: str) -> None:
        """Tell all listeners that a stage begins."""
        self._stages.append(stage)
        self._wake()

    def end(self) -> None:
        """Let all listeners go."""
        self._ended = True
        self._wake()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield `{"progress": percent, "message": stage}` from the first stage on."""
        told = 0
        while True:
            news = self._news
            for stage in self._stages[told:]:
                yield {"progress": min(FIRST + STEP * told, LAST), "message": stage}
                told += 1
            if self._ended:
                return
            await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
