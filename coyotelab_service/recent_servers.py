"""The Hub's list of servers, asked for once however many people look at it at the same moment."""

import asyncio
from time import monotonic

from .hub_api import HubApi, Server

FRESH = 2.0  # seconds for which one answer is everybody's, one that says no included

Servers = dict[tuple[str, str], Server]


class RecentServers:
    """Every active server, as of a moment ago: for pages, not for deciding what is done."""

    def __init__(self, hub: HubApi) -> None:
        self._hub = hub
        self._answer: asyncio.Task[Servers] | None = None
        self._asked_at = float("-inf")

    async def list_all(self) -> Servers:
        """Return them by user name and server name; raises HubUnavailable, HubError."""
        answer = self._answer
        if answer is None or (answer.done() and monotonic() - self._asked_at > FRESH):
            self._asked_at = monotonic()
            answer = self._answer = asyncio.create_task(self._hub.list_servers())
        # Who goes away takes the answer from nobody else.
        return await asyncio.shield(answer)

    def forget(self) -> None:
        """Ask anew the next time, after something was stopped."""
        self._answer = None
