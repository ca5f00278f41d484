"""Asks a workspace who is in it and what it works at; the answer is its owner's word."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from .hub_api import Server

DEADLINE = 3.0  # seconds for one answer
MAX_BYTES = 16 * 1024  # of an answer
MAX_VISITORS = 100
PORT = 8888  # of every workspace's server (coyotelab_spawner/spawner.py)


@dataclass(frozen=True)
class Report:
    """What a workspace says of itself; none of it can be relied on beyond a limit of ours."""

    pages: int  # open connections
    visitors: frozenset[str]  # people with a page open who are not the owner
    programs: int  # in terminals, and kernels that compute
    quiet: float  # seconds since anything was printed or asked

    def is_at_work(self, seconds: float) -> bool:
        """Tell whether something runs, or has happened within so many seconds."""
        return self.pages > 0 or self.programs > 0 or self.quiet < seconds


def make_token(uuid: str) -> str:
    """Return what the service shows a workspace to be answered; the workspace is started with it.

    Args:
        uuid: the workspace's identity, which nobody is told.
    """
    return hashlib.sha256(f"coyotelab-work:{uuid}".encode()).hexdigest()


async def ask(address: str, server: Server, token: str, port: int = PORT) -> Report | None:
    """Return what the workspace at our own address for it says, or None when that makes no sense.

    Never through the proxy, for which each request is a sign of a person.
    """
    url = f"http://{address}:{port}{urlsplit(server.url).path.rstrip('/')}/api/work"
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(
                url, headers={"Authorization": f"token {token}"}, allow_redirects=False
            ) as reply,
        ):
            if reply.status != 200:
                return None
            content = await reply.content.readexactly(MAX_BYTES + 1)
    except asyncio.IncompleteReadError as error:
        content = error.partial  # as it should be
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return None
    return read_report(content)


def read_report(content: bytes) -> Report | None:
    """Return the answer if it is one."""
    if len(content) > MAX_BYTES:
        return None
    try:
        answer = json.loads(content)
        return Report(
            pages=_count(answer["pages"]),
            visitors=frozenset(
                str(visitor["name"]) for visitor in answer["visitors"][:MAX_VISITORS]
            ),
            programs=_count(answer["programs"]) + _count(answer["kernels"]),
            quiet=max(0.0, float(answer["quiet"])),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _count(value: Any) -> int:
    return max(0, int(value))
