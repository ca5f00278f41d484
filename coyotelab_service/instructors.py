"""Who teaches a course: its instructor, and those beside."""

from typing import Any

from sqlalchemy.orm import Session

from . import audit
from .access import Person, find_course
from .accounts import normalize_username
from .errors import Conflict, Invalid, NotFound
from .i18n import mark as _
from .orm import Course, CourseInstructor, Role, User
from .rules import Action

# The same whether there is no such account, or it is a student's: who else exists is not told.
NO_INSTRUCTOR = _("There is no instructor of that user name.")


def find_instructor(session: Session, username: Any) -> User:
    """Return the account of somebody who may teach; raises Invalid for every other name."""
    if not isinstance(username, str) or not username.isprintable():
        raise Invalid(NO_INSTRUCTOR)
    user = User.get(session, normalize_username(username))
    if user is None or user.disabled or not user.has_role(Role.INSTRUCTOR):
        raise Invalid(NO_INSTRUCTOR)
    return user


def add_instructor(session: Session, person: Person, slug: str, username: str) -> None:
    """Let somebody teach the course beside its instructor.

    Raises:
        NotFound: this person may not say so.
        Invalid: nobody of that name may teach.
        Conflict: they teach it already.
    """
    course = _find(session, person, slug)
    user = find_instructor(session, username)
    if user.id == course.instructor_id or CourseInstructor.includes(session, user, course):
        raise Conflict(_("{name} teaches this course already."), name=user.username)
    course.co_instructors.append(user)
    _note(session, person, "add instructor", course, user)


def remove_instructor(session: Session, person: Person, slug: str, username: str) -> None:
    """End somebody's teaching beside the instructor; raises NotFound as `add_instructor`."""
    course = _find(session, person, slug)
    user = User.get(session, username)
    if user is None or user not in course.co_instructors:
        raise NotFound
    course.co_instructors.remove(user)
    _note(session, person, "remove instructor", course, user)


def hand_over(session: Session, person: Person, slug: str, username: str, *, stay: bool) -> None:
    """Make somebody else the course's instructor.

    Args:
        stay: whether the one before goes on teaching, beside the new one.

    Raises:
        NotFound, Invalid, Conflict: as `add_instructor`.
    """
    course = _find(session, person, slug)
    user, former = find_instructor(session, username), course.instructor
    if user.id == former.id:
        raise Conflict(_("{name} is the course's instructor already."), name=user.username)
    if user in course.co_instructors:
        course.co_instructors.remove(user)
    course.instructor = user
    if stay and former not in course.co_instructors:
        course.co_instructors.append(former)
    _note(session, person, "hand over course", course, user)


def _find(session: Session, person: Person, slug: str) -> Course:
    course = find_course(session, person, slug, Action.CHANGE_INSTRUCTORS)
    session.refresh(course, with_for_update=True)  # one change of who teaches it at a time
    return course


def _note(session: Session, person: Person, action: str, course: Course, user: User) -> None:
    session.flush()
    audit.note(session, person, action, course=course, owner=user)
