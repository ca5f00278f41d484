"""Idle machines stop, those at work do not, and nobody's is stopped by mistake."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from coyotelab_service import audit, idle, machines, visits, work
from coyotelab_service.access import Place
from coyotelab_service.errors import ServiceError
from coyotelab_service.idle import Idle
from coyotelab_service.orm import AuditEvent, Course, Machine, User

from .conftest import Site
from .fake_hub import FakeServer

NOBODY_THERE = {"pages": 0, "visitors": [], "programs": 0, "kernels": 0, "quiet": 9999}


@dataclass
class Clock:
    """Both clocks of the loop, moved by hand."""

    wall: datetime = datetime(2026, 9, 1, 12, tzinfo=UTC)
    monotonic: float = 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic += seconds


@dataclass
class Machine1:
    """student1's machine in cs101, as its own server tells of it."""

    site: Site
    server: FakeServer
    port: int
    idle: Idle
    clock: Clock
    answer: Any = field(default_factory=lambda: dict(NOBODY_THERE))
    raw: bytes | None = None
    asked: int = 0
    token: str = ""

    async def look(self, seconds: float = 0) -> str:
        """Let time pass, let the loop look, and return the machine's state."""
        self.clock.pass_(seconds)
        await self.idle.run_once()
        return self.server.state

    async def stay(self, seconds: float, every: float = 20) -> str:
        """Look each 20 seconds, as the loop does, or more rarely."""
        for _ in range(int(seconds / every)):
            await self.look(every)
        return self.server.state

    def be_there(self) -> None:
        self.server.last_active = self.clock.wall

    def events(self) -> list[tuple[str, str, str]]:
        with self.site.database.transaction() as session:
            rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
            return [(row.actor, row.action, row.detail) for row in rows]


class WorkEndpoint(RequestHandler):
    def get(self) -> None:
        machine: Machine1 = self.settings["machine"]
        machine.asked += 1
        if self.request.headers["Authorization"] != f"token {machine.token}":
            self.set_status(403)
            return
        self.finish(json.dumps(machine.answer) if machine.raw is None else machine.raw)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(idle, "utc_now", lambda: clock.wall)
    monkeypatch.setattr(idle, "monotonic", lambda: clock.monotonic)
    return clock


@pytest.fixture
async def machine(site: Site, clock: Clock) -> AsyncIterator[Machine1]:
    socket, port = bind_unused_port()
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, "student1")
        assert course and user
        spec = machines.get_spec(session, Place(course, user), site.services.site)
        row = session.scalars(select(Machine).where(Machine.name == spec.name)).one()
        row.address = "127.0.0.1"
    loop = Idle(site.database, site.services.hub, site.services.site, port)
    server = site.hub.server("student1", "cs101", "ready")
    machine = Machine1(site, server, port, loop, clock, token=work.make_token(spec.uuid))
    machine.be_there()
    app = Application([("/user/student1/cs101/api/work", WorkEndpoint)], machine=machine)
    http = HTTPServer(app)
    http.add_socket(socket)
    await machine.look()
    yield machine
    http.stop()


def last_active(site: Site) -> datetime | None:
    with site.database.transaction() as session:
        return session.scalar(select(Machine.last_active).where(Machine.address == "127.0.0.1"))


def set_idle_minutes(site: Site, minutes: int | None) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.idle_minutes = minutes


async def test_a_closed_page_stops_the_machine_after_the_grace_time(machine: Machine1) -> None:
    assert await machine.stay(290, 29) == "ready" and machine.asked == 0
    assert await machine.stay(40) == "stopped"
    assert machine.events()[-1] == ("", "stop", "idle 5")


async def test_an_open_page_keeps_it_running(machine: Machine1) -> None:
    for _ in range(30):
        machine.be_there()
        assert await machine.stay(60, 60) == "ready"
    assert machine.asked == 0, "nobody is asked who need not be"


async def test_a_course_has_a_grace_time_of_its_own(machine: Machine1) -> None:
    set_idle_minutes(machine.site, 0)
    assert await machine.stay(4000, 200) == "ready"
    set_idle_minutes(machine.site, 1)
    assert await machine.look() == "stopped"


@pytest.mark.parametrize(
    "work_", [{"programs": 1}, {"kernels": 1}, {"quiet": 3}, {"pages": 1}], ids=str
)
async def test_work_keeps_it_running_up_to_the_ceiling(
    machine: Machine1, work_: dict[str, Any]
) -> None:
    machine.site.services.site.job_hours = 1.0
    machine.answer |= work_
    assert await machine.stay(3580, 179) == "ready"
    assert await machine.stay(40) == ("ready" if "pages" in work_ else "stopped")
    assert await machine.stay(60) == "stopped", "the Hub knows of no page"
    assert machine.events()[-1] == ("", "stop", "job 1")


