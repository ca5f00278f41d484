"""Tells the Hub that a person is here, so that nobody stops the workspace under them.

What programs do with no page open is no presence; `work` tells the service of it when it asks.
"""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from coyotelab_workspace.presence import Presence
from coyotelab_workspace.settings import Settings

log = logging.getLogger(__name__)
INTERVAL = 60.0


class Activity:
    """Remembers when somebody was last here and posts it every minute, only when it is news."""

    def __init__(self, settings: Settings, presence: Presence) -> None:
        self._settings, self._presence = settings, presence
        self.last = datetime.now(UTC)
        self._posted: datetime | None = None
        self._loud = time.monotonic()

    def note(self) -> None:
        """A person did something now."""
        self.last = datetime.now(UTC)
        self.note_work()

    def note_work(self) -> None:
        """A program did something now."""
        self._loud = time.monotonic()

    def get_quiet_seconds(self) -> float:
        """Return the seconds since anything happened."""
        return time.monotonic() - self._loud

    async def post(self) -> bool:
        """Post once; True when the Hub took it or there was nothing new."""
        if self._presence.count():
            self.last = datetime.now(UTC)  # whoever has a page open is here, however still
        last, settings = self.last, self._settings
        if last == self._posted or not settings.activity_url:
            return True
        stamp = last.isoformat().replace("+00:00", "Z")
        body = {"servers": {settings.server: {"last_activity": stamp}}, "last_activity": stamp}
        headers = {"Authorization": f"Bearer {settings.api_token}"}
        request = HTTPRequest(settings.activity_url, "POST", headers, json.dumps(body))
        try:
            await AsyncHTTPClient().fetch(request)
        except Exception as e:
            log.warning("Activity was not posted: %s", e)
            return False
        self._posted = last
        return True

    async def run(self, interval: float = INTERVAL) -> None:
        """Post for ever."""
        while True:
            await asyncio.sleep(interval)
            await self.post()
