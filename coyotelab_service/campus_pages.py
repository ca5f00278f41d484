"""The Hub's pages of campus logins: leaving for the provider, coming back, connecting accounts."""

import secrets
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.orm import User as HubUser
from jupyterhub.utils import url_path_join
from oauthenticator.oauth2 import (
    STATE_COOKIE_NAME,
    OAuthCallbackHandler,
    OAuthLoginHandler,
    _deserialize_state,
    _serialize_state,
)
from tornado.web import HTTPError, authenticated

from . import campus
from .access import Person
from .addresses import find_address
from .campus import Identity, Newcomers
from .errors import Refused, ServiceError
from .handlers.base import find_status
from .hub_login import make_attempt
from .hub_texts import use_reader_language
from .i18n import mark as _
from .logins import Admitted
from .oidc import CampusLogin, LoginNotProven
from .throttle import TooManyTries

STATE_DAYS = 1 / 24  # for a login at the provider


class Canceled(Refused):
    """They came back without having logged in there."""

    message = _("The campus login was canceled, or refused there. Nothing has been changed.")


class WrongPassword(Refused):
    """An account is connected by whoever has its password alone."""

    message = _("That is not the password of your account. Nothing has been changed.")


class CampusHandler(BaseHandler):
    """One request to a page of campus logins."""

    login: CampusLogin  # whose route it is; none at the pages about the account

    def initialize(self, login: CampusLogin | None = None) -> None:
        """Take the provider that the route belongs to."""
        if login is not None:
            self.login = login

    async def prepare(self) -> None:
        """Find out the reader's language, then what the Hub wants to know."""
        use_reader_language(self)
        await super().prepare()

    def make_person(self, username: str) -> Person:
        """Return somebody as the audit log notes them."""
        return Person(username, origin=find_address(self.request))

    async def ask(self, work: Any, *args: Any) -> Any:
        """Run `work(session, ...)` as one transaction on the accounts."""
        return await self.authenticator.database.run(work, *args)

    async def check_password(self) -> None:
        """Raise WrongPassword unless the form has the password of whoever is logged in.

        Raises:
            TooManyTries: it was not looked at.
        """
        attempt = make_attempt(self, self.current_user.name)
        typed = self.get_body_argument("password", "", strip=False)
        proof = await self.authenticator.logins.check(attempt, typed)
        if proof is None or proof.temporary:
            raise WrongPassword

    async def show_connection(self, error: ServiceError | None = None) -> None:
        """Write the page of one's connection; with an error, as the answer to its form."""
        logins = self.authenticator.campus
        issuer, has_password = await self.ask(campus.find_ways_in, self.current_user.name)
        if error:
            self.set_status(429 if isinstance(error, TooManyTries) else find_status(error))
        page = await self.render_template(
            "campus.html",
            logins=logins,
            connected=next((one for one in logins if one.issuer == issuer), None),
            issuer=issuer,
            has_password=has_password,
            error=error.tell() if error else "",
            xsrf=self.xsrf_token.decode("ascii"),
        )
        self.finish(page)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer one of our own errors with its sentence, on the Hub's page for errors."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, ServiceError):
            self.set_status(find_status(error))
            shown = HTTPError(find_status(error), error.tell())
            kwargs["exc_info"] = (HTTPError, shown, None)
        super().write_error(self.get_status(), **kwargs)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is a fault of ours; a refused login is a line, not a fault."""
        if isinstance(value, ServiceError):
            self.log.warning("%s: %s %s", self.request.path, type(value).__name__, value)
        else:
            super().log_exception(typ, value, tb)


class StartPage(CampusHandler, OAuthLoginHandler):
    """Sends a browser to the provider."""

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:
        return str(self.login.authorize_url)

    async def get(self) -> None:
        """Start a login."""
        await self.login.discover()
        self.leave(next_url=self._get_next_url())

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """Keep the state in the browser, for as long as logging in may take."""
        name = find_cookie_name(self)
        self._set_cookie(name, state_cookie_value, expires_days=STATE_DAYS, samesite="Lax")

    def leave(self, **purpose: str | None) -> None:
        """Remember in a signed cookie what has to come back, and send the browser off."""
        verifier, challenge = self._generate_pkce_params()
        state_id, nonce = self._generate_state_id(), secrets.token_urlsafe(32)
        remembered = {"state_id": state_id, "nonce": nonce, "code_verifier": verifier}
        self.set_state_cookie(_serialize_state({**remembered, "login": self.login.key, **purpose}))
        self.authorize_redirect(
            redirect_uri=self.login.get_callback_url(self),
            client_id=self.login.client_id,
            scope=self.login.scope,
            response_type="code",
            extra_params={
                **self.login.extra_authorize_params,
                "state": _serialize_state({"state_id": state_id}),
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )


class ConnectPage(StartPage):
    """Sends somebody to the provider to connect it with the account they are logged in to."""

    @authenticated
    async def post(self) -> None:
        """Start it, for whoever knows the account's password."""
        try:
            await self.check_password()
            await self.login.discover()
        except ServiceError as error:
            await self.show_connection(error)
            return
        self.leave(connect=self.current_user.name)

    async def get(self) -> None:
        """Show the form again, for somebody who reloads."""
        self.redirect(url_path_join(self.hub.base_url, "campus"))


