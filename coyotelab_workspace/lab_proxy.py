"""lab/...: passes HTTP and WebSockets on to JupyterLab, which never sees the Hub's cookies."""

import asyncio
import contextlib

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError

from coyotelab_workspace.handlers import Handler, Refused
from coyotelab_workspace.language import mark as _

PIECE = 1 << 16
OWN_HEADERS = ("Authorization", "Connection", "Content-Length", "Cookie", "Origin")
HOP_HEADERS = ("Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Transfer-Encoding")


class LabHandler(Handler):
    """Every method below lab/; the person was let in and the origin checked in `prepare`."""

    is_page = True
    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    async def get(self, _path: str) -> None:
        """Start JupyterLab if need be; a small page waits for it."""
        lab = self.context.lab
        if self.request.path in {lab.base_url, lab.base_url.rstrip("/")}:
            await self.start()
        elif lab.is_ready():
            await self.forward()
        elif self.request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
            await self.start()
        else:
            raise Refused(503, _("JupyterLab is not running."))

    async def start(self) -> None:
        """To JupyterLab's own page when it answers; else wait, and look again in a second."""
        lab = self.context.lab
        if lab.is_ready():
            self.redirect(f"{lab.base_url}lab")
            return
        if lab.has_failed() and self.get_query_argument("again", ""):
            raise Refused(500, _("JupyterLab could not be started. Its log has the reason."))
        try:
            await lab.ensure_started()
        except OSError as e:
            raise Refused(500, _("JupyterLab could not be started.")) from e
        self.render("lab.html", url=f"{lab.base_url}?again=1")

    async def change(self, _path: str) -> None:
        """All other methods are JupyterLab's alone."""
        if not self.context.lab.is_ready():
            raise Refused(503, _("JupyterLab is not running."))
        await self.forward()

    head = post = put = patch = delete = options = change

    def get_sent_token(self) -> str | None:
        """JupyterLab's page sends the token it got from us; that one lets nobody in here."""
        token = super().get_sent_token()
        return None if token == self.context.lab.token else token

    def make_head(self) -> bytes:
        """The request as JupyterLab gets it: with its token, without our cookies."""
        request = self.request
        headers = HTTPHeaders(request.headers)
        upgrade = headers.get("Upgrade", "").lower() == "websocket"
        for name in (*OWN_HEADERS, *HOP_HEADERS):
            headers.pop(name, None)
        headers["Authorization"] = f"token {self.context.lab.token}"
        headers["Connection"] = "Upgrade" if upgrade else "close"
        if request.body or request.method in {"POST", "PUT", "PATCH"}:
            headers["Content-Length"] = str(len(request.body))
        lines = [f"{request.method} {request.uri} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.get_all()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1")

    async def forward(self) -> None:
        """Hand the connection over: whatever JupyterLab answers goes back byte by byte."""
        head = self.make_head()
        try:
            reader, writer = await asyncio.open_unix_connection(self.context.lab.path)
        except OSError as e:
            raise Refused(503, _("JupyterLab is not running.")) from e
        stream: IOStream = self.detach()
        link = _Link(stream)
        self.context.watch.add(link, self.token, self.viewer)
        up = asyncio.ensure_future(_send_on(stream, writer))
        try:
            writer.write(head + self.request.body)
            while data := await reader.read(PIECE):
                await stream.write(data)
        except (OSError, StreamClosedError):
            pass  # one side has gone; the other is told by closing
        finally:
            self.context.watch.remove(link)
            up.cancel()
            writer.close()
            stream.close()


class _Link:
    """A handed-over connection, as the watch sees it."""

    def __init__(self, stream: IOStream) -> None:
        self._stream = stream

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Cut it."""
        self._stream.close()


async def _send_on(stream: IOStream, writer: asyncio.StreamWriter) -> None:
    """What the browser sends after its request: the frames of a WebSocket."""
    with contextlib.suppress(OSError, StreamClosedError):
        while data := await stream.read_bytes(PIECE, partial=True):
            writer.write(data)
            await writer.drain()
    writer.close()
