"""Stops machines that nobody has a page of, unless they are at work; ends visits that are over."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from . import audit, visits, work
from .access import Person
from .database import Database
from .errors import ServiceError
from .hub_api import HubApi, Server
from .orm import Course, Machine, User, utc_now
from .site import Site

log = logging.getLogger(__name__)

SYSTEM = Person("")  # who does what nobody asked for
STOPPED = "stop"
IDLE, JOB = "idle", "job"  # why it was stopped; the audit event's detail, with minutes or hours
# Seconds for which a machine has been seen without a break before it may be stopped. After a start
# of the Hub its times are old until it has asked the proxy (last_activity_interval).
SETTLE = 45.0
SHORTEST_VISIT = 60.0  # seconds without a page after which a visit is over, at the least
VISIT = 300.0  # the same where machines never stop
ASK_AT_ONCE = 8

Key = tuple[str, str]  # user name and course


@dataclass
class Sight:
    """What was last heard of a server: the Hub's time, how old that was, and when we saw it."""

    moment: datetime
    age: float  # seconds
    at: float  # by the monotonic clock
    since: float  # since when it has been seen without a break
    believed: float | None = None  # since when the machine alone has said that a page is open


@dataclass(frozen=True)
class Watched:
    """A workspace that runs, as the database knows it."""

    machine_id: int
    address: str
    token: str
    minutes: int  # the course's grace time; 0 is never
    last_active: datetime | None


class Idle:
    """Looks at every running workspace each few seconds.

    Args:
        port: of the workspaces' servers, at their own addresses.
    """

    def __init__(self, database: Database, hub: HubApi, site: Site, port: int = work.PORT) -> None:
        self._database = database
        self._hub = hub
        self._site = site
        self._port = port
        self._sights: dict[Key, Sight] = {}
        self._absent: dict[visits.Visit, float] = {}
        self._asking = asyncio.Semaphore(ASK_AT_ONCE)

    async def run(self, seconds: float) -> None:
        """Look every so many seconds, for ever."""
        while True:
            try:
                await self.run_once()
            except ServiceError as error:
                self.forget()
                log.warning("Idle machines are looked at later: %s", error)
            except Exception:
                self.forget()
                log.exception("Looking at idle machines failed; it is tried again later")
            await asyncio.sleep(seconds)

    def forget(self) -> None:
        """Begin anew: what the Hub says next may be old, so nothing is stopped for a while."""
        self._sights.clear()
        self._absent.clear()

    async def run_once(self) -> None:
        """Look once."""
        listed = await self._hub.list_servers()
        servers = {key: server for key, server in listed.items() if server.ready}
        self._sights = {key: self._sights[key] for key in servers if key in self._sights}
        ages = {key: self._see(key, server) for key, server in servers.items()}
        watched = await self._database.run(_take_stock, servers, self._site)
        open_visits = await self._database.run(visits.find_open)
        await asyncio.gather(
            *(
                self._look(servers[key], found, ages[key], _of(open_visits, key))
                for key, found in watched.items()
            )
        )
        self._absent = {visit: at for visit, at in self._absent.items() if visit in open_visits}

    def _see(self, key: Key, server: Server) -> float:
        """Return for how many seconds nobody has been there, as far as that is certain.

        The age at first sight and our own clock from then on: a clock that is set wrong, or right
        again, stops no machine. A time that is missing or still to come counts as now.
        """
        now, wall = monotonic(), utc_now()
        sight, moment = self._sights.get(key), server.last_active
        if moment is None:
            return 0.0
        by_wall = max(0.0, (wall - moment).total_seconds())
        if sight is None or sight.moment != moment:
            since = sight.since if sight else now
            sight = self._sights[key] = Sight(moment, by_wall, now, since)
        if now - sight.since < SETTLE:
            return 0.0
        return min(by_wall, sight.age + now - sight.at)

    async def _look(
        self, server: Server, found: Watched, age: float, guests: Collection[visits.Visit]
    ) -> None:
        grace = found.minutes * 60.0
        overdue = grace > 0 and age >= grace
        if not (overdue or guests):
            return
        try:
            async with self._asking:
                report = await work.ask(found.address, server, found.token, self._port)
                for visit in guests:
                    await self._end_if_over(visit, report, max(grace or VISIT, SHORTEST_VISIT))
                if overdue:
                    await self._stop_if_idle(server, found, age, report)
        except ServiceError as error:
            log.warning("%s/%s is looked at later: %s", server.username, server.name, error)
        except Exception:  # whatever a machine has answered, the others are looked at
            log.exception("%s/%s could not be looked at", server.username, server.name)

    async def _stop_if_idle(
        self, server: Server, found: Watched, age: float, report: work.Report | None
    ) -> None:
        # One that does not answer may be at work too; the ceiling holds for it all the same.
        working = report is None or report.is_at_work(found.minutes * 60.0)
        hours = self._site.job_hours
        if working and age < hours * 3600.0:
            return
        if report is not None and report.pages and self._is_new(server):
            return
        now = await self._hub.get_server(server.username, server.name)
        if now is None or not now.ready or now.pending or now.last_active != server.last_active:
            return  # somebody has come back, or is about to
        await self._hub.stop(server.username, server.name)
        reason = f"{JOB} {hours:g}" if working and hours else f"{IDLE} {found.minutes}"
        await self._database.run(_note_stop, server, reason)
        log.info("Stopped %s/%s: %s", server.username, server.name, reason)

    def _is_new(self, server: Server) -> bool:
        """Tell whether somebody may have come so lately that the Hub has not heard of it yet.

        When it still has not after a while, the machine says so wrongly.
        """
        sight = self._sights[server.username, server.name]
        if sight.believed is None:
            sight.believed = monotonic()
        return monotonic() - sight.believed < SETTLE

    async def _end_if_over(
        self, visit: visits.Visit, report: work.Report | None, seconds: float
    ) -> None:
        """End a visit whose visitor has had no page open for a while.

        A workspace that lies about it ends the access itself, not just the record of it.
        """
        if report is None or visit.visitor in report.visitors:
            self._absent.pop(visit, None)
            return
        absent = monotonic() - self._absent.setdefault(visit, monotonic())
        if absent < seconds:
            return
        still = await self._database.run(visits.find_open, visit.slug, visit.owner)
        if visit in still:  # and has not come again meanwhile
            await visits.take_back(self._hub, self._database, visit, "page closed")