class CallbackPage(CampusHandler, OAuthCallbackHandler):
    """Where a browser comes back to from the provider."""

    _state_cookie: str | None = None

    async def get(self) -> None:
        """Log in, or connect the account, whatever the browser was sent for.

        Raises:
            ServiceError: it was not; see CampusLogin.identify, campus.log_in, campus.connect.
        """
        self.check_arguments()
        state = _deserialize_state(self.get_state_cookie())
        identity = await self.login.identify(self, state["nonce"])
        if "connect" in state:
            await self._connect(str(state["connect"]), identity)
            return
        newcomers = Newcomers(self.login.newcomers)
        taken, origin = self._find_taken(identity), find_address(self.request)
        username = await self.ask(campus.log_in, identity, newcomers, taken, origin)
        user = await self.login_user(Admitted(username=username))
        if user is None:  # blocked in the Hub's configuration
            raise campus.Closed
        self.redirect(self.get_next_url(user))

    def get_state_cookie(self) -> str:
        """Return the state of this browser, "" for none; it is taken from the browser with that."""
        if self._state_cookie is None:
            name = find_cookie_name(self)
            found = self.get_secure_cookie(name, max_age_days=STATE_DAYS) or b""
            self._state_cookie = found.decode()
            # A browser lets go of a __Host- cookie only when told so as it was given it.
            self.clear_cookie(name, secure=name.startswith("__Host-"))
        return self._state_cookie

    def check_error(self) -> None:
        """Raise Canceled when the provider says that there was no login."""
        if error := self.get_argument("error", ""):
            self.log.warning("%s refused a login: %.100r", self.login.key, error)
            raise Canceled

    def check_state(self) -> None:
        """Raise LoginNotProven unless this browser was sent to this provider by us."""
        try:
            super().check_state()
            mine = _deserialize_state(self.get_state_cookie())["login"] == self.login.key
        except (HTTPError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise LoginNotProven from error
        if not mine or self.get_argument("iss", self.login.issuer) != self.login.issuer:
            raise LoginNotProven

    def check_code(self) -> None:
        """Raise LoginNotProven when there is no code."""
        if not self.get_argument("code", ""):
            raise LoginNotProven

    async def _connect(self, username: str, identity: Identity) -> None:
        user = self.current_user
        if user is None or user.name != username:
            raise LoginNotProven
        try:
            await self.ask(campus.connect, self.make_person(username), username, identity)
        except ServiceError as error:
            await self.show_connection(error)
            return
        self.redirect(url_path_join(self.hub.base_url, "campus"))

    def _find_taken(self, identity: Identity) -> set[str]:
        """Return what a new account must not be named: an administrator, or somebody's past."""
        name = HubUser.name
        like = name.startswith(campus.suggest_username(identity), autoescape=True)
        known = {row.name for row in self.db.query(name).filter(like)}
        return known | set(self.authenticator.admin_users)


class ConnectionPage(CampusHandler):
    """Shows whether one's account is connected, with the forms to change that."""

    @authenticated
    async def get(self) -> None:
        """Write the page."""
        await self.show_connection()


class DisconnectPage(CampusHandler):
    """Takes the campus login from one's account."""

    @authenticated
    async def post(self) -> None:
        """Do it, for whoever knows the account's password."""
        name = self.current_user.name
        try:
            await self.check_password()
            await self.ask(campus.disconnect, self.make_person(name), name)
        except ServiceError as error:
            await self.show_connection(error)
            return
        self.redirect(url_path_join(self.hub.base_url, "campus"))


def find_cookie_name(handler: Any) -> str:
    """Return the name of the cookie with the state of a login.

    As the Hub's own cookies: with the prefix no page on a host beside it, such as a student's, can
    plant a state of its own and log its visitors in as somebody else.
    """
    prefixed = handler.hub.cookie_name.startswith("__Host-")
    return f"__Host-{STATE_COOKIE_NAME}" if prefixed else STATE_COOKIE_NAME


def make_routes(logins: list[CampusLogin]) -> list[tuple[Any, ...]]:
    """Return the Hub's routes of all campus logins; none when there are no campus logins."""
    pages = {"login": StartPage, "connect": ConnectPage, "callback": CallbackPage}
    routes: list[tuple[Any, ...]] = [
        (f"/campus/{login.key}/{name}", page, {"login": login})
        for login in logins
        for name, page in pages.items()
    ]
    if routes:
        routes += [("/campus", ConnectionPage), ("/campus/disconnect", DisconnectPage)]
    return routes
