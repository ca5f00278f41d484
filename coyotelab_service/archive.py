"""The ZIP of a workspace's files: read from its server, through the proxy, as its owner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from .errors import Unavailable
from .hub_api import Server
from .i18n import mark as _

CONNECT = 10.0  # seconds
SILENCE = 60.0  # seconds without a byte, after which the workspace counts as gone
CHUNK = 64 * 1024


class ArchiveBroken(Unavailable):
    """The workspace did not give its files, or stopped in the middle."""

    message = _("The workspace did not give its files. Please try again in a minute.")


@asynccontextmanager
async def read_archive(
    proxy_url: str, server: Server, token: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give the bytes of a workspace's ZIP as they come, none kept.

    Args:
        proxy_url: where the proxy is reached from here; a browser's names need not resolve here.
        server: whose files; it has to run.
        token: one that may enter this server and do nothing else, since the workspace sees it.

    Raises:
        ArchiveBroken: also in the middle; what was given until then is no ZIP.
    """
    public = urlsplit(server.url)
    url = proxy_url.rstrip("/") + public.path.rstrip("/") + "/archive"
    headers = {"Authorization": f"token {token}", "Host": public.netloc}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, sock_read=SILENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(url, headers=headers, allow_redirects=False) as reply,
        ):
            if reply.status != 200:
                raise ArchiveBroken
            yield reply.content.iter_chunked(CHUNK)
    except (TimeoutError, aiohttp.ClientError) as error:
        raise ArchiveBroken from error
