"""The page with what happened to one workspace."""

import re

from .. import log
from .base import PageHandler

NUMBER = re.compile("[0-9]{1,9}")


class LogPage(PageHandler):
    """Who did what to a workspace and when, its owner's own doings included."""

    async def get(self, slug: str, username: str | None) -> None:
        """Show the newest part, or the one before a given event."""
        username = username or self.person.username
        before = self.get_query_argument("before", "")
        number = int(before) if NUMBER.fullmatch(before) else None
        found = await self.services.run(log.list_events, self.person, slug, username, number)
        self.write_page(
            "log.html",
            course={"slug": slug, "name": found.course},
            username=username,
            log=found,
        )