async def test_without_a_right_for_jobs_the_grace_time_is_all(machine: Machine1) -> None:
    machine.site.services.site.job_hours = 0.0
    machine.answer["programs"] = 3
    assert await machine.stay(320, 40) == "stopped"
    assert machine.events()[-1] == ("", "stop", "idle 5")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"pages": 0, "visitors": 5, "programs": 0, "kernels": 0, "quiet": 1}',
        b'{"pages": "x", "visitors": [], "programs": 0, "kernels": 0, "quiet": 1}',
        b'{"pages": 1e999, "visitors": [], "programs": 0, "kernels": 0, "quiet": 1}',
        b'{"pages": 0, "visitors": {"0": 1}, "programs": 0, "kernels": 0, "quiet": 1}',
        b" " * (work.MAX_BYTES + 1),
    ],
    ids=range(11),
)
async def test_nonsense_is_no_answer_and_the_ceiling_holds(machine: Machine1, raw: bytes) -> None:
    machine.site.services.site.job_hours = 0.5
    machine.raw = raw
    assert work.read_report(raw) is None
    assert await machine.stay(400, 50) == "ready" and machine.asked > 0
    assert await machine.stay(1500, 100) == "stopped"


async def test_one_that_answers_nothing_is_asked_in_bounded_time(
    machine: Machine1, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "DEADLINE", 0.1)
    server = machine.site.services.hub
    found = await server.get_server("student1", "cs101")
    assert found
    socket, port = bind_unused_port()
    assert await work.ask("127.0.0.1", found, "x", port) is None  # takes connections, says nothing
    socket.close()
    assert await work.ask("127.0.0.1", found, "x", port) is None  # takes none
    assert await work.ask("127.0.0.1", found, "wrong", machine.port) is None


async def test_whoever_comes_back_at_that_moment_is_not_hit(
    machine: Machine1, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_ask = work.ask

    async def come_back(*args: Any) -> work.Report | None:
        report = await true_ask(*args)
        machine.be_there()
        return report

    monkeypatch.setattr(work, "ask", come_back)
    assert await machine.stay(320, 40) == "ready" and machine.asked == 1


async def test_whoever_comes_back_at_the_ceiling_is_not_hit(machine: Machine1) -> None:
    machine.site.services.site.job_hours = 1.0
    machine.answer["programs"] = 1
    assert await machine.stay(3580, 179) == "ready"
    machine.answer["pages"] = 1  # and the Hub looks at the proxy in a moment
    assert await machine.look(25) == "ready"
    machine.be_there()
    assert await machine.stay(400) == "ready"


async def test_a_start_right_after_the_stop_works(machine: Machine1) -> None:
    assert await machine.stay(320, 40) == "stopped"
    machine.site.hub.instant = True
    page = await machine.site.browser("student1").get("workspaces/cs101/student1")
    assert page.status == 302
    machine.be_there()
    assert await machine.stay(120) == "ready"


async def test_a_service_that_has_just_started_waits(machine: Machine1) -> None:
    machine.clock.pass_(3600)
    machine.idle = Idle(
        machine.site.database, machine.site.services.hub, machine.site.services.site, machine.port
    )
    assert await machine.look() == "ready"
    assert await machine.stay(40) == "ready"
    assert await machine.stay(20) == "stopped"


async def test_after_an_outage_of_the_hub_nobody_is_stopped_at_once(machine: Machine1) -> None:
    await machine.stay(200)
    machine.site.hub.down = True
    with pytest.raises(ServiceError):
        await machine.look(300)
    machine.idle.forget()  # as `run` does
    machine.site.hub.down = False
    assert await machine.look(20) == "ready", "the Hub's times are from before"
    machine.be_there()
    assert await machine.stay(200) == "ready"


async def test_missing_times_and_clocks_that_jump_stop_nobody(machine: Machine1) -> None:
    machine.server.last_active = None
    assert await machine.stay(1000, 100) == "ready"
    machine.be_there()
    await machine.look()
    machine.clock.wall += timedelta(hours=20)
    assert await machine.stay(100) == "ready", "set forward"
    machine.be_there()
    machine.clock.wall -= timedelta(hours=20)
    assert await machine.stay(1000, 100) == "ready", "set back: the time is still to come"


async def test_others_servers_are_left_alone(machine: Machine1) -> None:
    other = machine.site.hub.server("admin", "somethingelse", "ready")
    other.last_active = machine.clock.wall - timedelta(days=9)
    assert await machine.stay(200) == "ready"
    assert other.state == "ready"


async def test_a_stop_that_fails_is_tried_again_and_hides_no_other(machine: Machine1) -> None:
    machine.server.refusing = True
    assert await machine.stay(320, 40) == "ready"
    assert all(action != "stop" for _, action, _ in machine.events())
    machine.server.refusing = False
    assert await machine.look(20) == "stopped"


async def test_a_machine_whose_answer_breaks_us_hides_no_other(
    machine: Machine1, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine.site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, "student2")
        assert course and user
        machines.get_workspace(session, Place(course, user)).address = "127.0.0.2"
    machine.site.hub.server("student2", "cs101", "ready").last_active = machine.clock.wall
    true_ask = work.ask

    async def break_(address: str, *args: Any) -> work.Report | None:
        if address == "127.0.0.2":
            raise RuntimeError("nobody has thought of that")
        return await true_ask(address, *args)

    monkeypatch.setattr(work, "ask", break_)
    assert await machine.stay(340, 20) == "stopped"


async def test_last_active_is_kept(machine: Machine1) -> None:
    first = machine.clock.wall
    assert last_active(machine.site) == first
    await machine.stay(60)
    assert last_active(machine.site) == first
    machine.be_there()
    await machine.look()
    assert last_active(machine.site) == first + timedelta(seconds=60)
    machine.server.last_active = machine.clock.wall + timedelta(days=400)
    await machine.look()
    assert last_active(machine.site) == first + timedelta(seconds=60), "no time to come"


async def test_a_round_asks_the_hub_once_and_the_database_little(machine: Machine1) -> None:
    from sqlalchemy import event

    for number in range(20):
        machine.site.hub.server(f"somebody{number}", "cs101", "ready")
    queries: list[str] = []
    machine.site.hub.calls.clear()
    event.listen(
        machine.site.database.engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, *_rest: queries.append(statement),
    )
    await machine.look(20)
    assert len(machine.site.hub.calls) == 1
    assert len([query for query in queries if query.startswith("SELECT")]) == 2


async def test_a_visit_ends_when_the_visitor_has_left(machine: Machine1) -> None:
    teacher = machine.site.browser("instructor1")
    await teacher.get("workspaces/cs101/student1")
    set_idle_minutes(machine.site, 1)
    machine.answer |= {"pages": 2, "visitors": [{"name": "instructor1", "since": "x"}]}
    for _ in range(10):
        machine.be_there()
        await machine.look(20)
    assert machine.site.hub.shares, "a page is open"
    machine.answer["visitors"] = []
    machine.be_there()
    await machine.stay(40)
    machine.raw = b"nonsense"
    await machine.look(100)
    assert machine.site.hub.shares, "no answer is no leaving"
    machine.raw = None
    machine.be_there()
    await machine.look()
    for _ in range(4):
        machine.be_there()
        await machine.look(20)
    assert not machine.site.hub.shares
    assert not await machine.site.database.run(visits.find_open)
    assert machine.events()[-1] == ("instructor1", "leave", "page closed")
    assert machine.server.state == "ready", "the student works on"
    await teacher.get("workspaces/cs101/student1")
    assert machine.site.hub.shares, "and may come again"


async def test_the_student_is_told_before_and_after(machine: Machine1) -> None:
    student = machine.site.browser("student1")
    page = " ".join((await student.get("courses/cs101")).text.split())
    assert "stops 5 minutes after you close its page. A running program" in page
    assert "at most 12 hours" in page and "The machine stopped" not in page
    set_idle_minutes(machine.site, 1)
    assert "stops 1 minute after" in (await student.get("courses/cs101")).text
    machine.site.services.site.job_hours = 0.5
    machine.answer["programs"] = 1
    assert await machine.stay(1900, 100) == "stopped"
    told = "a program ran for longer than 0.5 h without a page open"
    assert told in (await student.get("courses/cs101")).text
    with machine.site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, "student1")
        audit.note(session, idle.SYSTEM, "expire", course=course, owner=user, detail="x")
        audit.note(session, idle.SYSTEM, "something", course=course, owner=user)
    assert told in (await student.get("courses/cs101")).text, "it is still why it stopped"
    page = (await student.get("workspaces/cs101/log")).text
    assert "put aside is kept no longer" in page and "CoyoteLab: something" in page
    set_idle_minutes(machine.site, 0)
    assert "never stops by itself" in (await student.get("courses/cs101")).text
    await student.get("workspaces/cs101/student1")
    assert told not in (await student.get("courses/cs101")).text, "it has been started again"
    assert told in (await student.get("workspaces/cs101/log")).text


