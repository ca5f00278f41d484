"""Enrollments in the REST API."""

from dataclasses import asdict
from typing import Any

from .. import enrollments, roster
from ..roster import Query, StudentView
from ..roster_file import Line
from .api import ApiHandler, ListApi


class EnrollmentsApi(ListApi):
    """Who is, or was, in a course."""

    async def get(self, slug: str) -> None:
        """List them."""
        limit, offset = self.read_part()
        search = self.read_query("search", "")
        found = await self.services.run(
            roster.list_students, self.person, slug, Query.read({"q": search}), limit + 1, offset
        )
        if len(found) > limit:
            self.link_next(limit, offset, search=search)
        self.reply([_show(student) for student in found[:limit]])

    async def post(self, slug: str) -> None:
        """Add somebody: one who has an account, a new one, or one to invite by e-mail."""
        line = Line(**self.read_members({"username": str, "name": str, "email": str}))
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


class EnrollmentApi(ApiHandler):
    """One enrollment."""

    async def patch(self, slug: str, username: str) -> None:
        """Drop somebody, or take them back."""
        enabled = self.read_members({"enabled": bool}, ["enabled"])["enabled"]
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
