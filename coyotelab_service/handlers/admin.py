"""Pages of the site as a whole: overview, courses, bases, limits, running workspaces, the log."""

from dataclasses import replace
from datetime import date

from .. import administration, health, history
from ..access import ensure_on_site
from ..errors import ServiceError
from ..history import Filter
from ..rules import Action
from .base import PageHandler
from .forms import FormData

EXPORT_BATCH = 1_000  # events that are read and sent at a time
EXPORT_MOST = 200_000  # events in one file


class AdminPage(PageHandler):
    """A page for administrators; to everybody else there is nothing."""

    async def prepare(self) -> None:
        """Find out who asks, and whether they may."""
        await super().prepare()
        site = self.services.site
        await self.services.run(ensure_on_site, self.person, Action.ADMINISTER, site)

    def read_number(self, name: str) -> int:
        """Return a number of the address; 0 when it is none."""
        text = self.get_query_argument(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

    def read_form(self) -> FormData:
        """Return the fields of a form that was sent."""
        names = self.request.body_arguments
        return FormData({name: self.get_body_arguments(name) for name in names})

    def read_day(self, name: str) -> date | None:
        """Return a day of the address; None when it is none."""
        try:
            return date.fromisoformat(self.get_query_argument(name, ""))
        except ValueError:
            return None


class OverviewPage(AdminPage):
    """How the site is and how much there is of everything."""

    async def get(self) -> None:
        """Show it."""
        services = self.services
        counts = await services.run(administration.get_counts, self.person, services.site)
        report = await health.examine(services.database, services.hub, services.running)
        try:
            running: int | None = len(await services.running.list_all(self.person))
        except ServiceError:
            running = None  # the report says what is amiss
        self.write_page(
            "admin/overview.html",
            counts=counts,
            report=report,
            running=running,
            version=health.get_version(),
            reconciled_at=services.reconciler.done_at,
        )


class CoursesPage(AdminPage):
    """Every course of the site."""

    async def get(self) -> None:
        """Show one page of them."""
        text = self.get_query_argument("q", "")
        page = await self.services.run(
            administration.list_courses,
            self.person,
            self.services.site,
            text,
            self.read_number("page"),
        )
        self.write_page("admin/courses.html", page=page, text=text)


class BasesPage(AdminPage):
    """What workspaces start from."""

    async def get(self) -> None:
        """Show them."""
        bases = await self.services.run(administration.list_bases, self.person, self.services.site)
        self.write_page("admin/bases.html", bases=bases)


class LimitsPage(AdminPage):
    """What jupyterhub_config.py says of all courses."""

    def get(self) -> None:
        """Show it."""
        self.write_page("admin/limits.html", settings=self.services.site.describe())


class WorkspacesPage(AdminPage):
    """What runs now and what it costs."""

    async def get(self) -> None:
        """Show it."""
        running, problem = [], ""
        try:
            running = await self.services.running.list_all(self.person)
        except ServiceError as error:
            problem = error.tell()
            self.set_status(503)
        self.write_page("admin/workspaces.html", running=running, problem=problem)

    async def post(self) -> None:
        """Stop one."""
        slug, username = self.get_body_argument("course", ""), self.get_body_argument("user", "")
        await self.services.workspaces.stop(self.person, slug, username)
        self.services.running.forget()
        self.redirect(self.page("admin", "workspaces"), status=303)


class AuditPage(AdminPage):
    """Who did what, newest first."""

    async def get(self) -> None:
        """Show a page of it."""
        services, which = self.services, self.read_filter()
        events = await services.run(
            history.list_events, self.person, services.site, which, history.SIZE + 1
        )
        actions = await services.run(history.list_actions, self.person, services.site)
        self.write_page(
            "admin/audit.html",
            events=events[: history.SIZE],
            more=len(events) > history.SIZE,
            actions=actions,
            which=which,
            query=self.read_query(),
        )

    def read_query(self) -> dict[str, str]:
        """Return what the address says, page apart, for the addresses of other pages."""
        names = ("person", "course", "action", "since", "until")
        found = {name: self.get_query_argument(name, "").strip()[:63] for name in names}
        return {name: value for name, value in found.items() if value}

    def read_filter(self) -> Filter:
        """Return which events the address asks for."""
        query = self.read_query()
        return Filter(
            person=query.get("person", ""),
            course=query.get("course", ""),
            action=query.get("action", ""),
            since=self.read_day("since"),
            until=self.read_day("until"),
            before=self.read_number("before"),
        )


class AuditExport(AuditPage):
    """The same events as a table for a spreadsheet."""

    async def get(self) -> None:
        """Send them, a few at a time."""
        which = self.read_filter()
        self.set_header("Content-Type", "text/csv; charset=UTF-8")
        self.set_header("Content-Disposition", 'attachment; filename="coyotelab-log.csv"')
        for _batch in range(EXPORT_MOST // EXPORT_BATCH):
            events = await self.services.run(
                history.list_events, self.person, self.services.site, which, EXPORT_BATCH
            )
            self.write(history.make_table(events, first=not which.before))
            await self.flush()
            if len(events) < EXPORT_BATCH:
                return
            which = replace(which, before=events[-1].id)
