"""Who is let into somebody else's workspace now: from its audit row on, until it is taken back."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import audit
from .access import Person, Place, find_all_standings
from .database import Database
from .hub_api import HubApi
from .orm import AuditEvent, Course, OpenVisit, User, utc_now
from .rules import Action, find_subject, may

log = logging.getLogger(__name__)

ENTERED, LEFT = "enter", "leave"


@dataclass(frozen=True)
class Visit:
    """One person's access to another's workspace."""

    visitor: str
    owner: str
    slug: str
    since: datetime
    allowed: bool  # whether the rules still say so


def begin(session: Session, person: Person, place: Place) -> None:
    """Write down that somebody enters; comes before the Hub lets them in."""
    audit.note(session, person, ENTERED, place)
    key = {"owner_id": place.owner.id, "course_id": place.course.id}
    row = session.scalar(select(OpenVisit).filter_by(visitor=person.username, **key))
    if row is None:
        session.add(OpenVisit(visitor=person.username, since=utc_now(), **key))
    else:
        row.since = utc_now()


def end(session: Session, visit: Visit, reason: str) -> None:
    """Write down that the access was taken back; comes after the Hub has done it."""
    owner, course = User.get(session, visit.owner), Course.get(session, visit.slug)
    if owner and course:
        key = {"owner_id": owner.id, "course_id": course.id}
        row = session.scalar(select(OpenVisit).filter_by(visitor=visit.visitor, **key))
        if row and row.since == visit.since:  # else they have come again meanwhile
            session.delete(row)
    audit.note(session, Person(visit.visitor), LEFT, course=course, owner=owner, detail=reason)


async def take_back(hub: HubApi, database: Database, visit: Visit, reason: str) -> None:
    """End somebody's access to another's workspace, and then write it down."""
    await hub.revoke_share(visit.owner, visit.slug, visit.visitor)
    await database.run(end, visit, reason)
    log.info("%s left %s/%s: %s", visit.visitor, visit.owner, visit.slug, reason)


def find_open(session: Session, slug: str = "", owner: str = "") -> list[Visit]:
    """Return the visits that have begun and not ended; of all, or of one course or workspace."""
    query = (
        select(OpenVisit, User.username, Course)
        .join(User, User.id == OpenVisit.owner_id)
        .join(Course, Course.id == OpenVisit.course_id)
        .order_by(OpenVisit.id)
    )
    if slug:
        query = query.where(Course.slug == slug)
    if owner:
        query = query.where(User.username == owner)
    rows = [(row, username, course) for row, username, course in session.execute(query)]
    if not rows:
        return []
    owners = {(username, course.slug) for _, username, course in rows}
    visitors = {(row.visitor, course.slug) for row, _, course in rows}
    standings = find_all_standings(session, owners | visitors)

    def is_allowed(visitor: str, username: str, course: Course) -> bool:
        whose = standings.get((username, course.slug), frozenset())
        subject = find_subject(own=False, owner_standings=whose)
        theirs = standings.get((visitor, course.slug), frozenset())
        return may(Action.OPEN, theirs, subject, course.archived)

    return [
        Visit(
            row.visitor,
            username,
            course.slug,
            row.since,
            is_allowed(row.visitor, username, course),
        )
        for row, username, course in rows
    ]


def list_recent(
    session: Session, slug: str, owner: str, limit: int = 5
) -> list[tuple[str, datetime]]:
    """Return who visited a workspace last and when, ended or not, for its owner to see."""
    query = (
        select(AuditEvent.actor, AuditEvent.created_at)
        .join(User, User.id == AuditEvent.owner_id)
        .join(Course, Course.id == AuditEvent.course_id)
        .where(Course.slug == slug, User.username == owner, AuditEvent.action == ENTERED)
        .order_by(AuditEvent.id.desc())
        .limit(limit)
    )
    return [(visitor, since) for visitor, since in session.execute(query)]
