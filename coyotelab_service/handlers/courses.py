"""Pages of courses: the list, and one course."""

import asyncio
from datetime import date

from .. import courses, machines, visits
from ..access import may_on_site
from ..kept import list_kept
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
            updated=await services.run(machines.list_own_outdated, self.person.username),
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
