"""Adding people to a course: one or a list, looked at first, all or nothing, passwords once."""

import csv
import io
import re
import time
from typing import Any

import bcrypt
import pytest
from sqlalchemy import func, select
from traitlets.config import Config, LazyConfigValue

from coyotelab_service import intake, roster_import, temporary
from coyotelab_service.access import Person
from coyotelab_service.database import DatabaseUnavailable
from coyotelab_service.errors import NotFound
from coyotelab_service.held import Held
from coyotelab_service.orm import AuditEvent, Course, Enrollment, Invitation, Role, User
from coyotelab_service.roster_file import parse
from coyotelab_service.site import Site as SiteDefaults

from .conftest import PREFIX, Answer, Browser, Site

STUDENTS = "courses/cs101/students"
IMPORT = f"{STUDENTS}/import"
TEACHER = Person("instructor1", origin="127.0.0.1")


async def preview(browser: Browser, text: str) -> tuple[str, str]:
    """Give a list; returns the path of its preview, and the page."""
    answer = await browser.submit(IMPORT, text=text)
    assert answer.status == 303, answer.text
    path = answer.location.removeprefix(PREFIX)
    return path, (await browser.get(path)).text


async def commit(browser: Browser, path: str) -> Answer:
    return await browser.submit(path)


def count(site: Site, table: type[User | Enrollment | Invitation | AuditEvent]) -> int:
    with site.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def rows_of(answer: Answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_a_list_is_looked_at_and_then_added(site: Site) -> None:
    site.services.site.campus_login = True
    teacher, before = site.browser("instructor1"), count(site, User)
    path, page = await preview(
        teacher,
        "username,name,email\n"
        "student3,Stella Sand,\n"  # has an account
        "student4,,\n"  # was dropped
        "student1,,\n"  # is in
        "nnew,Nina New,nina@x.edu\n"  # unknown
        ",Ivy Invited,Ivy@x.edu\n"  # unknown, without a user name
        ",,student2@example.edu\n",  # an account by its address, which is in
    )
    for words in ("Enroll: 1", "Re-add: 1", "Already in: 2", "New account: 1", "Invite: 1"):
        assert words in page
    assert "Add 4 people" in page and "Error" not in page
    assert count(site, User) == before, "looking does nothing"
    done = await commit(teacher, path)
    assert done.status == 303 and "/passwords/" in done.location
    for username in ("student3", "student4", "nnew"):
        assert (await site.browser(username).get("courses/cs101")).status == 200
    with site.database.transaction() as session:
        invited = session.scalars(select(Invitation)).one()
        assert (invited.email, invited.name) == ("ivy@x.edu", "Ivy Invited")
        new = User.get(session, "nnew")
        assert new and new.roles == Role.STUDENT and new.temporary_pw and new.password_expires_at
        noted = select(AuditEvent.action, AuditEvent.origin).order_by(AuditEvent.id)
        assert [tuple(row) for row in session.execute(noted)] == [
            ("add account", "127.0.0.1"),
            *[("enroll", "127.0.0.1")] * 3,
            ("invite", "127.0.0.1"),
        ]
    again = await teacher.submit(path, form_at=IMPORT)
    assert again.status == 404 and "has been added already" in again.text


async def test_the_passwords_are_downloaded_once_and_work(site: Site) -> None:
    teacher = site.browser("instructor1")
    path, _ = await preview(teacher, "username,name,email\na1,=Ann,a@x.edu\nb1,Bob,b@x.edu\n")
    place = (await commit(teacher, path)).location.removeprefix(PREFIX)
    assert place in (await teacher.get(STUDENTS)).text, "who lost the way finds it"
    assert place not in (await site.browser("admin").get(STUDENTS)).text
    for _ in range(2):  # loading it again loses nothing
        assert "2 new accounts have been made." in (await teacher.get(place)).text
    others = site.browser("instructor2")
    assert (await others.get(place)).status == 404
    assert (await others.submit(place, form_at="account/tokens")).status == 404
    admins = await site.browser("admin").get(place)
    assert "have been shown already" in admins.text, "they are of whoever made them"
    answer = await teacher.submit(place)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cs101-passwords.csv"'
    rows = rows_of(answer)
    assert rows[0] == ["username", "name", "email", "password"]
    assert [row[:3] for row in rows[1:]] == [["a1", "'=Ann", "a@x.edu"], ["b1", "Bob", "b@x.edu"]]
    with site.database.transaction() as session:
        for username, _name, _email, password in rows[1:]:
            user = User.get(session, username)
            assert user and user.password
            assert bcrypt.checkpw(password.encode(), user.password.encode())
    assert "have been shown already" in (await teacher.get(place)).text
    assert "wait for you" not in (await teacher.get(STUDENTS)).text
    again = await teacher.submit(place, form_at=IMPORT)
    assert again.status == 303 and "password" in again.location and not again.content


async def test_an_error_keeps_all_of_it_from_being_done(site: Site) -> None:
    with site.database.transaction() as session:
        closed, double = User.get(session, "student3"), User.get(session, "student2")
        assert closed and double
        closed.disabled, double.email = True, "student1@example.edu"
    teacher, before = site.browser("instructor1"), count(site, User)
    path, page = await preview(
        teacher,
        "user;name;mail\n"
        "good;Good One;good@x.edu\n"
        "student3;;\n"
        "instructor1;;\n"
        "nobody;;\n"
        ";;student1@example.edu\n"
        ";;unknown@x.edu\n"
        ";;student4@example.edu\n"
        "student4;;\n"
        "Bad Name;;\n",
    )
    for sentence in (
        "The account student3 is closed.",
        "instructor1 teaches this course.",
        "There is no account named nobody.",
        "Several accounts have this e-mail address.",
        "There is no account with this e-mail address.",
        "This is the account student4, which line 8 is too.",
        "A user name begins with a letter",
        "7 lines have errors",
    ):
        assert sentence in page
    assert (await teacher.submit(path, form_at=IMPORT)).status == 409
    assert count(site, User) == before
    with site.database.transaction() as session:
        dropped = select(Enrollment).join(User).where(User.username == "student4")
        assert not session.scalars(dropped).one().enabled


async def test_what_has_changed_meanwhile_is_shown_again(site: Site) -> None:
    teacher = site.browser("instructor1")
    path, _ = await preview(teacher, "username,name\nnnew,Nina New\nstudent3,\n")
    await site.api("POST", "courses/cs101/enrollments", "instructor1", {"username": "student3"})
    answer = await commit(teacher, path)
    anew = answer.location.removeprefix(PREFIX)
    assert answer.status == 303 and anew.startswith(f"{IMPORT}/") and anew != path
    page = (await teacher.get(anew)).text
    assert "Something has changed since you looked" in page and "Already in: 1" in page
    with site.database.transaction() as session:
        assert User.get(session, "nnew") is None
    assert "/passwords/" in (await commit(teacher, anew)).location


async def test_a_preview_is_of_whoever_gave_the_list(site: Site) -> None:
    teacher = site.browser("instructor1")
    path, _ = await preview(teacher, "student3")
    admin = site.browser("admin")
    assert (await admin.get(path)).status == 404
    assert (await admin.submit(path, form_at=IMPORT)).status == 404
    assert (await teacher.get(path.replace("cs101", "cs202"))).status == 404
    with site.database.transaction() as session:  # the role goes between the two steps
        user = User.get(session, "instructor1")
        assert user
        user.roles = 1
    assert (await teacher.submit(path, form_at="account/tokens")).status == 404
    assert (await site.browser("student3").get("courses/cs101")).status == 404


async def test_a_fault_does_not_lose_the_list(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = site.browser("instructor1")
    path, _ = await preview(teacher, "student3")

    async def fail(*args: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(intake, "_add", fail)
        assert (await commit(teacher, path)).status == 503
    assert (await commit(teacher, path)).location == f"{PREFIX}{STUDENTS}?added=1"


async def test_files(site: Site) -> None:
    teacher = site.browser("instructor1")
    answer = await teacher.upload(IMPORT, "list.csv", "\ufeffusername\nstudent3\n".encode())
    assert answer.status == 303
    for content, sentence in (
        ("username\nmüller".encode("latin-1"), "text file in UTF-8"),
        (b"username|name\na|b", "name the columns"),
        (b"x" * 1_100_000, "larger than 1 MiB"),
        (b"", "Choose a file, or paste a list."),
    ):
        answer = await teacher.upload(IMPORT, "list.csv", content)
        assert answer.status == 400 and sentence in answer.text
    pasted = await teacher.submit(IMPORT, text='username,name\na,"b<')
    assert pasted.status == 400 and "a,&#34;b&lt;</textarea>" in pasted.text, "it is kept"


async def test_three_hundred_students_in_one_list(site: Site) -> None:
    teacher = site.browser("instructor1")
    text = "username,name,email\n" + "".join(
        f"u{n:03},Student {n},u{n:03}@example.edu\n" for n in range(300)
    )
    path, page = await preview(teacher, text)
    assert "Add 300 people" in page
    place = (await commit(teacher, path)).location.removeprefix(PREFIX)
    rows = rows_of(await teacher.submit(place))
    assert len({row[3] for row in rows}) == 301
    assert "303" in (await teacher.get(STUDENTS)).text


def test_five_thousand_take_seconds_and_few_queries(site: Site) -> None:
    text = "username,name\n" + "".join(f"u{n:04},Student {n}\n" for n in range(5_000))
    defaults, began = SiteDefaults(), time.monotonic()
    lines = parse(text.encode())
    passwords = temporary.draw(200, defaults) * 25  # the rest takes as long
    with site.database.transaction() as session:
        steps = roster_import.plan(session, TEACHER, "cs101", lines, defaults)
        done = roster_import.commit(session, TEACHER, "cs101", steps, passwords, defaults)
    assert len(done.accounts) == 5_000
    assert time.monotonic() - began < 30


async def test_one_with_an_account_is_enrolled_and_nothing_else(site: Site) -> None:
    with site.database.transaction() as session:
        user = User.get(session, "student3")
        assert user
        kept = (user.password, user.name, user.email, user.temporary_pw)
    teacher = site.browser("instructor1")
    fields = {"username": "Student3", "name": "Somebody Else", "email": "else@x.edu"}
    answer = await teacher.submit(f"{STUDENTS}/add", **fields)
    assert answer.location == f"{PREFIX}{STUDENTS}?changed=student3"
    assert (
        "Stella Sand is in the course." in (await teacher.get(f"{STUDENTS}?changed=student3")).text
    )
    with site.database.transaction() as session:
        user = User.get(session, "student3")
        assert user and (user.password, user.name, user.email, user.temporary_pw) == kept


async def test_one_new_account_and_its_password_once(site: Site) -> None:
    teacher = site.browser("instructor1")
    fields = {"username": "nnew", "name": "Nina New", "email": "nina@x.edu"}
    answer = await teacher.submit(f"{STUDENTS}/add", **fields)
    place = answer.location.removeprefix(PREFIX)
    page = await teacher.get(place)
    [password] = re.findall(r'id="token"[^>]* value="([^"]+)"', page.text)
    assert page.headers["Cache-Control"] == "no-store"
    with site.database.transaction() as session:
        user = User.get(session, "nnew")
        assert user and user.password and bcrypt.checkpw(password.encode(), user.password.encode())
    again = await teacher.get(place)
    assert password not in again.text and "have been shown already" in again.text


async def test_one_by_invitation_only_with_a_campus_login(site: Site) -> None:
    teacher, fields = site.browser("instructor1"), {"name": "Ivy", "email": "Ivy@x.edu"}
    refused = await teacher.submit(f"{STUDENTS}/add", **fields)
    assert refused.status == 400 and "There is no account with this e-mail" in refused.text
    assert 'value="Ivy@x.edu"' in refused.text and count(site, Invitation) == 0
    site.services.site.campus_login = True
    answer = await teacher.submit(f"{STUDENTS}/add", **fields)
    assert answer.location == f"{PREFIX}{STUDENTS}?show=invited"
    assert "ivy@x.edu" in (await teacher.get(f"{STUDENTS}?show=invited")).text
    await teacher.submit(f"{STUDENTS}/add", **fields)
    assert count(site, Invitation) == 1, "invited once"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "neither a user name nor an e-mail address"),
        ({"username": "9x", "name": "N"}, "A user name begins with a letter"),
        ({"username": "nobody"}, "There is no account named nobody"),
        ({"email": "a@x.edu\r\nBcc: b@x.edu"}, "is not an e-mail address"),
        ({"username": "u" * 64}, "cannot be longer than 63"),
    ],
)
async def test_one_who_cannot_be_added(site: Site, fields: dict[str, str], sentence: str) -> None:
    answer = await site.browser("instructor1").submit(f"{STUDENTS}/add", **fields)
    assert answer.status == 400 and sentence in answer.text


