"""Whether a login is right: the throttle, the password, and the account's state, asked in turn."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from . import accounts, throttle
from .database import Database
from .errors import ServiceError, Unavailable
from .i18n import mark as _
from .orm import User, utc_now
from .throttle import Attempt

P = ParamSpec("P")
T = TypeVar("T")

QUEUE = 500  # logins that wait to be hashed; more come from nobody's class
SWEEP_SECONDS = 60

# Hashing takes a whole core; more at once than there are cores only makes all of them late.
CORES = os.cpu_count() or 1
_HASHING = ThreadPoolExecutor(CORES, "passwords")


class Busy(Unavailable):
    """More people log in than can be served."""

    message = _("Very many people are logging in. Please try again in a minute.")


class Admitted(dict[str, str]):
    """Who has been proven already, by a campus or a ticket: a `username`.

    No form is ever read into this class.
    """


@dataclass(frozen=True)
class Proof:
    """A password was right.

    Args:
        hashed: what it was compared with.
        temporary: it opens nothing but the page where it is changed.
    """

    hashed: str
    temporary: bool


class MustChange(ServiceError):
    """The password was right, and has to be changed before anything is reached with it."""

    message = _("Change your temporary password first: log in on CoyoteLab's own page.")

    def __init__(self, username: str, hashed: str) -> None:
        super().__init__()
        self.username, self.hashed = username, hashed


class Logins:
    """Looks at logins; one object for a process."""

    def __init__(self, database: Database) -> None:
        self._database, self.queue = database, QUEUE
        self._waiting = 0
        self._free = asyncio.Semaphore(CORES)
        # A class that logs in behind one address writes one row: one after the other, rather
        # than by transactions that overtake each other.
        self._turn = asyncio.Lock()
        self._swept_at = 0.0

    async def check(self, attempt: Attempt, password: str) -> Proof | None:
        """Tell whether the password is right; None for every reason why the account is shut.

        Raises:
            TooManyTries: so many have failed that this one was not looked at.
            Unavailable: there is no time for it, or the database does not answer.
        """
        if self._waiting >= self.queue:
            raise Busy
        self._waiting += 1
        try:
            await self._sweep()
            await self._run(throttle.check, attempt)  # who is over a limit waits for no core
            # Counted when its turn has come: nobody in a long queue has failed yet.
            async with self._free:
                known = await self._run(_begin, attempt)
                right = await self.hash(accounts.verify_password, password, known)
                return await self._run(_succeed, attempt, known) if known and right else None
        finally:
            self._waiting -= 1

    async def hash(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work that makes hashes where it keeps nobody waiting."""

        def run() -> T:
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(_HASHING, run)

    async def _run(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._turn:
            return await self._database.run(work, *args, **kwargs)

    async def _sweep(self) -> None:
        if time.monotonic() - self._swept_at > SWEEP_SECONDS:
            self._swept_at = time.monotonic()
            await self._run(throttle.sweep)


def _begin(session: Session, attempt: Attempt) -> str | None:
    throttle.count(session, attempt)
    return accounts.get_password(session, attempt.username)


def _succeed(session: Session, attempt: Attempt, known: str) -> Proof | None:
    throttle.forgive(session, attempt)
    user = User.get(session, attempt.username)
    if user is None or user.disabled or user.password != known:
        return None  # shut, or changed, while it was looked at
    if not user.temporary_pw:
        user.last_login = utc_now()
    return Proof(known, user.temporary_pw)
