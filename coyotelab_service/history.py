"""The log as administrators read it: filtered, newest first, a page at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from .access import Person, ensure_on_site
from .i18n import mark as _
from .orm import AuditEvent, Course, User
from .rules import Action
from .site import Site
from .spreadsheets import make_csv

SIZE = 100  # events on a page
# What each kind of event is called on a page; files for programs have it as it is stored.
ACTIONS = {
    "open": _("workspace opened"),
    "start": _("workspace started"),
    "stop": _("workspace stopped"),
    "restart": _("workspace restarted"),
    "reset": _("workspace reset"),
    "undo": _("reset undone"),
    "expire": _("kept machine deleted"),
    "download": _("files downloaded"),
    "enter": _("workspace entered"),
    "leave": _("workspace left"),
    "enroll": _("student added"),
    "drop": _("student dropped"),
    "invite": _("students invited"),
    "uninvite": _("invitation removed"),
    "claim": _("invitation accepted"),
    "create course": _("course created"),
    "edit course": _("course edited"),
    "archive course": _("course put away"),
    "take course back": _("course taken back"),
    "add instructor": _("instructor added"),
    "remove instructor": _("instructor removed"),
    "hand over course": _("course handed over"),
    "add account": _("account made"),
    "edit account": _("account edited"),
    "disable": _("account disabled"),
    "enable": _("account enabled"),
    "reset password": _("password reset"),
    "change password": _("password changed"),
    "join": _("account made by campus login"),
    "connect": _("campus login connected"),
    "disconnect": _("campus login disconnected"),
    "token": _("API token made"),
}
COLUMNS = (
    "id",
    "when (UTC)",
    "who",
    "what",
    "course",
    "whose",
    "workspace",
    "where from",
    "detail",
)


@dataclass(frozen=True)
class Event:
    """Who did what to what, when, from where; "" where that does not apply."""

    id: int
    at: datetime
    actor: str
    action: str
    course: str
    owner: str
    workspace: str
    origin: str
    detail: str


@dataclass(frozen=True)
class Filter:
    """Which events.

    Args:
        person: user name of whoever did it, or of whom it was done to.
        course: its slug.
        action: one of those of `list_actions`.
        since: first day (UTC).
        until: last day (UTC).
        before: only events older than that one, by its id; 0 begins with the newest.
    """

    person: str = ""
    course: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None
    before: int = 0


def list_events(
    session: Session, person: Person, site: Site, which: Filter, size: int = SIZE
) -> list[Event]:
    """Return the newest `size` of these events; raises NotFound for all but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    query = (
        select(AuditEvent, Course.slug, User.username)
        .outerjoin(Course, Course.id == AuditEvent.course_id)
        .outerjoin(User, User.id == AuditEvent.owner_id)
        .where(*_find_conditions(which))
    )
    rows = session.execute(query.order_by(AuditEvent.id.desc()).limit(size))
    return [
        Event(
            id=event.id,
            at=event.created_at,
            actor=event.actor,
            action=event.action,
            course=slug or "",
            owner=owner or "",
            workspace=event.workspace,
            origin=event.origin,
            detail=event.detail,
        )
        for event, slug, owner in rows
    ]


def list_actions(session: Session, person: Person, site: Site) -> Sequence[str]:
    """Return every kind of event there is so far; raises NotFound for all but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    return session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)).all()


def make_table(events: Iterable[Event], *, first: bool) -> bytes:
    """Return events as CSV that no spreadsheet computes; the first part begins with the header."""
    table = make_csv(COLUMNS, map(_get_cells, events))
    return table if first else table.split(b"\r\n", 1)[1]


def _get_cells(event: Event) -> list[str]:
    when = event.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    words = (event.actor, event.action, event.course, event.owner, event.workspace, event.origin)
    return [str(event.id), when, *words, event.detail]


def _find_conditions(which: Filter) -> Iterator[ColumnElement[bool]]:
    if which.person:
        name = which.person.strip()
        known = select(User.id).where(User.username == name).scalar_subquery()
        # Each of the three has an index; the command line, for one, has no account.
        nameless = and_(AuditEvent.actor_id.is_(None), AuditEvent.actor == name)
        yield or_(AuditEvent.actor_id == known, AuditEvent.owner_id == known, nameless)
    if which.course:
        yield Course.slug == which.course.strip()
    if which.action:
        yield AuditEvent.action == which.action
    if which.since:
        yield AuditEvent.created_at >= _begin(which.since)
    if which.until and which.until < date.max:
        yield AuditEvent.created_at < _begin(which.until + timedelta(days=1))
    if which.before:
        yield AuditEvent.id < which.before


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
