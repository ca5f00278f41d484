"""Asking a workspace server whether it answers, knowing that a student may have replaced it."""

import asyncio
import time
from enum import StrEnum

import aiohttp

INTERVAL = 0.02  # seconds; the Hub's own back-off would add one to two (`jupyterhub.md` section 5)
ANSWER_DEADLINE = 2.0  # seconds for one answer
TOO_MANY = 500  # HTTP status from which on the server counts as not ready


class Answer(StrEnum):
    """What came of asking once."""

    READY = "ready"
    REFUSED = "refused"  # the machine's kernel says that nothing listens
    SILENT = "silent"  # no answer, or none in time: says nothing about the machine


async def ask(url: str) -> Answer:
    """Ask a workspace server once; reads the status line and headers only, never the body."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_DEADLINE)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        return await _ask(session, url)


async def wait_until_ready(url: str, deadline: float) -> bool:
    """Ask every 20 ms until the server answers; False when it did not within `deadline` seconds."""
    end = time.monotonic() + deadline
    timeout = aiohttp.ClientTimeout(total=ANSWER_DEADLINE)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        while time.monotonic() < end:
            if await _ask(session, url) is Answer.READY:
                return True
            await asyncio.sleep(INTERVAL)
    return False


async def _ask(session: aiohttp.ClientSession, url: str) -> Answer:
    try:
        async with session.get(url, allow_redirects=False) as response:
            return Answer.READY if response.status < TOO_MANY else Answer.SILENT
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return Answer.REFUSED if refused else Answer.SILENT
    except (aiohttp.ClientError, TimeoutError):
        return Answer.SILENT
