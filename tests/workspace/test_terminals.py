"""Terminals: the Jupyter protocol, and shells that outlive their pages."""

import asyncio
import json
from pathlib import Path

import pytest

from coyotelab_workspace import terminals
from coyotelab_workspace.context import Context

from .conftest import PREFIX, Browser, FakeHub, eventually, read_until

API = f"{PREFIX}api/terminals"
SOCKET = f"{PREFIX}terminals/websocket/"


@pytest.fixture
async def student(browser: Browser, hub: FakeHub) -> Browser:
    await browser.log_in()
    return browser


async def stdin(socket, text: str) -> None:
    await socket.write_message(json.dumps(["stdin", text]))


async def change(student: Browser, path: str, method: str = "POST", body: str = ""):
    options = {"body": body} if method == "POST" else {}
    return await student.fetch(path, method, headers={"Origin": student.origin}, **options)


async def test_rest_protocol(student: Browser, context: Context):
    assert json.loads((await student.fetch(API)).body) == []
    made = json.loads((await change(student, API)).body)
    assert made["name"] == "1" and made["last_activity"].endswith("Z")
    named = await change(student, API, body='{"name": "build", "cwd": "/"}')
    assert json.loads(named.body)["name"] == "build"
    assert [t["name"] for t in json.loads((await student.fetch(API)).body)] == ["1", "build"]
    assert json.loads((await student.fetch(f"{API}/1")).body)["name"] == "1"
    assert (await change(student, f"{API}/1", "DELETE")).code == 204
    await eventually(lambda: "1" not in context.terminals.terminals)
    assert (await student.fetch(f"{API}/1")).code == 404
    assert (await change(student, f"{API}/1", "DELETE")).code == 404


@pytest.mark.parametrize(
    "body", ["{", "[1]", '"x"', '{"name": "../x"}', '{"name": 5}', '{"name": ""}', "\udcff"]
)
async def test_bad_bodies(student: Browser, body: str):
    reply = await change(student, API, body=body.encode("utf-8", "surrogateescape"))  # type: ignore[arg-type]
    assert reply.code == 400 and "message" in json.loads(reply.body)


async def test_a_socket_makes_its_terminal_and_the_shell_stays(student: Browser):
    socket = await student.connect(f"{SOCKET}1?rows=40&cols=132")
    assert json.loads(await socket.read_message()) == ["setup", {"created": True}]
    await stdin(socket, "kept=wolf; stty size; echo do''ne\n")
    assert "40 132" in await read_until(socket, "done")
    socket.close()
    again = await student.connect(f"{SOCKET}1")
    assert json.loads(await again.read_message()) == ["setup", {"created": False}]
    assert "40 132" in await read_until(again, "done")  # the scrollback
    await stdin(again, "echo coyote-$kept\n")
    await read_until(again, "coyote-wolf")
    again.close()


async def test_two_pages_on_one_shell_and_its_size(student: Browser):
    one = await student.connect(f"{SOCKET}1?rows=50&cols=100")
    two = await student.connect(f"{SOCKET}1?rows=24&cols=200")
    await stdin(one, "stty size; echo ea''ch\n")
    assert "24 100" in await read_until(two, "each")
    two.close()
    await asyncio.sleep(0.05)
    await stdin(one, "stty size; echo wi''de\n")
    assert "50 100" in await read_until(one, "wide")
    await one.write_message('["set_size", 30, 90, 0, 0]')
    await stdin(one, "stty size; echo le''ss\n")
    assert "30 90" in await read_until(one, "less")
    one.close()


async def test_clean_environment(student: Browser, home: Path, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "top-secret")
    monkeypatch.setenv("PYTHONPATH", "/opt/coyotelab")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/coyotelab")
    socket = await student.connect(f"{SOCKET}1?rows=60&cols=200")
    await stdin(socket, "env; pwd; shopt login_shell; locale charmap; echo en''d\n")
    shown = await read_until(socket, "end")
    for secret in ("JUPYTERHUB", "top-secret", "PYTHON", "LD_LIBRARY", "OPENSSL", "PYXTERM"):
        assert secret not in shown
    for line in (f"HOME={home}", "TERM=xterm-256color", "USER=coyote", f"\r\n{home}\r\n", "UTF-8"):
        assert line in shown
    assert "login_shell    \ton" in shown or "login_shell\ton" in shown.replace(" ", "")
    socket.close()


