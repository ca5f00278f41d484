"""What `coyotelab user` does in the database; run as coyotelab, by work.py."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from coyotelab_service import account_import, passwords, people, roster_file
from coyotelab_service.access import Person
from coyotelab_service.account_import import Row
from coyotelab_service.errors import Invalid
from coyotelab_service.orm import Role
from coyotelab_service.people import Account, Added, Search, say_roles
from coyotelab_service.site import Site

ALL = 1_000_000  # rows; the whole list
JSON = dict[str, Any]


def add(
    session: Session, person: Person, site: Site, username: str, roles: Sequence[str], **more: Any
) -> JSON:
    """Make an account."""
    return _tell_added(
        people.add(session, person, site, username, roles=_read_roles(roles), **more)
    )


def reset_password(session: Session, person: Person, site: Site, username: str) -> JSON:
    """Give somebody a temporary password."""
    account = people.get_account(session, person, site, username)
    password = passwords.reset_password(session, person, account.username, site)
    return {**_tell(account), "password": password}


def set_disabled(
    session: Session, person: Person, site: Site, username: str, disabled: bool
) -> JSON:
    """Close an account or open it again."""
    return _tell(people.set_disabled(session, person, site, username, disabled))


def change_roles(
    session: Session,
    person: Person,
    site: Site,
    username: str,
    add: Sequence[str],
    remove: Sequence[str],
) -> JSON:
    """Give somebody roles and take others."""
    account = people.get_account(session, person, site, username)
    roles = (account.roles | _read_roles(add)) & ~_read_roles(remove)
    return _tell(people.edit(session, person, site, username, roles=roles))


def list_all(session: Session, person: Person, site: Site, text: str, show: str) -> list[JSON]:
    """Return the accounts."""
    page = people.list_accounts(session, person, site, Search(text, show), ALL)
    return [_tell(account) for account in page.items]


def plan_import(session: Session, person: Person, site: Site, text: str) -> list[JSON]:
    """Return what a list comes to, line by line."""
    rows = account_import.plan(session, person, site, roster_file.parse(text.encode()))
    return [_tell_row(row) for row in rows]


def commit_import(
    session: Session, person: Person, site: Site, text: str, roles: Sequence[str]
) -> list[JSON]:
    """Make the accounts of a list, all or none."""
    lines = roster_file.parse(text.encode())
    added = account_import.commit(session, person, site, lines, _read_roles(roles))
    return [_tell_added(one) for one in added]


def _read_roles(words: Sequence[str]) -> Role:
    roles = Role(0)
    for word in words:
        if word.upper() not in Role.__members__:
            raise Invalid("A role is student or instructor.")
        roles |= Role[word.upper()]
    return roles


def _tell(account: Account) -> JSON:
    return {
        "username": account.username,
        "name": account.name,
        "email": account.email,
        "roles": say_roles(account.roles),
        "disabled": account.disabled,
        "campus": account.campus,
        "last_login": account.last_login.isoformat() if account.last_login else None,
    }


def _tell_added(added: Added) -> JSON:
    return {**_tell(added.account), "password": added.password}


def _tell_row(row: Row) -> JSON:
    outcome = "problem" if row.problem else "there already" if row.there else "new"
    return {
        "line": row.line.number,
        "username": row.line.username,
        "name": row.line.name,
        "email": row.line.email,
        "outcome": outcome,
        "problem": str(row.problem or ""),
    }


VERBS: dict[str, Callable[..., Any]] = {
    "user add": add,
    "user reset-password": reset_password,
    "user disable": set_disabled,
    "user role": change_roles,
    "user list": list_all,
    "user import plan": plan_import,
    "user import": commit_import,
}
