"""What people may choose as a password, temporary ones, and their reset by an administrator."""

import math
from datetime import timedelta

import bcrypt
import pytest
from sqlalchemy import select

from coyotelab_service import accounts, passwords
from coyotelab_service.access import Person
from coyotelab_service.database import Database
from coyotelab_service.errors import Conflict, Invalid, NotFound
from coyotelab_service.orm import AuditEvent, User, utc_now
from coyotelab_service.site import Site

from .conftest import PASSWORD

ADMIN = Person("admin", admin=True, origin="10.1.2.3")


def find(database: Database, username: str) -> User:
    with database.transaction() as session:
        user = User.get(session, username)
        assert user
        return user


@pytest.mark.parametrize(
    "password",
    ["a long walk", "x7Kq2mPz9w", "ä" * 4 + "öü" + "xyz123", "🦊🌵🏜🐺🌙🌄🔭🧭🗺🪐", "correct horse"],
)
def test_passwords_that_people_may_choose(password: str) -> None:
    passwords.check_choice("student1", password)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "at least 10 characters"),
        ("x7Kq2mPz9", "at least 10 characters"),
        ("abcdefghij" * 7 + "xyz", "at most 72 bytes; this one has 73"),
        ("🦊🌵🏜🐺🌙🌄🔭🧭🗺🪐" * 2, "at most 72 bytes; this one has 80"),
        ("Password123!", "first that anybody would try"),
        ("1234567890", "first that anybody would try"),
        ("aaaaaaaaaaaa", "first that anybody would try"),
        ("1q2w3e4r5t", "first that anybody would try"),
        ("Student1-2026", "your user name"),
        ("student1student1", "your user name"),
    ],
)
def test_passwords_that_they_may_not(password: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        passwords.check_choice("student1", password)


def test_the_longest_password_works() -> None:
    longest = "🦊🌵🏜🐺🌙🌄🔭🧭🗺🪐🌋🏔⛰🌊🔥🌪🌈⭐"
    assert len(longest.encode()) == 70
    passwords.check_choice("student1", longest + "ok")
    hashed = accounts.hash_password(longest + "ok", 4)
    assert accounts.verify_password(longest + "ok", hashed)
    assert not accounts.verify_password(longest + "okay", hashed)


def test_a_temporary_password(database: Database) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        made = [passwords.make_temporary(user, Site(password_days=3)) for _ in range(50)]
        assert user.temporary_pw and user.password and user.password_expires_at
        left = user.password_expires_at - utc_now()
        assert timedelta(days=2.9) < left <= timedelta(days=3)
        assert accounts.verify_password(made[-1], user.password)
        assert made[-1] not in user.password
    assert len(set(made)) == 50
    letters = [len(word.replace("-", "")) for word in made]
    assert min(letters) * math.log2(len(set(passwords.ALPHABET))) >= 80
    assert not set("".join(made)) & set("0o1il")


def test_a_temporary_password_ends(database: Database) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        passwords.make_temporary(user, Site())
        assert accounts.get_password(session, "student1") == user.password
        user.password_expires_at = utc_now() - timedelta(seconds=1)
        assert accounts.get_password(session, "student1") is None


def test_an_administrator_resets_a_password(database: Database) -> None:
    with database.transaction() as session:
        made = passwords.reset_password(session, ADMIN, "student1", Site())
    user = find(database, "student1")
    assert user.temporary_pw and accounts.verify_password(made, user.password)
    assert not accounts.verify_password(PASSWORD, user.password)
    with database.transaction() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
        assert event and event.actor == "admin" and event.action == "reset password"
        assert event.owner_id == user.id and event.origin == "10.1.2.3"
        assert made not in str(vars(event))


@pytest.mark.parametrize("person", ["student1", "instructor1", "student2", "nobody"])
def test_nobody_else_resets_one(database: Database, person: str) -> None:
    with database.transaction() as session, pytest.raises(NotFound):
        passwords.reset_password(session, Person(person), "student1", Site())
    with database.transaction() as session, pytest.raises(NotFound):
        passwords.reset_password(session, ADMIN, "nosuchperson", Site())
    assert accounts.verify_password(PASSWORD, find(database, "student1").password)


def test_an_account_of_the_campus_login_gets_no_password(database: Database) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        user.password, user.issuer, user.subject = None, "https://idp.example.edu", "1"
        with pytest.raises(Conflict, match="campus login"):
            passwords.reset_password(session, ADMIN, "student1", Site())


def test_a_change_wants_what_was_proven_to_be_there_still(database: Database) -> None:
    person = Person("student1")
    old = find(database, "student1").password
    with database.transaction() as session:
        passwords.change(session, person, passwords.get_fingerprint(old), "new hash")
    with database.transaction() as session, pytest.raises(Conflict, match="meanwhile"):
        passwords.change(session, person, passwords.get_fingerprint(old), "newer hash")
    assert find(database, "student1").password == "new hash"


@pytest.mark.parametrize("kind", ["unknown", "wrong", "right", "temporary", "disabled", "long"])
def test_every_login_makes_the_same_hashes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "COST", 5)
    slow, fast = accounts.hash_password("right", 5), accounts.hash_password("right", 4)
    hashed, password = {
        "unknown": (None, "right"),
        "wrong": (slow, "wrong"),
        "right": (slow, "right"),
        "temporary": (fast, "right"),
        "disabled": (None, "right"),
        "long": (slow, "x" * 100),
    }[kind]
    made: list[str] = []

    def checkpw(secret: bytes, known: bytes) -> bool:
        made.append(known.decode()[:7])
        return check(secret, known)

    check = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    assert accounts.verify_password(password, hashed) == (kind in ("right", "temporary"))
    assert made == ["$2b$05$", "$2b$04$"]
