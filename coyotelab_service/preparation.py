"""Machines made ahead of their first click: one at a time, in the background."""

import asyncio
import logging

from coyotelab_spawner.errors import LXDError, TimedOut, Unreachable
from coyotelab_spawner.workspaces import Workspaces

from . import machines
from .database import Database
from .site import Site

log = logging.getLogger(__name__)


class Preparation:
    """Makes the machine of everybody who may open one and has none yet.

    Args:
        pause: seconds between two of them, left to the people who work on the same host.
    """

    def __init__(self, database: Database, lxd: Workspaces, site: Site, pause: float) -> None:
        self._database = database
        self._lxd = lxd
        self._site = site
        self._pause = pause
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be somebody new."""
        self._wanted.set()

    async def run(self) -> None:
        """Prepare whenever woken, for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.run_once()
            except Exception:
                log.exception("Preparing machines failed; it is tried again later")

    async def run_once(self) -> int:
        """Make the machines that are missing, and return how many were made."""
        made = 0
        for spec in await self._database.run(machines.find_unprepared, self._site):
            try:
                workspace = await self._lxd.prepare(spec)
            except (Unreachable, TimedOut) as error:
                log.warning("No machines are prepared at the moment: %s", error.detail)
                break
            except LXDError as error:
                log.error("%s cannot be prepared: %s", spec.name, error.detail or error)
                continue
            await self._database.run(machines.note_seen, spec, workspace)
            made += 1
            log.info("Prepared %s for %s in %s", spec.name, spec.user, spec.course)
            await asyncio.sleep(self._pause)
        return made
