"""Pages that add people to a course: one, or a list; and that show new passwords once."""

from wtforms import EmailField, StringField
from wtforms.validators import Length

from .. import courses
from ..access import find_course
from ..errors import Conflict, Invalid, NotFound, ServiceError
from ..i18n import gettext
from ..i18n import mark as _
from ..intake import Preview
from ..links import MAIL_LENGTH
from ..roster_file import MAX_ROWS, NAME_LENGTH, Line
from ..roster_import import Outcome
from ..rules import Action
from ..spreadsheets import make_csv
from .forms import FormData, PageForm
from .roster import RosterHandler

NOTHING = _("Choose a file, or paste a list.")

SHOWN = 300  # lines of a preview that are shown one by one


class AddForm(PageForm):
    """Who shall be added."""

    username = StringField(_("User name"), [Length(max=63)])
    name = StringField(_("Name"), [Length(max=NAME_LENGTH)])
    email = EmailField(_("E-mail address"), [Length(max=MAIL_LENGTH)])


class IntakeHandler(RosterHandler):
    """A page that adds people, for those who may."""

    async def show(self, template: str, slug: str, **values: object) -> None:
        """Show a page about the course; raises NotFound when this person may not."""
        await self.services.run(find_course, self.person, slug, Action.CHANGE_ENROLLMENT)
        course = await self.services.run(courses.get_course, self.person, slug)
        campus_login = self.services.site.campus_login
        self.write_page(template, course=course, campus_login=campus_login, **values)

    def go_on(self, slug: str, passwords: str, link: str) -> None:
        """Go to the new passwords, or back to the list when there are none."""
        place = ("passwords", passwords) if passwords else ()
        path = self.page("courses", slug, "students", *place)
        self.redirect(path if passwords else f"{path}{link}", status=303)


class AddPage(IntakeHandler):
    """Adds one person."""

    async def get(self, slug: str) -> None:
        """Show the form."""
        await self.show("students_add.html", slug, form=AddForm(), problem="")

    async def post(self, slug: str) -> None:
        """Add this one; what cannot be is said above the form."""
        names = self.request.body_arguments
        form = AddForm(FormData({name: self.get_body_arguments(name) for name in names}))
        line = Line(
            username=form.username.data or "",
            name=form.name.data or "",
            email=form.email.data or "",
        )
        try:
            if not form.validate():
                raise Invalid
            done, passwords = await self.services.intake.add_and_hold(
                self.services.database, self.person, slug, line, self.services.site
            )
        except (Invalid, Conflict, NotFound) as error:
            problem = "" if form.errors else error.tell()
            self.set_status(400)
            await self.show("students_add.html", slug, form=form, problem=problem)
            return
        self.services.reconciler.expect_newcomers()
        [step] = done.steps
        shown = f"?changed={step.username}" if step.username else "?show=invited"
        self.go_on(slug, passwords, shown)


class ImportPage(IntakeHandler):
    """Takes a list of people."""

    async def get(self, slug: str) -> None:
        """Show the form."""
        await self._show(slug)

    async def post(self, slug: str) -> None:
        """Read the list and show what it comes to; nothing is done yet."""
        files = self.request.files.get("file", [])
        uploaded = files[0]["body"] if files else b""
        pasted = self.get_body_argument("text", "", strip=False)
        try:
            if not uploaded and not pasted.strip():
                raise Invalid(NOTHING)
            preview = await self.services.intake.look_at(
                self.services.database,
                self.person,
                slug,
                uploaded or pasted.encode(),
                self.services.site,
            )
        except Invalid as error:
            self.set_status(400)
            await self._show(slug, pasted, error)
            return
        self.redirect(self.page("courses", slug, "students", "import", preview), status=303)

    async def _show(self, slug: str, text: str = "", error: ServiceError | None = None) -> None:
        problem = error.tell() if error else ""
        await self.show("students_import.html", slug, text=text, problem=problem, most=MAX_ROWS)


class PreviewPage(IntakeHandler):
    """Shows what a list comes to, and then does it."""

    async def get(self, slug: str, name: str) -> None:
        """Show what happens with each of them."""
        await self.services.run(find_course, self.person, slug, Action.CHANGE_ENROLLMENT)
        await self._show(slug, self.services.intake.get_preview(self.person, slug, name))

    async def post(self, slug: str, name: str) -> None:
        """Add them, all or none; when it would not be what was shown, show it anew."""
        await self.services.run(find_course, self.person, slug, Action.CHANGE_ENROLLMENT)
        done, held = await self.services.intake.add_list(
            self.services.database, self.person, slug, name, self.services.site
        )
        if done.changed:
            self.redirect(self.page("courses", slug, "students", "import", held), status=303)
            return
        self.services.reconciler.expect_newcomers()
        outcomes = (Outcome.ENROLL, Outcome.READD, Outcome.CREATE, Outcome.INVITE)
        count = sum(step.outcome in outcomes for step in done.steps)
        self.go_on(slug, held, f"?added={count}")

    async def _show(self, slug: str, preview: Preview) -> None:
        await self.show("students_preview.html", slug, preview=preview, most=SHOWN)


class PasswordsPage(IntakeHandler):
    """Hands over the passwords of new accounts, once."""

    async def get(self, slug: str, name: str) -> None:
        """Show the one there is, or offer the file of many."""
        passwords = self.services.intake.get_passwords(self.person, slug, name)
        accounts = passwords.accounts if passwords else []
        days = self.services.site.password_days
        await self.show("students_passwords.html", slug, accounts=accounts, days=days)
        if len(accounts) == 1:
            await self._hand_over(name)

    async def post(self, slug: str, name: str) -> None:
        """Send the file."""
        await self.services.run(find_course, self.person, slug, Action.CHANGE_ENROLLMENT)
        passwords = self.services.intake.get_passwords(self.person, slug, name)
        if passwords is None:
            self.redirect(self.page("courses", slug, "students", "passwords", name), status=303)
            return
        rows = [(one.username, one.name, one.email, one.password) for one in passwords.accounts]
        header = [gettext(column) for column in ("username", "name", "email", "password")]
        content = make_csv(header, rows)
        self.send_file(f"{slug}-passwords.csv", "text/csv; charset=utf-8", content)
        await self._hand_over(name)

    async def _hand_over(self, name: str) -> None:
        # They go once they are on their way: a lost connection does not lose them.
        await self.finish()
        self.services.intake.forget_passwords(self.person, name)
