"""The site as a whole, as administrators see it: counts, every course, every base."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from .access import Person, ensure_on_site
from .orm import Course, Enrollment, Machine, MachineKind, Role, User
from .paging import Page, contains, cut
from .rules import Action
from .site import Site


@dataclass(frozen=True)
class Counts:
    """How much there is of everything."""

    accounts: int
    disabled: int
    instructors: int
    courses: int
    archived: int
    enrollments: int
    workspaces: int


@dataclass(frozen=True)
class CourseRow:
    """One course in the list of all courses."""

    slug: str
    name: str
    instructor: str
    instructor_name: str
    students: int
    base: str
    start_date: date | None
    end_date: date | None
    archived: bool


@dataclass(frozen=True)
class BaseRow:
    """One base, and who starts from it."""

    name: str
    courses: tuple[str, ...]
    workspaces: int


def get_counts(session: Session, person: Person, site: Site) -> Counts:
    """Count everything, in one query; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    teaching = User.roles.bitwise_and(int(Role.INSTRUCTOR)) != 0
    workspace = Machine.kind == MachineKind.WORKSPACE
    parts = [
        select(func.count(User.id)),
        select(func.count(User.id)).where(User.disabled),
        select(func.count(User.id)).where(teaching),
        select(func.count(Course.id)),
        select(func.count(Course.id)).where(Course.archived),
        select(func.count(Enrollment.id)).where(Enrollment.enabled),
        select(func.count(Machine.id)).where(workspace),
    ]
    return Counts(*session.execute(select(*(part.scalar_subquery() for part in parts))).one())


def list_courses(
    session: Session, person: Person, site: Site, text: str = "", page: int = 1, size: int = 50
) -> Page[CourseRow]:
    """Return one page of all courses; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    base = aliased(Machine)
    students = (
        select(func.count(Enrollment.id))
        .where(Enrollment.course_id == Course.id, Enrollment.enabled)
        .correlate(Course)
        .scalar_subquery()
    )
    query = (
        select(Course, User.username, User.name, base.name, students)
        .join(User, User.id == Course.instructor_id)
        .outerjoin(base, base.id == Course.base_machine_id)
        .order_by(Course.archived, Course.slug)
    )
    if text.strip():
        query = query.where(contains(text, Course.slug, Course.name, User.username, User.name))
    return cut(session, query, page, lambda row: _make_row(*row), size)


def list_bases(session: Session, person: Person, site: Site) -> list[BaseRow]:
    """Return every base, by name; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    clone = aliased(Machine)
    cloned = (
        select(func.count(clone.id))
        .where(clone.base_machine_id == Machine.id, clone.kind == MachineKind.WORKSPACE)
        .correlate(Machine)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Machine.name, cloned, Course.slug)
        .outerjoin(Course, Course.base_machine_id == Machine.id)
        .where(Machine.kind == MachineKind.BASE)
        .order_by(Machine.name, Course.slug)
    )
    found: dict[str, tuple[int, list[str]]] = {}
    for name, count, slug in rows:
        slugs = found.setdefault(name, (count, []))[1]
        slugs.extend([slug] if slug else [])
    return [BaseRow(name, tuple(slugs), count) for name, (count, slugs) in found.items()]


def _make_row(
    course: Course, username: str, name: str, base: str | None, students: int
) -> CourseRow:
    return CourseRow(
        slug=course.slug,
        name=course.name,
        instructor=username,
        instructor_name=name,
        students=students,
        base=base or "",
        start_date=course.start_date,
        end_date=course.end_date,
        archived=course.archived,
    )
