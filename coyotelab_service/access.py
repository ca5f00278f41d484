"""The door: finds a course or workspace for a person, or answers that there is none."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from .errors import NotFound
from .orm import Course, Enrollment, Role, User
from .rules import Action, Standing, Subject, find_standings, find_subject, may


@dataclass(frozen=True)
class Person:
    """Who asks: as the Hub identified them, and from which address."""

    username: str
    admin: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Place:
    """A workspace somebody may act on: whose it is, in which course."""

    course: Course
    owner: User


def get_standings(
    session: Session, user: User | None, course: Course, admin: bool = False
) -> frozenset[Standing]:
    """Return what this account is to the course; None is an account only the Hub knows."""
    if user is None:
        return find_standings(admin=admin, instructor=False, enrolled=None, disabled=False)
    enrollment = Enrollment.get(session, user, course)
    return find_standings(
        admin=admin,
        instructor=course.instructor_id == user.id and user.has_role(Role.INSTRUCTOR),
        enrolled=None if enrollment is None else enrollment.enabled,
        disabled=user.disabled,
    )


def find_course(session: Session, person: Person, slug: str, action: Action) -> Course:
    """Return the course if this person may do that with it.

    Raises:
        NotFound: they may not, or there is no such course; the answer is the same.
    """
    course = Course.get(session, slug)
    if course is None:
        raise NotFound
    standings = get_standings(session, User.get(session, person.username), course, person.admin)
    if not may(action, standings, Subject.COURSE, course.archived):
        raise NotFound
    return course


def find_place(session: Session, person: Person, slug: str, username: str, action: Action) -> Place:
    """Return the workspace of `username` in the course if this person may do that with it.

    Raises:
        NotFound: they may not, or there is no such course or person; the answer is the same.
    """
    course, owner = Course.get(session, slug), User.get(session, username)
    if course is None or owner is None:
        raise NotFound
    own = owner.username == person.username
    visitor = owner if own else User.get(session, person.username)
    subject = find_subject(own=own, owner_standings=get_standings(session, owner, course))
    standings = get_standings(session, visitor, course, person.admin)
    if not may(action, standings, subject, course.archived):
        raise NotFound
    return Place(course, owner)
