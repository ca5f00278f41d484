"""Every page and answer, over HTTP: as many queries for a large department as for a small one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.orm import Session

from coyotelab_service import machines, reconciler, visits
from coyotelab_service.database import Database
from coyotelab_service.hub_api import HubApi
from coyotelab_service.orm import User
from coyotelab_service.recent_servers import RecentServers
from coyotelab_service.site import Site as SiteSettings

from ..large import ADMIN, INSTRUCTOR, STUDENT, counting
from .conftest import FakeLXD, Site, run_site
from .fake_hub import SERVICE_TOKEN, FakeHub

MOST = 30  # queries of any page

PATHS = {
    INSTRUCTOR: [
        "", "states", "courses/new", "courses/c0", "courses/c0/edit", "courses/c0/archive",
        "courses/c0/students", "courses/c0/students?q=person+5", "courses/c0/students?sort=active",
        "courses/c0/students?sort=state", "courses/c0/states?of=user1", "courses/c0/students/add",
        "courses/c0/students/email", "courses/c0/students/export", "courses/c0/students/import",
        "workspaces/c0/user0/log", "api/courses", "api/courses/c0", "api/courses/c0/enrollments",
        "api/courses/c0/workspaces", "api/courses/c0/workspaces/user0",
    ],
    STUDENT: ["", "states", "account/tokens", "api/courses"],
    ADMIN: [
        "", "admin", "admin/users", "admin/users?q=person+5", "admin/users?sort=-last_login",
        "admin/users/user5", "admin/courses", "admin/courses?q=person+5", "admin/bases",
        "admin/workspaces", "admin/limits", "admin/audit", "admin/audit?person=user5",
        "admin/audit?course=c2", "admin/audit?action=leave", "courses/c0/students",
    ],
}  # fmt: skip


@contextmanager
def in_department(hub: FakeHub) -> Iterator[None]:
    hub.admins = {ADMIN}
    for number in range(8):
        hub.server(f"user{number}", "c0", "ready")
    yield


async def ask(site: Site, username: str, path: str) -> int:
    """Ask for it as somebody; return the status."""
    if path.startswith("api/"):
        return (await site.api("GET", path.removeprefix("api/"), username)).status
    return (await site.browser(username).get(path)).status


async def count(hub: FakeHub, database: Database) -> dict[tuple[str, str], tuple[int, int]]:
    found = {}
    with pytest.MonkeyPatch.context() as environment, in_department(hub):
        async with run_site(hub, FakeLXD(), database, environment) as site:
            for username, paths in PATHS.items():
                for path in paths:
                    with counting(database) as statements:
                        status = await ask(site, username, path)
                    found[username, path] = (status, len(statements))
    return found


async def test_no_page_asks_more_of_a_large_department(
    hub: FakeHub, large: Database, small: Database
) -> None:
    few, many = await count(hub, small), await count(hub, large)
    assert {key: status for key, (status, _) in many.items() if status != 200} == {}
    assert few == many
    assert max(number for _, number in many.values()) <= MOST, many


@pytest.mark.parametrize("what", ["visits", "forbidden", "specs", "newest"])
def test_no_round_of_the_background_asks_for_each(
    large: Database, small: Database, what: str
) -> None:
    keys = [(f"user{number}", "c0") for number in range(500)]
    names = [f"ws-1-{number}" for number in range(500)]
    work = {
        "visits": lambda session: visits.find_open(session),
        "forbidden": lambda session: reconciler._find_forbidden(session, keys),
        "specs": lambda session: machines.find_specs(session, SiteSettings(), names),
        "newest": machines.find_newest,
    }[what]
    counts = []
    for database in (small, large):
        with counting(database) as statements, database.transaction() as session:
            work(session)
        counts.append(len(statements))
    assert counts[0] <= counts[1] <= 5, statements


async def test_fifty_open_pages_ask_the_hub_once(site: Site) -> None:
    browser = site.browser("instructor1")
    assert (await browser.get("courses/cs101/states?of=student1")).status == 200
    site.hub.calls.clear()
    site.services.recent.forget()
    pages = [browser.get("courses/cs101/states?of=student1") for _ in range(50)]
    answers = await asyncio.gather(*pages)
    assert {answer.status for answer in answers} == {200}
    assert site.hub.calls.count("GET /hub/api/users") == 1


async def test_an_old_answer_is_asked_for_again(hub: FakeHub) -> None:
    api = HubApi(f"{hub.url}/hub/api", SERVICE_TOKEN)
    recent = RecentServers(api)
    assert await recent.list_all() == {}
    hub.server("student1", "cs101", "ready")
    assert await recent.list_all() == {}, "still the same answer"
    recent._asked_at = float("-inf")
    assert ("student1", "cs101") in await recent.list_all()
    await api.close()


async def test_who_reads_does_not_wait_for_who_writes(database: Database) -> None:
    def read(session: Session) -> str:
        user = User.get(session, "student1")
        assert user
        return user.name

    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        user.name = "in the middle of a change"
        session.flush()
        async with asyncio.timeout(2):
            seen = await database.run(read)
        assert seen == "Sam Saito"
