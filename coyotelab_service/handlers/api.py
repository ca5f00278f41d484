"""The REST API: JSON in and out, by token only; what may be done is what the pages may do."""

import json
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from tornado.web import HTTPError

from ..errors import Invalid, InvalidFields, NotFound, Unavailable
from ..i18n import mark as _
from ..json_body import check_members, parse_object
from ..openapi import DOCUMENT, MOST
from ..workspaces import WorkspaceView
from .base import Handler

RETRY = 10  # seconds after which a program may try again what a part did not answer

NO_NUMBER = _('"{name}" has to be a whole number from {least} to {most}.')
SEVERAL = _('"{name}" is there more than once.')


class ApiHandler(Handler):
    """One request of a program that acts as the person whose token it shows."""

    open_to_all = False
    heads = True  # whether HEAD is answered where GET is
    _by_field: Mapping[str, str] = MappingProxyType({})  # what is wrong, by field

    async def prepare(self) -> None:
        """Find out whose token it is. Cookies do not count, so no other site can ask for us."""
        if self.open_to_all:
            return
        if not self.hub_auth.get_token(self, in_cookie=False):
            self.stop(401, "A token is needed: send the header `Authorization: token ...`.")
            return
        self.request.headers.pop("Cookie", None)
        person = await self.identify()
        if person is None:
            self.stop(401, "This token is not valid here; it may have expired.")
            return
        self.person = person

    def stop(self, status: int, message: str) -> None:
        """Answer with an error and do nothing else."""
        self.set_status(status)
        if status == 401:
            self.set_header("WWW-Authenticate", "token")
        self.write_problem(status, message)
        self.finish()

    async def head(self, *parts: str) -> None:
        """Answer as to a GET; what is written is not sent."""
        if "HEAD" not in self.list_methods():
            raise HTTPError(405)
        answer: Any = self.get(*parts)
        await answer

    async def options(self, *parts: str) -> None:
        """Say what can be done here."""
        self.set_header("Allow", ", ".join(self.list_methods()))
        self.set_status(204)

    @classmethod
    def list_methods(cls) -> list[str]:
        """Return the methods that are answered."""
        found = super().list_methods()
        return [name for name in found if name != "HEAD" or ("GET" in found and cls.heads)]

    def read_object(self) -> dict[str, Any]:
        """Return the JSON object sent; raises Invalid, in words, when it is none."""
        return parse_object(self.request.body, self.request.headers.get("Content-Type", ""))

    def read_members(
        self, kinds: Mapping[str, type], needed: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the JSON object sent; raises Invalid, in words, for any other members."""
        found = self.read_object()
        check_members(found, kinds, needed)
        return found

    def reply(self, body: Any, status: int = 200) -> None:
        """Write an answer."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a problem; one about fields says for each what is wrong with it."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        self._by_field = error.tell_each() if isinstance(error, InvalidFields) else {}
        super().write_error(status_code, **kwargs)

    def write_problem(self, status: int, message: str) -> None:
        """Write an error as RFC 9457 has it."""
        problem: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status}
        problem["detail"] = message
        if self._by_field:
            problem["errors"] = self._by_field
        if status == 503:
            self.set_header("Retry-After", str(RETRY))
        self.set_header("Content-Type", "application/problem+json")
        self.write(json.dumps(problem))

    def show_workspace(self, workspace: WorkspaceView) -> dict[str, Any]:
        """Return a workspace as JSON has it; `url` is the page that opens it."""
        page = f"workspaces/{workspace.slug}/{workspace.username}"
        base = self.services.public_url or self.services.prefix
        return {
            "course": workspace.slug,
            "username": workspace.username,
            "state": workspace.state,
            "outdated": workspace.outdated,
            "url": f"{base.rstrip('/')}/{page}",
        }


