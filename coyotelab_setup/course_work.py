"""What `coyotelab course` and the doctor read in the database; run as coyotelab, by work.py."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from coyotelab_service import administration, courses, roster
from coyotelab_service.access import Person
from coyotelab_service.administration import CourseRow
from coyotelab_service.site import Site

ALL = 1_000_000  # rows; the whole list
JSON = dict[str, Any]


def list_all(session: Session, person: Person, site: Site, text: str) -> list[JSON]:
    """Return the courses."""
    page = administration.list_courses(session, person, site, text, size=ALL)
    return [_tell(course) for course in page.items]


def export(session: Session, person: Person, site: Site, slug: str) -> JSON:
    """Return one course with everybody who is or was in it."""
    students = roster.list_students(session, person, slug, roster.Query())
    course = courses.get_course(session, person, slug)
    return {
        "slug": course.slug,
        "name": course.name,
        "instructor": course.instructor,
        "webpage": course.webpage,
        "description": course.description,
        "start_date": course.start_date and course.start_date.isoformat(),
        "end_date": course.end_date and course.end_date.isoformat(),
        "archived": course.archived,
        "students": [
            {
                "username": student.username,
                "name": student.name,
                "email": student.email,
                "state": "enrolled" if student.enabled else "dropped",
            }
            for student in students
        ],
    }


def find_bases(session: Session, person: Person, site: Site) -> dict[str, str]:
    """Return the base that each course in use starts from, "" for none, by the course's slug."""
    page = administration.list_courses(session, person, site, size=ALL)
    return {course.slug: course.base for course in page.items if not course.archived}


def _tell(course: CourseRow) -> JSON:
    return {
        "slug": course.slug,
        "name": course.name,
        "instructor": course.instructor,
        "students": course.students,
        "base": course.base,
        "start_date": course.start_date and course.start_date.isoformat(),
        "end_date": course.end_date and course.end_date.isoformat(),
        "archived": course.archived,
    }


VERBS: dict[str, Callable[..., Any]] = {
    "course list": list_all,
    "course export": export,
    "course bases": find_bases,
}
