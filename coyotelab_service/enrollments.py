"""Who is in which course: enroll, drop, re-add. Dropping disables; nothing is ever deleted."""

from sqlalchemy.orm import Session

from . import audit
from .access import Person, find_course
from .accounts import normalize_username
from .courses import StudentView
from .errors import NotFound
from .orm import Course, Enrollment, Role, User
from .rules import Action

NO_SUCH_PERSON = "There is no account of that name."


def enroll(session: Session, person: Person, slug: str, username: str) -> StudentView:
    """Enroll somebody who has an account; enrolled already, or dropped before, is fine.

    Raises:
        NotFound: this person may not, or there is no such course or account.
    """
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    user = User.get(session, normalize_username(username))
    if user is None:
        raise NotFound(NO_SUCH_PERSON)
    return take_in(session, person, course, user)


def take_in(session: Session, person: Person, course: Course, user: User) -> StudentView:
    """Enroll an account; that `person` may has been asked before."""
    enrollment = Enrollment.get(session, user, course)
    if enrollment is None:
        enrollment = Enrollment(user=user, course=course, enabled=False)
        session.add(enrollment)
    user.add_role(Role.STUDENT)
    return _set(session, person, enrollment, enabled=True)


def set_enabled(
    session: Session, person: Person, slug: str, username: str, enabled: bool
) -> StudentView:
    """Drop somebody who is enrolled, or take them back.

    Raises:
        NotFound: this person may not, or that one was never enrolled.
    """
    course = find_course(session, person, slug, Action.CHANGE_ENROLLMENT)
    user = User.get(session, username)
    enrollment = Enrollment.get(session, user, course) if user else None
    if enrollment is None:
        raise NotFound
    return _set(session, person, enrollment, enabled=enabled)


def _set(session: Session, person: Person, enrollment: Enrollment, enabled: bool) -> StudentView:
    user = enrollment.user
    if enrollment.enabled != enabled:
        enrollment.enabled = enabled
        action = "enroll" if enabled else "drop"
        audit.note(session, person, action, course=enrollment.course, owner=user)
    return StudentView(user.username, user.name, user.email, enabled)
