"""What a browser keeps of a login at the Hub beside its session: a mark, and a ticket.

The mark says that an account has logged in here before (throttle.py). The ticket says that
somebody has just proven a temporary password and may change it, and nothing else; it is bound to
that password, so it works once.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from . import passwords

MARK, MARK_DAYS = "coyotelab-known", 180
TICKET, TICKET_MINUTES = "coyotelab-ticket", 10


@dataclass(frozen=True)
class Ticket:
    """Leave to change the password that has this fingerprint."""

    username: str
    fingerprint: str


def mark_browser(handler: Any, username: str) -> None:
    """Remember in the browser that this account has logged in there."""
    if not get_mark(handler, username):
        _write(handler, MARK, {"username": username, "mark": secrets.token_hex(16)}, MARK_DAYS)


def get_mark(handler: Any, username: str) -> str:
    """Return what marks this browser as one of the account's, or ""."""
    found = _read(handler, MARK, MARK_DAYS)
    return found.get("mark", "") if found.get("username") == username else ""


def give_ticket(handler: Any, username: str, hashed: str) -> None:
    """Let the browser change that password."""
    ticket = Ticket(username, passwords.get_fingerprint(hashed))
    _write(handler, TICKET, asdict(ticket), TICKET_MINUTES / (24 * 60))


def get_ticket(handler: Any) -> Ticket | None:
    """Return the browser's ticket, if it has one that is not too old."""
    found = _read(handler, TICKET, TICKET_MINUTES / (24 * 60))
    return Ticket(**found) if found else None


def take_ticket(handler: Any) -> None:
    """Take the ticket away."""
    handler.clear_cookie(_name(handler, TICKET), path=handler.hub.base_url)


def _write(handler: Any, name: str, values: dict[str, str], days: float) -> None:
    handler._set_cookie(
        _name(handler, name),
        json.dumps(values),
        path=handler.hub.base_url,
        samesite="Lax",
        expires_days=days,
    )


def _read(handler: Any, name: str, days: float) -> dict[str, str]:
    value = handler.get_secure_cookie(_name(handler, name), max_age_days=days)
    found: dict[str, str] = json.loads(value) if value else {}
    return found


def _name(handler: Any, name: str) -> str:
    # As the Hub's own cookies: with this prefix no page on a host beside it can plant one.
    return f"__Host-{name}" if handler.hub.cookie_name.startswith("__Host-") else name