async def test_the_log_tells_everything_in_parts(
    machine: Machine1, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coyotelab_service import log

    student, teacher = machine.site.browser("student1"), machine.site.browser("instructor1")
    await student.get("workspaces/cs101/student1")
    await student.get("workspaces/cs101/student1/download")
    await teacher.get("workspaces/cs101/student1")
    await teacher.submit("workspaces/cs101/student1/restart")
    page = (await student.get("courses/cs101")).text
    assert "instructor1 may work in your workspace now" in page
    page = (await student.get("workspaces/cs101/log")).text
    said = (
        "instructor1 restarted the workspace",
        "instructor1 entered the workspace",
        "student1 downloaded the files",
        "student1 opened the workspace",
    )
    places = [page.index(sentence) for sentence in said]
    assert places == sorted(places), "newest first"
    assert "student1 opened" in (await teacher.get("workspaces/cs101/student1/log")).text
    assert "Nothing has happened" in (await teacher.get("workspaces/cs101/student2/log")).text
    monkeypatch.setattr(log, "PAGE", 3)
    first = (await student.get("workspaces/cs101/log")).text
    assert "student1 opened the workspace" not in first
    older = first.partition('href="?before=')[2].partition('"')[0]
    rest = (await student.get(f"workspaces/cs101/log?before={older}")).text
    assert "student1 opened the workspace" in rest and "Older" not in rest
    assert (await student.get("workspaces/cs101/log?before=x%00")).status == 400
    assert (await student.get("workspaces/cs101/log?before=no")).status == 200
