"""Many accounts from one list: what it comes to, and doing it, all of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from . import people
from .access import Person, ensure_on_site
from .errors import Conflict, ServiceError
from .i18n import mark as _
from .orm import Role, User
from .people import Added
from .roster_file import Line
from .rules import Action
from .site import Site

NO_USERNAME = _("There is no user name.")
CLASH = _("The account {username} has this e-mail address already.")


@dataclass(frozen=True)
class Row:
    """What happens with one line: an account is made, there is one, or there is a problem."""

    line: Line
    there: bool = False
    problem: ServiceError | None = None


def plan(session: Session, person: Person, site: Site, lines: Sequence[Line]) -> list[Row]:
    """Return what the list comes to; nothing is done. Raises NotFound."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    names = {line.username for line in lines if line.username}
    addresses = {line.email.lower() for line in lines if line.email}
    there = set(session.scalars(select(User.username).where(User.username.in_(names))))
    address = func.lower(User.email)
    rows = session.execute(select(address, User.username).where(address.in_(addresses)))
    owners = {row[0]: row[1] for row in rows}
    return [_decide(line, line.username in there, owners.get(line.email.lower())) for line in lines]


def commit(
    session: Session, person: Person, site: Site, lines: Sequence[Line], roles: Role
) -> list[Added]:
    """Make the accounts that are not there yet, each with a temporary password.

    Raises:
        NotFound: this person may not.
        ServiceError: a line has a problem; nothing was done.
    """
    rows = plan(session, person, site, lines)
    for row in rows:
        if row.problem:
            raise Conflict(f"Line {row.line.number}: {row.problem}")
    return [
        people.add(
            session,
            person,
            site,
            row.line.username,
            name=row.line.name,
            email=row.line.email,
            roles=roles,
        )
        for row in rows
        if not row.there
    ]


def _decide(line: Line, there: bool, owner: str | None) -> Row:
    if line.problem:
        return Row(line, problem=line.problem)
    if not line.username:
        return Row(line, problem=Conflict(NO_USERNAME))
    if owner and not there and owner != line.username:
        return Row(line, problem=Conflict(CLASH, username=owner))
    return Row(line, there=there)