def _of(open_visits: Collection[visits.Visit], key: Key) -> list[visits.Visit]:
    return [visit for visit in open_visits if (visit.owner, visit.slug) == key]


def _take_stock(session: Session, servers: Mapping[Key, Server], site: Site) -> dict[Key, Watched]:
    """Return those of the servers that are workspaces, and keep when somebody was last there."""
    watched = _find_watched(session, servers, site)
    if rows := _find_news(servers, watched):
        session.execute(update(Machine), rows)
    return watched


def _find_watched(session: Session, keys: Collection[Key], site: Site) -> dict[Key, Watched]:
    rows = session.execute(
        select(Machine, User.username, Course)
        .join(User, User.id == Machine.user_id)
        .join(Course, Course.id == Machine.course_id)
        .where(Machine.address.is_not(None))
        .where(User.username.in_({username for username, _ in keys}))
        .where(Course.slug.in_({slug for _, slug in keys}))
    )
    return {
        (username, course.slug): Watched(
            machine.id,
            machine.address or "",
            work.make_token(machine.uuid or ""),
            site.get_idle_minutes(course),
            machine.last_active,
        )
        for machine, username, course in rows
        if (username, course.slug) in keys
    }


def _find_news(
    servers: Mapping[Key, Server], watched: Mapping[Key, Watched]
) -> list[dict[str, object]]:
    """Return the rows of machines that somebody has been at since the last look."""
    now = utc_now()
    return [
        {"id": found.machine_id, "last_active": moment}
        for key, found in watched.items()
        if (moment := servers[key].last_active) and moment <= now
        if found.last_active is None or moment > found.last_active
    ]


def _note_stop(session: Session, server: Server, reason: str) -> None:
    course, owner = Course.get(session, server.name), User.get(session, server.username)
    audit.note(session, SYSTEM, STOPPED, course=course, owner=owner, detail=reason)
