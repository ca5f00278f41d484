"""Every route and every persona: who is answered, and who is told that there is nothing.

The table below is the whole of the access rules as seen from outside. A route that is not in it
fails the last test.
"""

from collections.abc import Set

import pytest

from coyotelab_service.orm import Course, User
from coyotelab_service.routes import API, PAGES, WORKSPACE

from .conftest import Site

NOBODY = frozenset[str]()
# The demonstration's people, by what they are to cs101.
ADMIN, TEACHER, OTHER_TEACHER = "admin", "instructor1", "instructor2"
STUDENT, CLASSMATE, STRANGER, DROPPED = "student1", "student2", "student3", "student4"
EVERYBODY = frozenset({ADMIN, TEACHER, OTHER_TEACHER, STUDENT, CLASSMATE, STRANGER, DROPPED})
OVERSEERS = frozenset({TEACHER, ADMIN})
MEMBERS = frozenset({TEACHER, STUDENT, CLASSMATE})
OWNER_AND_TEACHER = frozenset({TEACHER, STUDENT})

MAKERS = frozenset({TEACHER, OTHER_TEACHER, ADMIN})
NEW_COURSE: dict[str, object] = {"name": "Brand New", "slug": "brand-new"}

# (method, path, body) -> who gets an answer; everybody else gets 404. All about cs101.
Row = tuple[str, str, dict[str, object] | None, Set[str]]
PAGE_ROWS: list[Row] = [
    ("GET", "", None, EVERYBODY),
    ("GET", "states", None, EVERYBODY),
    ("GET", "account/password", None, EVERYBODY),
    ("GET", "states", None, EVERYBODY),
    ("GET", "account/tokens", None, EVERYBODY),
    ("POST", "account/tokens", {"days": "7"}, EVERYBODY),
    ("GET", "admin", None, {ADMIN}),
    ("GET", "admin/users", None, {ADMIN}),
    ("GET", "admin/users/new", None, {ADMIN}),
    ("POST", "admin/users/new", {"username": "somebody", "campus": "y"}, {ADMIN}),
    ("GET", "admin/users/student1", None, {ADMIN}),
    ("POST", "admin/users/student1", {"do": "enable"}, {ADMIN}),
    ("GET", "admin/courses", None, {ADMIN}),
    ("GET", "admin/bases", None, {ADMIN}),
    ("GET", "admin/workspaces", None, {ADMIN}),
    ("POST", "admin/workspaces", {"course": "cs101", "user": "student1"}, {ADMIN}),
    ("GET", "admin/limits", None, {ADMIN}),
    ("GET", "admin/audit", None, {ADMIN}),
    ("GET", "admin/audit.csv", None, {ADMIN}),
    ("GET", "admin/users/nosuchperson", None, NOBODY),
    ("GET", "courses/new", None, MAKERS),
    ("POST", "courses/new", NEW_COURSE | {"instructor": TEACHER}, MAKERS),
    ("GET", "courses/cs101", None, MEMBERS | {ADMIN}),
    ("GET", "courses/cs101/edit", None, OVERSEERS),
    ("POST", "courses/cs101/edit", {"preview": "true"}, OVERSEERS),
    ("GET", "courses/cs101/archive", None, OVERSEERS),
    ("POST", "courses/cs101/archive", {"archived": "false"}, OVERSEERS),
    ("GET", "courses/cs101/instructors", None, OVERSEERS),
    ("POST", "courses/cs101/instructors", {"do": "add", "username": "instructor2"}, OVERSEERS),
    ("POST", "courses/cs101/instructors", {"do": "remove", "username": "instructor2"}, OVERSEERS),
    ("GET", "courses/cs101/students", None, OVERSEERS),
    (
        "POST",
        "courses/cs101/students",
        {"username": "student2", "enabled": "true"},
        {TEACHER, ADMIN},
    ),
    ("GET", "courses/cs101/states?of=student1", None, OVERSEERS),
    ("GET", "courses/cs101/students/add", None, OVERSEERS),
    ("POST", "courses/cs101/students/add", {"username": "student2"}, OVERSEERS),
    ("GET", "courses/cs101/students/email", None, OVERSEERS),
    ("GET", "courses/cs101/students/export", None, OVERSEERS),
    ("GET", "courses/cs101/students/import", None, OVERSEERS),
    ("POST", "courses/cs101/students/import", {"text": "student2"}, OVERSEERS),
    # A preview, and passwords, are of whoever made them; test_roster_import.py has the rest.
    ("GET", "courses/cs101/students/import/of-nobody", None, NOBODY),
    ("POST", "courses/cs101/students/import/of-nobody", {}, NOBODY),
    ("GET", "courses/cs101/students/passwords/of-nobody", None, OVERSEERS),
    ("POST", "courses/cs101/students/passwords/of-nobody", {}, OVERSEERS),
    ("POST", "courses/cs101/students/invitations", {"email": "nobody@example.edu"}, NOBODY),
    ("GET", "workspaces/cs101/student1", None, OWNER_AND_TEACHER),
    ("GET", "workspaces/cs101/student1/download", None, OWNER_AND_TEACHER),
    ("GET", "workspaces/cs101/student1/log", None, OWNER_AND_TEACHER | {ADMIN}),
    ("GET", "workspaces/cs101/student1/progress", None, OWNER_AND_TEACHER),
    ("GET", "workspaces/cs101/student1/restart", None, OWNER_AND_TEACHER),
    ("POST", "workspaces/cs101/student1/restart", {}, OWNER_AND_TEACHER),
    ("GET", "workspaces/cs101/student1/reset", None, frozenset({STUDENT})),
    ("POST", "workspaces/cs101/student1/reset", {}, frozenset({STUDENT})),
    ("GET", "workspaces/cs101/student1/undo", None, frozenset({STUDENT})),
    ("POST", "workspaces/cs101/student1/undo", {}, frozenset({STUDENT})),
    # Without a name it is one's own.
    ("GET", "workspaces/cs101/download", None, MEMBERS),
    ("GET", "workspaces/cs101/log", None, MEMBERS),
    ("GET", "workspaces/cs101/progress", None, MEMBERS),
    ("GET", "workspaces/cs101/restart", None, MEMBERS),
    ("GET", "workspaces/cs101/reset", None, MEMBERS),
    ("POST", "workspaces/cs101/reset", {}, MEMBERS),
    ("GET", "workspaces/cs101/undo", None, MEMBERS),
    ("POST", "workspaces/cs101/undo", {}, MEMBERS),
    # The instructor's own, somebody dropped, and what does not exist.
    ("GET", "workspaces/cs101/instructor1", None, frozenset({TEACHER})),
    ("GET", "workspaces/cs101/instructor1/log", None, frozenset({TEACHER, ADMIN})),
    ("GET", "workspaces/cs101/student4/log", None, NOBODY),
    ("GET", "workspaces/cs101/student4", None, NOBODY),
    ("GET", "workspaces/cs101/student3", None, NOBODY),
    ("GET", "workspaces/cs101/nosuchperson", None, NOBODY),
    ("GET", "workspaces/nosuchcourse/student1", None, NOBODY),
    ("GET", "courses/nosuchcourse", None, NOBODY),
    ("GET", "courses/nosuchcourse/edit", None, NOBODY),
    ("GET", "no/such/page", None, NOBODY),
]
PLACE = "courses/cs101/workspaces/student1"
API_ROWS: list[Row] = [
    ("GET", "courses", None, EVERYBODY),
    ("POST", "courses", NEW_COURSE, MAKERS),
    ("GET", "courses/cs101", None, MEMBERS | {ADMIN}),
    ("PATCH", "courses/cs101", {"idle_minutes": 7}, OVERSEERS),
    ("GET", "courses/cs101/enrollments", None, OVERSEERS),
    ("POST", "courses/cs101/enrollments", {"username": "student2"}, OVERSEERS),
    ("PATCH", "courses/cs101/enrollments/student2", {"enabled": True}, OVERSEERS),
    ("GET", "courses/cs101/workspaces", None, MEMBERS | {ADMIN}),
    ("GET", PLACE, None, OWNER_AND_TEACHER | {ADMIN}),
    ("POST", f"{PLACE}/start", None, OWNER_AND_TEACHER),
    ("POST", f"{PLACE}/stop", None, OWNER_AND_TEACHER | {ADMIN}),
    ("POST", f"{PLACE}/restart", None, OWNER_AND_TEACHER),
    ("POST", f"{PLACE}/reset", None, frozenset({STUDENT})),
    ("POST", f"{PLACE}/undo", None, frozenset({STUDENT})),
    ("GET", f"{PLACE}/archive", None, OWNER_AND_TEACHER),
    ("GET", "courses/cs101/workspaces/student4", None, NOBODY),
    ("POST", "courses/cs101/workspaces/student4/start", None, NOBODY),
    ("GET", "courses/nosuchcourse", None, NOBODY),
    ("PATCH", "courses/nosuchcourse", {"name": "Mine"}, NOBODY),
    ("GET", "nothing", None, NOBODY),
]
OPEN_TO_ALL = {"language", "logout", "oauth_callback", "api/health", r"api/openapi\.json"}


