"""Every route and every persona: who is answered, and who is told that there is nothing.

Driven here against a service beside a stand-in for the Hub; tests/integration/test_access.py
drives the same table against the running product.
"""

import pytest

from coyotelab_service.orm import Course, CourseInstructor, Enrollment, Role, User

from .. import access_table as table
from ..access_table import (
    ADMIN,
    CLOSED,
    DROPPED,
    EVERYBODY,
    NO_ROUTE,
    OTHER_TEACHER,
    STRANGER,
    STUDENT,
    TEACHER,
)
from .conftest import OWN_HOST, PREFIX, Site


@pytest.fixture(autouse=True)
async def cast(site: Site) -> None:
    """The people and the course that the demonstration lacks."""
    site.hub.instant = True
    with site.database.transaction() as session:
        base = session.query(Course).filter_by(slug="cs101").one().base
        teacher = User.get(session, TEACHER)
        assert teacher
        session.add(
            Course(slug="attic", name="Attic", instructor=teacher, base=base, archived=True)
        )
        for username in table.NEWCOMERS:
            roles = Role.STUDENT if username == CLOSED else Role.STUDENT | Role.INSTRUCTOR
            session.add(User(username=username, roles=int(roles), disabled=username == CLOSED))
        session.flush()
        for slug, usernames in table.ATTENDING.items():
            for username in usernames:
                user, course = User.get(session, username), Course.get(session, slug)
                assert user and course
                session.add(Enrollment(user=user, course=course))
        for slug, username in table.CO_TEACHERS.items():
            user, course = User.get(session, username), Course.get(session, slug)
            assert user and course
            session.add(CourseInstructor(course_id=course.id, user_id=user.id))
    await site.preparation.run_once()  # what does not exist cannot come back


@pytest.mark.parametrize("person", sorted(EVERYBODY))
async def test_pages(site: Site, person: str) -> None:
    browser = site.browser(person)
    missing = {
        "GET": await browser.get("courses/nosuchcourse"),
        "POST": await browser.submit("courses/nosuchcourse/archive", form_at="account/tokens"),
    }
    for row in table.PAGE_ROWS:
        said = f"{person}: {row.method} {row.path}"
        if row.method == "GET":
            answer = await browser.get(row.path)
        else:
            fields = {name: str(value) for name, value in (row.fill(person) or {}).items()}
            answer = await browser.submit(row.path, form_at="account/tokens", **fields)
        reached = answer.status in (200, 302, 303)
        assert reached == (person in row.who), f"{said}: {answer.status}"
        assert reached or answer.status == 404, f"{said}: {answer.status}"
        if not reached and person not in row.told:
            expected = table.strip_own_address(missing[row.method].text)
            assert table.strip_own_address(answer.text) == expected, said


@pytest.mark.parametrize("person", sorted(EVERYBODY))
async def test_api(site: Site, person: str) -> None:
    missing = (await site.api("GET", "courses/nosuchcourse", person)).json()
    assert missing["detail"] == "There is nothing here, or it is not yours to see."
    for row in table.API_ROWS:
        body, who = row.fill(person), row.who
        if row.path == "courses" and row.method == "POST" and person == ADMIN:
            body, who = {**(body or {}), "instructor": TEACHER}, who | {ADMIN}  # teaches nothing
        answer = await site.api(row.method, row.path, person, body)
        reached = answer.status in (200, 201, 202)
        assert reached == (person in who), f"{person}: {row.method} {row.path}: {answer.text}"
        if not reached:
            assert answer.status == 404
            assert answer.json() == missing


async def test_nobody_is_asked_to_log_in(site: Site) -> None:
    browser = site.browser("")
    for row in table.PAGE_ROWS:
        answer = await browser._send(row.method, PREFIX + row.path, {}, "navigate", OWN_HOST)
        if row.method == "GET":
            assert "/oauth2/authorize" in answer.location, row.path
        else:
            assert answer.status == 403, row.path
    for row in table.API_ROWS:
        assert (await site.api(row.method, row.path, "", row.body)).status == 401, row.path
    assert not site.hub.servers


async def test_what_has_no_route_is_missing_for_everybody(site: Site) -> None:
    for person in sorted(EVERYBODY):
        for path in NO_ROUTE:
            assert (await site.browser(person).get(path)).status == 404


async def test_nothing_was_started_for_those_who_may_not(site: Site) -> None:
    for person in (STRANGER, DROPPED, OTHER_TEACHER, ADMIN, CLOSED):
        browser = site.browser(person)
        for path in ("workspaces/cs101", f"workspaces/cs101/{person}", "workspaces/cs101/student1"):
            await browser.get(path)
        await site.api("POST", f"courses/cs101/workspaces/{person}/start", person)
    assert not site.hub.servers and not site.hub.shares


async def test_an_archived_course_starts_nothing(site: Site) -> None:
    student, teacher = site.browser(STUDENT), site.browser(TEACHER)
    assert "attic" not in (await student.get()).text
    assert "Archived" in (await teacher.get()).text
    for path in ("workspaces/attic", "workspaces/attic/student1/download"):
        await student.get(path)
        await teacher.get(path)
    assert not site.hub.servers


async def test_a_disabled_account_and_one_without_its_role_have_nothing(site: Site) -> None:
    with site.database.transaction() as session:
        teacher = User.get(session, TEACHER)
        assert teacher
        teacher.roles = 1
    assert (await site.browser(TEACHER).get("courses/cs101/students")).status == 404
    assert "not in any course" in (await site.browser(CLOSED).get()).text


def test_every_route_and_method_is_in_the_table() -> None:
    assert not table.find_unknown_routes()
    assert not table.find_unknown_methods()
    rows = len(table.PAGE_ROWS) + len(table.API_ROWS)
    personas = len(EVERYBODY) + 1  # and whoever is not logged in
    print(f"access table: {rows} rows x {personas} personas = {rows * personas} answers")