async def test_the_api_makes_accounts_and_invites(site: Site) -> None:
    path = "courses/cs101/enrollments"
    body = {"username": "nnew", "name": "Nina New", "email": "nina@x.edu"}
    made = await site.api("POST", path, "instructor1", body)
    assert made.status == 201 and made.json()["enabled"]
    password = made.json()["temporary_password"]
    with site.database.transaction() as session:
        user = User.get(session, "nnew")
        assert user and user.password and bcrypt.checkpw(password.encode(), user.password.encode())
    again = await site.api("POST", path, "instructor1", body)
    assert again.status == 201 and "temporary_password" not in again.json()
    problem = await site.api("POST", path, "instructor1", {"email": "ivy@x.edu"})
    assert problem.status == 409 and "no account" in problem.json()["detail"]
    assert problem.headers["Content-Type"] == "application/problem+json"
    site.services.site.campus_login = True
    invited = await site.api("POST", path, "instructor1", {"email": "Ivy@x.edu"})
    assert invited.status == 202 and invited.json() == {"invited": "ivy@x.edu"}
    for wrong in ({}, {"username": 1}, {"email": "x"}, {"username": "9"}):
        assert (await site.api("POST", path, "instructor1", wrong)).status == 400


async def test_who_claimed_an_invitation_is_not_invited_twice_over(site: Site) -> None:
    site.services.site.campus_login = True
    for _ in range(2):
        answer = await site.browser("instructor1").submit(f"{STUDENTS}/add", email="ivy@x.edu")
        assert answer.status == 303
        with site.database.transaction() as session:
            invitation = session.scalars(select(Invitation)).one()
            assert invitation.claimed_at is None
            invitation.claimed_at = invitation.created_at


