"""Pages of courses: the list, one course, and its students."""

import asyncio
from datetime import date

from .. import courses, enrollments, visits
from ..access import may_on_site
from ..kept import list_kept
from ..log import get_news
from ..prose import render
from ..rules import Action
from .base import PageHandler


class CoursesPage(PageHandler):
    """The courses somebody teaches and attends: where everybody arrives."""

    async def get(self) -> None:
        """Show the list."""
        found = await self.services.run(courses.list_courses, self.person)
        self.write_page(
            "courses.html",
            teaching=[course for course in found if course.teaching],
            attending=[course for course in found if course.attending and not course.teaching],
            others=[course for course in found if not (course.teaching or course.attending)],
            today=date.today(),
            may_create=await self.services.run(
                may_on_site, self.person, Action.CREATE_COURSE, self.services.site
            ),
        )


class CoursePage(PageHandler):
    """What a course is about, and the way into one's own workspace in it."""

    async def get(self, slug: str) -> None:
        """Show the course."""
        course = await self.services.run(courses.get_course, self.person, slug)
        workspace, visitors, kept, news = None, [], [], None
        if course.teaching or course.attending:
            username = self.person.username
            workspace = await self.services.workspaces.get(self.person, slug, username)
            visitors = await self.services.run(visits.list_recent, slug, username)
            news = await self.services.run(get_news, self.person, slug, self.services.site)
            kept = await self.services.run(list_kept, slug, username)
        self.write_page(
            "course.html",
            course=course,
            description=await asyncio.to_thread(render, course.description),
            workspace=workspace,
            visitors=visitors,
            news=news,
            kept=kept,
        )


class StudentsPage(PageHandler):
    """Everybody who is or was in a course, with their workspaces."""

    async def get(self, slug: str) -> None:
        """Show them."""
        course = await self.services.run(courses.get_course, self.person, slug)
        students = await self.services.run(courses.list_students, self.person, slug)
        workspaces = await self.services.workspaces.list_all(self.person, slug)
        states = {workspace.username: workspace.state for workspace in workspaces}
        self.write_page("students.html", course=course, students=students, states=states)

    async def post(self, slug: str) -> None:
        """Drop somebody, or take them back."""
        username = self.get_body_argument("username", "")
        enabled = self.get_body_argument("enabled", "") == "true"
        await self.services.run(enrollments.set_enabled, self.person, slug, username, enabled)
        await self.services.reconciler.enforce(slug, username)
        self.redirect(self.page("courses", slug, "students"), status=303)
