"""Tells the Hub that the workspace is in use, so that nobody stops it under a working person."""

import asyncio
import json
import logging
from datetime import UTC, datetime

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from coyotelab_workspace.settings import Settings

log = logging.getLogger(__name__)
INTERVAL = 60.0


class Activity:
    """Remembers when something last happened and posts it every minute, only when it is news."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.last = datetime.now(UTC)
        self._posted: datetime | None = None

    def note(self) -> None:
        """Something happened now."""
        self.last = datetime.now(UTC)

    async def post(self) -> bool:
        """Post once; True when the Hub took it or there was nothing new."""
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
