"""Who is in a course, as its instructors look at it: searched, filtered, sorted, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from .access import Person, find_course
from .errors import NotFound
from .links import is_mail_address
from .orm import Course, Enrollment, Invitation, Machine, User
from .rules import Action
from .spreadsheets import make_csv
from .text_search import contains

PAGE = 50  # rows
SHOWN = ("all", "active", "dropped", "invited")
SORTS = ("name", "username", "active", "state")
SEARCH_LENGTH = 100  # characters
STATES = ("running", "starting", "stopping")  # in the order in which sorting by state has them


@dataclass(frozen=True)
class Query:
    """Which part of the roster somebody looks at; whatever cannot be is the default."""

    search: str = ""
    show: str = SHOWN[0]
    sort: str = SORTS[0]
    descending: bool = False
    page: int = 1

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Query":
        """Return it from the fields of an address."""
        show, sort, page = (given.get(name, "") for name in ("show", "sort", "page"))
        return cls(
            search=" ".join(given.get("q", "").split())[:SEARCH_LENGTH],
            show=show if show in SHOWN else SHOWN[0],
            sort=sort if sort in SORTS else SORTS[0],
            descending=given.get("order") == "down",
            page=int(page[:6]) if page.isascii() and page.isdigit() and int(page[:6]) > 0 else 1,
        )

    def link(self, changed: str = "", **changes: Any) -> str:
        """Return it as the end of an address, with these changes; the first page unless named.

        Args:
            changed: somebody who has just been dropped or taken back, to be told so.
        """
        query = replace(self, **{"page": 1, **changes})
        fields = {
            "q": query.search,
            "show": "" if query.show == SHOWN[0] else query.show,
            "sort": "" if query.sort == SORTS[0] else query.sort,
            "order": "down" if query.descending else "",
            "page": query.page if query.page > 1 else "",
            "changed": changed,
        }
        return f"?{urlencode({name: value for name, value in fields.items() if value})}"

    def link_sorted(self, sort: str) -> str:
        """Return it sorted by that; the other way round when it is sorted by that already."""
        return self.link(sort=sort, descending=self.sort == sort and not self.descending)


@dataclass(frozen=True)
class StudentView:
    """One enrollment, as the course's instructor sees it."""

    username: str
    name: str
    email: str
    enabled: bool
    since: datetime
    last_active: datetime | None


@dataclass(frozen=True)
class InvitedView:
    """Somebody who is invited and has not come yet."""

    email: str
    name: str
    since: datetime


