"""Addresses that people type and others click: which web and mail addresses become links."""

import re
from urllib.parse import quote, urlsplit

from .errors import Invalid
from .i18n import mark as _

WEB_LENGTH = 500
MAIL_LENGTH = 254
# What no web address needs, and what makes one look like another or end early where it is shown.
_ODD = re.compile(r"""[\s"<>\\^`{|}]""")
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9a-f:.]+")  # urlsplit has looked at IPv6
# The local part as HTML's e-mail field has it; quoted ones and comments are nobody's in earnest.
_MAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)


def check_web_address(typed: str) -> str:
    """Return a web address fit to be a link, "" for none.

    Raises:
        Invalid: it is too long, of another scheme, holds a password, or cannot be understood.
    """
    address = typed.strip()
    if not address:
        return ""
    if len(address) > WEB_LENGTH:
        raise Invalid(_("The address is too long: {most} characters at most."), most=WEB_LENGTH)
    try:
        if not address.isprintable() or _ODD.search(address):
            raise ValueError
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(_("This is no web address. Copy it from your browser.")) from error
    if parts.scheme not in ("http", "https"):
        raise Invalid(_("A web address begins with https:// or http://."))
    if "@" in parts.netloc:
        raise Invalid(_("The address holds a user name or password; leave them out."))
    if not _HOST.fullmatch(host):
        raise Invalid(_("This is no web address. Copy it from your browser."))
    return address


def web_link(address: str) -> str:
    """Return a web address if it is fit to be a link, "" for every other."""
    try:
        return check_web_address(address)
    except Invalid:
        return ""


def is_mail_address(text: str) -> bool:
    """Tell whether this is one e-mail address and nothing else."""
    return len(text) <= MAIL_LENGTH and _MAIL.fullmatch(text) is not None


def mail_link(address: str) -> str:
    """Return the mailto: link to one person, "" unless the address is a plain one.

    Everything that could add a header, such as another receiver, is percent-encoded.
    """
    return "mailto:" + encode_mail(address) if is_mail_address(address) else ""


def encode_mail(address: str) -> str:
    """Return an address as a part of a mailto: link (RFC 6068)."""
    return quote(address, safe="@")