@pytest.mark.parametrize("person", sorted(EVERYBODY))
async def test_pages(site: Site, person: str) -> None:
    site.hub.instant = True
    await site.preparation.run_once()  # what does not exist cannot come back
    browser = site.browser(person)
    for method, path, body, allowed in PAGE_ROWS:
        if method == "GET":
            answer = await browser.get(path)
        else:
            fields = {name: str(value) for name, value in (body or {}).items()}
            answer = await browser.submit(path, form_at="account/tokens", **fields)
        reached = answer.status in (200, 302, 303)
        assert reached == (person in allowed), f"{person}: {method} {path}: {answer.status}"
        assert reached or answer.status == 404, f"{method} {path}: {answer.status}"


@pytest.mark.parametrize("person", sorted(EVERYBODY))
async def test_api(site: Site, person: str) -> None:
    site.hub.instant = True
    await site.preparation.run_once()
    for method, path, body, allowed in API_ROWS:
        if body is NEW_COURSE and person == ADMIN:
            body = {**body, "instructor": TEACHER}  # who teaches nothing says who does
        answer = await site.api(method, path, person, body)
        reached = answer.status in (200, 201, 202)
        assert reached == (person in allowed), f"{person}: {method} {path}: {answer.text}"
        assert reached or answer.status == 404
        if not reached:
            assert answer.json()["detail"] == "There is nothing here, or it is not yours to see."


