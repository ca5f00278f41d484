"""What the pages and the REST API show of courses, and of the people in them."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from .access import Person, find_course
from .orm import Course, CourseInstructor, Enrollment, Role, User
from .rules import Action


@dataclass(frozen=True)
class TeacherView:
    """Somebody who teaches a course beside its instructor."""

    username: str
    name: str
    email: str


@dataclass(frozen=True)
class LimitsView:
    """What a course says of one workspace's limits; None takes the site's default."""

    cpu: int | None
    memory: int | None  # bytes
    disk: int | None  # bytes


@dataclass(frozen=True)
class CourseView:
    """One course, as somebody who may see it sees it."""

    slug: str
    name: str
    webpage: str
    description: str
    start_date: date | None
    end_date: date | None
    instructor: str
    instructor_name: str
    instructor_email: str
    co_instructors: tuple[TeacherView, ...]
    base: str | None  # name of what its workspaces are cloned from
    limits: LimitsView
    idle_minutes: int | None  # None takes the site's default, 0 is never
    archived: bool
    teaching: bool  # whether the person who asks is one of its instructors
    attending: bool  # whether the person who asks is enrolled

    def is_over(self, today: date) -> bool:
        """Tell whether its last day is behind us."""
        return self.end_date is not None and self.end_date < today


def list_courses(session: Session, person: Person) -> list[CourseView]:
    """Return the courses this person teaches or attends; all of them for an admin of the Hub."""
    user = User.get(session, person.username)
    if user is None or user.disabled:
        return []
    shown = (
        joinedload(Course.instructor),
        joinedload(Course.base),
        selectinload(Course.co_instructors),
    )
    query = select(Course).options(*shown).order_by(Course.name, Course.id)
    attended = set(
        session.scalars(select(Enrollment.course_id).filter_by(user_id=user.id, enabled=True))
    )
    taught = _find_taught(session, user)
    if not person.admin:
        query = query.where(Course.id.in_(taught | attended))
    views = (
        _view(course, course.id in taught, course.id in attended)
        for course in session.scalars(query)
    )
    return [
        view
        for view in views
        if view.teaching or person.admin or (view.attending and not view.archived)
    ]


def get_course(session: Session, person: Person, slug: str) -> CourseView:
    """Return one course; raises NotFound when this person may not see it."""
    course = find_course(session, person, slug, Action.VIEW_COURSE)
    user = User.get(session, person.username)
    teaching = bool(user and course.id in _find_taught(session, user))
    return _view(course, teaching, bool(user and user.active_in(course)))


def list_members(session: Session, person: Person, slug: str) -> list[str]:
    """Return whose workspaces in the course this person may see; only their own, or all."""
    course = find_course(session, person, slug, Action.VIEW_COURSE)
    view = get_course(session, person, slug)
    if not (view.teaching or person.admin):
        return [person.username]
    enrolled = session.scalars(
        select(User.username)
        .join(Enrollment, Enrollment.user_id == User.id)
        .where(Enrollment.course_id == course.id, Enrollment.enabled, ~User.disabled)
        .order_by(User.username)
    )
    teachers = [course.instructor.username, *(user.username for user in course.co_instructors)]
    # The workspaces of instructors are their own, and an administrator's to look after.
    first = teachers if person.admin else [person.username]
    return [*first, *(username for username in enrolled if username not in teachers)]


def _find_taught(session: Session, user: User) -> set[int]:
    if user.disabled or not user.has_role(Role.INSTRUCTOR):
        return set()
    own = select(Course.id).where(Course.instructor_id == user.id)
    shared = select(CourseInstructor.course_id).where(CourseInstructor.user_id == user.id)
    return set(session.scalars(own.union(shared)))


def _view(course: Course, teaching: bool, attending: bool) -> CourseView:
    return CourseView(
        slug=course.slug,
        name=course.name,
        webpage=course.webpage,
        description=course.description,
        start_date=course.start_date,
        end_date=course.end_date,
        instructor=course.instructor.username,
        instructor_name=course.instructor.name,
        instructor_email=course.instructor.email,
        co_instructors=tuple(
            TeacherView(user.username, user.name, user.email) for user in course.co_instructors
        ),
        base=course.base.name if course.base else None,
        limits=LimitsView(course.cpu, course.memory, course.disk),
        idle_minutes=course.idle_minutes,
        archived=course.archived,
        teaching=teaching,
        attending=attending,
    )
