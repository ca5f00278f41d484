"""A large department in a database: 20,000 people, 500 courses, 100,000 enrollments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import bindparam, event, text
from sqlalchemy.orm import Session

from coyotelab_service.database import Database
from coyotelab_service.orm import Machine, utc_now
from coyotelab_service.orm.base import Moment

USERS, COURSES, ENROLLMENTS, EVENTS = 20_000, 500, 100_000, 50_000
LARGE, SMALL = (USERS, COURSES, ENROLLMENTS, EVENTS), (20, 8, 20, 10)
# Who is what in it: c0 has a twentieth of all enrollments, and its first students six courses.
INSTRUCTOR, STUDENT, ADMIN = "user0", "user11", "user19"

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
        "n + 1, 'c' || n, 'Course ' || n, '', '', FALSE, n * 40 % {users} + 1, 1",
    ),
    "enrollments": (
        "user_id, course_id, enabled",
        "CASE WHEN n < {big} THEN n ELSE (n - {big}) % {users} END + 1,"
        " CASE WHEN n < {big} THEN 1 ELSE 2 + ((n - {big}) % {users} / {block}"
        " + (n - {big}) / {users} * 101) % ({courses} - 1) END, TRUE",
    ),
    "audit_events": (
        "actor, action, actor_id, owner_id, course_id, workspace, origin, detail",
        "'user' || n % 500, CASE n % 10 WHEN 0 THEN 'enter' WHEN 1 THEN 'leave' ELSE 'open' END,"
        " n % 500 + 1, n % {users} + 1, n % {courses} + 1, '', '', ''",
    ),
}

# Nine of ten have their machine; a few are visited.
MACHINES = (
    "INSERT INTO machines (id, name, kind, user_id, course_id, base_machine_id, uuid, seen_at,"
    " prepared_at, created_at, updated_at) SELECT id + 1, 'ws-' || course_id || '-' || user_id,"
    " 'workspace', user_id, course_id, 1, 'uuid-' || id, created_at, created_at, created_at,"
    " updated_at FROM enrollments WHERE id % 10 > 0"
)
VISITS = (
    "INSERT INTO open_visits (id, visitor, owner_id, course_id, since, created_at)"
    " SELECT n.id, 'user' || ((n.course_id - 1) * 40), n.user_id, n.course_id, n.created_at,"
    " n.created_at"
    " FROM enrollments n WHERE n.id % 1000 = 1"
)


def fill(session: Session, users: int, courses: int, enrollments: int, events: int) -> None:
    session.add(Machine(id=1, name="base-default-v1", kind="base"))
    session.flush()
    counts = zip(ROWS.items(), (users, courses, enrollments, events), strict=True)
    for (table, (columns, values)), count in counts:
        stamps = "created_at" if table == "audit_events" else "created_at, updated_at"
        filled = values.format(
            users=users, courses=courses, big=enrollments // 20, block=max(1, users * 3 // 1000)
        )
        moments = ", ".join(":now" for _ in stamps.split(", "))
        session.execute(
            text(
                f"INSERT INTO {table} ({columns}, {stamps}) {NUMBERS} {count})"
                f" SELECT {filled}, {moments} FROM numbers"
            ).bindparams(bindparam("now", utc_now(), Moment()))
        )
    session.execute(text(MACHINES))
    session.execute(text(VISITS))
    if session.get_bind().dialect.name == "postgresql":
        for table in (*ROWS, "machines", "open_visits"):  # the ids above were our own
            last = f"(SELECT max(id) FROM {table})"
            session.execute(text(f"SELECT setval('{table}_id_seq', {last})"))


@contextmanager
def counting(database: Database) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)
