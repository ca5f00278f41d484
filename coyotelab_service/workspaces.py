"""What people do with workspaces: open, stop, restart, download."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from coyotelab_spawner.workspaces import Workspaces

from . import audit, courses, machines, visits
from .access import Person, Place, find_place
from .archive import read_archive
from .database import Database
from .errors import NotFound, StartFailed, StopFailed
from .hub_api import HubApi, HubError, ProgressEvent, Server
from .i18n import mark as _
from .resets import Resets
from .rules import Action
from .site import Site

log = logging.getLogger(__name__)

STOPPING = 60.0  # seconds a machine may take to stop
STARTING = 120.0  # seconds a machine may take to start, when somebody waits for its files
PAUSE = 0.1  # seconds between two looks at the Hub
TOKEN_SECONDS = 300  # life of the token that reads an archive; it is checked once, at the start


@dataclass(frozen=True)
class WorkspaceView:
    """One workspace, as somebody who may see it sees it."""

    slug: str
    username: str
    state: str  # stopped, starting, running or stopping
    url: str  # where a browser finds it once it runs
    outdated: bool = False  # it stands on another base than its course's now


class CourseWorkspaces:
    """Every workspace of every course, behind the rules."""

    def __init__(
        self, database: Database, hub: HubApi, lxd: Workspaces, site: Site, proxy_url: str
    ) -> None:
        self._database = database
        self._hub = hub
        self._proxy_url = proxy_url
        self.resets = Resets(database, lxd, site, self._stop)

    async def get(self, person: Person, slug: str, username: str) -> WorkspaceView:
        """Return one workspace; raises NotFound when this person may not see it."""
        await self._find(person, slug, username, Action.SEE)
        outdated = await self._database.run(machines.list_outdated, slug=slug, username=username)
        server = await self._hub.get_server(username, slug)
        return _view(slug, username, server, outdated)

    async def list_all(self, person: Person, slug: str) -> list[WorkspaceView]:
        """Return the workspaces of a course that this person may see; raises NotFound."""
        members = await self._database.run(courses.list_members, person, slug)
        outdated = await self._database.run(machines.list_outdated, slug=slug)
        servers = await self._hub.list_servers()
        return [
            _view(slug, username, servers.get((username, slug)), outdated) for username in members
        ]

    async def open(self, person: Person, slug: str, username: str) -> WorkspaceView:
        """Begin to start a workspace and let this person in; it may run already.

        Raises:
            NotFound: this person may not.
            Conflict: it is just being reset.
        """
        visiting = person.username != username
        noted = "" if visiting else "open"  # a visit has its own row
        place = await self._find(person, slug, username, Action.OPEN, noted)
        await self._start(place)
        if visiting:  # only now: who is turned away at the door has not entered
            await self._database.run(visits.begin, person, place)
            await self._hub.ensure_user(person.username)
            await self._hub.grant_share(username, slug, person.username)
            await self._ensure_still_allowed(person, slug, username)
        return _view(slug, username, await self._hub.get_server(username, slug))

    async def _ensure_still_allowed(self, person: Person, slug: str, username: str) -> None:
        # Who lost the right between our question and the share has had their visit ended already.
        try:
            await self._find(person, slug, username, Action.OPEN)
        except NotFound:
            await self._hub.revoke_share(username, slug, person.username)
            raise

    async def follow(
        self, person: Person, slug: str, username: str
    ) -> AsyncIterator[ProgressEvent]:
        """Give the steps of a start; the last one is ready or failed. Raises NotFound."""
        place = await self._find(person, slug, username, Action.OPEN)
        server = await self._hub.get_server(username, slug)
        if server and server.pending == "stop":
            yield ProgressEvent(0, _("Waiting for your machine to stop first"))
            await self._wait_until_stopped(username, slug)
            await self._start(place)
        try:
            async for event in self._hub.follow(username, slug):
                yield event
        except HubError as error:
            # Nothing is being started: it has just come up, or it was stopped meanwhile.
            server = await self._hub.get_server(username, slug)
            if server and server.ready:
                yield ProgressEvent(100, "Ready", ready=True)
            else:
                log.info("%s/%s does not start: %s", username, slug, error.detail)
                yield ProgressEvent(100, StartFailed.message, failed=True)

    async def start(self, person: Person, slug: str, username: str) -> WorkspaceView:
        """Begin to start a workspace, without letting anybody in. Raises NotFound."""
        place = await self._find(person, slug, username, Action.START, "start")
        await self._start(place)
        return _view(slug, username, await self._hub.get_server(username, slug))

    async def stop(self, person: Person, slug: str, username: str) -> WorkspaceView:
        """Stop a workspace and return when it has stopped. Raises NotFound, StopFailed."""
        await self._find(person, slug, username, Action.STOP, "stop")
        await self._stop(username, slug)
        return _view(slug, username, await self._hub.get_server(username, slug))

    async def restart(self, person: Person, slug: str, username: str) -> WorkspaceView:
        """Stop a workspace and begin to start it again. Raises NotFound, StopFailed."""
        place = await self._find(person, slug, username, Action.RESTART, "restart")
        await self._stop(username, slug)
        await self._start(place)
        return _view(slug, username, await self._hub.get_server(username, slug))

    @asynccontextmanager
    async def archive(
        self, person: Person, slug: str, username: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the bytes of the ZIP of a workspace's files; it is started for that if need be.

        Raises:
            NotFound: this person may not.
            StartFailed, ArchiveBroken: also in the middle; then it is no ZIP.
        """
        place = await self._find(person, slug, username, Action.DOWNLOAD, "download")
        await self._start(place)
        server = await self._wait(username, slug, STARTING, lambda server: server.ready)
        # The workspace is its owner's to rewrite, so this is all that anybody gets from it.
        scope = f"access:servers!server={username}/{slug}"
        token = await self._hub.make_token(username, [scope], TOKEN_SECONDS, "CoyoteLab download")
        async with self._read(server, token) as chunks:
            yield chunks

    def _read(
        self, server: Server, token: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return read_archive(self._proxy_url, server, token)

    async def _find(
        self, person: Person, slug: str, username: str, action: Action, noted: str = ""
    ) -> Place:
        def work(session: Session) -> Place:
            place = find_place(session, person, slug, username, action)
            if noted:
                audit.note(session, person, noted, place)
            return place

        return await self._database.run(work)

    async def _start(self, place: Place) -> None:
        username, course = place.owner.username, place.course
        self.resets.ensure_quiet(username, course.slug)
        await self._hub.start(username, course.slug, course.name)

    async def _stop(self, username: str, slug: str) -> None:
        await self._hub.stop(username, slug)
        await self._wait_until_stopped(username, slug)

    async def _wait_until_stopped(self, username: str, slug: str) -> None:
        try:
            await self._wait(username, slug, STOPPING, lambda server: not server.active)
        except StartFailed as error:
            raise StopFailed from error

    async def _wait(
        self, username: str, slug: str, seconds: float, reached: Callable[[Server], bool]
    ) -> Server:
        """Look at the server until it has reached something, or nothing is under way any more."""
        nothing = Server(username, slug, ready=False, pending="", url="")
        try:
            async with asyncio.timeout(seconds):
                while True:
                    server = await self._hub.get_server(username, slug) or nothing
                    if reached(server):
                        return server
                    if not server.active:
                        raise StartFailed
                    await asyncio.sleep(PAUSE)
        except TimeoutError as error:
            raise StartFailed from error


def _view(
    slug: str, username: str, server: Server | None, outdated: Collection[tuple[str, str]] = ()
) -> WorkspaceView:
    behind = (username, slug) in outdated
    if server is None:
        return WorkspaceView(slug, username, "stopped", "", behind)
    return WorkspaceView(slug, username, server.state, server.url, behind)
