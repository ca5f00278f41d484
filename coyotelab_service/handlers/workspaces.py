"""Pages of one workspace: opening it, its progress, restart, reset and its undoing."""

import json
from dataclasses import asdict
from typing import Any

from tornado.iostream import StreamClosedError

from .. import courses
from ..access import find_place
from ..errors import ServiceError
from ..hub_api import ProgressEvent
from ..i18n import gettext
from ..kept import list_kept
from ..rules import Action
from .base import PageHandler


class OpenPage(PageHandler):
    """The way into a workspace: starts it, shows how far it is, and goes there."""

    async def get(self, slug: str, username: str | None) -> None:
        """Start it, unless this is a browser without scripts that comes to look again."""
        if username is None:
            self.redirect(self.page("workspaces", slug, self.person.username))
            return
        if self.get_query_argument("wait", ""):
            workspace = await self.services.workspaces.get(self.person, slug, username)
        else:
            workspace = await self.services.workspaces.open(self.person, slug, username)
        if workspace.state == "running":
            self.redirect(workspace.url)
            return
        course = await self.services.run(courses.get_course, self.person, slug)
        self.write_page("progress.html", course=course, workspace=workspace)


class ProgressStream(PageHandler):
    """The steps of a start as server-sent events: `progress`, `message`, then `url` or `failed`."""

    async def get(self, slug: str, username: str | None) -> None:
        """Send them until the start has come to an end or the browser has gone."""
        username = username or self.person.username
        events = self.services.workspaces.follow(self.person, slug, username)
        first = await anext(events, None)  # an error so far is an answer of its own
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        try:
            if first:
                await self._tell(first)
            async for event in events:
                await self._tell(event)
        except StreamClosedError:
            pass
        except ServiceError as error:
            await self._send({"failed": True, "message": error.tell()})

    async def _tell(self, event: ProgressEvent) -> None:
        await self._send(asdict(event) | {"message": gettext(event.message)})

    async def _send(self, event: dict[str, object]) -> None:
        self.write(f"data: {json.dumps(event)}\n\n")
        await self.flush()


class ActionPage(PageHandler):
    """Asks before it does something to a workspace, then goes back into it."""

    action: Action
    template: str

    async def get(self, slug: str, username: str | None) -> None:
        """Ask."""
        username = username or self.person.username
        await self.services.run(find_place, self.person, slug, username, self.action)
        course = await self.services.run(courses.get_course, self.person, slug)
        facts = await self.find_facts(slug, username)
        self.write_page(self.template, course=course, username=username, **facts)

    async def post(self, slug: str, username: str | None) -> None:
        """Do it, and go back in."""
        username = username or self.person.username
        await self.act(slug, username)
        self.redirect(self.page("workspaces", slug, username), status=303)

    async def find_facts(self, slug: str, username: str) -> dict[str, Any]:
        """Return what the page says beside the course and the person."""
        return {}

    async def act(self, slug: str, username: str) -> None:
        """Do it."""
        raise NotImplementedError


class RestartPage(ActionPage):
    """Reboots the machine."""

    action = Action.RESTART
    template = "restart.html"

    async def act(self, slug: str, username: str) -> None:
        """Restart it."""
        await self.services.workspaces.restart(self.person, slug, username)


class ResetPage(ActionPage):
    """Gives the machine the course's base again."""

    action = Action.RESET
    template = "reset.html"

    async def find_facts(self, slug: str, username: str) -> dict[str, Any]:
        """Say whether the base has changed; then the home directory is meant to stay."""
        workspace = await self.services.workspaces.get(self.person, slug, username)
        keep_home = workspace.outdated or self.get_query_argument("home", "") == "keep"
        site = self.services.site
        machines = await self.services.run(list_kept, slug, username)
        return {
            "outdated": workspace.outdated,
            "keep_home": keep_home,
            "days": site.kept_days,
            "most": site.kept_most,
            "leaving": machines[site.kept_most - 1 :],  # they give way to the one of today
        }

    async def act(self, slug: str, username: str) -> None:
        """Reset it."""
        keep_home = self.get_body_argument("home", "") == "keep"
        await self.services.workspaces.resets.reset(self.person, slug, username, keep_home)


class UndoPage(ActionPage):
    """Brings back the machine from before a reset."""

    action = Action.UNDO
    template = "undo.html"

    async def find_facts(self, slug: str, username: str) -> dict[str, Any]:
        """Show what there is to go back to."""
        machines = await self.services.run(list_kept, slug, username)
        return {"machines": machines, "days": self.services.site.kept_days}

    async def act(self, slug: str, username: str) -> None:
        """Bring it back."""
        name = self.get_body_argument("machine", "")
        await self.services.workspaces.resets.undo(self.person, slug, username, name)
