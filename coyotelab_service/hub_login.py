"""The Hub's pages of logging in and of changing one's password."""

from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from tornado.httputil import url_concat
from tornado.web import HTTPError

from . import accounts, i18n, passwords
from .access import Person
from .addresses import find_address
from .errors import Conflict, Invalid, ServiceError, Unavailable
from .hub_sessions import end_sessions
from .hub_texts import use_reader_language
from .i18n import mark as _
from .login_cookies import Ticket, get_mark, get_ticket, give_ticket, mark_browser, take_ticket
from .logins import Admitted, MustChange
from .throttle import Attempt, TooManyTries

REFUSED = _(
    "The user name or the password is not right. If you were given a temporary password, it may"
    " have expired; ask for a new one."
)
STALE_FORM = _("This form was open for too long. Please try again.")
WRONG_PASSWORD = _("That is not your present password.")
DIFFERENT = _("The two new passwords are not the same.")
NO_PASSWORD = _("You log in with the campus login. You have no password here.")


def make_attempt(handler: Any, username: str) -> Attempt:
    """Return who tries to log in, from where; without a handler from nowhere."""
    if handler is None:
        return Attempt(username)
    return Attempt(username, find_address(handler.request), get_mark(handler, username))


class LoginPage(LoginHandler):
    """The Hub's login page, with our sentences and the way of temporary passwords."""

    async def prepare(self) -> None:
        """Find out the reader's language, then what the Hub wants to know."""
        use_reader_language(self)
        await super().prepare()

    def check_xsrf_cookie(self) -> None:
        """Say plainly that a form is too old."""
        try:
            super().check_xsrf_cookie()
        except HTTPError as error:
            raise HTTPError(error.status_code, i18n.gettext(STALE_FORM)) from error

    async def post(self) -> None:
        """Log in; with a temporary password only as far as the page where it is changed."""
        username = self.get_body_argument("username", "")
        fields = {
            "username": username,
            "password": self.get_body_argument("password", "", strip=False),
        }
        try:
            user = await self.login_user(fields)
        except MustChange as due:
            give_ticket(self, due.username, due.hashed)
            self.redirect(find_change_url(self))
            return
        except TooManyTries as error:
            self.set_header("Retry-After", str(error.seconds))
            await self._refuse(429, error.tell(), username)
            return
        if not user:
            await self._refuse(403, i18n.gettext(REFUSED), username)
            return
        self._jupyterhub_user = user
        take_ticket(self)  # of somebody else, who was at this browser before
        mark_browser(self, user.name)
        self.redirect(self.get_next_url(user))

    async def _refuse(self, status: int, sentence: str, username: str) -> None:
        self.set_status(status)
        self.finish(await self._render(login_error=sentence, username=username[:64]))


class ChangePasswordPage(BaseHandler):
    """Changes one's own password: with a session, or with the ticket of a temporary password."""

    async def prepare(self) -> None:
        """Find out the reader's language, then what the Hub wants to know."""
        use_reader_language(self)
        await super().prepare()

    async def get(self) -> None:
        """Show the form."""
        if not get_ticket(self) and not self.current_user:
            here = find_change_url(self)
            self.redirect(url_concat(self.settings["login_url"], {"next": here}))
            return
        await self._show({})

    async def post(self) -> None:
        """Change it, end every other session, and go on with this one."""
        ticket, user = get_ticket(self), self.current_user
        if not ticket and not user:
            await self.get()
            return
        new = self._get_field("new")
        try:
            username = ticket.username if ticket else user.name
            await self._change(ticket, username, new)
        except _FormError as error:
            await self._show({error.field: error.sentence}, 400)
            return
        except TooManyTries as error:
            self.set_header("Retry-After", str(error.seconds))
            await self._show({"current": error.tell()}, 429)
            return
        except Conflict as error:
            take_ticket(self)
            await self._show({"form": error.tell()}, 409)
            return
        except Unavailable as error:
            raise HTTPError(503, error.tell()) from error
        await self._go_on(ticket, username)

    async def _change(self, ticket: Ticket | None, username: str, new: str) -> None:
        logins, database = self.authenticator.logins, self.authenticator.database
        if new != self._get_field("again"):
            raise _FormError("again", i18n.gettext(DIFFERENT))
        try:
            passwords.check_choice(username, new)
        except Invalid as error:
            raise _FormError("new", error.tell()) from error
        if ticket:
            known = await database.run(accounts.get_password, username)
            fingerprint = ticket.fingerprint
        else:
            proof = await logins.check(make_attempt(self, username), self._get_field("current"))
            if proof is None:
                raise _FormError("current", i18n.gettext(WRONG_PASSWORD))
            known, fingerprint = proof.hashed, passwords.get_fingerprint(proof.hashed)
        if await logins.hash(accounts.verify_password, new, known):
            raise _FormError("new", i18n.gettext(passwords.UNCHANGED))
        hashed = await logins.hash(accounts.hash_password, new)
        person = Person(username, origin=find_address(self.request))
        await database.run(passwords.change, person, fingerprint, hashed)

    async def _go_on(self, ticket: Ticket | None, username: str) -> None:
        user = self.find_user(username)
        if user:
            end_sessions(user)
        self.log.info("%s changed their password", username)
        if ticket:
            take_ticket(self)
            user = await self.login_user(Admitted(username=username))  # whatever the throttle says
            if user is None:
                self.redirect(self.settings["login_url"])
                return
        else:
            self.set_session_cookie()
            self.set_login_cookie(user)
        mark_browser(self, username)
        onward = self.get_argument("next", "")
        self.redirect(self.get_next_url(user) if ticket or onward else f"{self.request.path}?done")

    async def _show(self, errors: dict[str, str], status: int = 200) -> None:
        ticket, user = get_ticket(self), self.current_user
        username = ticket.username if ticket else user.name if user else ""
        if not ticket and not await self._has_password(username):
            errors = {**errors, "form": i18n.gettext(NO_PASSWORD)}
        self.set_status(status)
        html = await self.render_template(
            "change_password.html",
            errors=errors,
            username=username,
            temporary=ticket is not None,
            done=self.get_argument("done", None) is not None,
            least=passwords.MIN_LENGTH,
            action=find_change_url(self),
        )
        self.finish(html)

    async def _has_password(self, username: str) -> bool:
        try:
            found = await self.authenticator.database.run(accounts.get_password, username)
        except ServiceError as error:
            raise HTTPError(503, error.tell()) from error
        return found is not None

    def _get_field(self, name: str) -> str:
        return str(self.get_body_argument(name, "", strip=False))


class _FormError(Exception):
    def __init__(self, field: str, sentence: str) -> None:
        self.field, self.sentence = field, sentence


def find_change_url(handler: Any) -> str:
    """Return the address of the page, with where to go on afterwards."""
    onward = handler.get_argument("next", "")
    url = f"{handler.hub.base_url}change-password"
    return str(url_concat(url, {"next": onward})) if onward else url
