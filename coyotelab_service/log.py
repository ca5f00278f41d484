"""What happened to one workspace, for those whom it concerns: its log, and its last news."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from . import idle, visits
from .access import Person, Place, find_place
from .i18n import gettext
from .i18n import mark as _
from .orm import AuditEvent
from .rules import Action
from .site import Site

PAGE = 50

# What each action is called; {actor} is a user name. One that is missing is shown as it is stored.
WORDS = {
    "open": _("{actor} opened the workspace"),
    "start": _("{actor} started the workspace"),
    "stop": _("{actor} stopped the workspace"),
    "restart": _("{actor} restarted the workspace"),
    "reset": _("{actor} reset the workspace"),
    "undo": _("{actor} undid a reset"),
    "download": _("{actor} downloaded the files"),
    "enroll": _("{actor} took the student into the course"),
    "drop": _("{actor} dropped the student from the course"),
    visits.ENTERED: _("{actor} entered the workspace"),
    visits.LEFT: _("{actor} left the workspace"),
}
OTHER = _("{actor}: {action}")
# After one of these, why the machine had stopped before is no news.
CHANGES = ("open", "start", "stop", "restart", "reset", "undo", "download", visits.ENTERED)
# What nobody asked for: by the reason of a stop, else by the action.
BY_ITSELF = {
    "expire": _("The machine that a reset had put aside is kept no longer"),
    idle.IDLE: _("The machine stopped: nobody had a page of it open for {count} min"),
    idle.JOB: _("The machine stopped: a program ran for longer than {count} h without a page open"),
}


@dataclass(frozen=True)
class Entry:
    """One event, as a sentence to translate and its values."""

    number: int
    at: datetime
    sentence: str
    values: dict[str, str]

    def tell(self) -> str:
        """Return it in the reader's language."""
        return gettext(self.sentence).format(**self.values)


@dataclass(frozen=True)
class Log:
    """A part of the log of one workspace, newest first."""

    course: str  # its name
    entries: Sequence[Entry]
    older: int | None  # the number to ask for the next part with


@dataclass(frozen=True)
class News:
    """What the owner of a workspace is told on the course's page."""

    idle_minutes: int  # from the closing of its page until it stops; 0 is never
    job_hours: str
    guests: Sequence[tuple[str, datetime]]  # who is let in now, and since when
    stopped: Entry | None  # why it stopped by itself, if that was the last thing that happened


def list_events(
    session: Session, person: Person, slug: str, username: str, before: int | None = None
) -> Log:
    """Return what happened to a workspace, the newest part or the one before an event's number.

    Raises:
        NotFound: this person may not see it.
    """
    place = find_place(session, person, slug, username, Action.VIEW_LOG)
    query = _of(place).limit(PAGE + 1)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    rows = list(session.scalars(query))
    older = rows[PAGE - 1].id if len(rows) > PAGE else None
    return Log(place.course.name, [_entry(row) for row in rows[:PAGE]], older)


def get_news(session: Session, person: Person, slug: str, site: Site) -> News:
    """Return what somebody is told of their own workspace; raises NotFound without one."""
    place = find_place(session, person, slug, person.username, Action.VIEW_LOG)
    last = session.scalar(_of(place).where(AuditEvent.action.in_(CHANGES)).limit(1))
    alone = last is not None and last.action == idle.STOPPED and not last.actor
    return News(
        idle_minutes=site.get_idle_minutes(place.course),
        job_hours=f"{site.job_hours:g}",
        guests=[
            (visit.visitor, visit.since)
            for visit in visits.find_open(session, slug, person.username)
        ],
        stopped=_entry(last) if last and alone else None,
    )


def _of(place: Place) -> Select[AuditEvent]:
    return (
        select(AuditEvent)
        .where(AuditEvent.owner_id == place.owner.id, AuditEvent.course_id == place.course.id)
        .order_by(AuditEvent.id.desc())
    )


def _entry(event: AuditEvent) -> Entry:
    values = {"actor": event.actor, "action": event.action}
    sentence = WORDS.get(event.action, OTHER)
    if not event.actor:
        reason, _space, values["count"] = event.detail.partition(" ")
        values["actor"] = "CoyoteLab"
        key = reason if event.action == idle.STOPPED else event.action
        sentence = BY_ITSELF.get(key, OTHER)
    return Entry(event.id, event.created_at, sentence, values)