async def test_utf8_in_both_directions(student: Browser):
    socket = await student.connect(f"{SOCKET}1")
    await stdin(socket, "echo 'grüße 日本 🐺' | tr -d x; printf '\\xff\\xfe'; echo e''nd\n")
    shown = await read_until(socket, "end")
    assert shown.count("grüße 日本 🐺") >= 1 and "\ufffd" in shown
    socket.close()


async def test_a_shell_that_ends_says_so(student: Browser):
    socket = await student.connect(f"{SOCKET}1")
    await stdin(socket, "exit\n")
    kinds = []
    async with asyncio.timeout(5):
        while (message := await socket.read_message()) is not None:
            kinds.append(json.loads(message))
    assert kinds[-1] == ["disconnect", 1]
    assert json.loads((await student.fetch(API)).body) == []


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", "5", '"stdin"', '["stdin"]', '["stdin", 5]', '["set_size"]', '["x", 1]',
     '["set_size", "a", null]', '["set_size", -1, 0]', '["set_size", 5000, 5000]', b"\xff"],
)  # fmt: skip
async def test_nonsense_is_ignored(student: Browser, message):
    socket = await student.connect(f"{SOCKET}1?rows=a&cols=-1")
    await socket.write_message(message, binary=isinstance(message, bytes))
    await stdin(socket, "echo al''ive; stty size\n")
    await read_until(socket, "24 80")
    socket.close()


async def test_number_of_terminals_is_limited(student: Browser, context: Context):
    context.terminals.max_terminals = 2
    for _ in range(2):
        assert (await change(student, API)).code == 200
    refused = await change(student, API)
    assert refused.code == 429 and b"Too many terminals" in refused.body
    socket = await student.connect(f"{SOCKET}9")
    assert await socket.read_message() is None and socket.close_code == terminals.CODE_FULL


async def test_a_flood_waits_for_a_slow_page(student: Browser, context: Context):
    socket = await student.connect(f"{SOCKET}1")
    await stdin(socket, "head -c 30000000 /dev/zero | tr '\\0' x; echo fl''ood\n")
    await socket.write_message('["pause"]')
    await asyncio.sleep(0.3)
    term = context.terminals.terminals["1"]
    (client,) = term.clients
    client.paused = False
    await asyncio.sleep(0.3)  # nobody reads: the buffers fill, the shell waits
    assert client.waiting() < terminals.BEHIND + 500_000
    await student.fetch(f"{PREFIX}api")  # others are served
    await read_until(socket, "flood", 20)
    assert sum(map(len, term.read_buffer)) < terminals.SCROLLBACK + 70_000
    socket.close()


async def test_a_stuck_shell_blocks_only_itself(student: Browser):
    stuck = await student.connect(f"{SOCKET}1")
    await stdin(stuck, "stty raw -echo; echo ra''w; sleep 60\n")
    await read_until(stuck, "raw")
    for _ in range(4):
        await stdin(stuck, "x" * 60_000)
    other = await student.connect(f"{SOCKET}2")
    await stdin(other, "echo fr''ee\n")
    await read_until(other, "free", 3)
    stuck.close()
    other.close()


async def test_activity(student: Browser, context: Context, hub: FakeHub):
    socket = await student.connect(f"{SOCKET}1")
    await read_until(socket, "")
    before = context.activity.last
    await stdin(socket, "sleep 0.1; echo wo''rk\n")
    await read_until(socket, "work")
    assert context.activity.last > before
    assert json.loads((await student.fetch(f"{API}/1")).body)["last_activity"] > "2020"
    assert await context.activity.post() and await context.activity.post()
    posted, again = hub.activity
    assert posted["servers"]["cs101"]["last_activity"] == posted["last_activity"]
    assert again["last_activity"] > posted["last_activity"], "whoever has a page open is here"
    socket.close()
    await eventually(lambda: not context.watch.presence.count())
    await context.activity.post()
    await context.activity.post()
    assert len(hub.activity) == 2, "nobody is here, nothing is new"
    last = context.activity.last
    await student.fetch(f"{PREFIX}api")
    assert context.activity.last == last  # readiness is no person
    hub.status = 500
    await student.fetch(PREFIX)
    assert not await context.activity.post()


async def test_oom_killer_takes_the_shell_first(student: Browser, context: Context):
    await change(student, API)
    pid = context.terminals.terminals["1"].ptyproc.pid
    with open(f"/proc/{pid}/oom_score_adj") as file:  # noqa: ASYNC230, PTH123
        assert file.read().strip() == "100"