class ListApi(ApiHandler):
    """Something whose GET gives a list, in parts."""

    def read_query(self, name: str, missing: str) -> str:
        """Return what the query says once; raises Invalid when it says more."""
        found = self.get_query_arguments(name)
        if len(found) > 1:
            raise Invalid(SEVERAL, name=name)
        return found[0] if found else missing

    def read_part(self) -> tuple[int, int]:
        """Return which part of a list is asked for: how many, after how many. Raises Invalid."""
        limit = self._read_number("limit", MOST, 1, MOST)
        return limit, self._read_number("offset", 0, 0, 10**9)

    def link_next(self, limit: int, offset: int, **more: str) -> None:
        """Say where the next part of a list is."""
        fields = {"limit": limit, "offset": offset + limit}
        query = urlencode(fields | {name: value for name, value in more.items() if value})
        self.set_header("Link", f'<{self.request.path}?{query}>; rel="next"')

    def reply_part(self, items: Sequence[Any]) -> None:
        """Write the part of a list that is asked for."""
        limit, offset = self.read_part()
        if len(items) > offset + limit:
            self.link_next(limit, offset)
        self.reply(items[offset : offset + limit])

    def _read_number(self, name: str, missing: int, least: int, most: int) -> int:
        text = self.read_query(name, str(missing))
        whole = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not (whole and least <= int(text) <= most):
            raise Invalid(NO_NUMBER, name=name, least=least, most=most)
        return int(text)


class MissingApi(ApiHandler):
    """Whatever is not there."""

    async def prepare(self) -> None:
        """Answer every method alike."""
        raise NotFound


class HealthApi(ApiHandler):
    """Whether the service can work; for monitoring, so without a token."""

    open_to_all = True

    async def get(self) -> None:
        """Ask the database."""
        try:
            await self.services.check()
        except Exception as error:
            raise Unavailable("The database does not answer.") from error
        self.reply({"status": "ok"})


class OpenApi(ApiHandler):
    """What this API can do, for programs."""

    open_to_all = True

    async def get(self) -> None:
        """Show it."""
        self.reply(DOCUMENT | {"servers": [{"url": f"{self.services.prefix}api"}]})


class WorkspacesApi(ListApi):
    """The workspaces of a course: all of them for its instructor, else one's own."""

    async def get(self, slug: str) -> None:
        """List them."""
        found = await self.services.workspaces.list_all(self.person, slug)
        self.reply_part([self.show_workspace(workspace) for workspace in found])


class WorkspaceApi(ApiHandler):
    """One workspace."""

    async def get(self, slug: str, username: str) -> None:
        """Show it."""
        workspace = await self.services.workspaces.get(self.person, slug, username)
        self.reply(self.show_workspace(workspace))


class WorkspaceActionApi(ApiHandler):
    """Doing something to a workspace."""

    async def post(self, slug: str, username: str, action: str) -> None:
        """Do it: start and restart answer 202 as soon as it has begun."""
        workspaces = self.services.workspaces
        act = {
            "start": workspaces.start,
            "stop": workspaces.stop,
            "restart": workspaces.restart,
        }[action]
        workspace = await act(self.person, slug, username)
        self.reply(self.show_workspace(workspace), 202 if workspace.state == "starting" else 200)


class ResetApi(ApiHandler):
    """Giving a workspace the course's base again."""

    async def post(self, slug: str, username: str) -> None:
        """Do it, and answer when it is done."""
        sent = self.read_members({"keep_home": bool}) if self.request.body.strip() else {}
        workspaces = self.services.workspaces
        await workspaces.resets.reset(
            self.person, slug, username, keep_home=sent.get("keep_home", False)
        )
        self.reply(self.show_workspace(await workspaces.get(self.person, slug, username)))


class UndoApi(ApiHandler):
    """Bringing back the machine from before the last reset."""

    async def post(self, slug: str, username: str) -> None:
        """Do it, and answer when it is done."""
        workspaces = self.services.workspaces
        await workspaces.resets.undo(self.person, slug, username)
        self.reply(self.show_workspace(await workspaces.get(self.person, slug, username)))
