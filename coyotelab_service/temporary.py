"""Temporary passwords for many new accounts at once, made before there are any accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .orm import User
from .passwords import make_temporary
from .site import Site


@dataclass(frozen=True)
class Temporary:
    """A password to hand over, with what the account keeps of it."""

    password: str
    hashed: str | None
    expires_at: datetime | None

    @property
    def columns(self) -> dict[str, object]:
        """Return what a new account's row keeps, until it is changed or expires."""
        return {
            "password": self.hashed,
            "password_expires_at": self.expires_at,
            "temporary_pw": True,
        }


def draw(count: int, site: Site) -> Sequence[Temporary]:
    """Return so many; each takes about a millisecond, so not on an event loop.

    Not in a transaction either: hashing thousands would keep everybody else from writing.
    """
    return [_draw(User(), site) for _number in range(count)]


def _draw(user: User, site: Site) -> Temporary:
    return Temporary(make_temporary(user, site), user.password, user.password_expires_at)
