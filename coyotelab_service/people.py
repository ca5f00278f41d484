"""The accounts as administrators manage them: found, made, changed, closed; never deleted."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, literal, select, union_all
from sqlalchemy.orm import Session

from . import accounts, audit, passwords
from .access import Person, ensure_on_site
from .errors import Conflict, Invalid, NotFound
from .i18n import mark as _
from .links import is_mail_address
from .orm import Course, CourseInstructor, Enrollment, Role, User
from .paging import Page, cut
from .rules import Action
from .site import Site
from .text_search import contains

OWN_ACCOUNT = _("You cannot disable your own account. Another administrator can.")
NO_ADDRESS = _("{email} is not an e-mail address.")
BAD_NAME = _("A name has at most {most} characters, and no control characters.")
NAME_LENGTH = 200  # characters
SORTS = {
    "username": User.username,
    "name": User.name,
    "email": User.email,
    "last_login": User.last_login,
}


@dataclass(frozen=True)
class Account:
    """One account, as an administrator sees it."""

    username: str
    name: str
    email: str
    roles: Role
    disabled: bool
    campus: bool  # known by the campus login
    local: bool  # has a password here
    temporary: bool  # that password has to be changed
    last_login: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Membership:
    """What somebody is to one course."""

    slug: str
    name: str
    archived: bool
    kind: str  # instructor, co-instructor, student or dropped


@dataclass(frozen=True)
class Added:
    """An account that was just made; `password` is its temporary one, "" when it has none."""

    account: Account
    password: str


@dataclass(frozen=True)
class Search:
    """Which accounts, in which order.

    Args:
        text: part of a user name, name or e-mail address.
        show: "" for all, or disabled, instructors, campus.
        sort: a key of SORTS; with "-" before it from the end.
        page: from 1.
    """

    text: str = ""
    show: str = ""
    sort: str = "username"
    page: int = 1


def list_accounts(
    session: Session, person: Person, site: Site, search: Search, size: int = 50
) -> Page[Account]:
    """Return one page of the accounts; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    query = select(User)
    if search.text.strip():
        query = query.where(contains(search.text, User.username, User.name, User.email))
    if search.show == "disabled":
        query = query.where(User.disabled)
    elif search.show == "instructors":
        query = query.where(User.roles.bitwise_and(int(Role.INSTRUCTOR)) != 0)
    elif search.show == "campus":
        query = query.where(User.subject.is_not(None))
    column = SORTS.get(search.sort.removeprefix("-"), User.username)
    ordered = column.desc() if search.sort.startswith("-") else column.asc()
    if column is not User.username:
        # Who has never logged in comes last both ways, on every database alike.
        query = query.order_by(case((column.is_(None), 1), else_=0), ordered, User.username)
    else:
        query = query.order_by(ordered)
    return cut(session, query, search.page, lambda row: _view(row[0]), size)


def get_account(session: Session, person: Person, site: Site, username: str) -> Account:
    """Return one account; raises NotFound."""
    return _view(_find(session, person, site, username))


def list_memberships(
    session: Session, person: Person, site: Site, username: str
) -> Sequence[Membership]:
    """Return the courses somebody teaches, attends or was dropped from; raises NotFound."""
    user = _find(session, person, site, username)
    columns = (Course.slug, Course.name, Course.archived)
    kind = case((Enrollment.enabled, "student"), else_="dropped")
    own = select(*columns, literal("instructor")).where(Course.instructor_id == user.id)
    beside = (
        select(*columns, literal("co-instructor"))
        .join(CourseInstructor, CourseInstructor.course_id == Course.id)
        .where(CourseInstructor.user_id == user.id)
    )
    attended = (
        select(*columns, kind)
        .join(Enrollment, Enrollment.course_id == Course.id)
        .where(Enrollment.user_id == user.id)
    )
    rows = session.execute(union_all(own, beside, attended))
    return sorted((Membership(*row) for row in rows), key=lambda one: (one.slug, one.kind))


def add(
    session: Session,
    person: Person,
    site: Site,
    username: str,
    *,
    name: str = "",
    email: str = "",
    roles: Role = Role.STUDENT,
    password: str = "",
    campus: bool = False,
) -> Added:
    """Make an account, with a temporary password unless one is given.

    Args:
        password: a lasting one.
        campus: no password at all: only the campus login opens the account.

    Raises:
        NotFound: this person may not.
        Invalid: not a possible user name, e-mail address or password.
        Conflict: there is such an account already.
    """
    ensure_on_site(session, person, Action.ADMINISTER, site)
    _check(name, email)
    if password:
        passwords.check_choice(accounts.normalize_username(username), password)
    user = accounts.add_user(
        session, username, name=name, email=email, roles=roles, password=password or None
    )
    secret = "" if password or campus else passwords.make_temporary(user, site)
    session.flush()
    audit.note(session, person, "add account", owner=user, detail=say_roles(roles))
    return Added(_view(user), secret)


def edit(
    session: Session,
    person: Person,
    site: Site,
    username: str,
    *,
    name: str | None = None,
    email: str | None = None,
    roles: Role | None = None,
) -> Account:
    """Change what is given of an account; what changed is in the log. Raises NotFound, Invalid."""
    user = _find(session, person, site, username)
    _check(name or "", email or "")
    changes = []
    if name is not None and name != user.name:
        changes.append(f"name: {user.name} → {name}")
        user.name = name
    if email is not None and email != user.email:
        changes.append(f"e-mail: {user.email} → {email}")
        user.email = email
    if roles is not None and roles != user.roles:
        changes.append(f"roles: {say_roles(Role(user.roles))} → {say_roles(roles)}")
        user.roles = int(roles)
    if changes:
        audit.note(session, person, "edit account", owner=user, detail="; ".join(changes))
    return _view(user)


def set_disabled(
    session: Session, person: Person, site: Site, username: str, disabled: bool
) -> Account:
    """Close an account, or open it again; nothing of it is deleted.

    Raises:
        NotFound: this person may not, or there is no such account.
        Conflict: it is this person's own, so that there is always an administrator left.
    """
    user = _find(session, person, site, username)
    if disabled and user.username == person.username:
        raise Conflict(OWN_ACCOUNT)
    if user.disabled != disabled:
        user.disabled = disabled
        audit.note(session, person, "disable" if disabled else "enable", owner=user)
    return _view(user)


def say_roles(roles: Role) -> str:
    """Return the roles in words, for the log and the command line."""
    return ", ".join((role.name or "").lower() for role in Role if role & roles) or "none"


def _find(session: Session, person: Person, site: Site, username: str) -> User:
    ensure_on_site(session, person, Action.ADMINISTER, site)
    user = User.get(session, accounts.normalize_username(username))
    if user is None:
        raise NotFound(_("There is no account named {name}."), name=username)
    return user


def _check(name: str, email: str) -> None:
    if len(name) > NAME_LENGTH or any(unicodedata.category(letter) == "Cc" for letter in name):
        raise Invalid(BAD_NAME, most=NAME_LENGTH)
    if email and not is_mail_address(email):
        raise Invalid(NO_ADDRESS, email=email[:60])


def _view(user: User) -> Account:
    return Account(
        username=user.username,
        name=user.name,
        email=user.email,
        roles=Role(user.roles),
        disabled=user.disabled,
        campus=user.subject is not None,
        local=user.password is not None,
        temporary=user.temporary_pw,
        last_login=user.last_login,
        created_at=user.created_at,
    )
