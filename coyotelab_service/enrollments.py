"""Dropping somebody from a course, taking them back, and taking an invitation back."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import audit, roster
from .access import Person, find_course
from .errors import NotFound
from .orm import Course, Enrollment, Invitation, Role, User
from .roster import StudentView
from .rules import Action


def take_in(session: Session, person: Person, course: Course, user: User) -> None:
    """Enroll an account, or take it back; whether `person` may has been asked before."""
    enrollment = Enrollment.get(session, user, course)
    if enrollment is None:
        enrollment = Enrollment(user=user, course=course, enabled=False)
        session.add(enrollment)
    user.add_role(Role.STUDENT)
    _set(session, person, enrollment, enabled=True)


def set_enabled(
    session: Session, person: Person, slug: str, username: str, enabled: bool
) -> StudentView:
    """Drop somebody who is enrolled, or take them back. Nothing is ever deleted.

    Raises:
        NotFound: this person may not, or that one was never enrolled.
    """
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    user = User.get(session, username)
    enrollment = Enrollment.get(session, user, course) if user else None
    if enrollment is None:
        raise NotFound
    _set(session, person, enrollment, enabled=enabled)
    session.flush()
    return roster.get_student(session, person, slug, username)


def remove_invitation(session: Session, person: Person, slug: str, email: str) -> None:
    """Take back an invitation that nobody has claimed; raises NotFound when there is none."""
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    found = select(Invitation).filter_by(course_id=course.id, email=email.lower(), claimed_at=None)
    invitation = session.scalar(found)
    if invitation is None:
        raise NotFound
    session.delete(invitation)
    audit.note(session, person, "uninvite", course=course, detail=invitation.email)


def _set(session: Session, person: Person, enrollment: Enrollment, enabled: bool) -> None:
    if enrollment.enabled != enabled:
        enrollment.enabled = enabled
        action = "enroll" if enabled else "drop"
        audit.note(session, person, action, course=enrollment.course, owner=enrollment.user)
