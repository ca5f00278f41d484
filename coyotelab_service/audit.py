"""The log of who did what to which workspace; only ever added to."""

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
