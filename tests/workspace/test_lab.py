"""lab/: a stand-in for JupyterLab behind the real proxy; nothing of the Hub reaches it."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError

from coyotelab_workspace.context import Context
from coyotelab_workspace.lab import Lab

from .conftest import PREFIX, Browser, FakeHub, eventually

LAB = f"{PREFIX}lab/"
STAND_IN = """
import asyncio, json, os, sys, time
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

options = dict(a[2:].split("=", 1) for a in sys.argv[1:])

class Echo(RequestHandler):
    def get(self):
        said = {"headers": dict(self.request.headers), "body": self.request.body.decode(),
                "uri": self.request.uri, "method": self.request.method, "env": dict(os.environ),
                "options": options}
        self.set_header("Set-Cookie", "_xsrf=lab; Path=/")
        self.write(said)
    post = put = delete = get

class Big(RequestHandler):
    async def get(self):
        for _ in range(50):
            self.write(b"x" * 1_000_000)
            await self.flush()

class Kernels(RequestHandler):
    def get(self):
        assert "no_track_activity" in self.request.arguments
        assert self.request.headers["Authorization"] == "token " + os.environ["JUPYTER_TOKEN"]
        states = ["busy", "idle", "busy"]
        self.finish(json.dumps([{"execution_state": state} for state in states]))

class Socket(WebSocketHandler):
    def on_message(self, message):
        self.write_message(f"{message}/{self.request.headers['Authorization']}")

async def main():
    base = options["ServerApp.base_url"]
    app = Application([(base + "big", Big), (base + "ws", Socket),
                       (base + "api/kernels", Kernels), (base + ".*", Echo)])
    HTTPServer(app).add_socket(bind_unix_socket(options["ServerApp.sock"], 0o600))
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def context(context: Context, tmp_path: Path) -> AsyncIterator[Context]:
    program = tmp_path / "lab.py"
    program.write_text(STAND_IN)
    lab = Lab(context.settings, context.account, (sys.executable, str(program)))
    yield replace(context, lab=lab)
    await lab.stop()


@pytest.fixture
async def student(browser: Browser, hub: FakeHub) -> Browser:
    await browser.log_in()
    return browser


@pytest.fixture
async def started(student: Browser, context: Context) -> Browser:
    await context.lab.ensure_started()
    await eventually(context.lab.is_ready)
    return student


async def test_it_starts_when_asked_and_the_page_waits(student: Browser, context: Context):
    assert not context.lab.is_running()
    page = await student.fetch(f"{PREFIX}lab")
    assert page.code == 200 and b"JupyterLab is starting" in page.body
    assert b'http-equiv="refresh"' in page.body and context.lab.is_running()
    await eventually(context.lab.is_ready)
    ready = await student.fetch(f"{LAB}?again=1")
    assert ready.code == 302 and ready.headers["Location"] == f"{LAB}lab"


async def test_requests_reach_it_without_our_cookies(started: Browser, context: Context, home):
    reply = await started.fetch(f"{LAB}api/x?a=%20b")
    said = json.loads(reply.body)
    assert said["uri"] == f"{LAB}api/x?a=%20b"
    assert said["headers"]["Authorization"] == f"token {context.lab.token}"
    assert "Cookie" not in said["headers"] and "Origin" not in said["headers"]
    assert not any(name.startswith("JUPYTERHUB") for name in said["env"])
    assert said["env"]["HOME"] == said["options"]["ServerApp.root_dir"] == str(home)
    assert "server-token" not in reply.body.decode()
    put = await started.fetch(f"{LAB}f", "PUT", {"Origin": started.origin}, body="text")
    assert json.loads(put.body)["body"] == "text" and json.loads(put.body)["method"] == "PUT"
    assert (await started.fetch(f"{LAB}f", "DELETE", {"Origin": started.origin})).code == 200


async def test_its_own_token_lets_nobody_in(started: Browser, context: Context):
    own = {"Authorization": f"token {context.lab.token}"}
    assert (await started.fetch(f"{LAB}api/x", headers=own)).code == 200  # by the cookie
    assert (await started.fetch(f"{LAB}f", "PUT", own)).code == 403  # not without an origin
    stranger = Browser(started.port)
    assert (await stranger.fetch(f"{LAB}api/x", headers=own)).code == 302
    assert (await stranger.fetch(f"{LAB}f", "PUT", own | {"Origin": started.origin})).code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_foreign_origins(started: Browser, origin: str):
    assert (await started.fetch(f"{LAB}f", "POST", {"Origin": origin})).code == 403
    with pytest.raises(HTTPClientError, match="403"):
        await started.connect(f"{LAB}ws", {"Origin": origin})


async def test_websockets_pass_and_end_with_access(started: Browser, context, hub: FakeHub):
    socket = await started.connect(f"{LAB}ws")
    await socket.write_message("one")
    assert await socket.read_message() == f"one/token {context.lab.token}"
    await context.watch.check()
    await socket.write_message("two")
    assert await socket.read_message() == f"two/token {context.lab.token}"
    hub.tokens.clear()
    await context.watch.check()
    assert await socket.read_message() is None


async def test_large_answers_stream(started: Browser):
    sizes: list[int] = []
    reply = await started.fetch(
        f"{LAB}big", streaming_callback=lambda part: sizes.append(len(part))
    )
    assert reply.code == 200 and sum(sizes) == 50_000_000


async def test_busy_kernels_are_counted(started: Browser, context: Context):
    assert await context.lab.count_busy_kernels() == 2
    await context.lab.stop()
    assert await context.lab.count_busy_kernels() == 0


async def test_not_running(student: Browser):
    socketless = await student.fetch(f"{LAB}api/x", headers={"Sec-Fetch-Mode": "cors"})
    assert socketless.code == 503 and b"JupyterLab is not running" in socketless.body
    put = await student.fetch(f"{LAB}f", "PUT", {"Origin": student.origin})
    assert put.code == 503


async def test_it_ends_and_starts_again(started: Browser, context: Context):
    await context.lab.stop()
    assert not context.lab.is_ready()
    assert (await started.fetch(f"{PREFIX}lab")).code == 200
    await eventually(context.lab.is_ready)


async def test_a_lab_that_cannot_start_says_so(student: Browser, context: Context):
    context.lab._command = (sys.executable, "-c", "raise SystemExit(3)")
    await student.fetch(f"{PREFIX}lab")
    await eventually(context.lab.has_failed)
    reply = await student.fetch(f"{LAB}?again=1")
    assert reply.code == 500 and b"could not be started" in reply.body


async def test_two_who_ask_at_once_get_one(context: Context):
    await asyncio.gather(*(context.lab.ensure_started() for _ in range(3)))
    assert count_children_with(context.lab.path) == 1


def count_children_with(argument: str) -> int:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    return sum(argument.encode() in command for command in commands)


async def test_one_that_takes_no_more_connections_stops_nobody(student, context: Context):
    context.lab._command = (sys.executable, "-c", "import time; time.sleep(30)")
    with socket.socket(socket.AF_UNIX) as full, contextlib.ExitStack() as waiting:
        full.bind(context.lab.path)
        full.listen(0)
        waiting.enter_context(socket.socket(socket.AF_UNIX)).connect(context.lab.path)
        await context.lab.ensure_started()
        assert not context.lab.is_ready()
