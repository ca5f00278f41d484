"""The schema: made by migrations only, the same as the models, and the same after going back."""

import asyncio
import socket
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from coyotelab_service import demo, visits
from coyotelab_service.database import (
    DEADLINES,
    Database,
    DatabaseUnavailable,
    SchemaOutdated,
    downgrade,
    migrations,
    ping,
    upgrade,
)
from coyotelab_service.orm import AuditEvent, Course, Enrollment, Machine, MachineKind, Role, User

from .conftest import PASSWORD


def test_models_are_what_the_migrations_make(database: Database) -> None:
    command.check(migrations(database.url))


def test_an_old_schema_is_refused_in_words(empty_url: str) -> None:
    with pytest.raises(SchemaOutdated, match="coyotelab db upgrade"):
        Database(empty_url).check()


def test_down_and_up_again_with_data(database: Database) -> None:
    database.check()
    downgrade(database.url, "base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    upgrade(database.url)
    demo.load(database, PASSWORD, "base-default-v1", cost=4)
    with database.transaction() as session:
        assert session.query(Enrollment).count() == 4


def test_demo_is_idempotent_and_leaves_changes_alone(database: Database) -> None:
    with database.transaction() as session:
        user, course = User.get(session, "student4"), Course.get(session, "cs101")
        assert user and course
        enrollment = Enrollment.get(session, user, course)
        assert enrollment and not enrollment.enabled
        enrollment.enabled = True
        before = user.password
    demo.load(database, PASSWORD, "base-default-v2", cost=4)
    with database.transaction() as session:
        user, course = User.get(session, "student4"), Course.get(session, "cs101")
        assert user and course and course.base
        assert user.active_in(course) and user.password == before
        assert course.base.name == "base-default-v2"
    demo.load(database, "another-one", "base-default-v2", cost=4)
    with database.transaction() as session:
        assert len({user.password for user in session.scalars(select(User))} - {before}) == 1


def test_roles_are_bits(database: Database) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.has_role(Role.STUDENT) and not user.has_role(Role.INSTRUCTOR)
        user.add_role(Role.INSTRUCTOR)
        assert user.has_role(Role.STUDENT) and user.has_role(Role.INSTRUCTOR)
        assert user.roles == 3


def test_machine_is_found_made_once_and_deleted(database: Database) -> None:
    with database.transaction() as session:
        user, course = User.get(session, "student1"), Course.get(session, "cs101")
        assert user and course
        assert Machine.get(session, user, course) is None
        machine = Machine.get_or_create(session, user, course)
        assert machine.name == f"ws-{course.id}-{user.id}"
        assert Machine.get_or_create(session, user, course) is machine
        machine.delete()
        session.flush()
        assert Machine.get(session, user, course) is None


@pytest.mark.parametrize(
    "row",
    [
        lambda: User(username="student1"),
        lambda: Course(slug="cs101", name="again", instructor_id=1),
        lambda: Course(slug="cs999", name="nobody's", instructor_id=999),
        lambda: Enrollment(user_id=4, course_id=1),
        lambda: Machine(name="base-default-v1", kind=MachineKind.BASE),
        lambda: Machine(name="ws-9-9", kind=MachineKind.WORKSPACE, uuid="x"),
    ],
    ids=["username", "slug", "foreign key", "enrollment", "machine name", "whole workspace"],
)
def test_the_database_itself_refuses(database: Database, row: object) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(row())  # type: ignore[operator]


def test_the_audit_log_is_only_added_to(database: Database) -> None:
    with database.transaction() as session:
        session.add(AuditEvent(actor="admin", action="test"))
    with pytest.raises(PermissionError), database.transaction() as session:
        session.scalars(select(AuditEvent)).one().actor = "somebody else"
    with pytest.raises(PermissionError), database.transaction() as session:
        session.delete(session.scalars(select(AuditEvent)).one())


async def test_many_writers_at_once_all_succeed(database: Database) -> None:
    import asyncio

    def count_up(session: Session) -> None:
        user = User.get(session, "student1")
        assert user
        user.name = str(int(user.name or "0") + 1) if user.name.isdigit() else "1"

    await asyncio.gather(*[database.run(count_up) for _ in range(40)])
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.name == "40"


async def test_a_database_that_is_gone_is_said_so(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/no/such/folder/x.sqlite")
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        await database.run(ping)


async def test_a_server_that_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(DEADLINES, "connect_timeout", "2")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = Database(f"postgresql+psycopg://somebody@127.0.0.1:{port}/x")
        async with asyncio.timeout(10):
            with pytest.raises(DatabaseUnavailable):
                await database.run(ping)


async def test_a_row_that_somebody_else_made_meanwhile_is_found(database: Database) -> None:
    tries: list[Session] = []

    def make(session: Session) -> str:
        tries.append(session)
        if len(tries) == 1:  # as PostgreSQL has it: not seen when asked, there when written
            session.add(User(username="student1"))
            session.flush()
        found = User.get(session, "student1")
        assert found
        return found.username

    assert await database.run(make) == "student1" and len(tries) == 2


def test_an_empty_cookie_secret_is_made_again(tmp_path: Path) -> None:
    from coyotelab_service.app import ServiceApp

    file = tmp_path / "cookie_secret"
    file.touch()
    first = ServiceApp(cookie_secret_file=str(file))._cookie_secret()
    assert len(first) == 32
    assert ServiceApp(cookie_secret_file=str(file))._cookie_secret() == first


def test_errors_tell_no_values(database: Database) -> None:
    """They go to logs, and there are hashes of passwords among the values."""
    with pytest.raises(IntegrityError) as error, database.transaction() as session:
        session.execute(insert(User), {"username": "student1", "password": "$2b$12$hash"})
    assert "$2b$12$hash" not in f"{error.value}".partition("DETAIL")[0]


def test_visits_that_are_open_stay_so_in_the_new_tables(database: Database) -> None:
    with database.transaction() as session:
        course, owner = Course.get(session, "cs101"), User.get(session, "student1")
        other = User.get(session, "student2")
        assert course and owner and other
        for action, whose in (("enter", owner), ("enter", other), ("leave", other)):
            event = AuditEvent(actor="instructor1", action=action)
            event.course_id, event.owner_id = course.id, whose.id
            session.add(event)
            session.flush()
    downgrade(database.url, "0001")
    upgrade(database.url)
    with database.transaction() as session:
        [visit] = visits.find_open(session)
        assert (visit.visitor, visit.owner, visit.slug) == ("instructor1", "student1", "cs101")
        assert visit.allowed
        visits.end(session, visit, "test")
        assert not visits.find_open(session)
