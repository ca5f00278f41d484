"""Courses in the REST API."""

from dataclasses import asdict
from typing import Any

from .. import course_editing, courses
from ..courses import CourseView
from ..errors import Invalid, InvalidFields
from ..i18n import mark as _
from .api import ApiHandler, ListApi

LIMITS = ("cpu", "memory", "disk")


class CoursesApi(ListApi):
    """The courses somebody teaches or attends."""

    async def get(self) -> None:
        """List them."""
        found = await self.services.run(courses.list_courses, self.person)
        self.reply_part([show_course(course) for course in found])

    async def post(self) -> None:
        """Make one."""
        services = self.services
        given = find_fields(self.read_object())
        course: CourseView = await services.run(
            course_editing.create_course, self.person, services.site, given
        )
        services.reconciler.expect_newcomers()
        self.reply(show_course(course), 201)


class CourseApi(ApiHandler):
    """One course."""

    async def get(self, slug: str) -> None:
        """Show it."""
        course = await self.services.run(courses.get_course, self.person, slug)
        self.reply(show_course(course))

    async def patch(self, slug: str) -> None:
        """Change what is sent, and put it away or take it back; the rest stays as it is."""
        services = self.services
        given = find_fields(self.read_object())
        course: CourseView = await services.run(
            course_editing.edit_course, self.person, services.site, slug, given
        )
        if "archived" in given:
            await services.reconciler.enforce_course(slug)
        services.reconciler.expect_newcomers()
        self.reply(show_course(course))


def find_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a JSON object says of a course, by field; in JSON its limits are one object.

    A member that cannot be understood keeps its name, and is refused under it. Raises
    InvalidFields when a limit stands outside.
    """
    if outside := body.keys() & set(LIMITS):
        sentence = Invalid(_('This belongs into "limits".'))
        raise InvalidFields(dict.fromkeys(sorted(outside), sentence))
    given = dict(body)
    if isinstance(limits := given.get("limits"), dict):
        del given["limits"]
        given |= {name if name in LIMITS else f"limits.{name}": limits[name] for name in limits}
    return given


def show_course(course: CourseView) -> dict[str, Any]:
    """Return a course as JSON has it."""
    shown = asdict(course)
    shown["instructor"] = {
        "username": course.instructor,
        "name": shown.pop("instructor_name"),
        "email": shown.pop("instructor_email"),
    }
    for name in ("start_date", "end_date"):
        shown[name] = shown[name] and shown[name].isoformat()
    return shown
