"""Local accounts: which user names are possible, and whether a password is right (bcrypt)."""

import re
import unicodedata

import bcrypt
from sqlalchemy.orm import Session

from .errors import Conflict, Invalid
from .i18n import mark as _
from .orm import Role, User, utc_now

COST = 12  # about a quarter of a second on one core; each step doubles it
# A generated password has too many bits to be guessed however fast the hash is, and a roster of
# thousands of people must not take hours.
GENERATED_COST = 4
PASSWORD_BYTES = 72  # what bcrypt reads; it refuses more rather than ignoring the rest

# Fit for a host name, a path segment and a Linux account alike, whatever is built from it.
USERNAME = re.compile(r"[a-z](?:[a-z0-9._-]{0,61}[a-z0-9])?")
TYPED = 200  # letters that may still come to a user name; no name has so many
# Words that stand where a user name may stand in the service's own addresses.
RESERVED = frozenset(
    {"archive", "download", "new", "progress", "reset", "restart", "start", "stop"}
)

USERNAME_RULE = _(
    "A user name begins with a letter, ends with a letter or digit, has at most 63 characters,"
    " and between them only the letters a to z, digits, dots, hyphens and underscores."
)


def normalize_username(typed: str) -> str:
    """Return the one spelling of a user name, however it was typed.

    What is too long for any name stays as it is, cut: megabytes of letters that stand for eighteen
    each would take half a minute, on an event loop.
    """
    if len(typed) > TYPED:
        return typed[:TYPED]
    return unicodedata.normalize("NFKC", typed).casefold().strip()


def check_username(username: str) -> None:
    """Raise Invalid, with the rule, unless this can be a user name."""
    if not USERNAME.fullmatch(username):
        raise Invalid(USERNAME_RULE)
    if username in RESERVED:
        raise Invalid(_("The user name {name} is reserved. Choose another one."), name=username)


def hash_password(password: str, cost: int = COST) -> str:
    """Return the bcrypt hash of a password; takes 2^cost rounds, so never on an event loop.

    Raises:
        Invalid: it is empty, or longer than bcrypt can read.
    """
    secret = password.encode(errors="replace")
    if not secret:
        raise Invalid(_("The password is empty."))
    if len(secret) > PASSWORD_BYTES:
        sentence = _("The password is too long: {size} bytes, {most} at most.")
        raise Invalid(sentence, size=len(secret), most=PASSWORD_BYTES)
    return bcrypt.hashpw(secret, bcrypt.gensalt(cost)).decode()


def verify_password(password: str, hashed: str | None) -> bool:
    """Tell whether the password is right; takes as long for every account, also for none (None).

    One slow and one fast hash are made each time: which of them counted cannot be seen.
    """
    secret = password.encode(errors="replace")
    fits = 0 < len(secret) <= PASSWORD_BYTES
    generated = hashed is not None and hashed.startswith(_prefix(GENERATED_COST))
    slow, fast = (None, hashed) if generated else (hashed, None)
    right = [
        bcrypt.checkpw(secret[:PASSWORD_BYTES], (known or _nobody(cost)).encode()) and bool(known)
        for known, cost in ((slow, COST), (fast, GENERATED_COST))
    ]
    return any(right) and fits


def _prefix(cost: int) -> str:
    return f"$2b${cost:02}$"


def _nobody(cost: int) -> str:
    # What a password is compared with when there is no such account.
    return _prefix(cost) + "." * 53


def get_password(session: Session, username: str) -> str | None:
    """Return the hash to verify a login against; None when this account may not log in with one."""
    user = User.get(session, username) if USERNAME.fullmatch(username) else None
    if user is None or user.disabled:
        return None
    ended = user.password_expires_at is not None and user.password_expires_at <= utc_now()
    return None if ended else user.password


def is_open(session: Session, username: str) -> bool:
    """Tell whether sessions of this account may go on.

    Not when it is disabled, and not while it waits for its temporary password to be changed.
    """
    user = User.get(session, username)
    return user is not None and not user.disabled and not user.temporary_pw


def add_user(
    session: Session,
    username: str,
    *,
    name: str = "",
    email: str = "",
    roles: Role = Role.STUDENT,
    password: str | None = None,
    cost: int = COST,
) -> User:
    """Make an account; without a password nobody can log in to it with one.

    Raises:
        Invalid: not a possible user name or password.
        Conflict: there is such an account already.
    """
    username = normalize_username(username)
    check_username(username)
    if User.get(session, username):
        raise Conflict(_("There is an account named {name} already."), name=username)
    user = User(username=username, name=name, email=email, roles=int(roles))
    if password is not None:
        set_password(user, password, cost=cost)
    session.add(user)
    session.flush()
    return user


def set_password(user: User, password: str, *, cost: int = COST) -> None:
    """Give the account a new password that lasts; raises Invalid when it cannot be one."""
    user.password = hash_password(password, cost)
    user.temporary_pw, user.password_expires_at = False, None
