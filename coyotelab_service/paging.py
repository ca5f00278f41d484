"""One page of a long list: which rows, of how many, by two queries however many there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from .i18n import gettext

T = TypeVar("T")
SIZE = 50  # rows on a page


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list; `number` counts from 1."""

    items: list[T]
    total: int
    number: int
    size: int = SIZE

    @property
    def count(self) -> int:
        """How many pages there are; one even when it is empty."""
        return max(1, -(-self.total // self.size))

    @property
    def range(self) -> str:
        """Which rows these are, in words."""
        first = (self.number - 1) * self.size + 1
        words = gettext("{first} to {last} of {total}")
        return words.format(first=first, last=first + len(self.items) - 1, total=self.total)


def cut(
    session: Session,
    query: Select[Any],
    number: int,
    make: Callable[[Any], T],
    size: int = SIZE,
) -> Page[T]:
    """Return one page of a query's rows, each made into an item; beyond the end it is the last."""
    counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    total = session.scalar(counted) or 0
    last = max(1, -(-total // size))
    number = min(max(1, number), last)
    rows = session.execute(query.offset((number - 1) * size).limit(size))
    return Page([make(row) for row in rows], total, number, size)