@pytest.mark.parametrize("person", [TEACHER, OTHER_TEACHER, ADMIN, STUDENT])
async def test_a_co_instructor_edits_the_course_and_says_not_who_teaches_it(
    site: Site, person: str
) -> None:
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, OTHER_TEACHER)
        assert course and user
        course.co_instructors.append(user)
    edits, appoints = person != STUDENT, person in OVERSEERS
    browser = site.browser(person)
    for path in ("edit", "archive", "students"):
        assert ((await browser.get(f"courses/cs101/{path}")).status == 200) == edits
    answer = await browser.get("courses/cs101/instructors")
    assert answer.status == (302 if appoints else 404)
    answer = await browser.submit(
        "courses/cs101/instructors", form_at="account/tokens", do="remove", username=OTHER_TEACHER
    )
    assert answer.status == (303 if appoints else 404)


async def test_nothing_was_started_for_those_who_may_not(site: Site) -> None:
    for person in (STRANGER, DROPPED, OTHER_TEACHER, ADMIN):
        browser = site.browser(person)
        for path in ("workspaces/cs101", f"workspaces/cs101/{person}", "workspaces/cs101/student1"):
            await browser.get(path)
        await site.api("POST", f"courses/cs101/workspaces/{person}/start", person)
    assert not site.hub.servers and not site.hub.shares


async def test_an_archived_course_starts_nothing(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.archived = True
    student, teacher = site.browser(STUDENT), site.browser(TEACHER)
    assert "cs101" not in (await student.get()).text
    assert "Archived" in (await teacher.get()).text
    assert (await teacher.get("courses/cs101/students")).status == 200
    for path in ("workspaces/cs101/student1", "workspaces/cs101/student1/download"):
        assert (await student.get(path)).status == 404
        assert (await teacher.get(path)).status == 404
    assert not site.hub.servers


async def test_a_disabled_account_and_one_without_its_role_have_nothing(site: Site) -> None:
    with site.database.transaction() as session:
        student, teacher = User.get(session, STUDENT), User.get(session, TEACHER)
        assert student and teacher
        student.disabled, teacher.roles = True, 1
    assert (await site.browser(STUDENT).get("courses/cs101")).status == 404
    assert (await site.browser(TEACHER).get("courses/cs101/students")).status == 404
    assert "not in any course" in (await site.browser(STUDENT).get()).text


def test_every_route_is_in_the_table() -> None:
    import re

    paths = [path for _, path, _, _ in PAGE_ROWS]
    api_paths = [f"api/{path}" for _, path, _, _ in API_ROWS]
    for route in [*PAGES, *API]:
        if route not in OPEN_TO_ALL and route != "api(?:/.*)?":
            known = any(re.fullmatch(route, path.partition("?")[0]) for path in paths + api_paths)
            assert known, f"{route} is answered, but the table does not say to whom"
    assert WORKSPACE in PAGES
