"""The server process: its parts, its routes, its loop."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, StaticFileHandler

from coyotelab_workspace import handlers, pages, terminals
from coyotelab_workspace.account import Account
from coyotelab_workspace.activity import Activity
from coyotelab_workspace.context import Context
from coyotelab_workspace.download import ArchiveHandler
from coyotelab_workspace.hub_auth import HubAuth
from coyotelab_workspace.lab import Lab
from coyotelab_workspace.lab_proxy import LabHandler
from coyotelab_workspace.presence import Presence
from coyotelab_workspace.settings import Settings, from_environment
from coyotelab_workspace.watch import Watch
from coyotelab_workspace.work import WorkHandler

HERE = Path(__file__).parent
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
}
PING = 20  # seconds; keeps the proxy informed that a page is open
FOREVER = "public, max-age=31536000, immutable"


class StaticHandler(StaticFileHandler):
    """static/VERSION/FILE: kept by the browser for ever, since the URL names the version."""

    def set_extra_headers(self, path: str) -> None:
        """Content types of our own: the system's list is the student's."""
        self.set_header("Cache-Control", FOREVER)
        self.set_header("X-Content-Type-Options", "nosniff")

    def get_content_type(self) -> str:
        """By the name's ending."""
        return TYPES.get(Path(self.absolute_path or "").suffix, "application/octet-stream")


def get_version() -> str:
    """The runtime's version; outside of a runtime the newest change to the static files."""
    if Path(sys.prefix).parent.name == "versions":
        return Path(sys.prefix).name
    return f"{max(int(p.stat().st_mtime) for p in HERE.rglob('*')):x}"


def make_context(settings: Settings, account: Account) -> Context:
    """The parts of a server, not yet running."""
    auth, presence = HubAuth(settings), Presence(settings.user)
    activity = Activity(settings, presence)
    return Context(
        settings=settings,
        account=account,
        version=get_version(),
        started=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        auth=auth,
        watch=Watch(auth, presence),
        activity=activity,
        terminals=terminals.Terminals(account, activity),
        lab=Lab(settings, account),
    )


def make_application(context: Context) -> Application:
    """The routes below the prefix."""
    shells: dict[str, Any] = {"term_manager": context.terminals}
    routes: list[tuple[str, type, dict[str, Any]]] = [
        ("", pages.TerminalPage, {}),
        ("api/?", handlers.ReadinessHandler, {}),
        ("oauth_callback", handlers.CallbackHandler, {}),
        ("api/work", WorkHandler, {}),
        ("api/terminals", terminals.TerminalsHandler, {}),
        (r"api/terminals/(\w+)", terminals.TerminalHandler, {}),
        (r"terminals/websocket/(\w+)", terminals.TerminalSocket, shells),
        ("archive", ArchiveHandler, {}),
        ("(lab(?:/.*)?)", LabHandler, {}),
        (r"static/[^/]+/(.*)", StaticHandler, {"path": str(HERE / "static")}),
    ]
    prefix = context.settings.prefix.replace(".", r"\.").replace("+", r"\+")
    return Application(
        [(prefix + path, handler, options) for path, handler, options in routes],
        default_handler_class=handlers.NotFoundHandler,
        template_path=str(HERE / "templates"),
        compress_response=True,
        websocket_ping_interval=PING,
        websocket_ping_timeout=PING,  # a computer that has gone is noticed within 45 s
        websocket_max_message_size=4 << 20,
        context=context,
    )


async def serve(context: Context, sock: socket.socket) -> None:
    """Answer requests until SIGTERM; JupyterLab and the shells end with the process."""
    server = HTTPServer(make_application(context), xheaders=True, max_body_size=64 << 20)
    server.add_sockets([sock])
    watch = context.watch
    work = asyncio.gather(context.activity.run(), watch.run(), watch.presence.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def run(environment: Mapping[str, str], account: Account, sock: socket.socket) -> None:
    """Be the server."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    logging.getLogger("terminado").setLevel(logging.WARNING)
    asyncio.run(serve(make_context(from_environment(environment), account), sock))
