"""Who has a page of the workspace open, and since when."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

LEAVING = 10.0  # seconds without a connection until somebody has left; a reload takes less
INTERVAL = 2.0

Visitors = list[dict[str, str]]


@dataclass
class _Stay:
    since: datetime
    connections: int = 0
    left: float = 0.0  # when the last connection closed, by the monotonic clock


class Presence:
    """Counts each person's connections; tells the pages when visitors come and go.

    Args:
        owner: whose workspace this is; everybody else is a visitor.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._stays: dict[str, _Stay] = {}
        self._listeners: set[Callable[[Visitors], None]] = set()
        self._told: Visitors = []

    def enter(self, name: str) -> None:
        """Somebody has opened a connection."""
        self._forget()
        self._stays.setdefault(name, _Stay(datetime.now(UTC))).connections += 1
        self._tell()

    def leave(self, name: str) -> None:
        """One of somebody's connections has closed."""
        stay = self._stays[name]
        stay.connections -= 1
        stay.left = time.monotonic()

    def count(self) -> int:
        """Return how many connections are open."""
        return sum(stay.connections for stay in self._stays.values())

    def get_visitors(self) -> Visitors:
        """Return `{"name", "since"}` of each person but the owner; since is ISO 8601 in UTC."""
        return [
            {"name": name, "since": stay.since.isoformat(timespec="seconds")}
            for name, stay in sorted(self._stays.items())
            if name != self._owner
        ]

    def listen(self, tell: Callable[[Visitors], None]) -> None:
        """Call it with the visitors whenever they change."""
        self._listeners.add(tell)

    def unlisten(self, tell: Callable[[Visitors], None]) -> None:
        """Call it no more."""
        self._listeners.discard(tell)

    async def run(self, interval: float = INTERVAL) -> None:
        """Notice who has left, for ever."""
        while True:
            await asyncio.sleep(interval)
            self._forget()
            self._tell()

    def _forget(self) -> None:
        past = time.monotonic() - LEAVING
        for name, stay in list(self._stays.items()):
            if not stay.connections and stay.left < past:
                del self._stays[name]

    def _tell(self) -> None:
        visitors = self.get_visitors()
        if visitors != self._told:
            self._told = visitors
            for tell in list(self._listeners):
                tell(visitors)
