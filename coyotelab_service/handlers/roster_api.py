"""Enrollments in the REST API."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from .. import enrollments, roster
from ..errors import Invalid
from ..i18n import mark as _
from ..roster import Query, StudentView
from ..roster_file import Line
from .api import ApiHandler

MOST = 1_000  # students in one answer

NO_NUMBER = _('"{name}" has to be a whole number from {least} to {most}.')


class EnrollmentsApi(ApiHandler):
    """Who is, or was, in a course."""

    async def get(self, slug: str) -> None:
        """List them; the header Link says where the next ones are."""
        limit = self._read_number("limit", MOST, 1, MOST)
        offset = self._read_number("offset", 0, 0, 10**9)
        search = self.get_query_argument("search", "")
        query = Query.read({"q": search})
        found = await self.services.run(
            roster.list_students, self.person, slug, query, limit + 1, offset
        )
        if len(found) > limit:
            following: dict[str, object] = {"limit": limit, "offset": offset + limit}
            following |= {"search": search} if search else {}
            self.set_header("Link", f'<{self.request.path}?{urlencode(following)}>; rel="next"')
        self.reply([_show(student) for student in found[:limit]])

    async def post(self, slug: str) -> None:
        """Add somebody: one who has an account, a new one, or one to invite by e-mail."""
        line = Line(
            username=self.read("username", str, ""),
            name=self.read("name", str, ""),
            email=self.read("email", str, ""),
        )
        done = await self.services.intake.add_one(
            self.services.database, self.person, slug, line, self.services.site
        )
        self.services.reconciler.expect_newcomers()
        [step] = done.steps
        if not step.username:
            self.reply({"invited": step.line.email.lower()}, 202)
            return
        student = await self.services.run(roster.get_student, self.person, slug, step.username)
        shown = _show(student)
        for account in done.accounts:
            shown["temporary_password"] = account.password
        self.reply(shown, 201)

    def _read_number(self, name: str, missing: int, least: int, most: int) -> int:
        text = self.get_query_argument(name, str(missing))
        if not (text.isascii() and text.isdigit() and len(text) < 11):
            raise Invalid(NO_NUMBER, name=name, least=least, most=most)
        if not least <= int(text) <= most:
            raise Invalid(NO_NUMBER, name=name, least=least, most=most)
        return int(text)


class EnrollmentApi(ApiHandler):
    """One enrollment."""

    async def patch(self, slug: str, username: str) -> None:
        """Drop somebody, or take them back."""
        enabled = self.read("enabled", bool)
        student: StudentView = await self.services.run(
            enrollments.set_enabled, self.person, slug, username, enabled
        )
        await self.services.reconciler.enforce(slug, username)
        self.reply(_show(student))


def _show(student: StudentView) -> dict[str, Any]:
    shown = asdict(student)
    for name in ("since", "last_active"):
        shown[name] = shown[name] and shown[name].isoformat()
    return shown
