"""A stand-in for the Hub and its proxy: users, servers, shares, tokens, OAuth, progress, archives.

Stateful, and as strict as the real one where the service relies on it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError, RequestHandler

SERVICE_TOKEN = "token-of-the-service"
ACCESS = "access:services!service=coyotelab"


@dataclass
class FakeServer:
    state: str = "stopped"  # stopped, spawn, ready, stop
    title: str = ""
    archive: bytes = b"PK-a-zip"
    broken: bool = False  # the archive ends in the middle
    stuck: bool = False  # a stop has no effect
    refusing: bool = False  # a stop is answered by an error
    last_active: datetime | None = None


@dataclass
class FakeHub:
    admins: set[str] = field(default_factory=lambda: {"admin"})
    users: set[str] = field(default_factory=set)
    servers: dict[tuple[str, str], FakeServer] = field(default_factory=dict)
    shares: set[tuple[str, str, str]] = field(default_factory=set)  # owner, server, visitor
    tokens: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    archive_tokens: list[str] = field(default_factory=list)
    failure: str = ""  # what a start fails with
    instant: bool = False  # whether a start is done at once
    down: bool = False
    silent: asyncio.Event | None = None  # a progress stream says nothing, and ends with this
    granting: Callable[[], None] | None = None  # happens just before a share is made
    url: str = ""
    browser: str = ""  # who is logged in at the Hub in the one browser there is
    http: HTTPServer | None = None

    def start(self) -> None:
        app = Application(ROUTES, hub=self)
        socket, port = bind_unused_port()
        self.http = HTTPServer(app)
        self.http.add_socket(socket)
        self.url = f"http://127.0.0.1:{port}"

    def token_for(self, username: str, *scopes: str) -> str:
        token = f"token-of-{username}-{len(self.tokens)}"
        self.tokens[token] = (username, list(scopes) or [ACCESS])
        return token

    def server(self, username: str, slug: str, state: str = "stopped") -> FakeServer:
        self.users.add(username)
        server = self.servers.setdefault((username, slug), FakeServer())
        server.state = state
        return server


class Base(RequestHandler):
    @property
    def hub(self) -> FakeHub:
        hub: FakeHub = self.settings["hub"]
        return hub

    def prepare(self) -> None:
        if self.hub.down:
            self.set_status(503)
            self.finish("the Hub is being upgraded")
            return
        self.hub.calls.append(f"{self.request.method} {self.request.path}")

    def require_service(self) -> None:
        if self.request.headers.get("Authorization") != f"token {SERVICE_TOKEN}":
            raise HTTPError(403)

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.request.body or b"{}")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None))[1]
        message = getattr(error, "log_message", None) or self._reason
        self.finish(json.dumps({"status": status_code, "message": message}))

    def find(self, username: str, server: str) -> FakeServer:
        found = self.hub.servers.get((username, server))
        if username not in self.hub.users or found is None:
            raise HTTPError(404, "No such server")
        return found

    def active(self, username: str) -> dict[str, Any]:
        return {
            name: self.model(owner, name, server)
            for (owner, name), server in self.hub.servers.items()
            if owner == username and server.state != "stopped"
        }

    def model(self, username: str, name: str, server: FakeServer) -> dict[str, Any]:
        return {
            "name": name,
            "ready": server.state == "ready",
            "pending": server.state if server.state in ("spawn", "stop") else None,
            "stopped": server.state == "stopped",
            "last_activity": server.last_active and server.last_active.isoformat(),
            "started": None,
            "url": f"http://{username}.{HOST}/user/{username}/{name}/",
            "full_url": f"http://{username}.{HOST}/user/{username}/{name}/",
        }


HOST = "coyote.test:8000"


class Identity(Base):
    def get(self) -> None:
        token = self.request.headers.get("Authorization", "").removeprefix("token ")
        if token not in self.hub.tokens:
            raise HTTPError(403)
        name, scopes = self.hub.tokens[token]
        admin = name in self.hub.admins
        self.write({"kind": "user", "name": name, "admin": admin, "scopes": scopes})


class Authorize(Base):
    def get(self) -> None:
        code = f"code-{self.hub.browser}"
        query = urlencode({"code": code, "state": self.get_argument("state")})
        self.redirect(f"{self.get_argument('redirect_uri')}?{query}")


class OAuthToken(Base):
    def post(self) -> None:
        code = parse_qs(self.request.body.decode())["code"][0]
        self.write({"access_token": self.hub.token_for(code.removeprefix("code-"))})


class Users(Base):
    def get(self) -> None:
        self.require_service()
        items = []
        for username in sorted(self.hub.users):
            servers = self.active(username)
            if servers:
                items.append({"name": username, "servers": servers})
        offset, limit = int(self.get_argument("offset")), int(self.get_argument("limit"))
        more = {"offset": offset + limit} if offset + limit < len(items) else None
        page = items[offset : offset + limit]
        self.write({"items": page, "_pagination": {"next": more}})


class User(Base):
    def get(self, username: str) -> None:
        self.require_service()
        if username not in self.hub.users:
            raise HTTPError(404)
        self.write({"name": username, "servers": self.active(username)})

    def post(self, username: str) -> None:
        self.require_service()
        if username in self.hub.users:
            raise HTTPError(409)
        self.hub.users.add(username)
        self.set_status(201)
        self.write({"name": username})


class Tokens(Base):
    def post(self, username: str) -> None:
        self.require_service()
        token = self.hub.token_for(username, *self.body["scopes"])
        self.set_status(201)
        self.write({"token": token, "note": self.body["note"]})


class Server(Base):
    def get(self, username: str, name: str) -> None:
        self.require_service()
        self.write(self.model(username, name, self.find(username, name)))

    def post(self, username: str, name: str) -> None:
        self.require_service()
        if username not in self.hub.users:
            raise HTTPError(404)
        server = self.hub.servers.setdefault((username, name), FakeServer())
        if server.state in ("ready", "stop"):
            raise HTTPError(400, f"{name} is already running or pending")
        server.title = self.body["display_name"]
        server.state = "ready" if self.hub.instant else "spawn"
        self.set_status(201 if self.hub.instant else 202)

    def delete(self, username: str, name: str) -> None:
        self.require_service()
        server = self.find(username, name)
        if server.refusing:
            raise HTTPError(500)
        server.state = server.state if server.stuck else "stopped"
        self.set_status(204)


class Progress(Base):
    async def get(self, username: str, name: str) -> None:
        self.require_service()
        server = self.find(username, name)
        if server.state == "ready":
            return self.send(progress=100, ready=True, message="ready")
        if server.state != "spawn":
            raise HTTPError(400, "not starting")
        if self.hub.silent:
            await self.hub.silent.wait()
            return None
        self.send(progress=30, message="Making your machine", html_message="<b>no</b>")
        self.write("\n\n")
        await self.flush()
        await asyncio.sleep(0.05)
        if self.hub.failure:
            server.state = "stopped"
            return self.send(progress=100, failed=True, message=self.hub.failure)
        server.state = "ready"
        return self.send(progress=100, ready=True, message="Server ready at /user/x")

    def send(self, **event: object) -> None:
        self.write(f"data: {json.dumps(event)}\n\n")


class Shares(Base):
    def post(self, owner: str, server: str) -> None:
        self.require_service()
        self.find(owner, server)
        if self.hub.granting:
            self.hub.granting()
        if self.body["user"] not in self.hub.users:
            raise HTTPError(400, "No such user")
        assert self.body["scopes"] == [f"access:servers!server={owner}/{server}"]
        self.hub.shares.add((owner, server, self.body["user"]))
        self.write({})

    def patch(self, owner: str, server: str) -> None:
        self.require_service()
        self.find(owner, server)
        self.hub.shares.discard((owner, server, self.body["user"]))
        self.write({})


class Archive(Base):
    async def get(self, username: str, name: str) -> None:
        server = self.find(username, name)
        token = self.request.headers.get("Authorization", "").removeprefix("token ")
        self.hub.archive_tokens.append(token)
        owner, scopes = self.hub.tokens.get(token, ("", []))
        allowed = owner == username and f"access:servers!server={username}/{name}" in scopes
        host = urlsplit(f"http://{username}.{HOST}").netloc
        if not allowed or server.state != "ready" or self.request.host != host:
            raise HTTPError(403)
        half = len(server.archive) // 2
        self.write(server.archive[:half])
        await self.flush()
        if server.broken:
            self.detach().close()
            return
        self.write(server.archive[half:])


class Root(Base):
    def get(self) -> None:
        self.write({"version": "6.1.1"})


NAME = "([^/]+)"
ROUTES: list[Any] = [
    ("/hub/api/", Root),
    ("/hub/api/user", Identity),
    ("/hub/api/oauth2/authorize", Authorize),
    ("/hub/api/oauth2/token", OAuthToken),
    ("/hub/api/users", Users),
    (f"/hub/api/users/{NAME}", User),
    (f"/hub/api/users/{NAME}/tokens", Tokens),
    (f"/hub/api/users/{NAME}/servers/{NAME}", Server),
    (f"/hub/api/users/{NAME}/servers/{NAME}/progress", Progress),
    (f"/hub/api/shares/{NAME}/{NAME}", Shares),
    (f"/user/{NAME}/{NAME}/archive", Archive),
]
