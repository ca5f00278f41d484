"""Accounts, logging in, and what the spawner is told about them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.web import HTTPError

from coyotelab_service import accounts, machines, work
from coyotelab_service.authenticator import CoyoteAuthenticator
from coyotelab_service.database import Database
from coyotelab_service.errors import Conflict, Invalid
from coyotelab_service.orm import Course, User, utc_now
from coyotelab_service.policy import DENIED, EnrollmentPolicy
from coyotelab_service.site import Site as SiteDefaults
from coyotelab_spawner.policy import AccessDenied
from coyotelab_spawner.spec import Workspace, WorkspaceState

from .conftest import PASSWORD


@pytest.mark.parametrize("name", ["a", "ada", "ada.lovelace", "x-1_2", "a" * 63, "ab-"[:2]])
def test_possible_user_names(name: str) -> None:
    accounts.check_username(name)


@pytest.mark.parametrize(
    "name",
    ["", "1a", "Ada", "a b", "a/b", "a" * 64, "ä", "a.", "-a", "..", "a\n", "reset", "download"],
)
def test_impossible_user_names(name: str) -> None:
    with pytest.raises(Invalid):
        accounts.check_username(name)


def test_user_names_have_one_spelling(database: Database) -> None:
    with database.transaction() as session:
        made = accounts.add_user(session, "\uff21da ", password="x", cost=4)
        assert made.username == "ada"
        with pytest.raises(Conflict, match="already"):
            accounts.add_user(session, "ADA")


def test_passwords(database: Database) -> None:
    hashed = accounts.hash_password("pässword", 4)
    assert accounts.verify_password("pässword", hashed)
    assert not accounts.verify_password("password", hashed)
    with pytest.raises(Invalid, match="73 bytes, 72 at most"):
        accounts.hash_password("x" * 73, 4)
    with pytest.raises(Invalid, match="empty"):
        accounts.hash_password("", 4)
    longest = accounts.hash_password("x" * 72, 4)
    assert accounts.verify_password("x" * 72, longest)
    assert not accounts.verify_password("x" * 73, longest), "bcrypt alone would ignore the rest"


@pytest.fixture
def authenticator(database: Database) -> CoyoteAuthenticator:
    return CoyoteAuthenticator(db_url=database.url, admin_users={"admin"})


async def log_in(authenticator: CoyoteAuthenticator, username: str, password: str) -> Any:
    return await authenticator.get_authenticated_user(
        None, {"username": username, "password": password}
    )


async def test_logging_in(authenticator: CoyoteAuthenticator) -> None:
    student = await log_in(authenticator, "Student1", PASSWORD)
    assert student["name"] == "student1" and not student["admin"]
    assert (await log_in(authenticator, "admin", PASSWORD))["admin"]


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("student1", "wrong"),
        ("student1", ""),
        ("student1", PASSWORD + "x" * 100),
        ("nosuchperson", PASSWORD),
        ("", ""),
        ("student1\x00", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ],
)
async def test_refused_logins(
    authenticator: CoyoteAuthenticator, username: str, password: str
) -> None:
    assert await log_in(authenticator, username, password) is None


async def test_a_disabled_account_is_out(
    authenticator: CoyoteAuthenticator, database: Database
) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        user.disabled = True
    assert await log_in(authenticator, "student1", PASSWORD) is None
    assert await authenticator.refresh_user(user) is False
    user.username = "student2"


@pytest.fixture
def policy(database: Database) -> EnrollmentPolicy:
    return EnrollmentPolicy(db_url=database.url, pages_url="http://x.test/services/coyotelab/")


async def test_the_spawner_gets_a_workspace(policy: EnrollmentPolicy) -> None:
    spec = await policy.get_spec("student1", "cs101")
    assert spec.name.startswith("ws-") and spec.base == "base-default-v1"
    assert (spec.user, spec.course, spec.created) == ("student1", "cs101", False)
    assert spec.environment == {
        "COYOTELAB_IDLE_MINUTES": "5",
        "COYOTELAB_JOB_HOURS": "12",
        "COYOTELAB_WORK_TOKEN": work.make_token(spec.uuid),
        "COYOTELAB_COURSE": "Introduction to Systems Programming",
        "COYOTELAB_PAGES_URL": "http://x.test/services/coyotelab/workspaces/cs101/student1",
    }
    assert (await policy.get_spec("student1", "cs101")).uuid == spec.uuid
    assert (await policy.get_spec("instructor1", "cs101")).name != spec.name


@pytest.mark.parametrize(
    ("username", "server"),
    [
        ("student1", ""),
        ("student1", "nosuchcourse"),
        ("student1", "cs202"),
        ("student3", "cs101"),
        ("student4", "cs101"),
        ("admin", "cs101"),
        ("nosuchperson", "cs101"),
    ],
)
async def test_the_spawner_is_refused(policy: EnrollmentPolicy, username: str, server: str) -> None:
    with pytest.raises(AccessDenied) as refusal:
        await policy.get_spec(username, server)
    assert str(refusal.value) == DENIED


async def test_an_archived_course_and_one_without_a_base(
    policy: EnrollmentPolicy, database: Database
) -> None:
    with database.transaction() as session:
        course = Course.get(session, "cs202")
        assert course
        course.base = None
    with pytest.raises(AccessDenied, match="no base machine"):
        await policy.get_spec("student2", "cs202")
    with database.transaction() as session:
        course = Course.get(session, "cs202")
        assert course
        course.archived = True
    with pytest.raises(AccessDenied, match="no such workspace"):
        await policy.get_spec("student2", "cs202")


async def test_what_was_seen_is_never_made_anew(
    policy: EnrollmentPolicy, database: Database
) -> None:
    spec = await policy.get_spec("student1", "cs101")
    await policy.note_created(
        spec, Workspace(spec.name, spec.uuid, "10.0.0.5", WorkspaceState.STOPPED)
    )
    assert (await policy.get_spec("student1", "cs101")).created
    # An address that LXD gave out again is the newer machine's.
    other = await policy.get_spec("student2", "cs101")
    await policy.note_created(
        other, Workspace(other.name, other.uuid, "10.0.0.5", WorkspaceState.STOPPED)
    )
    assert (await policy.get_spec("student2", "cs101")).created
    with database.transaction() as session:
        unprepared = {found.name for found in machines.find_unprepared(session, SiteDefaults())}
    assert unprepared.isdisjoint({spec.name, other.name}) and unprepared
    assert utc_now().tzinfo


async def test_a_database_that_is_gone_logs_nobody_out(tmp_path: Path) -> None:
    lost = CoyoteAuthenticator(db_url=f"sqlite:///{tmp_path}/no/such/folder/x.sqlite")
    assert await lost.refresh_user(SimpleNamespace(name="student1")) is True
    with pytest.raises(HTTPError) as refused:
        await log_in(lost, "student1", PASSWORD)
    assert refused.value.status_code == 503 and "does not answer" in str(refused.value)


def test_letters_that_stand_for_many_keep_nobody_waiting() -> None:
    """One of them is eighteen when normalized, and a login's form may have megabytes of them."""
    typed = accounts.normalize_username("\ufdfa" * 3_000_000)
    assert len(typed) <= accounts.TYPED and not accounts.USERNAME.fullmatch(typed)
    assert accounts.normalize_username(" \uff33tudent1 ") == "student1"
