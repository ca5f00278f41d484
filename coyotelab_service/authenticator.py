"""Logging in to the Hub with the accounts of CoyoteLab's own database."""

from functools import cached_property
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Bool, Dict, Unicode, default

from . import accounts
from .campus_pages import make_routes
from .database import Database, get_database
from .errors import ServiceError
from .hub_login import ChangePasswordPage, LoginPage, make_attempt
from .hub_sessions import end_sessions
from .logins import Admitted, Logins, MustChange
from .oidc import CampusLogin, make_logins
from .throttle import TooManyTries


class CoyoteAuthenticator(Authenticator):
    """User name and password, or a campus login; the accounts table alone says who may log in."""

    db_url = Unicode(
        config=True,
        help="""SQLAlchemy URL of CoyoteLab's database, the same one that the service has, such as
        sqlite:////srv/coyotelab/service/coyotelab.sqlite or postgresql+psycopg://...""",
    )

    campus_logins = Dict(
        config=True,
        help="""Campus logins by OpenID Connect, each by a short name that is part of its addresses,
        with its settings (traits of CampusLogin and of GenericOAuthenticator), such as
        {"campus": {"issuer": "https://login.example.edu", "client_id": "coyotelab",
        "client_secret": ..., "login_service": "Example University"}}.""",
    )
    local_accounts = Bool(
        True,
        config=True,
        help="Whether people log in with passwords of this site; False: by a campus login alone.",
    )

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return True  # whoever has an account; see authenticate()

    @default("auth_refresh_age")
    def _default_auth_refresh_age(self) -> int:
        return 60  # seconds until a disabled account has lost its open sessions

    @default("auth_refresh_strict")
    def _default_auth_refresh_strict(self) -> bool:
        return True  # for requests with a token too, not only for those with a cookie

    @property
    def database(self) -> Database:
        """The accounts; one connection pool for the whole process."""
        return get_database(self.db_url)

    @cached_property
    def logins(self) -> Logins:
        """What looks at passwords."""
        return Logins(self.database)

    @cached_property
    def campus(self) -> list[CampusLogin]:
        """The campus logins, in the order of their buttons."""
        return make_logins(self.campus_logins, parent=self)

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """Return the Hub's pages that are ours."""
        app.template_vars["has_campus"] = bool(self.campus)  # for page.html
        local = [(r"/login", LoginPage), (r"/change-password", ChangePasswordPage)]
        return [*local, *make_routes(self.campus)]

    def normalize_username(self, username: str) -> str:
        """Return the one spelling of a user name, however it was typed."""
        return accounts.normalize_username(username)

    def validate_username(self, username: str) -> bool:
        """Tell whether this can be a user name at all."""
        return accounts.USERNAME.fullmatch(username) is not None

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the user name when the password is right, else None: the same for every reason.

        Raises:
            MustChange: it is right, but temporary. Only the login page knows what to do then.
            TooManyTries: it was not looked at.
        """
        if isinstance(data, Admitted):
            return data["username"]
        if not self.local_accounts:
            return None
        username = self.normalize_username(str(data.get("username", "")))
        attempt = make_attempt(handler, username)
        try:
            proof = await self.logins.check(attempt, str(data.get("password", "")))
        except TooManyTries as error:
            where = attempt.address or "nowhere"
            self.log.warning("Logins as %.64r from %.64s wait %d s", username, where, error.seconds)
            raise
        except ServiceError as error:
            raise HTTPError(503, error.tell()) from error
        if proof is None:
            return None
        if proof.temporary:
            raise MustChange(username, proof.hashed)
        return username

    def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        """Tell whether the configuration names somebody; who is named no more is none any more.

        The Hub's own goes by its database, which only ever gains administrators.
        """
        return authentication["name"] in self.admin_users

    async def refresh_user(
        self, user: Any, handler: Any = None, **kwargs: Any
    ) -> bool | dict[str, Any]:
        """Tell whether open sessions may go on; where not, end all of the account's.

        Not when the account is closed or has a temporary password. A database that does not
        answer closes no account: the Hub would take a fault for a no, and every workspace would
        put its owner out.
        """
        try:
            may_go_on = await self.database.run(accounts.is_open, user.name)
        except ServiceError as error:
            self.log.warning("Whether %s is closed is not known: %s", user.name, error)
            return True
        if not may_go_on and handler is not None:
            self.log.info("The sessions of %s have been ended", user.name)
            end_sessions(user)
        admin = user.name in self.admin_users
        if may_go_on and admin != user.admin:
            return {"name": user.name, "admin": admin}
        return may_go_on
