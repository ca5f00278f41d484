"""How the parts of the site are, each asked once and with a deadline, and which versions run."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from .database import Database, ping
from .errors import ServiceError
from .hub_api import HubApi
from .i18n import gettext
from .running import RunningWorkspaces

DEADLINE = 4.0  # seconds until a part counts as not answering


@dataclass(frozen=True)
class Part:
    """One part: whether it is well, what it says of itself, and how long that took."""

    name: str
    ok: bool
    said: str
    milliseconds: int


@dataclass(frozen=True)
class Report:
    """All parts, and how full the storage pool is (bytes; None where we may not read it)."""

    parts: list[Part]
    pool_used: int | None
    pool_total: int | None


async def examine(database: Database, hub: HubApi, running: RunningWorkspaces) -> Report:
    """Look at everything at once; never raises for a part that is not well."""
    pool: list[tuple[int | None, int | None]] = []

    async def ask_engine() -> str:
        found = await running.get_health()
        pool.append((found.used, found.total))
        return found.server

    async def ask_database() -> str:
        await database.run(ping)
        return database.engine.dialect.name

    async def ask_hub() -> str:
        return f"JupyterHub {await hub.get_version()}"

    parts = await asyncio.gather(
        _ask(gettext("Database"), ask_database),
        _ask(gettext("Hub"), ask_hub),
        _ask(gettext("Machine room"), ask_engine),
    )
    used, total = pool[0] if pool else (None, None)
    return Report(list(parts), used, total)


def get_version() -> str:
    """Return the version of CoyoteLab, "" when it is not installed as a package."""
    try:
        return version("coyotelab")
    except PackageNotFoundError:
        return ""


async def _ask(name: str, look: Callable[[], Awaitable[str]]) -> Part:
    began = time.monotonic()
    try:
        async with asyncio.timeout(DEADLINE):
            said, ok = await look(), True
    except ServiceError as error:
        said, ok = error.tell(), False
    except TimeoutError:
        said, ok = gettext("It does not answer in time."), False
    return Part(name, ok, said, round(1000 * (time.monotonic() - began)))
