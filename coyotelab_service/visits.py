"""Who is let into somebody else's workspace now: from its audit row on, until it is taken back."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from . import audit
from .access import Person, Place, find_place
from .database import Database
from .errors import NotFound
from .hub_api import HubApi
from .orm import AuditEvent, Course, User
from .rules import Action

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


def end(session: Session, visit: Visit, reason: str) -> None:
    """Write down that the access was taken back; comes after the Hub has done it."""
    owner, course = User.get(session, visit.owner), Course.get(session, visit.slug)
    audit.note(session, Person(visit.visitor), LEFT, course=course, owner=owner, detail=reason)


async def take_back(hub: HubApi, database: Database, visit: Visit, reason: str) -> None:
    """End somebody's access to another's workspace, and then write it down."""
    await hub.revoke_share(visit.owner, visit.slug, visit.visitor)
    await database.run(end, visit, reason)
    log.info("%s left %s/%s: %s", visit.visitor, visit.owner, visit.slug, reason)


def find_open(session: Session, slug: str = "", owner: str = "") -> list[Visit]:
    """Return the visits that have begun and not ended; of all, or of one course or workspace."""
    later = aliased(AuditEvent)
    again = select(later.id).where(
        later.owner_id == AuditEvent.owner_id,
        later.course_id == AuditEvent.course_id,
        later.actor == AuditEvent.actor,
        later.action.in_([ENTERED, LEFT]),
        later.id > AuditEvent.id,
    )
    query = (
        select(AuditEvent, User.username, Course.slug)
        .join(User, User.id == AuditEvent.owner_id)
        .join(Course, Course.id == AuditEvent.course_id)
        .where(AuditEvent.action == ENTERED, ~again.exists())
        .order_by(AuditEvent.id)
    )
    if slug:
        query = query.where(Course.slug == slug)
    if owner:
        query = query.where(User.username == owner)
    return [
        Visit(event.actor, whose, where, event.created_at, _allowed(session, event, where, whose))
        for event, whose, where in session.execute(query)
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


def _allowed(session: Session, event: AuditEvent, slug: str, owner: str) -> bool:
    try:
        find_place(session, Person(event.actor), slug, owner, Action.OPEN)
    except NotFound:
        return False
    return True
