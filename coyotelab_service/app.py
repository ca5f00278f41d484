"""The service as a program: its configuration, and how its parts are put together."""

import asyncio
import os
import secrets
import signal
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.web import Application as TornadoApplication
from traitlets import Float, Unicode, default
from traitlets.config import Application

from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.meters import Meters
from coyotelab_spawner.workspaces import Workspaces

from .database import SchemaOutdated, get_database
from .handlers.base import MissingPage
from .hub_api import HubApi
from .idle import Idle
from .pages import make_templates
from .preparation import Preparation
from .recent_servers import RecentServers
from .reconciler import Reconciler
from .routes import STATIC, make_routes
from .running import RunningWorkspaces
from .services import Services
from .site import Site
from .workspaces import CourseWorkspaces

MAX_BODY = 2 * 1024 * 1024  # bytes of one request
REVOKED = 30  # seconds until a login that ended at the Hub has ended here too


class ServiceApp(Application):
    """Courses, people and the way into their workspaces; run by the Hub as a managed service."""

    name = "coyotelab_service"
    aliases = {"config": "ServiceApp.config_file", "log-level": "ServiceApp.log_level"}

    config_file = Unicode("", config=True, help="Python file to read these settings from.")
    db_url = Unicode(
        config=True,
        help="""SQLAlchemy URL of the database, such as
        sqlite:////srv/coyotelab/service/coyotelab.sqlite or postgresql+psycopg://... Empty: the
        environment's COYOTELAB_DB.""",
    )
    lxd_url = Unicode(
        "https://127.0.0.1:8443",
        config=True,
        help="Where LXD (or Incus, usually on port 8444) listens.",
    )
    lxd_project = Unicode("coyotelab", config=True, help="LXD project that holds the workspaces.")
    lxd_profile = Unicode("coyotelab", config=True, help="LXD profile that workspaces have.")
    lxd_credentials = Unicode(
        config=True,
        help="Folder with client.crt, client.key and server.crt, as `coyotelab setup` makes it.",
    )
    public_url = Unicode(
        config=True,
        help="""Where browsers find the service; whoever comes by another host name is sent there.
        Empty: the Hub says it (JUPYTERHUB_PUBLIC_URL); empty there too: any host name will do.""",
    )
    proxy_url = Unicode(
        config=True,
        help="""Where the service itself finds the Hub's proxy, to read workspaces' files, such as
        http://127.0.0.1:8000. Empty: the port of public_url, on this host.""",
    )
    cookie_secret_file = Unicode(
        config=True,
        help="""File with the key that signs cookies, made when it is not there. Empty: a new key
        at each start, after which open pages have to be loaded again.""",
    )
    reconcile_seconds = Float(
        60.0,
        config=True,
        help="""Seconds between two looks at whether everything is still allowed; access that was
        taken away ends within this time even where the change was not noticed at once.""",
    )
    idle_seconds = Float(
        20.0,
        config=True,
        help="""Seconds between two looks for machines that nobody has a page of.""",
    )
    prepare_pause = Float(
        5.0,
        config=True,
        help="""Seconds between two machines that are made ahead of their first click; 0 would take
        the whole host for a new course.""",
    )

    @default("db_url")
    def _default_db_url(self) -> str:
        return os.environ.get("COYOTELAB_DB", "")  # its password is not for the command line

    @default("public_url")
    def _default_public_url(self) -> str:
        return os.environ.get("JUPYTERHUB_PUBLIC_URL", "")

    @default("proxy_url")
    def _default_proxy_url(self) -> str:
        return f"http://127.0.0.1:{urlsplit(self.public_url).port or 80}"

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the command line, then the file it names; the command line wins."""
        super().initialize(argv)
        if self.config_file:
            given = self.cli_config
            self.load_config_file(self.config_file)
            self.update_config(given)

    def start(self) -> None:
        """Run until the Hub says to stop."""
        try:
            get_database(self.db_url).check()
        except SchemaOutdated as error:
            self.log.critical("%s", error)
            self.exit(1)
        asyncio.run(self._serve())

    def make_services(self) -> Services:
        """Put the parts together."""
        database = get_database(self.db_url)
        hub_url = os.environ.get("JUPYTERHUB_HOST", "") + self._hub_prefix()
        hub = HubApi(
            os.environ["JUPYTERHUB_API_URL"],
            os.environ["JUPYTERHUB_API_TOKEN"],
            os.environ.get("JUPYTERHUB_HOST", ""),
        )
        connection = Connection(self.lxd_url, self.lxd_project, Path(self.lxd_credentials))
        lxd, meters = Workspaces(connection, self.lxd_profile), Meters(connection, self.lxd_profile)
        site = Site(parent=self)
        self.idle = Idle(database, hub, site)
        workspaces = CourseWorkspaces(database, hub, lxd, site, self.proxy_url)
        self.preparation = Preparation(database, lxd, site, self.prepare_pause)
        return Services(
            database=database,
            hub=hub,
            workspaces=workspaces,
            reconciler=Reconciler(database, hub, workspaces, self.preparation, lxd, site),
            running=RunningWorkspaces(database, meters, site),
            site=site,
            templates=make_templates(),
            prefix=os.environ["JUPYTERHUB_SERVICE_PREFIX"],
            public_url=self.public_url,
            hub_url=hub_url,
            recent=RecentServers(hub),
        )

    def make_application(self, services: Services) -> TornadoApplication:
        """Return what answers the requests."""
        HubOAuth.instance(
            parent=self,
            cache_max_age=REVOKED,
            base_url=services.prefix,
            api_url=os.environ["JUPYTERHUB_API_URL"],
            api_token=os.environ["JUPYTERHUB_API_TOKEN"],
            hub_host=os.environ.get("JUPYTERHUB_HOST", ""),
        )
        return TornadoApplication(
            make_routes(services.prefix),
            default_handler_class=MissingPage,
            services=services,
            service_name=os.environ["JUPYTERHUB_SERVICE_NAME"],
            cookie_secret=self._cookie_secret(),
            xsrf_cookie_kwargs={"httponly": True},
            static_path=str(STATIC),
            static_url_prefix=f"{services.prefix}static/",
        )

    async def _serve(self) -> None:
        services = self.make_services()
        server = HTTPServer(self.make_application(services), xheaders=True, max_body_size=MAX_BODY)
        bind = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
        server.listen(bind.port or 80, bind.hostname or "127.0.0.1")
        self.log.info("CoyoteLab's service answers at %s", bind.geturl())
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        background = [
            asyncio.create_task(services.reconciler.run(self.reconcile_seconds)),
            asyncio.create_task(self.preparation.run()),
            asyncio.create_task(self.idle.run(self.idle_seconds)),
        ]
        await stop.wait()
        server.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await services.hub.close()

    def _hub_prefix(self) -> str:
        return os.environ.get("JUPYTERHUB_BASE_URL", "/").rstrip("/") + "/hub/"

    def _cookie_secret(self) -> bytes:
        if not self.cookie_secret_file:
            return secrets.token_bytes(32)
        path = Path(self.cookie_secret_file)
        if not path.exists() or not path.read_bytes():  # empty: somebody was killed in the middle
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()
