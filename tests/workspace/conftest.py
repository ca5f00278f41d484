"""A real workspace server and a small real Hub, both on loopback in this process."""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClientConnection, websocket_connect

from coyotelab_workspace.account import Account
from coyotelab_workspace.context import Context
from coyotelab_workspace.server import make_application, make_context
from coyotelab_workspace.settings import Settings, from_environment

PREFIX = "/user/student1/cs101/"
CLIENT_ID = "jupyterhub-user-student1-cs101"
WORK_TOKEN = "token-of-the-course-service"
SCOPE = "access:servers!server=student1/cs101"


def listen(application: Application) -> tuple[HTTPServer, int]:
    server = HTTPServer(application, xheaders=True)
    sockets = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


class FakeHub:
    """What the workspace needs of JupyterHub's API, with the same refusals."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked = 0
        self.activity: list[dict[str, Any]] = []
        self.status = 0  # answer everything with this, to play an outage
        self.grant = ("student1", [SCOPE])
        self.port = 0

    def add_token(self, name: str = "student1", scopes: tuple[str, ...] = (SCOPE,)) -> str:
        token = secrets.token_hex(8)
        self.tokens[token] = {"name": name, "kind": "user", "scopes": list(scopes)}
        return token


class HubHandler(RequestHandler):
    def initialize(self, hub: FakeHub) -> None:
        self.hub = hub

    def prepare(self) -> None:
        if self.hub.status:
            self.set_status(self.hub.status)
            self.finish({"message": "played outage"})

    def sent_token(self) -> str:
        return self.request.headers.get("Authorization", "").partition(" ")[2]


class Authorize(HubHandler):
    def get(self) -> None:
        args = {k: v[0].decode() for k, v in self.request.arguments.items()}
        assert args["client_id"] == CLIENT_ID and args["response_type"] == "code"
        code = secrets.token_hex(8)
        self.hub.codes[code] = args
        query = urlencode({"code": code, "state": args["state"]})
        self.redirect(f"{args['redirect_uri']}?{query}")


class Token(HubHandler):
    def post(self) -> None:
        form = {k: v[0] for k, v in parse_qs(self.request.body.decode()).items()}
        begun = self.hub.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        good = (
            begun is not None
            and form["client_id"] == CLIENT_ID
            and form["client_secret"] == "server-token"
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == begun["redirect_uri"]
            and begun["code_challenge_method"] == "S256"
            and challenge == begun["code_challenge"]
        )
        if not good:
            self.set_status(400)
            self.finish({"error": "invalid_grant"})
            return
        name, scopes = self.hub.grant
        self.finish({"access_token": self.hub.add_token(name, tuple(scopes))})


class User(HubHandler):
    def get(self) -> None:
        self.hub.asked += 1
        model = self.hub.tokens.get(self.sent_token())
        if model is None:
            self.set_status(403)
            model = {"message": "Forbidden"}
        self.finish(model)


class ActivityPosts(HubHandler):
    def post(self) -> None:
        assert self.sent_token() == "server-token"
        self.hub.activity.append(json.loads(self.request.body))


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    made = FakeHub()
    routes = [
        ("/hub/api/oauth2/authorize", Authorize),
        ("/hub/api/oauth2/token", Token),
        ("/hub/api/user", User),
        ("/hub/api/users/student1/activity", ActivityPosts),
    ]
    server, made.port = listen(Application([(p, h, {"hub": made}) for p, h in routes]))
    yield made
    server.stop()
    await server.close_all_connections()


@pytest.fixture
def environment(hub: FakeHub) -> dict[str, str]:
    base = f"http://127.0.0.1:{hub.port}"
    return {
        "JUPYTERHUB_API_TOKEN": "server-token",
        "JUPYTERHUB_API_URL": f"{base}/hub/api",
        "JUPYTERHUB_ACTIVITY_URL": f"{base}/hub/api/users/student1/activity",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": CLIENT_ID,
        "JUPYTERHUB_HOST": base,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE, "access:servers!user=student1"]),
        "JUPYTERHUB_SERVER_NAME": "cs101",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_USER": "student1",
        "COYOTELAB_COURSE": "CS 101",
        "COYOTELAB_IDLE_MINUTES": "5",
        "COYOTELAB_JOB_HOURS": "12.0",
        "COYOTELAB_WORK_TOKEN": WORK_TOKEN,
        "COYOTELAB_PAGES_URL": "http://service/services/coyotelab/workspaces/cs101/student1",
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return from_environment(environment)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


class Browser:
    """A client that keeps cookies and follows nothing by itself."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.origin = f"http://127.0.0.1:{port}"

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        cookie = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return ({"Cookie": cookie} if cookie else {}) | (more or {})

    async def fetch(
        self, url: str, method: str = "GET", headers: dict[str, str] | None = None, **options: Any
    ) -> HTTPResponse:
        if url.startswith("/"):
            url = f"http://127.0.0.1:{self.port}{url}"
        if method in {"POST", "PUT"}:
            options.setdefault("body", "")
        request = HTTPRequest(url, method, self.headers(headers), follow_redirects=False, **options)
        reply = await AsyncHTTPClient().fetch(request, raise_error=False)
        for line in reply.headers.get_list("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "expires=Sat, 01 Jan 2000" in line:
                del self.cookies[name]
        return reply

    async def log_in(self, path: str = PREFIX) -> HTTPResponse:
        """From the page to the Hub and back; gives the callback's answer."""
        to_hub = await self.fetch(path)
        back = await self.fetch(to_hub.headers["Location"])
        return await self.fetch(path_of(back.headers["Location"]))

    async def connect(
        self, path: str, headers: dict[str, str] | None = None
    ) -> WebSocketClientConnection:
        more = {"Origin": self.origin} | (headers or {})
        request = HTTPRequest(f"ws://127.0.0.1:{self.port}{path}", headers=self.headers(more))
        return await websocket_connect(request)


async def eventually(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until it holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def read_until(socket: WebSocketClientConnection, text: str, seconds: float = 5) -> str:
    """All output of a terminal up to this text; fails when it does not come."""
    shown: list[str] = []
    async with asyncio.timeout(seconds):
        while text not in "".join(shown[-30:]):
            message = await socket.read_message()
            assert isinstance(message, str), f"closed after {shown[-30:]}"
            kind, content = json.loads(message)
            shown.append(content if kind == "stdout" else "")
    return "".join(shown)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture
async def context(settings: Settings, home: Path) -> AsyncIterator[Context]:
    account = Account("coyote", os.getuid(), os.getgid(), (os.getgid(),), str(home), "/bin/bash")
    made = make_context(settings, account)
    made = replace(made, version="test")
    yield made
    await made.terminals.shutdown()
    await made.lab.stop()


@pytest.fixture
async def browser(context: Context) -> AsyncIterator[Browser]:
    server, port = listen(make_application(context))
    yield Browser(port)
    server.stop()
    await server.close_all_connections()
