"""What is held for one person for some minutes: in memory only, under a name nobody can guess."""

import secrets
import time
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Entry(Generic[T]):
    owner: str
    until: float
    value: T


class Held(Generic[T]):
    """Values that only the person they were put aside for gets back; restarting forgets all.

    Args:
        seconds: how long a value is held.
        each: how many one person may have; the oldest gives way.
        total: how many there may be; the oldest gives way.
    """

    def __init__(self, seconds: float, each: int, total: int) -> None:
        self._seconds, self._each, self._total = seconds, each, total
        self._entries: dict[str, _Entry[T]] = {}  # the oldest first
        self._lock = Lock()

    def put(self, owner: str, value: T, name: str = "") -> str:
        """Hold a value for this person, under a new name unless it had one; return the name."""
        name = name or secrets.token_urlsafe(18)
        with self._lock:
            self._drop_old()
            own = [key for key, entry in self._entries.items() if entry.owner == owner]
            for key in own[: len(own) - self._each + 1]:
                del self._entries[key]
            while len(self._entries) >= self._total:
                del self._entries[next(iter(self._entries))]
            self._entries[name] = _Entry(owner, time.monotonic() + self._seconds, value)
        return name

    def get(self, owner: str, name: str) -> T | None:
        """Return the value, and hold it on; None when it is not there, or somebody else's."""
        with self._lock:
            self._drop_old()
            entry = self._entries.get(name)
            return entry.value if entry and entry.owner == owner else None

    def list_all(self, owner: str) -> dict[str, T]:
        """Return all that is held for this person, by name."""
        with self._lock:
            self._drop_old()
            return {n: entry.value for n, entry in self._entries.items() if entry.owner == owner}

    def take(self, owner: str, name: str) -> T | None:
        """Return the value and forget it: of two who ask at once, one gets it."""
        with self._lock:
            self._drop_old()
            entry = self._entries.get(name)
            if entry is None or entry.owner != owner:
                return None
            del self._entries[name]
            return entry.value

    def _drop_old(self) -> None:
        now = time.monotonic()
        for name in [name for name, entry in self._entries.items() if entry.until <= now]:
            del self._entries[name]
