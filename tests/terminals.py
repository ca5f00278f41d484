"""A workspace's terminal over its WebSocket, as the page of it uses it, without a browser."""

import asyncio
import json
import time
from collections.abc import Callable

import requests
from requests.cookies import get_cookie_header
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from .people import Person

DEADLINE = 60.0  # seconds


async def open_terminal(person: Person, running: str) -> WebSocketClientConnection:
    """Open terminal 1 of a workspace as the page of it does."""
    person.get(running).raise_for_status()
    cookies = get_cookie_header(person.cookies, requests.Request("GET", running).prepare())
    origin = "/".join(running.split("/")[:3])
    url = f"{running.replace('http', 'ws', 1)}terminals/websocket/1"
    headers = {"Origin": origin, "Cookie": cookies or ""}
    socket = await websocket_connect(HTTPRequest(url, headers=headers))
    assert await socket.read_message(), "a terminal says something first"
    return socket


def run_line(person: Person, running: str, line: str) -> str:
    """Type a line into a shell; return what it printed, up to the next prompt."""
    return asyncio.run(_run_line(person, running, line))


async def _run_line(person: Person, running: str, line: str) -> str:
    socket = await open_terminal(person, running)
    # The quotes keep the words, as they are echoed, apart from the words as they are printed.
    typed = f"echo beg''in; {line}; echo en''d\r"
    await socket.write_message(json.dumps(["stdin", typed]))
    printed = ""
    async with asyncio.timeout(DEADLINE):
        while "end\r\n" not in printed:
            message = await socket.read_message()
            assert message is not None, f"the terminal was closed: {printed}"
            kind, *rest = json.loads(message)
            printed += rest[0] if kind == "stdout" else ""
    socket.close()
    return printed.rpartition("begin\r\n")[2].partition("end\r\n")[0]


def time_closing(person: Person, running: str, act: Callable[[], object]) -> float:
    """Open a terminal, do something, and return the seconds until the terminal is closed."""
    return asyncio.run(_time_closing(person, running, act))


async def _time_closing(person: Person, running: str, act: Callable[[], object]) -> float:
    socket = await open_terminal(person, running)
    began = time.monotonic()
    doing = asyncio.create_task(asyncio.to_thread(act))
    async with asyncio.timeout(DEADLINE):
        while await socket.read_message() is not None:
            pass
    closed = time.monotonic() - began
    await doing
    return closed