def test_a_plan_with_an_error_is_never_done(site: Site) -> None:
    defaults = SiteDefaults()
    with site.database.transaction() as session:
        lines = parse(b"student3\nnobody\n")
        steps = roster_import.plan(session, TEACHER, "cs101", lines, defaults)
        with pytest.raises(NotFound, match="no account named nobody"):
            roster_import.commit(session, TEACHER, "cs101", steps, [], defaults)
        course, user = Course.get(session, "cs101"), User.get(session, "student3")
        assert course and user and not user.active_in(course)


def test_invitations_come_with_a_campus_login() -> None:
    assert not SiteDefaults().campus_login
    campus = {"campus_logins": {"campus": {"issuer": "https://login.example.edu"}}}
    assert SiteDefaults(config=Config({"CoyoteAuthenticator": campus})).campus_login
    off = {"CoyoteAuthenticator": campus, "Site": {"campus_login": False}}
    assert not SiteDefaults(config=Config(off)).campus_login


def test_what_is_held_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    held: Held[str] = Held(60, each=2, total=3)
    names = [held.put("a", str(number)) for number in range(3)]
    assert [held.get("a", name) for name in names] == [None, "1", "2"]
    assert held.get("b", names[1]) is None and held.take("b", names[1]) is None
    assert held.take("a", names[1]) == "1" and held.take("a", names[1]) is None
    others = [held.put(who, who) for who in "bcd"]
    assert held.get("a", names[2]) is None and held.get("d", others[2]) == "d"
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert held.get("d", others[2]) is None


@pytest.mark.parametrize("names", [{"Boss"}, LazyConfigValue(_update={"boss"})])
async def test_nobody_who_teaches_makes_an_administrator(site: Site, names: Any) -> None:
    """The Hub goes by the name alone, and whoever adds people reads their passwords."""
    site.services.site.config["Authenticator"]["admin_users"] = names
    added = await site.browser("instructor1").submit(
        f"{STUDENTS}/add", username="boss", name="Not The Boss"
    )
    assert added.status == 400 and "is an administrator" in added.text
    body = {"username": "boss", "name": "Not The Boss"}
    made = await site.api("POST", "courses/cs101/enrollments", "instructor1", body)
    assert made.status == 409 and "temporary_password" not in made.json()
    with site.database.transaction() as session:
        assert User.get(session, "boss") is None
