"""The log of who did what to which workspace; only ever added to."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .access import Person, Place
from .orm import AuditEvent, Course, Machine, User


def note(
    session: Session,
    person: Person,
    action: str,
    place: Place | None = None,
    *,
    course: Course | None = None,
    owner: User | None = None,
    detail: str = "",
) -> None:
    """Add one event: `person` did `action`, to a workspace, or to a course or person in it."""
    course = place.course if place else course
    owner = place.owner if place else owner
    actor = User.get(session, person.username)
    machine = Machine.get(session, owner, course) if owner and course else None
    session.add(
        AuditEvent(
            actor_id=actor and actor.id,
            actor=person.username,
            action=action,
            course_id=course and course.id,
            owner_id=owner and owner.id,
            workspace=machine.name if machine else "",
            origin=person.origin,
            detail=detail,
        )
    )


def note_each(
    session: Session, person: Person, action: str, course: Course, owner_ids: Sequence[int]
) -> None:
    """Add one event for each of many people in a course, in few queries."""
    machines = select(Machine.user_id, Machine.name).where(
        Machine.course_id == course.id, Machine.user_id.in_(owner_ids)
    )
    workspaces = {row[0]: row[1] for row in session.execute(machines)}
    about = [{"owner_id": one, "workspace": workspaces.get(one, "")} for one in owner_ids]
    _note_all(session, person, action, course, about)


def note_invited(session: Session, person: Person, course: Course, emails: Iterable[str]) -> None:
    """Add one event for each of many addresses that are invited to a course, in few queries."""
    _note_all(session, person, "invite", course, [{"detail": email} for email in emails])


def _note_all(
    session: Session, person: Person, action: str, course: Course, about: Sequence[dict[str, Any]]
) -> None:
    actor = User.get(session, person.username)
    same = {
        "actor_id": actor and actor.id,
        "actor": person.username,
        "action": action,
        "course_id": course.id,
        "origin": person.origin,
    }
    if about:
        session.execute(insert(AuditEvent), [same | one for one in about])
