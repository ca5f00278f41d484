"""Links that write to many people at once, without showing them to each other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .links import encode_mail, is_mail_address

LINK_LENGTH = 1_800  # characters; some mail programs and browsers cut longer links


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
    encoded = [encode_mail(address) for address in addresses if is_mail_address(address)]
    for group in _split(encoded):
        links.append(GroupLink(first, first + len(group) - 1, f"{_START}{','.join(group)}"))
        first += len(group)
    return links


_START = "mailto:?bcc="


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