@dataclass(frozen=True)
class RosterPage:
    """One page of the roster."""

    query: Query
    students: list[StudentView]
    invited: list[InvitedView]
    counts: dict[str, int]  # how many there are, by what can be shown, without the search
    found: int  # how many fit the search

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return max(1, -(-self.found // PAGE))


def get_page(
    session: Session, person: Person, slug: str, query: Query, states: Mapping[str, str]
) -> RosterPage:
    """Return one page of the roster, the last one when there are fewer.

    Args:
        states: of the workspaces that are not stopped, by user name.

    Raises:
        NotFound: this person may not see it.
    """
    course = find_course(session, person, slug, Action.VIEW_STUDENTS)
    counts = _count(session, course)
    rows = _select_invited(course, query) if query.show == "invited" else None
    rows = _select_students(course, query, states) if rows is None else rows
    found = session.scalar(select(func.count()).select_from(rows.order_by(None).subquery())) or 0
    query = replace(query, page=min(query.page, max(1, -(-found // PAGE))))
    listed = session.execute(rows.limit(PAGE).offset((query.page - 1) * PAGE))
    views: list[Any] = [_view(row, query) for row in listed]
    students, invited = ([], views) if query.show == "invited" else (views, [])
    return RosterPage(query, students, invited, counts, found)


def list_students(
    session: Session,
    person: Person,
    slug: str,
    query: Query,
    limit: int | None = None,
    offset: int = 0,
) -> list[StudentView]:
    """Return everybody who fits, or some of them; raises NotFound when this person may not."""
    course = find_course(session, person, slug, Action.VIEW_STUDENTS)
    rows = _select_students(course, query, {}).limit(limit).offset(offset)
    return [StudentView(*row) for row in session.execute(rows)]


def get_student(session: Session, person: Person, slug: str, username: str) -> StudentView:
    """Return one enrollment; raises NotFound when there is none, or this person may not."""
    course = find_course(session, person, slug, Action.VIEW_STUDENTS)
    rows = _select_students(course, Query(), {}).where(User.username == username)
    row = session.execute(rows).first()
    if row is None:
        raise NotFound
    return StudentView(*row)


def list_addresses(session: Session, person: Person, slug: str, query: Query) -> list[str]:
    """Return where the active students among those who fit get their mail, each address once.

    Raises:
        NotFound: this person may not.
    """
    show = "dropped" if query.show == "dropped" else "active"
    students = list_students(session, person, slug, replace(query, show=show))
    found = (student.email for student in students if student.enabled)
    return list(dict.fromkeys(filter(is_mail_address, found)))


def export(session: Session, person: Person, slug: str, query: Query) -> bytes:
    """Return everybody who fits as CSV for spreadsheets; raises NotFound."""
    header = ("name", "username", "email", "state", "enrolled since", "last active")
    return make_csv(
        header,
        (
            (
                student.name,
                student.username,
                student.email,
                "active" if student.enabled else "dropped",
                _write_moment(student.since),
                _write_moment(student.last_active),
            )
            for student in list_students(session, person, slug, query)
        ),
    )


def _select_students(course: Course, query: Query, states: Mapping[str, str]) -> Any:
    rows = (
        select(
            User.username,
            User.name,
            User.email,
            Enrollment.enabled,
            Enrollment.created_at,
            Machine.last_active,
        )
        .join(Enrollment, Enrollment.user_id == User.id)
        .outerjoin(
            Machine, (Machine.user_id == User.id) & (Machine.course_id == Enrollment.course_id)
        )
        .where(Enrollment.course_id == course.id)
        .where(*_match(query.search, User.name, User.username, User.email))
    )
    if query.show in ("active", "dropped"):
        rows = rows.where(Enrollment.enabled == (query.show == "active"))
    return rows.order_by(*_order_students(query, states))


def _select_invited(course: Course, query: Query) -> Any:
    invited = Invitation
    by_name = (func.lower(invited.name), invited.email)
    order = (invited.created_at, *by_name) if query.sort == "active" else by_name
    return (
        select(invited.email, invited.name, invited.created_at)
        .where(invited.course_id == course.id, invited.claimed_at.is_(None))
        .where(*_match(query.search, invited.name, invited.email))
        .order_by(*_turn(order, query.descending))
    )


def _order_students(query: Query, states: Mapping[str, str]) -> Sequence[Any]:
    name = func.lower(case((User.name == "", User.username), else_=User.name))
    if query.sort == "username":
        return _turn((User.username,), query.descending)
    if query.sort == "active":
        # Databases do not agree where null belongs: who never came is always last.
        active = _turn((Machine.last_active,), query.descending)
        return [Machine.last_active.is_(None), *active, name, User.username]
    if query.sort == "state":
        ranks = [
            (User.username.in_([who for who, state in states.items() if state == word]), rank)
            for rank, word in enumerate(STATES)
        ]
        rank = case((~Enrollment.enabled, len(STATES) + 1), *ranks, else_=len(STATES))
        return [*_turn((rank,), query.descending), name, User.username]
    return _turn((name, User.username), query.descending)


def _match(search: str, *columns: Any) -> list[ColumnElement[bool]]:
    """Return the conditions: each word is in one of the columns, whatever its case."""
    return [contains(word, *columns) for word in search.split()[:8]]


def _turn(columns: Sequence[Any], descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column.asc() for column in columns]


def _count(session: Session, course: Course) -> dict[str, int]:
    rows = select(Enrollment.enabled, func.count()).filter_by(course_id=course.id)
    by_state = {row[0]: row[1] for row in session.execute(rows.group_by(Enrollment.enabled))}
    invited = select(func.count()).select_from(Invitation)
    return {
        "all": sum(by_state.values()),
        "active": by_state.get(True, 0),
        "dropped": by_state.get(False, 0),
        "invited": session.scalar(invited.filter_by(course_id=course.id, claimed_at=None)) or 0,
    }


def _view(row: Any, query: Query) -> StudentView | InvitedView:
    return InvitedView(*row) if query.show == "invited" else StudentView(*row)


def _write_moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else ""
