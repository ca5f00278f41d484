"""Looks after open WebSockets: who has lost access is disconnected within half a minute."""

import asyncio
import logging
from typing import Protocol

from coyotelab_workspace.hub_auth import HubAuth, HubUnreachable, Viewer
from coyotelab_workspace.presence import Presence

log = logging.getLogger(__name__)
INTERVAL = 30.0
CODE_REVOKED = 4403  # close code: access has been taken back


class Closable(Protocol):
    """Anything that holds a connection open."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """End the connection."""


class Watch:
    """The open sockets, each with the token that opened it and whose it is."""

    def __init__(self, auth: HubAuth, presence: Presence) -> None:
        self._auth = auth
        self.presence = presence
        self._open: dict[Closable, tuple[str, str]] = {}

    def add(self, socket: Closable, token: str, viewer: Viewer) -> None:
        """Look after this socket from now on."""
        self._open[socket] = token, viewer.name
        self.presence.enter(viewer.name)

    def remove(self, socket: Closable) -> None:
        """It has been closed."""
        if known := self._open.pop(socket, None):
            self.presence.leave(known[1])

    async def check(self) -> None:
        """Ask the Hub about each token; only its clear no closes a socket, silence does not."""
        for token in {token for token, _ in self._open.values()}:
            try:
                viewer = await self._auth.identify(token, fresh=True)
            except HubUnreachable as e:
                log.warning("Access could not be checked, sockets stay open: %s", e)
                continue
            if viewer is not None and viewer.may_enter:
                continue
            for socket in [s for s, (t, _) in self._open.items() if t == token]:
                socket.close(CODE_REVOKED, "Your access to this workspace has ended.")

    async def run(self, interval: float = INTERVAL) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(interval)
            await self.check()
