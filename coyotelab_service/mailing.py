"""What an e-mail address is here, and links that write to one or to many people."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

LENGTH = 254  # characters
LINK_LENGTH = 1_800  # characters; some mail programs and browsers cut longer links

# What browsers accept in <input type=email>: no spaces, no control characters, one "@".
_ADDRESS = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
)


def is_address(text: str) -> bool:
    """Tell whether this is one e-mail address and nothing else."""
    return len(text) <= LENGTH and _ADDRESS.fullmatch(text) is not None


def make_link(address: str) -> str:
    """Return a mailto link to one person; "" when that is no address."""
    return f"mailto:{_encode(address)}" if is_address(address) else ""


@dataclass(frozen=True)
class GroupLink:
    """A link that writes to many, without showing them to each other: the first to the last."""

    first: int
    last: int
    url: str


def make_links(addresses: Iterable[str]) -> list[GroupLink]:
    """Return links to all of them in blind copy, as few as are short enough."""
    links: list[GroupLink] = []
    first = 1
    for group in _split([_encode(address) for address in addresses if is_address(address)]):
        links.append(GroupLink(first, first + len(group) - 1, f"{_START}{','.join(group)}"))
        first += len(group)
    return links


_START = "mailto:?bcc="


def _encode(address: str) -> str:
    # Whatever separates addresses or fields in a link (RFC 6068) is no longer itself after this.
    return quote(address, safe="@")


def _split(encoded: list[str]) -> Iterator[list[str]]:
    group: list[str] = []
    length = len(_START)
    for address in encoded:
        if group and length + 1 + len(address) > LINK_LENGTH:
            yield group
            group, length = [], len(_START)
        group.append(address)
        length += 1 + len(address)
    if group:
        yield group
