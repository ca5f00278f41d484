"""The REST API: JSON in and out, by token only; what may be done is what the pages may do."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from ..errors import Invalid, InvalidFields, NotFound, Unavailable
from ..openapi import DOCUMENT
from ..workspaces import WorkspaceView
from .base import Handler

NOT_JSON = "The request body has to be a JSON object, such as {}."


class ApiHandler(Handler):
    """One request of a program that acts as the person whose token it shows."""

    open_to_all = False
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

    def read_object(self) -> dict[str, Any]:
        """Return the JSON object sent; raises Invalid, in words, when it is none."""
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise Invalid(NOT_JSON) from error
        if not isinstance(body, dict):
            raise Invalid(NOT_JSON)
        return body

    def read(self, name: str, kind: type, missing: Any = None) -> Any:
        """Return one member of the JSON object sent; raises Invalid, in words, unless it fits.

        Args:
            missing: what it is when it is not there; None: it has to be there.
        """
        body = self.read_object()
        if missing is not None and name not in body:
            return missing
        if not isinstance(body.get(name), kind):
            raise Invalid(f'The JSON object needs "{name}", of type {TYPES[kind]}.')
        value = body[name]
        if isinstance(value, str) and not value.isprintable():
            raise Invalid(f'"{name}" has characters that are not possible there.')
        return value

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


TYPES = {str: "string", bool: "boolean"}


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


class WorkspacesApi(ApiHandler):
    """The workspaces of a course: all of them for its instructor, else one's own."""

    async def get(self, slug: str) -> None:
        """List them."""
        found = await self.services.workspaces.list_all(self.person, slug)
        self.reply([self.show_workspace(workspace) for workspace in found])


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
        keep_home = bool(self.request.body.strip()) and self.read("keep_home", bool)
        workspaces = self.services.workspaces
        await workspaces.resets.reset(self.person, slug, username, keep_home)
        self.reply(self.show_workspace(await workspaces.get(self.person, slug, username)))


class UndoApi(ApiHandler):
    """Bringing back the machine from before the last reset."""

    async def post(self, slug: str, username: str) -> None:
        """Do it, and answer when it is done."""
        workspaces = self.services.workspaces
        await workspaces.resets.undo(self.person, slug, username)
        self.reply(self.show_workspace(await workspaces.get(self.person, slug, username)))
