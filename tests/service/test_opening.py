"""Opening a workspace: started through the Hub; progress, visitors and failures."""

import asyncio
import json

import pytest

from coyotelab_service import hub_api, visits
from coyotelab_service.orm import User

from .conftest import PREFIX, Browser, Site
from .fake_hub import HOST

WORKSPACE = f"http://student1.{HOST}/user/student1/cs101/"


async def events(browser: Browser, path: str) -> list[dict[str, object]]:
    answer = await browser.get(path)
    assert answer.headers["Content-Type"] == "text/event-stream"
    lines = answer.text.splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


async def test_own_workspace_from_nothing_to_running(site: Site) -> None:
    student = site.browser("student1")
    assert (await student.get("workspaces/cs101")).location == f"{PREFIX}workspaces/cs101/student1"
    page = await student.get("workspaces/cs101/student1")
    assert page.status == 200 and "Opening your workspace" in page.text
    assert 'http-equiv="refresh"' in page.text, "works without scripts"
    assert site.hub.servers["student1", "cs101"].title == "Introduction to Systems Programming"
    steps = await events(student, "workspaces/cs101/student1/progress")
    assert steps[0] == {
        "progress": 30,
        "message": "Making your machine",
        "ready": False,
        "failed": False,
    }
    assert steps[-1]["ready"]
    assert (await student.get("workspaces/cs101/student1")).location == WORKSPACE
    assert not site.hub.shares, "nobody else was let in"


async def test_without_scripts_a_failed_start_is_not_started_again(site: Site) -> None:
    student = site.browser("student1")
    site.hub.server("student1", "cs101", "stopped")
    page = await student.get("workspaces/cs101/student1?wait=1")
    assert "could not be started" in page.text and "refresh" not in page.text
    assert site.hub.servers["student1", "cs101"].state == "stopped"


async def test_a_failed_start_is_a_plain_sentence(site: Site) -> None:
    student = site.browser("student1")
    site.hub.failure = "The pool is nearly full."
    await student.get("workspaces/cs101/student1")
    last = (await events(student, "workspaces/cs101/student1/progress"))[-1]
    assert last["failed"] and last["message"] == "The pool is nearly full."


async def test_progress_needs_the_token_of_the_page_when_a_script_asks(site: Site) -> None:
    student = site.browser("student1")
    page = await student.get("workspaces/cs101/student1")
    path = page.text.split('data-progress="')[1].split('"')[0].removeprefix(PREFIX)
    assert (await student.get(path, mode="cors")).status == 200
    assert (await student.get(path.split("?")[0], mode="cors")).status == 302


async def test_waits_for_a_machine_that_is_stopping(site: Site) -> None:
    student = site.browser("student1")
    server = site.hub.server("student1", "cs101", "stop")
    assert "to stop first" in (await student.get("workspaces/cs101/student1")).text
    following = asyncio.create_task(events(student, "workspaces/cs101/student1/progress"))
    await asyncio.sleep(0.15)
    server.state = "stopped"
    assert (await following)[-1]["ready"]


async def test_an_instructor_is_let_in_by_a_share_that_leaves_a_trace(site: Site) -> None:
    teacher = site.browser("instructor1")
    page = await teacher.get("workspaces/cs101/student1")
    assert "the workspace of student1" in page.text
    assert site.hub.shares == {("student1", "cs101", "instructor1")}
    [visit] = await site.database.run(visits.find_open)
    assert (visit.visitor, visit.owner, visit.slug) == ("instructor1", "student1", "cs101")
    assert "instructor1" in (await site.browser("student1").get("courses/cs101")).text
    # Their own is a server of their own, without any share.
    await teacher.get("workspaces/cs101/instructor1")
    assert len(site.hub.shares) == 1
    assert ("instructor1", "cs101") in site.hub.servers


async def test_a_hub_that_is_down_is_said_so(site: Site) -> None:
    student = site.browser("student1")
    await student.get()
    site.hub.down = True
    page = await student.get("workspaces/cs101/student1")
    assert page.status == 503
    assert "The Hub does not answer" in page.text and "Traceback" not in page.text


async def test_who_is_dismissed_while_the_door_opens_stays_outside(site: Site) -> None:
    def dismiss() -> None:
        with site.database.transaction() as session:
            teacher = User.get(session, "instructor1")
            assert teacher
            teacher.roles = 1

    site.hub.granting = dismiss
    answer = await site.browser("instructor1").get("workspaces/cs101/student1")
    assert answer.status == 404 and not site.hub.shares


async def test_many_who_follow_a_start_keep_nobody_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_api, "DEADLINE", 3.0)
    site.hub.server("student1", "cs101", "spawn")
    site.hub.silent = asyncio.Event()
    path = "/hub/api/users/student1/servers/cs101/progress"

    async def follow() -> list[hub_api.ProgressEvent]:
        return [event async for event in site.services.hub.follow("student1", "cs101")]

    followers = [asyncio.create_task(follow()) for _ in range(110)]
    async with asyncio.timeout(5):
        while site.hub.calls.count(f"GET {path}") < 110:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await site.services.hub.get_server("student1", "cs101")
    site.hub.silent.set()
    assert await asyncio.gather(*followers) == [[]] * 110


async def test_a_stream_that_ends_without_a_word_is_followed_again(site: Site) -> None:
    site.hub.server("student1", "cs101", "spawn")
    site.hub.silent = asyncio.Event()
    site.hub.silent.set()
    assert await events(site.browser("student1"), "workspaces/cs101/student1/progress") == []
