"""Makes the Hub and LXD agree with the database: on each change, and again every minute."""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from coyotelab_spawner.errors import LXDError
from coyotelab_spawner.spec import WorkspaceSpec, WorkspaceState
from coyotelab_spawner.workspaces import Workspaces

from . import machines, visits
from .access import Member, find_all_standings
from .database import Database
from .errors import ServiceError
from .hub_api import HubApi, Server
from .orm import Course, utc_now
from .preparation import Preparation
from .rules import Action, Subject, may
from .site import Site
from .workspaces import CourseWorkspaces

log = logging.getLogger(__name__)

# A visit has its row while its workspace is only just beginning to start.
ARRIVING = timedelta(minutes=2)


class Reconciler:
    """Takes back what the rules no longer allow; may be run at any moment, any number of times."""

    def __init__(
        self,
        database: Database,
        hub: HubApi,
        workspaces: CourseWorkspaces,
        preparation: Preparation,
        lxd: Workspaces,
        site: Site,
    ) -> None:
        self._database = database
        self._hub = hub
        self._workspaces = workspaces
        self._preparation = preparation
        self._lxd = lxd
        self._site = site
        self._strays: set[str] = set()
        self.done_at: datetime | None = None  # when everything was last looked at

    async def run(self, seconds: float) -> None:
        """Reconcile now and then every so many seconds, for ever."""
        while True:
            try:
                await self.run_once()
            except ServiceError as error:
                log.warning("Reconciling is put off: %s", error)
            except Exception:
                log.exception("Reconciling failed; it is tried again later")
            await asyncio.sleep(seconds)

    async def run_once(self) -> None:
        """Reconcile everything."""
        await self._preparation.remind()
        servers = await self._hub.list_servers()
        for visit in await self._database.run(visits.find_open):
            arriving = utc_now() - visit.since < ARRIVING
            with _one_of_many(f"{visit.owner}/{visit.slug}"):
                if not visit.allowed:
                    await self._end(visit, "no longer allowed")
                elif (visit.owner, visit.slug) not in servers and not arriving:
                    await self._end(visit, "stopped")
        await self._stop_forbidden(servers.values())
        resets = self._workspaces.resets
        awaited = await resets.settle()
        try:
            await self._stop_strays(servers)
            await self._sweep(awaited)
            await resets.look_after_kept()
        except LXDError as error:
            log.warning("LXD is looked after in the next minute: %s", error.detail)
        self.done_at = utc_now()

    async def enforce_person(self, username: str) -> None:
        """Make the present rules count for one person at once, after a change of their account."""
        for visit in await self._database.run(visits.find_open):
            with _one_of_many(f"{visit.owner}/{visit.slug}"):
                if username in (visit.visitor, visit.owner) and not visit.allowed:
                    await self._end(visit, "no longer allowed")
        with _one_of_many(username):
            servers = (await self._hub.list_servers()).values()
            await self._stop_forbidden([s for s in servers if s.username == username])
        self._preparation.wake()

    def expect_newcomers(self) -> None:
        """Say that somebody new may open a machine, so that it is made ahead."""
        self._preparation.wake()

    async def enforce(self, slug: str, username: str) -> None:
        """Make the present rules count for one workspace at once, after its owner was dropped."""
        with _one_of_many(f"{username}/{slug}"):
            for visit in await self._database.run(visits.find_open, slug, username):
                if not visit.allowed:
                    await self._end(visit, "no longer allowed")
            server = await self._hub.get_server(username, slug)
            if server and server.active:
                await self._stop_forbidden([server])
        self._preparation.wake()

    async def enforce_course(self, slug: str) -> None:
        """Make the present rules count for a whole course at once: others teach it, or none."""
        for visit in await self._database.run(visits.find_open, slug):
            with _one_of_many(f"{visit.owner}/{slug}"):
                if not visit.allowed:
                    await self._end(visit, "no longer allowed")
        with _one_of_many(f"the course {slug}"):
            servers = (await self._hub.list_servers()).values()
            await self._stop_forbidden([s for s in servers if s.name == slug])
        self._preparation.wake()

    async def _end(self, visit: visits.Visit, reason: str) -> None:
        await visits.take_back(self._hub, self._database, visit, reason)

    async def _stop_forbidden(self, servers: Collection[Server]) -> None:
        keys = {(server.username, server.name) for server in servers}
        for username, name in sorted(await self._database.run(_find_forbidden, keys)):
            with _one_of_many(f"{username}/{name}"):
                await self._hub.stop(username, name)
                log.info("Stopped %s/%s: not allowed any more", username, name)

    async def _stop_strays(self, servers: Collection[tuple[str, str]]) -> None:
        """Stop machines that run while the Hub has no server for them, seen so twice.

        They are left by a start that was given up and succeeded later, or a stop that LXD refused.
        """
        states = await self._lxd.list_states()
        running = [name for name, state in states.items() if state is WorkspaceState.RUNNING]
        strays = {
            spec.name: spec
            for spec in await self._database.run(machines.find_specs, self._site, running)
            if (spec.user, spec.course) not in servers and not self._workspaces.resets.is_busy(spec)
        }
        for spec in strays.values():
            if spec.name in self._strays:
                server = await self._hub.get_server(spec.user, spec.course)
                if server is None or not server.active:
                    await self._stop_stray(spec)
        self._strays = set(strays)

    async def _stop_stray(self, spec: WorkspaceSpec) -> None:
        try:
            await self._lxd.stop(spec)
        except LXDError as error:
            log.warning("%s, which the Hub does not know, runs on: %s", spec.name, error.detail)
        else:
            log.info("Stopped %s, which the Hub did not know to run", spec.name)

    async def _sweep(self, awaited: Collection[str]) -> None:
        for name in await self._lxd.sweep(spare=awaited):
            log.info("Deleted %s, a clone that was never finished", name)


@contextmanager
def _one_of_many(workspace: str) -> Iterator[None]:
    """Let a fault with one workspace not keep the others waiting."""
    try:
        yield
    except ServiceError as error:
        log.warning("%s is left for the next minute: %s", workspace, error)


def _find_forbidden(session: Session, keys: Collection[Member]) -> list[Member]:
    """Return those of these servers that are workspaces whose owners may not run them."""
    if not keys:
        return []
    slugs = {slug for _, slug in keys}
    rows = session.execute(select(Course.slug, Course.archived).where(Course.slug.in_(slugs)))
    archived = {row[0]: row[1] for row in rows}  # what is in no course is no workspace of ours
    standings = find_all_standings(session, keys)
    return [
        (username, slug)
        for username, slug in keys
        if slug in archived
        and not may(
            Action.START, standings.get((username, slug), frozenset()), Subject.OWN, archived[slug]
        )
    ]
