"""Pages of courses: the list, one course, and its students."""

import asyncio
from datetime import date

from .. import courses, enrollments, visits
from ..access import may_on_site
from ..log import get_news
from ..pages import show_state
from ..prose import render
from ..rules import Action
from ..states import find_own_states, read_own_states
from .base import PageHandler


class CoursesPage(PageHandler):
    """The courses somebody teaches and attends: where everybody arrives."""

    async def get(self) -> None:
        """Show the list, those that are over apart."""
        services, today = self.services, date.today()
        found = await services.run(courses.list_courses, self.person)
        current = [course for course in found if not course.is_over(today)]
        self.write_page(
            "courses.html",
            teaching=[course for course in current if course.teaching],
            attending=[course for course in current if course.attending and not course.teaching],
            others=[course for course in current if not (course.teaching or course.attending)],
            past=[course for course in found if course.is_over(today)],
            states=await find_own_states(services.hub, self.person, found),
            may_create=await services.run(
                may_on_site, self.person, Action.CREATE_COURSE, services.site
            ),
            today=today,
        )


class StatesData(PageHandler):
    """What one's own workspaces are at the moment, for the script that keeps a page true."""

    async def get(self) -> None:
        """Answer `{slug: {"state": ..., "label": ...}}`, the label in the reader's language."""
        services = self.services
        states = await read_own_states(services.database, services.hub, self.person)
        labels = {slug: {"state": s, "label": show_state(s)} for slug, s in states.items()}
        self.write(labels)


class CoursePage(PageHandler):
    """What a course is about, and the way into one's own workspace in it."""

    async def get(self, slug: str) -> None:
        """Show the course."""
        course = await self.services.run(courses.get_course, self.person, slug)
        workspace, visitors, news = None, [], None
        if course.teaching or course.attending:
            username = self.person.username
            workspace = await self.services.workspaces.get(self.person, slug, username)
            visitors = await self.services.run(visits.list_recent, slug, username)
            news = await self.services.run(get_news, self.person, slug, self.services.site)
        self.write_page(
            "course.html",
            course=course,
            description=await asyncio.to_thread(render, course.description),
            workspace=workspace,
            visitors=visitors,
            news=news,
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
