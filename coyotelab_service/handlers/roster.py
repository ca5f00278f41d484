"""Pages of who is in a course: the list, dropping, writing to all, the export, live states."""

import re
from contextlib import suppress

from .. import courses, enrollments, roster
from ..access import find_course
from ..errors import NotFound, Unavailable
from ..mailing import make_links
from ..pages import show_state
from ..roster import Query
from ..rules import Action
from .base import PageHandler


class RosterHandler(PageHandler):
    """A page about the part of the roster that its address says."""

    @property
    def query(self) -> Query:
        """Return which part of the roster the address says."""
        names = ("q", "show", "sort", "order", "page")
        return Query.read({name: self.get_query_argument(name, "") for name in names})

    async def list_states(self, slug: str) -> tuple[dict[str, str], str]:
        """Return the states of workspaces by user name, and that of those not named.

        A Hub that does not answer hides nobody: then no state is known. Raises NotFound.
        """
        await self.services.run(find_course, self.person, slug, Action.VIEW_STUDENTS)
        try:
            servers = await self.services.recent.list_all()
        except Unavailable:
            return {}, "unknown"
        found = {who: server.state for (who, name), server in servers.items() if name == slug}
        return found, "stopped"

    def send_file(self, name: str, kind: str, content: bytes) -> None:
        """Answer with a file to keep."""
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.write(content)


class StudentsPage(RosterHandler):
    """Everybody who is or was in a course, with their workspaces."""

    async def get(self, slug: str) -> None:
        """Show a page of them."""
        states, other = await self.list_states(slug)
        course = await self.services.run(courses.get_course, self.person, slug)
        found = await self.services.run(roster.get_page, self.person, slug, self.query, states)
        changed, added = None, self.get_query_argument("added", "")
        with suppress(NotFound):
            username = self.get_query_argument("changed", "")
            changed = await self.services.run(roster.get_student, self.person, slug, username)
        self.write_page(
            "students.html",
            course=course,
            found=found,
            query=found.query,
            states=states,
            other_state=other,
            changed=changed,
            added=int(added) if re.fullmatch("[0-9]{1,4}", added) else 0,
            unread=self.services.intake.find_passwords(self.person, slug),
        )

    async def post(self, slug: str) -> None:
        """Drop somebody, or take them back, and show the same page of the list again."""
        username = self.get_body_argument("username", "")
        enabled = self.get_body_argument("enabled", "") == "true"
        student = await self.services.run(
            enrollments.set_enabled, self.person, slug, username, enabled
        )
        await self.services.reconciler.enforce(slug, username)
        self.services.recent.forget()
        here = self.query.link(page=self.query.page, changed=student.username)
        self.redirect(f"{self.page('courses', slug, 'students')}{here}", status=303)


class StatesData(RosterHandler):
    """What the workspaces in a course are at the moment, for the script of the students page."""

    async def get(self, slug: str) -> None:
        """Answer `{username: {"state": ..., "label": ...}}` for those who are asked about."""
        states, other = await self.list_states(slug)
        asked = self.get_query_argument("of", "").split()[: roster.PAGE]
        shown = {username: states.get(username, other) for username in asked}
        self.write({name: {"state": s, "label": show_state(s)} for name, s in shown.items()})


class EmailPage(RosterHandler):
    """Writing to all active students of what is shown."""

    async def get(self, slug: str) -> None:
        """Show links that write to all of them, and their addresses."""
        found = await self.services.run(roster.list_addresses, self.person, slug, self.query)
        course = await self.services.run(courses.get_course, self.person, slug)
        self.write_page(
            "students_email.html",
            course=course,
            query=self.query,
            addresses=found,
            links=make_links(found),
        )


class ExportPage(RosterHandler):
    """The roster as a file for spreadsheets."""

    async def get(self, slug: str) -> None:
        """Send it."""
        content = await self.services.run(roster.export, self.person, slug, self.query)
        self.send_file(f"{slug}-students.csv", "text/csv; charset=utf-8", content)


class InvitationsPage(RosterHandler):
    """Taking an invitation back."""

    async def post(self, slug: str) -> None:
        """Do it, and show those that are left."""
        email = self.get_body_argument("email", "")
        await self.services.run(enrollments.remove_invitation, self.person, slug, email)
        here = Query(show="invited").link()
        self.redirect(f"{self.page('courses', slug, 'students')}{here}", status=303)
