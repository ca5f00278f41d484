"""The workspaces that run now and what each costs, from the Hub, the database and the engine."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from coyotelab_spawner.errors import LXDError
from coyotelab_spawner.meters import Health, Meters, Usage

from .access import Person, ensure_on_site
from .database import Database
from .errors import Unavailable
from .orm import Course, Machine, User
from .rules import Action
from .site import Site

Row = tuple[Machine, Course, User]
FRESH = 5.0  # seconds for which a measurement is shown again instead of being made anew
SPAN = 600.0  # seconds after which an earlier measurement says nothing about "now"


@dataclass(frozen=True)
class Running:
    """One running workspace and its cost; None is what is not known."""

    slug: str
    course: str
    username: str
    name: str
    since: datetime | None
    last_active: datetime | None
    memory: int | None  # bytes
    cpu: float | None  # seconds of processor time since the start
    load: float | None  # percent of one CPU, lately
    disk: int | None  # bytes of its own
    processes: int | None


@dataclass(frozen=True)
class _Measurement:
    at: float  # of the monotonic clock
    usage: Mapping[str, Usage]


_NOTHING = _Measurement(float("-inf"), {})


class RunningWorkspaces:
    """Every machine that runs, measured at most once in a few seconds whoever asks."""

    def __init__(self, database: Database, meters: Meters, site: Site) -> None:
        self._database = database
        self._meters = meters
        self._site = site
        self._last, self._before = _NOTHING, _NOTHING
        self._measuring = asyncio.Lock()

    async def list_all(self, person: Person) -> list[Running]:
        """Return them, the one with the most memory first.

        Raises:
            NotFound: this person is no administrator.
            Unavailable: the engine does not answer.
        """
        await self._database.run(ensure_on_site, person, Action.ADMINISTER, self._site)
        now, before = await self._measure()
        rows = await self._database.run(_find, set(now.usage))
        found = [
            _view(row, now.usage[row[0].name], _get_load(row[0].name, now, before)) for row in rows
        ]
        return sorted(found, key=lambda one: (-(one.memory or 0), one.slug, one.username))

    async def get_health(self) -> Health:
        """Return how the engine is; raises Unavailable."""
        try:
            return await self._meters.get_health()
        except LXDError as error:
            raise Unavailable(str(error)) from error

    def forget(self) -> None:
        """Measure anew the next time, after something was stopped."""
        self._last = replace(self._last, at=float("-inf"))

    async def _measure(self) -> tuple[_Measurement, _Measurement]:
        async with self._measuring:
            if time.monotonic() - self._last.at > FRESH:
                try:
                    usage = await self._meters.list_usage()
                except LXDError as error:
                    raise Unavailable(str(error)) from error
                self._last, self._before = _Measurement(time.monotonic(), usage), self._last
            return self._last, self._before


def _find(session: Session, names: Collection[str]) -> list[Row]:
    query = (
        select(Machine, Course, User)
        .join(Course, Course.id == Machine.course_id)
        .join(User, User.id == Machine.user_id)
        .where(Machine.name.in_(names))
    )
    return [(machine, course, user) for machine, course, user in session.execute(query)]


def _get_load(name: str, now: _Measurement, before: _Measurement) -> float | None:
    """Return the percent of one CPU between two measurements; None without a recent one."""
    seconds = now.at - before.at
    new, old = now.usage[name].cpu, before.usage.get(name)
    if seconds > SPAN or new is None or old is None or old.cpu is None or new < old.cpu:
        return None  # it was restarted in between, or nobody looked
    return 100 * (new - old.cpu) / seconds


def _view(row: Row, usage: Usage, load: float | None) -> Running:
    machine, course, owner = row
    return Running(
        slug=course.slug,
        course=course.name,
        username=owner.username,
        name=owner.name,
        since=usage.since,
        last_active=machine.last_active,
        memory=usage.memory,
        cpu=usage.cpu,
        load=load,
        disk=usage.disk,
        processes=usage.processes,
    )
