"""The terminal page."""

import json

from coyotelab_workspace.handlers import Handler
from coyotelab_workspace.language import read_catalog


class TerminalPage(Handler):
    """GET the prefix: one terminal filling the page."""

    is_page = True

    def get(self) -> None:
        """The page says whose workspace it is, and offers what the viewer may do."""
        settings = self.context.settings
        mine = self.viewer.name == settings.user
        self.render(
            "terminal.html",
            viewer=self.viewer.name,
            mine=mine,
            hours=f"{settings.job_hours:g}",
            texts=json.dumps(read_catalog(self.find_language())),
        )
