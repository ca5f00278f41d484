"""Whose account a campus login is, and which invitations it claims: without the Hub."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from coyotelab_service import campus, enrollments
from coyotelab_service.access import Person
from coyotelab_service.campus import Identity, Newcomers
from coyotelab_service.database import Database
from coyotelab_service.errors import Conflict, NotFound
from coyotelab_service.oidc import find_verified_email, is_confidential
from coyotelab_service.orm import AuditEvent, Course, Invitation, Role, User, utc_now

ISSUER = "https://login.example.edu"
INSTRUCTOR = Person("instructor1")


def invite(session: Session, email: str, slug: str = "cs101") -> Invitation:
    course = Course.get(session, slug)
    assert course
    invitation = Invitation(course_id=course.id, email=email)
    session.add(invitation)
    session.flush()
    return invitation


def enrolled(session: Session, username: str, slug: str = "cs101") -> bool:
    user, course = User.get(session, username), Course.get(session, slug)
    assert user
    assert course
    return user.active_in(course)


def test_the_first_login_makes_an_account_the_second_finds_it(database: Database) -> None:
    with database.transaction() as session:
        first = Identity(ISSUER, "s-1", "ana", "Ana Arias", "ana@example.edu")
        assert campus.log_in(session, first, Newcomers.EVERYONE, origin="192.0.2.7") == "ana"
    with database.transaction() as session:
        second = Identity(ISSUER, "s-1", "ana.new", "Ana Bravo", "bravo@example.edu")
        assert campus.log_in(session, second, Newcomers.NOBODY) == "ana"
        user = User.get(session, "ana")
        assert user
        assert (user.name, user.email) == ("Ana Bravo", "bravo@example.edu")
        assert (user.password, Role(user.roles)) == (None, Role.STUDENT)
        event = session.scalar(select(AuditEvent).filter_by(action="join", owner_id=user.id))
        assert event
        assert event.origin == "192.0.2.7"


@pytest.mark.parametrize(
    "other", [Identity("https://other.example", "s-1"), Identity(ISSUER, "S-1")], ids=str
)
def test_issuer_and_subject_together_find_an_account(database: Database, other: Identity) -> None:
    with database.transaction() as session:
        campus.log_in(session, Identity(ISSUER, "s-1", "ana"), Newcomers.EVERYONE)
        assert campus.find(session, other) is None


def test_a_name_that_is_somebody_elses_is_not_given_nor_merged(database: Database) -> None:
    with database.transaction() as session:
        victim = User.get(session, "student1")
        assert victim
        victim.email = "sam@example.edu"
        for number, expected in enumerate(("student1-2", "student1-3")):
            identity = Identity(ISSUER, str(number), "student1", "Sam", "sam@example.edu")
            assert campus.log_in(session, identity, Newcomers.EVERYONE) == expected
        assert victim.issuer is None
        root = Identity(ISSUER, "9", "Dean@example.edu")
        assert campus.log_in(session, root, Newcomers.EVERYONE, {"dean"}) == "dean-2"
        # A name with a wildcard of LIKE in it takes no longer way around.
        low = Identity(ISSUER, "10", "student_")
        assert campus.log_in(session, low, Newcomers.EVERYONE) == "student"


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ("ana@example.edu", "ana"),
        ("Ána María", "ana-maria"),
        ("../../etc", "etc"),
        ("42ana", "ana"),
        ("reset", "reset-2"),
        ("a" * 90, "a" * 56),
    ],
)
def test_any_suggestion_becomes_a_user_name(database: Database, suggested: str, name: str) -> None:
    with database.transaction() as session:
        identity = Identity(ISSUER, "s", suggested)
        assert campus.log_in(session, identity, Newcomers.EVERYONE) == name


@pytest.mark.parametrize("suggested", ["", "@", "...", "学生", "7", "-_-"])
def test_without_a_usable_suggestion_the_name_is_made(suggested: str) -> None:
    name = campus.suggest_username(Identity(ISSUER, "s", suggested))
    assert len(name) == 11
    assert name != campus.suggest_username(Identity(ISSUER, "t", suggested))


def test_who_may_come_in(database: Database) -> None:
    with database.transaction() as session:
        invite(session, "bo@example.edu")
        bo = Identity(ISSUER, "bo", "bo", email="bo@example.edu")
        stranger = Identity(ISSUER, "st", "st", email="st@example.edu")
        nameless = Identity(ISSUER, "no", "bo2")
        for identity, kind in (
            (bo, Newcomers.NOBODY),
            (stranger, Newcomers.INVITED),
            (nameless, Newcomers.INVITED),
        ):
            with pytest.raises(campus.NotAdmitted):
                campus.log_in(session, identity, kind)
        assert campus.log_in(session, bo, Newcomers.INVITED) == "bo"
        assert campus.log_in(session, stranger, Newcomers.EVERYONE) == "st"


def test_a_disabled_account_stays_out_and_claims_nothing(database: Database) -> None:
    with database.transaction() as session:
        identity = Identity(ISSUER, "s", "ana", email="ana@example.edu")
        campus.log_in(session, identity, Newcomers.EVERYONE)
        user = User.get(session, "ana")
        assert user
        user.disabled = True
        invitation = invite(session, "ana@example.edu")
        with pytest.raises(campus.Closed):
            campus.log_in(session, identity, Newcomers.EVERYONE)
        assert invitation.claimed_at is None


def test_a_verified_address_claims_every_open_invitation_once(database: Database) -> None:
    with database.transaction() as session:
        found = [invite(session, "ana@example.edu", slug) for slug in ("cs101", "cs202")]
        other = invite(session, "somebody@example.edu")
        identity = Identity(ISSUER, "s", "ana", email="Ana@Example.edu")
        campus.log_in(session, identity, Newcomers.INVITED)
        ana = User.get(session, "ana")
        assert all(one.claimed_by is ana and one.claimed_at for one in found)
        assert other.claimed_at is None
        assert enrolled(session, "ana", "cs101")
        assert enrolled(session, "ana", "cs202")
        assert ana
        actions = session.scalars(select(AuditEvent.action).filter_by(owner_id=ana.id)).all()
        assert sorted(actions) == ["claim", "claim", "enroll", "enroll", "join"]
        enrollments.set_enabled(session, INSTRUCTOR, "cs101", "ana", False)
        campus.log_in(session, identity, Newcomers.INVITED)
        assert not enrolled(session, "ana", "cs101")


@pytest.mark.parametrize(("days", "back"), [(-1, False), (1, True)])
def test_an_invitation_from_before_a_drop_takes_nobody_back(
    database: Database, days: int, back: bool
) -> None:
    with database.transaction() as session:
        identity = Identity(ISSUER, "s", email="simon@example.edu")
        campus.connect(session, Person("student4"), "student4", identity)
        invitation = invite(session, "simon@example.edu")
        invitation.created_at = utc_now() + timedelta(days=days)
        campus.log_in(session, identity, Newcomers.NOBODY)
        assert invitation.claimed_at
        assert enrolled(session, "student4") is back


def test_a_local_address_claims_nothing(database: Database) -> None:
    with database.transaction() as session:
        student = User.get(session, "student3")
        assert student
        student.email = "stella@example.edu"
        invitation = invite(session, "stella@example.edu")
        course = Course.get(session, "cs202")
        assert course
        enrollments.take_in(session, Person("instructor2"), course, student)
        assert invitation.claimed_at is None
        assert not enrolled(session, "student3")


def test_an_account_is_connected_and_disconnected(database: Database) -> None:
    with database.transaction() as session:
        me, identity = Person("student3"), Identity(ISSUER, "s", "other", "Other", "s@example.edu")
        invite(session, "s@example.edu")
        campus.connect(session, me, "student3", identity)
        campus.connect(session, me, "student3", identity)  # a double click
        assert campus.find_ways_in(session, "student3") == (ISSUER, True)
        assert enrolled(session, "student3")
        assert campus.log_in(session, identity, Newcomers.NOBODY) == "student3"
        user = User.get(session, "student3")
        assert user
        assert user.name == "Stella Sand"
        campus.disconnect(session, me, "student3")
        with pytest.raises(campus.NotAdmitted):
            campus.log_in(session, identity, Newcomers.NOBODY)
        actions = session.scalars(select(AuditEvent.action).filter_by(owner_id=user.id)).all()
        assert sorted(actions) == ["claim", "connect", "disconnect", "enroll"]


def refuse(session: Session, error: type[Exception], work: Callable[..., Any], *args: Any) -> None:
    with pytest.raises(error):
        work(session, Person("student3"), *args)


def test_no_login_opens_two_accounts_and_no_account_has_two(database: Database) -> None:
    with database.transaction() as session:
        ana = Identity(ISSUER, "ana", "ana")
        campus.log_in(session, ana, Newcomers.EVERYONE)
        refuse(session, Conflict, campus.connect, "student3", ana)
        refuse(session, NotFound, campus.connect, "nobody", ana)
        campus.connect(session, Person("student3"), "student3", Identity(ISSUER, "one"))
        refuse(session, Conflict, campus.connect, "student3", Identity(ISSUER, "two"))
        refuse(session, Conflict, campus.disconnect, "ana")  # it has no password
        refuse(session, NotFound, campus.disconnect, "nobody")
        assert campus.find_ways_in(session, "nobody") == ("", False)


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "Ana@Example.edu", "email_verified": True}, "ana@example.edu"),
        ({"email": "ana@example.edu", "email_verified": "true"}, "ana@example.edu"),
        ({"email": "ana@example.edu", "email_verified": False}, ""),
        ({"email": "ana@example.edu", "email_verified": "false"}, ""),
        ({"email": "ana@example.edu", "email_verified": ["x"]}, ""),
        ({"email": "ana@example.edu"}, ""),
        ({"email": ["ana@example.edu"], "email_verified": True}, ""),
        ({"email": "ana\0@example.edu", "email_verified": True}, ""),
        ({"email": "a@b@example.edu", "email_verified": True}, ""),
        ({"email": "mi\u212ae@example.edu", "email_verified": True}, ""),
        ({"email": f"{'a' * 250}@example.edu", "email_verified": True}, ""),
        ({"email_verified": True}, ""),
    ],
)
def test_an_unverified_address_is_none(claims: dict[str, Any], email: str) -> None:
    assert find_verified_email(claims, "email_verified") == email


@pytest.mark.parametrize(
    ("url", "confidential"),
    [
        ("https://login.example.edu", True),
        ("http://localhost:8080", True),
        ("http://login.example.edu", False),
        ("http://localhost.example.edu", False),
        ("ftp://localhost", False),
        ("", False),
    ],
)
def test_a_provider_is_asked_over_https_alone(url: str, confidential: bool) -> None:
    assert is_confidential(url) is confidential
