"""Pages of the accounts: found, made, changed, closed."""

from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from .. import history, passwords, people
from ..errors import Conflict, Invalid, ServiceError
from ..history import Filter
from ..i18n import gettext
from ..i18n import mark as _
from ..orm import Role
from ..people import Account, Search
from .admin import AdminPage
from .forms import PageForm

SHOWN = {
    "": _("All accounts"),
    "instructors": _("Instructors"),
    "campus": _("Campus login"),
    "disabled": _("Disabled"),
}
EVENTS = 20  # of one person on their page


class AccountForm(PageForm):
    """What an administrator says of somebody."""

    name = StringField(_("Name"), [Length(max=people.NAME_LENGTH)])
    email = StringField(_("E-mail"), [Length(max=254)])
    student = BooleanField(_("Student: may be enrolled in courses"))
    instructor = BooleanField(_("Instructor: may teach courses"))

    @property
    def roles(self) -> Role:
        """The roles that are ticked, as bits."""
        student = Role.STUDENT if self.student.data else Role(0)
        return student | (Role.INSTRUCTOR if self.instructor.data else Role(0))


class NewAccountForm(AccountForm):
    """The same of somebody new."""

    username = StringField(_("User name"), [InputRequired(), Length(max=63)])
    campus = BooleanField(_("No password: only the campus login opens the account"))


class PeoplePage(AdminPage):
    """The accounts, some at a time."""

    async def get(self) -> None:
        """Show a page of them."""
        search = Search(
            text=self.get_query_argument("q", ""),
            show=self.get_query_argument("show", ""),
            sort=self.get_query_argument("sort", "username"),
            page=self.read_number("page"),
        )
        page = await self.services.run(
            people.list_accounts, self.person, self.services.site, search
        )
        asked = {"q": search.text, "show": search.show, "sort": search.sort}
        query = {name: value for name, value in asked.items() if value}
        shown = {key: gettext(text) for key, text in SHOWN.items()}
        self.write_page(
            "admin/people.html", page=page, search=search, shown=shown, query=query, Role=Role
        )


class NewPersonPage(AdminPage):
    """Makes an account."""

    def get(self) -> None:
        """Show the form."""
        self.write_page(
            "admin/new_person.html", form=NewAccountForm(data={"student": True}), problem=""
        )

    async def post(self) -> None:
        """Make it and show its temporary password, this once."""
        form = NewAccountForm(self.read_form())
        if not form.validate():
            self._show_again(form)
            return
        try:
            added = await self.services.run(
                people.add,
                self.person,
                self.services.site,
                form.username.data or "",
                name=(form.name.data or "").strip(),
                email=(form.email.data or "").strip(),
                roles=form.roles,
                campus=form.campus.data,
            )
        except (Conflict, Invalid) as error:
            self._show_again(form, error)
            return
        if not added.password:
            self.redirect(self.page("admin", "users", added.account.username), status=303)
            return
        self.write_page("admin/password.html", account=added.account, password=added.password)

    def _show_again(self, form: NewAccountForm, error: ServiceError | None = None) -> None:
        self.set_status(400)
        problem = error.tell() if error else ""
        self.write_page("admin/new_person.html", form=form, problem=problem)


class AccountPage(AdminPage):
    """One account: what it is, what its owner did, what was done to them."""

    async def get(self, username: str) -> None:
        """Show it."""
        account = await self._find(username)
        form = AccountForm(
            data={
                "name": account.name,
                "email": account.email,
                "student": bool(account.roles & Role.STUDENT),
                "instructor": bool(account.roles & Role.INSTRUCTOR),
            }
        )
        await self._show(account, form)

    async def post(self, username: str) -> None:
        """Do what the button that was pressed says."""
        site, do = self.services.site, self.get_body_argument("do", "")
        if do == "save":
            await self._save(username)
            return
        if do == "password":
            account = await self._find(username)
            password = await self.services.run(
                passwords.reset_password, self.person, account.username, site
            )
            self.write_page("admin/password.html", account=account, password=password)
            return
        if do not in ("disable", "enable"):
            raise Invalid
        disabled = do == "disable"
        await self.services.run(people.set_disabled, self.person, site, username, disabled)
        await self._enforce(username)

    async def _save(self, username: str) -> None:
        form = AccountForm(self.read_form())
        account = await self._find(username)
        if not form.validate():
            self.set_status(400)
            await self._show(account, form)
            return
        try:
            await self.services.run(
                people.edit,
                self.person,
                self.services.site,
                username,
                name=(form.name.data or "").strip(),
                email=(form.email.data or "").strip(),
                roles=form.roles,
            )
        except Invalid as error:
            self.set_status(400)
            await self._show(account, form, error)
            return
        await self._enforce(username)

    async def _enforce(self, username: str) -> None:
        await self.services.reconciler.enforce_person(username)
        self.redirect(self.page("admin", "users", username), status=303)

    async def _find(self, username: str) -> Account:
        site = self.services.site
        return await self.services.run(people.get_account, self.person, site, username)

    async def _show(
        self, account: Account, form: AccountForm, error: ServiceError | None = None
    ) -> None:
        services, site = self.services, self.services.site
        courses = await services.run(people.list_memberships, self.person, site, account.username)
        which = Filter(person=account.username)
        events = await services.run(history.list_events, self.person, site, which, EVENTS)
        self.write_page(
            "admin/person.html",
            account=account,
            form=form,
            courses=courses,
            events=events,
            own=account.username == self.person.username,
            problem=error.tell() if error else "",
        )
