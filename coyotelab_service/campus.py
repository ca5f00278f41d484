"""Whose account a campus login is, and which invitations it claims."""

import hashlib
import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from . import accounts, audit, enrollments
from .access import Person
from .errors import Conflict, NotFound, Refused
from .i18n import mark as _
from .orm import Enrollment, Invitation, Role, User, utc_now

KEY_LENGTH = 255  # of an issuer or a subject; a longer one is refused, for half of it is another
NAME_LENGTH, EMAIL_LENGTH = 200, 254
SAME_NAMES = 1000  # people whose campus suggests the same user name


class NotAdmitted(Refused):
    """Who they are is known, and that they have no place here too."""

    message = _(
        "Your campus login works, but you have no place on this site. Ask your instructor to"
        " invite the e-mail address of your campus login, then log in again."
    )


class Closed(Refused):
    """The account has been disabled."""

    message = _("Your account on this site is closed. Ask the people who run it.")


class Newcomers(StrEnum):
    """Which people without an account here get one at their first campus login."""

    EVERYONE = "everyone"
    INVITED = "invited"  # those with an open invitation to their verified address
    NOBODY = "nobody"  # those alone whose account is connected


@dataclass(frozen=True)
class Identity:
    """Somebody as their identity provider knows them.

    Args:
        issuer: the provider.
        subject: what it calls them, lasting and never given to another; with the issuer it is
            all that ever finds an account.
        username: the user name it suggests for a new account.
        email: an address it has verified; "" when there is none.
    """

    issuer: str
    subject: str
    username: str = ""
    name: str = ""
    email: str = ""


def log_in(
    session: Session,
    identity: Identity,
    newcomers: Newcomers,
    taken: Set[str] = frozenset(),
    origin: str = "",
) -> str:
    """Return the user name of somebody's account, made now if it may be; claim their invitations.

    Args:
        taken: user names that no new account gets, beside those of the accounts there are.

    Raises:
        NotAdmitted: there is no account, and none is made for them.
        Closed: the account is disabled.
    """
    user = find(session, identity)
    if user is None:
        if not _may_join(session, identity, newcomers):
            raise NotAdmitted
        user = _add_account(session, identity, taken, origin)
    elif user.disabled:
        raise Closed
    if user.temporary_pw:  # somebody else knows it, and nobody needs it any more
        user.password, user.password_expires_at, user.temporary_pw = None, None, False
    if user.password is None:  # a local account that was connected says itself who it is
        user.name = identity.name[:NAME_LENGTH] or user.name
        user.email = identity.email or user.email
    claim(session, Person(user.username, origin=origin), user, identity.email)
    user.last_login = utc_now()
    return user.username


def find(session: Session, identity: Identity) -> User | None:
    """Return the account that this identity has, or None; nothing but issuer and subject counts."""
    return session.scalar(select(User).filter_by(issuer=identity.issuer, subject=identity.subject))


def claim(session: Session, person: Person, user: User, email: str) -> int:
    """Enroll an account in the courses that a verified address was invited to; return how many.

    An invitation from before the day they were dropped takes nobody back.
    """
    if not email:
        return 0
    found = session.scalars(_open_invitations(email)).all()
    for invitation in found:
        invitation.claimed_at, invitation.claimed_by = utc_now(), user
        course = invitation.course
        audit.note(session, person, "claim", course=course, owner=user, detail=invitation.email)
        enrollment = Enrollment.get(session, user, course)
        dropped = enrollment is not None and not enrollment.enabled
        if not (dropped and enrollment and enrollment.updated_at >= invitation.created_at):
            enrollments.take_in(session, person, course, user)
    return len(found)


def connect(session: Session, person: Person, username: str, identity: Identity) -> None:
    """Let an account be entered by this campus login too.

    Whoever calls has seen that `person` may: that it is their own account and password, or that
    they administer the site.

    Raises:
        NotFound: there is no such account.
        Conflict: it has another campus login, or this one is another account's.
    """
    user, holder = User.get(session, username), find(session, identity)
    if user is None:
        raise NotFound
    if holder is not None and holder is not user:
        raise Conflict(
            _("This campus login belongs to another account already: {name}."),
            name=holder.username,
        )
    if user.issuer is not None and holder is not user:
        raise Conflict(
            _("Your account has a campus login already. Disconnect that one first."),
        )
    if holder is None:
        user.issuer, user.subject = identity.issuer, identity.subject
        detail = f"{identity.subject} at {identity.issuer}"
        audit.note(session, person, "connect", owner=user, detail=detail)
    claim(session, person, user, identity.email)


def disconnect(session: Session, person: Person, username: str) -> None:
    """Take the campus login from an account that can be entered with a password.

    Raises:
        NotFound: there is no such account.
        Conflict: nobody could log in to it any more.
    """
    user = User.get(session, username)
    if user is None:
        raise NotFound
    if user.password is None:
        raise Conflict(_("This account has no password: its campus login is the only way in."))
    if user.issuer is not None:
        detail = f"{user.subject} at {user.issuer}"
        user.issuer = user.subject = None
        audit.note(session, person, "disconnect", owner=user, detail=detail)


def find_ways_in(session: Session, username: str) -> tuple[str, bool]:
    """Return whose campus login an account has, "" for none, and whether it has a password."""
    user = User.get(session, username)
    return ((user.issuer or ""), user.password is not None) if user else ("", False)


def suggest_username(identity: Identity) -> str:
    """Return the user name that is nearest to what the campus suggests; it may be taken."""
    suggested = (identity.username or identity.email).partition("@")[0]
    plain = unicodedata.normalize("NFKD", suggested).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain).lstrip("0123456789._-")[:56].rstrip("._-")
    if accounts.USERNAME.fullmatch(name):
        return name
    known = hashlib.sha256(f"{identity.issuer} {identity.subject}".encode())
    return f"u{known.hexdigest()[:10]}"


def _may_join(session: Session, identity: Identity, newcomers: Newcomers) -> bool:
    if newcomers is Newcomers.INVITED:
        return bool(identity.email) and bool(
            session.scalars(_open_invitations(identity.email)).first()
        )
    return newcomers is Newcomers.EVERYONE


def _open_invitations(email: str) -> Select[Invitation]:
    return select(Invitation).where(
        Invitation.email == email.lower(), Invitation.claimed_at.is_(None)
    )


def _add_account(session: Session, identity: Identity, taken: Set[str], origin: str) -> User:
    base = suggest_username(identity)
    rows = session.scalars(
        select(User.username).where(User.username.startswith(base, autoescape=True))
    )
    none_of = {*rows, *taken, *accounts.RESERVED}
    names = (base, *(f"{base}-{number}" for number in range(2, SAME_NAMES)))
    username = next((name for name in names if name not in none_of), None)
    if username is None:
        raise NotAdmitted
    user = accounts.add_user(
        session,
        username,
        name=identity.name[:NAME_LENGTH],
        email=identity.email,
        roles=Role.STUDENT,
    )
    user.issuer, user.subject = identity.issuer, identity.subject
    audit.note(
        session,
        Person(username, origin=origin),
        "join",
        owner=user,
        detail=f"{identity.subject} at {identity.issuer}",
    )
    return user
