"""The Hub's REST API, as far as the service uses it; every call has a deadline and typed errors."""

import json
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from .errors import Unavailable
from .i18n import mark

log = logging.getLogger(__name__)

DEADLINE = 15.0  # seconds for one answer; the Hub itself waits at most 10 s for a slow stop
SILENCE = 30.0  # seconds without a line on a progress stream; the Hub sends one every 8 s
PAGE = 200  # users per page, the Hub's maximum

STATES = {"": "running", "spawn": "starting", "stop": "stopping"}


class HubError(Unavailable):
    """The Hub would not do what it was asked; `status` is its HTTP status, `detail` its reason."""

    def __init__(self, status: int, detail: str) -> None:
        # What the Hub and the spawner refuse is said in a sentence; their failures are not.
        super().__init__(detail if 400 <= status < 500 else "")
        self.status = status
        self.detail = detail


class HubUnavailable(Unavailable):
    """The Hub does not answer, or not in time, or not like a Hub."""

    message = mark("The Hub does not answer at the moment. Please try again in a minute.")


@dataclass(frozen=True)
class Server:
    """One workspace server as the Hub sees it now."""

    username: str
    name: str
    ready: bool
    pending: str  # "spawn", "stop", ... or "" when nothing is under way
    url: str  # where a browser finds it, with its host
    # When somebody last had a page of it open, its start included; None: the Hub does not say.
    last_active: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it runs, or is on its way up or down."""
        return self.ready or bool(self.pending)

    @property
    def state(self) -> str:
        """What it is now: stopped, starting, running or stopping."""
        return STATES.get(self.pending, "starting") if self.active else "stopped"


@dataclass(frozen=True)
class ProgressEvent:
    """One step of a start: how far (0 to 100), in words; at the end ready or failed."""

    progress: int = 0
    message: str = ""
    ready: bool = False
    failed: bool = False


class HubApi:
    """The Hub, asked with the service's own token.

    Args:
        url: of the REST API, such as http://127.0.0.1:8081/hub/api.
        token: of the service.
        public_url: of the Hub, for addresses it gives without a host.
    """

    def __init__(self, url: str, token: str, public_url: str = "") -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"token {token}"}
        self._public_url = public_url
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close its connections."""
        if self._session:
            await self._session.close()

    async def get_version(self) -> str:
        """Return the Hub's version; the cheapest thing it can be asked."""
        _, model = await self._ask("GET", "/")
        return str(model["version"])

    async def ensure_user(self, username: str) -> None:
        """Make sure the Hub knows the user."""
        await self._ask("POST", f"/users/{_path(username)}", fine={409})

    async def start(self, username: str, server: str, title: str) -> None:
        """Begin to start a server, its user and row made if need be; running already is fine.

        Raises:
            HubError: the Hub or the spawner refused at once.
        """
        path, body = _server(username, server), {"display_name": title, "user_options": None}
        # 400 is "already running" or "being stopped"; whoever asked sees which from get_server().
        status, _ = await self._ask("POST", path, body, fine={400, 404})
        if status == 404:
            await self.ensure_user(username)
            await self._ask("POST", path, body, fine={400})

    async def stop(self, username: str, server: str) -> None:
        """Begin to stop a server; stopped already, or never started, is fine."""
        await self._ask("DELETE", _server(username, server), fine={404})

    async def get_server(self, username: str, server: str) -> Server | None:
        """Return the server, or None when the Hub has never heard of it."""
        status, model = await self._ask("GET", _server(username, server), fine={404})
        return None if status == 404 else self._make_server(username, model)

    async def list_own_servers(self, username: str) -> dict[str, Server]:
        """Return the active servers of one user, by server name."""
        status, user = await self._ask("GET", f"/users/{_path(username)}", fine={404})
        models = [] if status == 404 else (user.get("servers") or {}).values()
        servers = [self._make_server(username, model) for model in models]
        return {server.name: server for server in servers if server.active}

    async def list_servers(self) -> dict[tuple[str, str], Server]:
        """Return every active server, by user name and server name."""
        found: dict[tuple[str, str], Server] = {}
        offset: int | None = 0
        while offset is not None:
            _, page = await self._ask(
                "GET", f"/users?state=active&limit={PAGE}&offset={offset}", paged=True
            )
            for user in page["items"]:
                for model in (user.get("servers") or {}).values():
                    server = self._make_server(user["name"], model)
                    if server.active:
                        found[server.username, server.name] = server
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None
        return found

    async def follow(self, username: str, server: str) -> AsyncIterator[ProgressEvent]:
        """Give the steps of a start as they happen; the last one is ready or failed.

        Raises:
            HubError: nothing is being started.
        """
        path = f"{self._url}{_server(username, server)}/progress"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=DEADLINE, sock_read=SILENCE)
        with _answering():
            async with self._open().get(path, headers=self._headers, timeout=timeout) as reply:
                if reply.status != 200:
                    raise HubError(reply.status, _reason(await reply.text()))
                async for line in reply.content:
                    if line.startswith(b"data:"):
                        yield _event(json.loads(line[5:]))

    async def grant_share(self, username: str, server: str, visitor: str) -> None:
        """Let a visitor into one server; it has to exist. Never more than access."""
        scope = f"access:servers!server={username}/{server}"
        await self._ask("POST", _share(username, server), {"user": visitor, "scopes": [scope]})

    async def revoke_share(self, username: str, server: str, visitor: str) -> None:
        """Take a visitor's access to one server back; none is fine."""
        await self._ask("PATCH", _share(username, server), {"user": visitor}, fine={404})

    async def make_token(self, username: str, scopes: list[str], seconds: int, note: str) -> str:
        """Return a new token that acts as the user, within these scopes and this time only."""
        body = {"scopes": scopes, "expires_in": seconds, "note": note}
        _, model = await self._ask("POST", f"/users/{_path(username)}/tokens", body)
        return str(model["token"])

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        fine: Collection[int] = (),
        paged: bool = False,
    ) -> tuple[int, Any]:
        headers = dict(self._headers)
        if paged:
            headers["Accept"] = "application/jupyterhub-pagination+json"
        with _answering():
            async with self._open().request(
                method,
                self._url + path,
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=DEADLINE),
            ) as reply:
                text = await reply.text()
                if reply.status >= 400 and reply.status not in fine:
                    log.warning("%s %s: %d %s", method, path, reply.status, text[:500])
                    if reply.status in (502, 503, 504):
                        raise HubUnavailable
                    raise HubError(reply.status, _reason(text))
                return reply.status, json.loads(text) if text and reply.status < 400 else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Each start that somebody follows holds a connection; nobody else waits for them.
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session

    def _make_server(self, username: str, model: dict[str, Any]) -> Server:
        url = model.get("full_url") or model["url"]
        if url.startswith("/"):
            url = self._public_url.rstrip("/") + url
        pending, ready = model.get("pending") or "", bool(model.get("ready"))
        moments = [model.get("last_activity"), model.get("started")]
        last_active = max((_moment(text) for text in moments if text), default=None)
        return Server(username, model["name"], ready, pending, url, last_active)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
        log.warning("The Hub does not answer: %r", error)
        raise HubUnavailable from error


def _path(name: str) -> str:
    return quote(name, safe="")


def _server(username: str, server: str) -> str:
    return f"/users/{_path(username)}/servers/{_path(server)}"


def _share(username: str, server: str) -> str:
    return f"/shares/{_path(username)}/{_path(server)}"


def _event(data: dict[str, Any]) -> ProgressEvent:
    return ProgressEvent(
        progress=int(data.get("progress", 0)),
        # The Hub puts this before the sentence that the spawner meant for the person.
        message=str(data.get("message", "")).removeprefix("Spawn failed: "),
        ready=bool(data.get("ready")),
        failed=bool(data.get("failed")),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _reason(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
