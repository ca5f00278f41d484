"""The door: finds a course or workspace for a person, or answers that there is none."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

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

T = TypeVar("T")
Member = tuple[str, str]  # user name and slug


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
    beside = user.has_role(Role.INSTRUCTOR) and CourseInstructor.includes(session, user, course)
    enrolled = None if enrollment is None else enrollment.enabled
    return _describe(user, course, enrolled, beside, admin)


def find_all_standings(
    session: Session, members: Collection[Member]
) -> Mapping[Member, frozenset[Standing]]:
    """Return what each of these accounts is to its course, by few queries however many they are.

    One that there is not, and a course that there is not, is left out.
    """
    names, slugs = {name for name, _ in members}, {slug for _, slug in members}
    users = {user.username: user for user in session.scalars(_having(User.username, names))}
    courses = {course.slug: course for course in session.scalars(_having(Course.slug, slugs))}
    ids = [user.id for user in users.values()]
    enrolled = {
        (row.user_id, row.course_id): row.enabled
        for row in session.scalars(_having(Enrollment.user_id, ids))
    }
    beside = {
        (row.user_id, row.course_id)
        for row in session.scalars(_having(CourseInstructor.user_id, ids))
    }
    found = {}
    for name, slug in members:
        user, course = users.get(name), courses.get(slug)
        if user and course:
            key = (user.id, course.id)
            found[name, slug] = _describe(user, course, enrolled.get(key), key in beside)
    return found


def _having(column: InstrumentedAttribute[T], values: Collection[T]) -> Select[Any]:
    return select(column.class_).where(column.in_(values))


def _describe(
    user: User, course: Course, enrolled: bool | None, beside: bool, admin: bool = False
) -> frozenset[Standing]:
    teacher = user.has_role(Role.INSTRUCTOR)
    return find_standings(
        admin=admin,
        instructor=teacher and course.instructor_id == user.id,
        co_instructor=teacher and beside,
        enrolled=enrolled,
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
