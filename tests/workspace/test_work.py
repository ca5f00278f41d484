"""Presence and work: who is here, what runs, and who is told of it."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from coyotelab_workspace import presence, server, work
from coyotelab_workspace.context import Context
from coyotelab_workspace.presence import Presence
from coyotelab_workspace.settings import from_environment

from .conftest import PREFIX, WORK_TOKEN, Browser, FakeHub, eventually, listen, read_until

SOCKET = f"{PREFIX}terminals/websocket/"
PTS, TTY1 = 136 << 8, 4 << 8 | 1


@pytest.fixture
async def student(browser: Browser, hub: FakeHub) -> Browser:
    await browser.log_in()
    return browser


async def look(browser: Browser, token: str = WORK_TOKEN):
    reply = await browser.fetch(
        f"{PREFIX}api/work", headers={"Authorization": f"token {token}", "Cookie": ""}
    )
    return json.loads(reply.body) if reply.code == 200 else reply.code


@pytest.mark.parametrize(
    ("name", "terminal", "line", "counts"),
    [
        ("bash", PTS, "bash -l", False),
        ("bash", PTS, "-bash", False),
        ("sudo", PTS, "sudo -i", False),
        ("tmux: client", PTS, "tmux", False),
        ("bash", PTS, "bash run.sh", True),
        ("sh", PTS, "sh -c make", True),
        ("sleep", PTS, "sleep 600", True),
        ("sleep", 0, "sleep 600", False),  # a service
        ("agetty", TTY1, "agetty tty1", False),
        ("sleep", PTS, "", False),  # a zombie
    ],
)
def test_what_is_a_program(name: str, terminal: int, line: str, counts: bool):
    arguments = [part.encode() for part in line.split()]
    assert work.is_program(name, terminal, arguments) == counts


async def test_only_the_service_may_ask(student: Browser, context: Context):
    assert await look(student, "another") == 403
    assert (await student.fetch(f"{PREFIX}api/work")).code == 403, "a login is not enough"
    before = context.activity.last
    assert await look(student) != 403
    assert context.activity.last == before, "the look itself is nobody's presence"


async def test_without_a_token_nobody_may_ask(student: Browser, context: Context):
    object.__setattr__(context, "settings", replace(context.settings, work_token=""))
    assert await look(student, "") == 403
    assert await look(student) == 403


async def test_a_program_is_work_and_a_prompt_is_not(student: Browser, context: Context):
    socket = await student.connect(f"{SOCKET}1")
    await socket.write_message(json.dumps(["stdin", "echo rea''dy\n"]))
    await read_until(socket, "ready")
    before = (await look(student))["programs"]
    assert (await look(student))["pages"] == 1
    await socket.write_message(json.dumps(["stdin", "sleep 30 & echo star''ted\n"]))
    await read_until(socket, "started")
    socket.close()
    await eventually(lambda: not context.watch.presence.count())
    found = await look(student)
    assert found["programs"] == before + 1 and found["pages"] == 0 and found["kernels"] == 0


async def test_output_without_a_page_is_work_but_no_presence(student: Browser, context: Context):
    socket = await student.connect(f"{SOCKET}1")
    await socket.write_message(json.dumps(["stdin", "sleep 0.5; echo la''te\n"]))
    socket.close()
    await eventually(lambda: not context.watch.presence.count())
    last, loud = context.activity.last, time.monotonic()
    await eventually(lambda: context.activity.get_quiet_seconds() < time.monotonic() - loud - 0.3)
    assert context.activity.last == last
    assert 0 <= (await look(student))["quiet"] < 5


async def test_the_owner_sees_who_comes_and_goes(
    student: Browser, context: Context, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(presence, "LEAVING", 0.0)
    own = await student.connect(f"{SOCKET}1")
    teacher = Browser(student.port)
    hub.grant = ("instructor1", hub.grant[1])
    await teacher.log_in()
    visit = await teacher.connect(f"{SOCKET}1")
    message = ["", ""]
    while message[0] != "visitors":
        message = json.loads(str(await own.read_message()))
    ((visitor),) = message[1]
    assert visitor["name"] == "instructor1" and visitor["since"] > "2020"
    assert (await look(student))["visitors"] == [visitor]
    assert json.loads(str(await visit.read_message()))[0] == "setup", "always the first message"
    visit.close()
    await eventually(lambda: context.watch.presence.count() == 1)
    context.watch.presence._forget()
    context.watch.presence._tell()
    message = ["", ""]
    while message[0] != "visitors":
        message = json.loads(str(await own.read_message()))
    assert message[1] == []
    own.close()


def test_a_reload_is_no_leaving():
    people = Presence("student1")
    told: list[object] = []
    people.listen(told.append)
    people.enter("instructor1")
    people.leave("instructor1")
    people._forget()
    people.enter("instructor1")
    assert len(told) == 1 and people.count() == 1
    people.enter("student1")
    assert len(people.get_visitors()) == 1


async def test_a_computer_that_has_gone_is_noticed(
    context: Context, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "PING", 0.2)
    http, port = listen(server.make_application(context))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"GET {SOCKET}1 HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: token {hub.add_token()}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    writer.write("\r\n".join((*head, "", "")).encode())
    assert b"101" in await reader.readline()
    await eventually(lambda: context.watch.presence.count() == 1)
    async with asyncio.timeout(15):  # tornado itself waits 5 s for the other side's last word
        while await reader.read(4096):  # pings are read, and never answered
            pass
    await eventually(lambda: context.watch.presence.count() == 0)
    writer.close()
    http.stop()


async def test_the_page_says_when_the_machine_stops(student: Browser, context: Context):
    page = (await student.fetch(PREFIX)).body.decode()
    said = " ".join(page.split())
    assert "stops 5 minutes after its page is closed" in said
    assert "keeps it up for at most 12 hours" in said


@pytest.mark.parametrize(
    ("minutes", "hours", "sentence"),
    [
        ("0", "12", "never stops by itself"),
        ("1", "0", "stops 1 minute after its page is closed. </p>"),
        ("2", "1", "at most 1 hour."),
        ("", "", ""),
    ],
)
async def test_each_way_of_stopping_has_its_words(
    student: Browser,
    context: Context,
    environment: dict[str, str],
    minutes: str,
    hours: str,
    sentence: str,
):
    environment |= {"COYOTELAB_IDLE_MINUTES": minutes, "COYOTELAB_JOB_HOURS": hours}
    object.__setattr__(context, "settings", from_environment(environment))
    said = " ".join((await student.fetch(PREFIX)).body.decode().split())
    assert sentence in said
    assert ('class="stops"' in said) == bool(sentence)
