"""What a password may be, how one is changed, and temporary ones that others hand out."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from . import accounts, audit
from .access import Person, ensure_on_site
from .errors import Conflict, Invalid, NotFound
from .i18n import mark as _
from .orm import User, utc_now
from .rules import Action
from .site import Site

# Without i, l, o, 0 and 1, which are taken for one another when read aloud or copied by hand.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 5, 4  # 99 bits

MIN_LENGTH = 10  # characters, of a password that a person chooses
# Passwords that are tried first everywhere, less the digits and marks at their ends.
_COMMON = """
    abcdefg abcdefgh abcdefghi abcdefghij abcdefghijk admin administrator asdf asdfgh asdfghjkl
    baseball changeme computer correcthorsebatterystaple coyote coyotelab default football
    iloveyou letmein letmeinnow login master monkey p@ssw0rd p@ssword passw0rd password
    passwordpassword princess q1w2e3r4t5 q1w2e3r4t5y6 qazwsx qazwsxedc qwer qwert qwerty
    qwertyqwerty qwertyuiop qwertz qwertzuiop secret student sunshine superman teacher temporary
    trustno test testtest university welcome whatever zaq1zaq1 zxcvbnm 1q2w3e4r5t 1q2w3e4r5t6y
    1qaz2wsx3edc
"""
COMMON = frozenset(_COMMON.split())
MARKS = "0123456789!?.,;:#$%&*+-_@ "
OWN_PART = 6  # characters a password must have beside the user name

TOO_SHORT = _("A password has at least {least} characters. A few words make a good one.")
TOO_LONG = _(
    "A password has at most {most} bytes; this one has {size}. Accented letters and emoji take"
    " two to four bytes each."
)
TOO_COMMON = _("That password is among the first that anybody would try. Choose another one.")
LIKE_NAME = _("That password is little more than your user name. Choose another one.")
UNCHANGED = _("That is the password you have now. Choose another one.")
CHANGED_MEANWHILE = _("The password has been changed meanwhile. Log in again.")

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


def check_choice(username: str, password: str) -> None:
    """Raise Invalid, with what to do, unless a person may choose this password.

    Length counts, not what it is made of (NIST SP 800-63B).
    """
    if len(password) < MIN_LENGTH:
        raise Invalid(TOO_SHORT, least=MIN_LENGTH)
    size, most = len(password.encode(errors="replace")), accounts.PASSWORD_BYTES
    if size > most:
        raise Invalid(TOO_LONG, most=most, size=size)
    plain = password.casefold()
    if username in plain and len(plain.replace(username, "").strip(MARKS)) < OWN_PART:
        raise Invalid(LIKE_NAME)
    if len(set(plain)) < 4 or plain.strip(MARKS) in COMMON | {""} or plain in COMMON:
        raise Invalid(TOO_COMMON)


def get_fingerprint(hashed: str | None) -> str:
    """Return a word for the present password that changes with it and tells nothing of it."""
    return hashlib.sha256((hashed or "").encode()).hexdigest()


def change(session: Session, person: Person, fingerprint: str, hashed: str) -> None:
    """Replace a person's own password, which they have just proven to know.

    Args:
        fingerprint: of the hash that was proven; nothing else may have happened since.
        hashed: of the new password.

    Raises:
        Conflict: the account or its password is not what it was.
    """
    user = User.get(session, person.username)
    if user is None or user.disabled or get_fingerprint(user.password) != fingerprint:
        raise Conflict(CHANGED_MEANWHILE)
    if user.temporary_pw:  # they are logged in with that
        user.last_login = utc_now()
    user.password, user.temporary_pw, user.password_expires_at = hashed, False, None
    audit.note(session, person, "change password", owner=user)
