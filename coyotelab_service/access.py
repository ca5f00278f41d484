"""The door: finds a course or workspace for a person, or answers that there is none."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from .errors import NotFound
from .orm import Course, CourseInstructor, Enrollment, Role, User
from .rules import (
    Action,
    Standing,
    Subject,
    find_site_standings,
    find_standings,
    find_subject,
    may,
)
from .site import Site


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
    teacher = user.has_role(Role.INSTRUCTOR)
    return find_standings(
        admin=admin,
        instructor=teacher and course.instructor_id == user.id,
        co_instructor=teacher and CourseInstructor.includes(session, user, course),
        enrolled=None if enrollment is None else enrollment.enabled,
        disabled=user.disabled,
    )


def may_on_site(session: Session, person: Person, action: Action, site: Site) -> bool:
    """Tell whether this person may do that on the site as a whole."""
    user = User.get(session, person.username)
    standings = find_site_standings(
        admin=person.admin,
        maker=bool(user and user.has_role(Role.INSTRUCTOR) and site.instructors_make_courses),
        disabled=bool(user and user.disabled),
    )
    return may(action, standings, Subject.SITE, archived=False)


def ensure_on_site(session: Session, person: Person, action: Action, site: Site) -> None:
    """Raise NotFound unless this person may do that on the site as a whole."""
    if not may_on_site(session, person, action, site):
        raise NotFound


def find_course(session: Session, person: Person, slug: str, action: Action) -> Course:
    """Return the course if this person may do that with it.

    Raises:
        NotFound: they may not, or there is no such course; the answer is the same.
    """
    course = Course.get(session, slug)
    if course is None or not may_on_course(session, person, course, action):
        raise NotFound
    return course


def may_on_course(session: Session, person: Person, course: Course, action: Action) -> bool:
    """Tell whether this person may do that with a course they have found."""
    standings = get_standings(session, User.get(session, person.username), course, person.admin)
    return may(action, standings, Subject.COURSE, course.archived)


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
