"""A large department: every admin page by a constant number of queries, and quickly."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import bindparam, event, select, text
from sqlalchemy.orm import Session

from coyotelab_service import administration, history, people
from coyotelab_service.access import Person
from coyotelab_service.database import Database, upgrade
from coyotelab_service.history import Filter
from coyotelab_service.orm import Enrollment, Machine, utc_now
from coyotelab_service.orm.base import Moment
from coyotelab_service.people import Search
from coyotelab_service.site import Site

from .databases import Databases

USERS, COURSES, ENROLLMENTS, EVENTS = 20_000, 500, 100_000, 50_000
ADMIN, SITE = Person("user0", admin=True), Site()
SECONDS = 3.0  # many times what a page takes, since tests run beside other work


def make(databases: Databases, name: str, *sizes: int) -> Iterator[Database]:
    url = databases.make(name)
    upgrade(url)
    database = Database(url)
    with database.transaction() as session:
        fill(session, *sizes)
    yield database
    database.close()
    databases.drop(name)


@pytest.fixture(scope="module")
def large(databases: Databases) -> Iterator[Database]:
    yield from make(databases, "large", USERS, COURSES, ENROLLMENTS, EVENTS)


@pytest.fixture(scope="module")
def small(databases: Databases) -> Iterator[Database]:
    yield from make(databases, "small", 20, 8, 20, 10)


# Made inside the database: two hundred thousand rows from here would take ten times as long.
NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 <"
ROWS = {
    "users": (
        "id, username, name, email, roles, temporary_pw, disabled, last_login",
        "n + 1, 'user' || n, 'Person ' || n % 997, 'user' || n || '@example.edu',"
        " CASE n % 40 WHEN 0 THEN 3 ELSE 1 END, FALSE, FALSE,"
        " CASE n % 3 WHEN 0 THEN NULL ELSE :now END",
    ),
    "courses": (
        "id, slug, name, webpage, description, archived, instructor_id, base_machine_id",
        "n + 1, 'c' || n, 'Course ' || n, '', '', FALSE, n + 1, 1",
    ),
    "enrollments": (
        "user_id, course_id, enabled",
        "n % {users} + 1, n / {users} * 97 % {courses} + n % {users} % 5 + 1, TRUE",
    ),
    "audit_events": (
        "actor, action, actor_id, owner_id, course_id, workspace, origin, detail",
        "'user' || n % 500, 'enter', n % 500 + 1, n % {users} + 1, n % {courses} + 1, '', '', ''",
    ),
}


def fill(session: Session, users: int, courses: int, enrollments: int, events: int) -> None:
    session.add(Machine(id=1, name="base-default-v1", kind="base"))
    session.flush()
    counts = zip(ROWS.items(), (users, courses, enrollments, events), strict=True)
    for (table, (columns, values)), count in counts:
        stamps = "created_at" if table == "audit_events" else "created_at, updated_at"
        filled = values.format(users=users, courses=courses)
        moments = ", ".join(":now" for _ in stamps.split(", "))
        session.execute(
            text(
                f"INSERT INTO {table} ({columns}, {stamps}) {NUMBERS} {count})"
                f" SELECT {filled}, {moments} FROM numbers"
            ).bindparams(bindparam("now", utc_now(), Moment()))
        )


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


WORK: dict[str, Callable[[Session], Any]] = {
    "counts": lambda s: administration.get_counts(s, ADMIN, SITE),
    "people": lambda s: people.list_accounts(s, ADMIN, SITE, Search()),
    "people, last page": lambda s: people.list_accounts(s, ADMIN, SITE, Search(page=10**6)),
    "people, by name": lambda s: people.list_accounts(s, ADMIN, SITE, Search(sort="-name")),
    "people, found": lambda s: people.list_accounts(
        s, ADMIN, SITE, Search("RSON 1", "instructors", "last_login")
    ),
    "account": lambda s: people.get_account(s, ADMIN, SITE, "user5"),
    "memberships": lambda s: people.list_memberships(s, ADMIN, SITE, "user5"),
    "courses": lambda s: administration.list_courses(s, ADMIN, SITE),
    "courses, found": lambda s: administration.list_courses(s, ADMIN, SITE, "person 1", 2),
    "bases": lambda s: administration.list_bases(s, ADMIN, SITE),
    "log": lambda s: history.list_events(s, ADMIN, SITE, Filter()),
    "log of one": lambda s: history.list_events(s, ADMIN, SITE, Filter(person="user5")),
    "log of a course": lambda s: history.list_events(s, ADMIN, SITE, Filter(course="c2", before=9)),
    "actions": lambda s: history.list_actions(s, ADMIN, SITE),
}


@pytest.mark.parametrize("name", WORK)
def test_a_page_asks_little_however_much_there_is(
    large: Database, small: Database, name: str
) -> None:
    counts = []
    for database in (small, large):
        with counting(database) as statements, database.transaction() as session:
            began = time.monotonic()
            WORK[name](session)
            took = time.monotonic() - began
        counts.append(len(statements))
    print(f"{name}: {counts[1]} queries, {1000 * took:.0f} ms")
    assert counts[0] == counts[1] <= 3, statements
    assert took < SECONDS


def test_the_pages_are_those_of_a_large_department(large: Database) -> None:
    with large.transaction() as session:
        first = people.list_accounts(session, ADMIN, SITE, Search())
        last = people.list_accounts(session, ADMIN, SITE, Search(page=10**6))
        never = people.list_accounts(session, ADMIN, SITE, Search(sort="last_login", page=10**6))
        courses = administration.list_courses(session, ADMIN, SITE, page=3)
        enrolled = session.scalars(select(Enrollment.course_id).filter_by(course_id=1)).all()
        found = administration.list_courses(session, ADMIN, SITE, "Course 0")
    assert (first.total, first.count, len(first.items)) == (USERS, 400, 50)
    assert last.number == 400 and last.items[-1].username == "user9999"
    assert never.items[-1].last_login is None, "who never came is last"
    assert courses.total == COURSES and len(courses.items) == 50
    assert found.items[0].students == len(enrolled) > 0
