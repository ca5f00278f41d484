"""The parts that the handlers work with, made once by the application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import jinja2
from sqlalchemy.orm import Session

from .database import Database, ping
from .hub_api import HubApi
from .intake import Intake
from .recent_servers import RecentServers
from .reconciler import Reconciler
from .running import RunningWorkspaces
from .site import Site
from .workspaces import CourseWorkspaces

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """Everything a request may need.

    Args:
        prefix: path of the service, with a slash at both ends.
        public_url: where browsers find the service; "" when that is not known.
        hub_url: where browsers find the Hub, such as http://coyote.localhost:8000/hub/.
    """

    database: Database
    hub: HubApi
    workspaces: CourseWorkspaces
    reconciler: Reconciler
    running: RunningWorkspaces
    site: Site
    templates: jinja2.Environment
    prefix: str
    public_url: str
    hub_url: str
    recent: RecentServers
    intake: Intake = field(default_factory=Intake)

    @property
    def cookie_domain(self) -> str:
        """Domain of cookies that hold for all of CoyoteLab's hosts; "" when it has one host only.

        Only what a person likes may be kept in these: workspaces read and write them too.
        """
        own, hub = urlsplit(self.public_url).hostname, urlsplit(self.hub_url).hostname
        return hub if own and hub and own.endswith(f".{hub}") else ""

    def run(
        self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Run `work(session, ...)` in a thread, as one transaction."""
        return self.database.run(work, *args, **kwargs)

    async def check(self) -> None:
        """Raise unless the service can work: it can when its database answers."""
        await self.database.run(ping)

    def is_own_host(self, host: str) -> bool:
        """Tell whether a request came to the service's own public host."""
        return not self.public_url or host == urlsplit(self.public_url).netloc

    def find_own_url(self, uri: str) -> str:
        """Return where a request to another host belongs: the same page, or the first one."""
        public = urlsplit(self.public_url)
        if uri.startswith(self.prefix):
            return f"{public.scheme}://{public.netloc}{uri}"
        return self.public_url
