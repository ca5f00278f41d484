"""The site as a whole, as administrators see it: counts, every course, every base."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from .access import Person, ensure_on_site
from .orm import Course, Enrollment, Machine, MachineKind, Role, User
from .paging import Page, cut
from .rules import Action
from .site import Site
from .text_search import contains


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
    # One look at every account: three would be most of what this page takes.
    people = select(func.count(), _count_if(User.disabled), _count_if(teaching))
    users = people.select_from(User).subquery()
    parts = [
        select(func.count(Course.id)),
        select(func.count(Course.id)).where(Course.archived),
        select(func.count()).select_from(Enrollment).where(Enrollment.enabled),
        select(func.count()).select_from(Machine).where(workspace),
    ]
    row = session.execute(select(users, *(part.scalar_subquery() for part in parts))).one()
    return Counts(*row)


def list_courses(
    session: Session, person: Person, site: Site, text: str = "", page: int = 1, size: int = 50
) -> Page[CourseRow]:
    """Return one page of all courses; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    base = aliased(Machine)
    query: Any = (
        select(Course, User.username, User.name, base.name)
        .join(User, User.id == Course.instructor_id)
        .outerjoin(base, base.id == Course.base_machine_id)
        .order_by(Course.archived, Course.slug)
    )
    if text.strip():
        query = query.where(contains(text, Course.slug, Course.name, User.username, User.name))
    found: Page[Any] = cut(session, query, page, lambda row: row, size)
    students = _count_students(session, [row[0].id for row in found.items])
    rows = [
        _make_row(course, username, name, base_name, students.get(course.id, 0))
        for course, username, name, base_name in found.items
    ]
    return Page(rows, found.total, found.number, found.size)


def list_bases(session: Session, person: Person, site: Site) -> list[BaseRow]:
    """Return every base, by name; raises NotFound for everybody but administrators."""
    ensure_on_site(session, person, Action.ADMINISTER, site)
    cloned = (
        select(Machine.base_machine_id, func.count().label("count"))
        .where(Machine.kind == MachineKind.WORKSPACE)
        .group_by(Machine.base_machine_id)
        .subquery()
    )
    rows = session.execute(
        select(Machine.name, func.coalesce(cloned.c.count, 0), Course.slug)
        .outerjoin(cloned, cloned.c.base_machine_id == Machine.id)
        .outerjoin(Course, Course.base_machine_id == Machine.id)
        .where(Machine.kind == MachineKind.BASE)
        .order_by(Machine.name, Course.slug)
    )
    found: dict[str, tuple[int, list[str]]] = {}
    for name, count, slug in rows:
        slugs = found.setdefault(name, (count, []))[1]
        slugs.extend([slug] if slug else [])
    return [BaseRow(name, tuple(slugs), count) for name, (count, slugs) in found.items()]


def _count_if(condition: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _count_students(session: Session, course_ids: Collection[int]) -> Mapping[int, int]:
    rows = session.execute(
        select(Enrollment.course_id, func.count())
        .where(Enrollment.course_id.in_(course_ids), Enrollment.enabled)
        .group_by(Enrollment.course_id)
    )
    return {row[0]: row[1] for row in rows}


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
