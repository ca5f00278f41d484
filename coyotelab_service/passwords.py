"""What a password may be, how one is changed, and temporary ones that others hand out."""

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from . import accounts, audit
from .access import Person, ensure_on_site
from .errors import Conflict, NotFound
from .i18n import mark as _
from .orm import User, utc_now
from .rules import Action
from .site import Site

# Without i, l, o, 0 and 1, which are taken for one another when read aloud or copied by hand.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 5, 4  # 99 bits

CAMPUS_ONLY = _("{name} logs in with the campus login and has no password here.")


def make_temporary(user: User, site: Site) -> str:
    """Give the account a temporary password and return it; only its hash is kept.

    It has to be changed before anything else, within `Site.password_days`.
    """
    groups = (
        "".join(secrets.choice(ALPHABET) for _letter in range(GROUP)) for _group in range(GROUPS)
    )
    password = "-".join(groups)
    user.password = accounts.hash_password(password, accounts.GENERATED_COST)
    user.temporary_pw = True
    user.password_expires_at = utc_now() + timedelta(days=site.password_days)
    return password


def reset_password(session: Session, person: Person, username: str, site: Site) -> str:
    """Give somebody a temporary password, for an administrator; return it, this once.

    Their sessions end within 90 s; see authenticator.py.

    Raises:
        NotFound: the person may not, or there is no such account.
        Conflict: the account belongs to the campus login.
    """
    ensure_on_site(session, person, Action.ADMINISTER, site)
    user = User.get(session, username)
    if user is None:
        raise NotFound
    if user.password is None and user.issuer is not None:
        raise Conflict(CAMPUS_ONLY, name=username)
    password = make_temporary(user, site)
    audit.note(session, person, "reset password", owner=user)
    return password
