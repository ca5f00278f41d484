"""How many logins may fail, by account and by address; kept in the database, never a lock-out.

Each limit is a measure that a failure fills by one and time empties, one by one: `burst` failures
at once, then one every `interval`, so never more than twice `burst` in `burst` intervals. A login
over a limit is refused without looking at the password, and adds nothing.

The first limit is for an account *from one place*: whoever guesses from one address keeps nobody
out at another one. The two wide ones stop guessing from many addresses, and guessing at many
accounts. A browser in which this account has logged in before (a signed cookie) is a place of its
own and is not under the wide ones, so that its owner gets in while others guess.
"""

import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .errors import ServiceError
from .i18n import mark as _
from .orm import LoginFailure, utc_now

SWEEP = 1000  # rows swept at once


@dataclass(frozen=True)
class Limit:
    """So many failures at once, then one every `interval`."""

    burst: int
    interval: timedelta


PLACE = Limit(5, timedelta(minutes=3))  # at most 10 in any 15 minutes
WIDE = Limit(50, timedelta(seconds=72))  # at most 100 in any hour


@dataclass(frozen=True)
class Attempt:
    """One login that somebody tries.

    Args:
        username: as typed, in its one spelling; there may be no such account.
        address: it comes from, as an IP address.
        browser: what marks one in which this account has logged in before, else "".
    """

    username: str
    address: str = ""
    browser: str = ""

    def get_limits(self) -> Iterator[tuple[str, Limit]]:
        """Give the key of each measure it counts for, and its limit, in one order for all."""
        if self.browser:
            yield _key("browser", self.username, self.browser), PLACE
            return
        network = _find_network(self.address)
        yield _key("account", self.username), WIDE
        yield _key("address", network), WIDE
        yield _key("place", self.username, network), PLACE


class TooManyTries(ServiceError):
    """Too many logins have failed; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        sentence = _(
            "Too many logins have failed. Try again in {minutes} min, also with the right password."
        )
        super().__init__(sentence, minutes=ceil(seconds / 60))


def check(session: Session, attempt: Attempt, now: datetime | None = None) -> None:
    """Raise TooManyTries when a login is over a limit and must not be looked at."""
    _measure(session, attempt, now or utc_now())


def count(session: Session, attempt: Attempt, now: datetime | None = None) -> None:
    """Count a login as failed until forgive() says that it has not.

    Raises:
        TooManyTries: it is over a limit and must not be looked at; it has not been counted.
    """
    for key, row, full_at in _measure(session, attempt, now or utc_now()):
        if row is None:
            session.add(LoginFailure(key=key, empty_at=full_at))
        else:
            row.empty_at = full_at
    session.flush()


def forgive(session: Session, attempt: Attempt) -> None:
    """Take back what count() counted: the login succeeded, and its place starts afresh."""
    for key, limit in attempt.get_limits():
        row = _get(session, key)
        if row is not None and limit is PLACE:
            session.delete(row)
        elif row is not None:
            row.empty_at -= limit.interval


def sweep(session: Session, now: datetime | None = None) -> int:
    """Delete what says nothing any more, some of it if there is much; return how many rows."""
    old = session.scalars(
        select(LoginFailure.id).where(LoginFailure.empty_at <= (now or utc_now())).limit(SWEEP)
    ).all()
    session.execute(delete(LoginFailure).where(LoginFailure.id.in_(old)))
    return len(old)


def _measure(
    session: Session, attempt: Attempt, now: datetime
) -> list[tuple[str, LoginFailure | None, datetime]]:
    """Return each measure's key, its row, and when it runs empty once this one is in it."""
    found = []
    for key, limit in attempt.get_limits():
        row = _get(session, key)
        full_at = max(row.empty_at if row else now, now) + limit.interval
        over = full_at - now - limit.burst * limit.interval
        if over > timedelta():
            raise TooManyTries(ceil(over.total_seconds()))
        found.append((key, row, full_at))
    return found


def _get(session: Session, key: str) -> LoginFailure | None:
    return session.scalar(select(LoginFailure).where(LoginFailure.key == key))


def _key(kind: str, *parts: str) -> str:
    # A hash: people type passwords where their names belong, and names of any length.
    digest = hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
    return f"{kind}:{digest}"


def _find_network(address: str) -> str:
    """Return what one party has: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        mapped = known.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(known) >> 64 << 64, 64)))
    return str(known)
