"""The students page of a course: searched, filtered, sorted, paged; dropping, mail, export."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import event, select

from coyotelab_service.database import Database
from coyotelab_service.orm import (
    AuditEvent,
    Course,
    Enrollment,
    Invitation,
    Machine,
    Role,
    User,
    utc_now,
)
from coyotelab_service.roster import PAGE, Query

from .conftest import PREFIX, Site

STUDENTS = "courses/cs101/students"


def enroll(database: Database, count: int, dropped: int = 0) -> None:
    """Fill cs101 with people p000, p001, ...; the first of them are dropped."""
    with database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        for number in range(count):
            user = User(
                username=f"p{number:03}",
                name=f"Person {count - number:03}",
                email=f"p{number:03}@example.edu",
                roles=Role.STUDENT,
            )
            session.add(Enrollment(user=user, course=course, enabled=number >= dropped))


def listed(text: str) -> list[str]:
    """Return the user names on a page, from top to bottom."""
    return re.findall(r'<th scope="row">.*?coyote-note">([a-z0-9]+)', text, re.DOTALL)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Note every query."""
    queries: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        queries.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield queries
    event.remove(database.engine, "before_cursor_execute", note)


async def test_the_page_says_who_does_what(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    teacher = site.browser("instructor1")
    page = (await teacher.get(STUDENTS)).text
    assert page.count("Running") == 1 and page.count('state-dropped">Dropped') == 1
    assert listed(page) == ["student1", "student4", "student2"], "by name"
    dropped = await teacher.submit(STUDENTS, username="student1", enabled="false")
    assert dropped.status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    assert (await site.browser("student1").get("courses/cs101")).status == 404
    told = (await teacher.get(dropped.location.removeprefix(PREFIX))).text
    assert "Sam Saito has been dropped." in told
    await teacher.submit(STUDENTS, username="student1", enabled="true")
    assert (await site.browser("student1").get("courses/cs101")).status == 200
    seen_by_admin = (await site.browser("admin").get(STUDENTS)).text
    assert "/download" not in seen_by_admin and "Re-add" in seen_by_admin


async def test_dropping_stays_where_one_was(site: Site) -> None:
    enroll(site.database, 120)
    teacher = site.browser("instructor1")
    here = f"{STUDENTS}?show=active&sort=username&order=down&page=2"
    page = (await teacher.get(here)).text
    [action] = set(re.findall(r'<form method="post" action="([^"]+)"', page))
    assert unescape(action) == here.removeprefix(STUDENTS)
    answer = await teacher.submit(here, username="p050", enabled="false")
    assert answer.location == f"{PREFIX}{here}&changed=p050"
    page = (await teacher.get(f"{here}&changed=p050")).text
    assert "Person 070 has been dropped." in page and "Re-add" in page
    assert "p050" not in listed(page)
    nobody = await teacher.get(f"{STUDENTS}?changed=nobody&added=%3Cb%3E")
    assert nobody.status == 200 and "has been" not in nobody.text


@pytest.mark.parametrize(
    ("query", "first", "found"),
    [
        ("", ["p119", "p118"], 123),
        ("?order=down", ["student2", "student4"], 123),
        ("?sort=username", ["p000", "p001"], 123),
        ("?sort=username&page=2", [f"p{PAGE:03}", f"p{PAGE + 1:03}"], 123),
        ("?sort=username&page=99", ["p100", "p101"], 123),
        ("?sort=username&page=0&show=nonsense", ["p000", "p001"], 123),
        ("?sort=active", ["p007", "p008"], 123),
        ("?sort=active&order=down", ["p008", "p007"], 123),
        ("?sort=state", ["p009", "p010"], 123),
        ("?sort=state&order=down", ["p002", "p001"], 123),
        ("?show=dropped&sort=username", ["p000", "p001"], 4),
        ("?show=active&sort=username", ["p003", "p004"], 119),
        ("?q=P01&sort=username", ["p010", "p011"], 10),
        ("?q=person+012", ["p108", "p012"], 2),
        ("?q=p05+example&sort=username", ["p050", "p051"], 10),
        ("?q=%C3%B6ZIL", ["p060"], 1),
        ("?q=%25", [], 0),
        ("?q=_", [], 0),
    ],
)
async def test_searching_sorting_and_paging(
    site: Site, query: str, first: list[str], found: int
) -> None:
    enroll(site.database, 120, dropped=3)
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        for days, username in enumerate(("p008", "p007")):
            user = User.get(session, username)
            assert user and course
            machine = Machine.get_or_create(session, user, course)
            machine.last_active = utc_now() - timedelta(days=days)
        ozil = User.get(session, "p060")
        assert ozil
        ozil.name = "Person 060 Özil"
    site.hub.server("p009", "cs101", "ready")
    site.hub.server("p010", "cs101", "spawn")
    page = (await site.browser("instructor1").get(f"{STUDENTS}{query}")).text
    assert listed(page)[: len(first)] == first
    assert len(listed(page)) <= PAGE and bool(listed(page)) == bool(first)
    if found > PAGE:
        assert f"{found} in all" in page
    elif found:
        assert len(listed(page)) == found
    else:
        assert "Nobody fits this search." in page


async def test_the_number_of_queries_does_not_grow(site: Site) -> None:
    teacher = site.browser("instructor1")
    await teacher.get(STUDENTS)
    with counted(site.database) as few:
        await teacher.get(STUDENTS)
    enroll(site.database, 300)
    with counted(site.database) as many:
        page = (await teacher.get(f"{STUDENTS}?q=person&sort=state&page=3")).text
    assert len(listed(page)) == PAGE
    assert len(many) == len(few) < 40
    with counted(site.database) as exported:
        await teacher.get(f"{STUDENTS}/export")
    assert len(exported) < 15


@pytest.mark.parametrize("query", [Query(), Query("a b&c", "dropped", "state", True, 3)])
def test_an_address_says_which_part_it_is(query: Query) -> None:
    fields = re.findall(r"(\w+)=([^&]*)", query.link(page=query.page))
    read = {name: value.replace("+", " ").replace("%26", "&") for name, value in fields}
    assert Query.read(read) == query
    assert Query.read({"page": "²", "sort": "password", "q": " x \n y "}) == Query("x y")


async def test_states_are_told_of_those_asked_about_only(site: Site) -> None:
    site.hub.server("student1", "cs101", "spawn")
    site.hub.server("student2", "cs202", "ready")
    teacher = site.browser("instructor1")
    page = (await teacher.get(STUDENTS)).text
    [address] = re.findall(r'data-states="([^"]+)"', page)
    answer = await teacher.get(unescape(address).removeprefix(PREFIX))
    assert answer.json() == {
        "student1": {"state": "starting", "label": "Starting"},
        "student2": {"state": "stopped", "label": "Stopped"},
    }
    assert (await teacher.get("courses/cs101/states")).json() == {}
    many = " ".join(f"x{n}" for n in range(500))
    assert len((await teacher.get(f"courses/cs101/states?of={many}")).json()) == PAGE


async def test_a_hub_that_does_not_answer_hides_nobody(site: Site) -> None:
    teacher = site.browser("instructor1")
    await teacher.get(STUDENTS)
    site.hub.down = True
    site.services.recent.forget()
    page = await teacher.get(STUDENTS)
    assert page.status == 200 and page.text.count("state-unknown") == 2


async def test_writing_to_all_who_are_active(site: Site) -> None:
    enroll(site.database, 300, dropped=3)
    with site.database.transaction() as session:
        user = User.get(session, "p010")
        assert user
        user.email = "p010@example.edu\r\nBcc: everybody@example.edu"
    teacher = site.browser("instructor1")
    page = unescape((await teacher.get(f"{STUDENTS}/email?q=p0")).text)
    [link] = re.findall(r'href="(mailto:[^"]+)"', page)
    assert link.count("@") == 96 and "p002@" not in link and "p003@" in link
    assert "everybody" not in page and "%0" not in link
    page = (await teacher.get(f"{STUDENTS}/email")).text
    assert len(re.findall(r'href="mailto:', page)) == 3
    nobody = (await teacher.get(f"{STUDENTS}/email?show=dropped")).text
    assert "mailto:" not in nobody and "No active student here" in nobody


async def test_the_export_is_safe_in_spreadsheets(site: Site) -> None:
    with site.database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        user.name = '=HYPERLINK("http://x","Ümit")'
    answer = await site.browser("instructor1").get(f"{STUDENTS}/export?sort=username")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cs101-students.csv"'
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["name", "username", "email", "state", "enrolled since", "last active"]
    assert rows[1][:4] == [
        '\'=HYPERLINK("http://x","Ümit")',
        "student1",
        "student1@example.edu",
        "active",
    ]
    assert [row[1] for row in rows[1:]] == ["student1", "student2", "student4"]
    assert rows[3][3] == "dropped" and rows[1][5] == ""


async def test_invitations_are_listed_and_taken_back(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        session.add(Invitation(course=course, email="new@x.edu", name="<b>Nina New"))
        session.add(Invitation(course=course, email="old@x.edu", claimed_at=utc_now()))
    teacher = site.browser("instructor1")
    page = (await teacher.get(f"{STUDENTS}?show=invited")).text
    assert "&lt;b&gt;Nina New" in page and "new@x.edu" in page and "old@x.edu" not in page
    where = f"{STUDENTS}/invitations"
    for email, status in (("old@x.edu", 404), ("New@x.edu", 303), ("new@x.edu", 404)):
        answer = await teacher.submit(where, form_at=STUDENTS, email=email)
        assert answer.status == status
    with site.database.transaction() as session:
        assert session.scalars(select(Invitation.email)).all() == ["old@x.edu"]
        noted = select(AuditEvent.detail).where(AuditEvent.action == "uninvite")
        assert session.scalars(noted).all() == ["new@x.edu"]
    assert "There is nobody here." in (await teacher.get(f"{STUDENTS}?show=invited")).text


async def test_the_api_gives_a_page_at_a_time(site: Site) -> None:
    enroll(site.database, 30)
    path = "courses/cs101/enrollments"
    first = await site.api("GET", f"{path}?limit=20&search=person", "instructor1")
    assert len(first.json()) == 20
    [following] = re.findall(r'<[^>]*/api/([^>]+)>; rel="next"', first.headers["Link"])
    second = await site.api("GET", following, "instructor1")
    assert len(second.json()) == 10 and "Link" not in second.headers
    everybody = {one["username"] for one in [*first.json(), *second.json()]}
    assert len(everybody) == 30
    whole = await site.api("GET", path, "instructor1")
    assert len(whole.json()) == 33 and "Link" not in whole.headers
    for query in ("limit=0", "limit=1001", "limit=x", "offset=-1", "offset=99999999999"):
        answer = await site.api("GET", f"{path}?{query}", "instructor1")
        assert answer.status == 400 and "whole number" in answer.json()["detail"]
