"""Machines made ahead of their first click: one at a time, in the background."""

import asyncio
import logging
from time import monotonic

from coyotelab_spawner.errors import LXDError, TimedOut, Unreachable
from coyotelab_spawner.workspaces import Workspaces

from . import machines
from .database import Database
from .site import Site

log = logging.getLogger(__name__)

LOOK_AGAIN = 600.0  # seconds for which it holds that nothing was missing


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
        self._nothing_at = float("-inf")  # when nothing was missing, by the monotonic clock
        self._newest = (0, 0)

    async def remind(self) -> None:
        """Say that a minute has passed: looks again only when there may be something to do.

        A look reads every enrollment, so one that found nothing holds for a while.
        """
        newest = await self._database.run(machines.find_newest)
        rested = monotonic() - self._nothing_at < LOOK_AGAIN
        if newest != self._newest or not rested:
            self._newest = newest
            self.wake()

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
        made, specs = 0, await self._database.run(machines.find_unprepared, self._site)
        self._nothing_at = float("-inf") if specs else monotonic()
        for spec in specs:
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
