"""Logging in to the Hub with the accounts of CoyoteLab's own database."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError
from traitlets import Unicode, default

from . import accounts
from .database import Database, get_database
from .errors import ServiceError

# Hashing takes a whole core; more at once than there are cores only makes all of them late.
_HASHING = ThreadPoolExecutor(os.cpu_count() or 1, "passwords")


class CoyoteAuthenticator(Authenticator):
    """User name and password; who may log in is decided by the accounts table alone."""

    db_url = Unicode(
        config=True,
        help="""SQLAlchemy URL of CoyoteLab's database, the same one that the service has, such as
        sqlite:////srv/coyotelab/service/coyotelab.sqlite or postgresql+psycopg://...""",
    )

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return True  # whoever has an account; see authenticate()

    @default("auth_refresh_age")
    def _default_auth_refresh_age(self) -> int:
        return 60  # seconds until a disabled account has lost its open sessions

    @property
    def database(self) -> Database:
        """The accounts; one connection pool for the whole process."""
        return get_database(self.db_url)

    def normalize_username(self, username: str) -> str:
        """Return the one spelling of a user name, however it was typed."""
        return accounts.normalize_username(username)

    def validate_username(self, username: str) -> bool:
        """Tell whether this can be a user name at all."""
        return accounts.USERNAME.fullmatch(username) is not None

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the user name when the password is right, else None: the same for every reason."""
        username = self.normalize_username(data.get("username", ""))
        try:
            hashed = await self.database.run(accounts.get_password, username)
        except ServiceError as error:
            raise HTTPError(503, str(error)) from error
        right = await asyncio.get_running_loop().run_in_executor(
            _HASHING, accounts.verify_password, data.get("password", ""), hashed
        )
        if not right:
            self.log.warning("A login as %.64r was refused", username)
            return None
        return username

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool:
        """Tell whether an open session may go on; not when the account is closed.

        A database that does not answer closes no account: the Hub would take a fault for a no,
        and every workspace would put its owner out.
        """
        try:
            return await self.database.run(accounts.is_open, user.name)
        except ServiceError as error:
            self.log.warning("Whether %s is closed is not known: %s", user.name, error)
            return True
