"""A command's output inside one machine as a command's input inside another, through us."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from ..errors import OperationFailed, TimedOut, Unreachable
from . import Connection
from .client import SUCCESS, UNFINISHED

REPLY_DEADLINE = 15.0  # seconds LXD has to answer one request
MESSAGE = 1024 * 1024  # bytes of the largest message LXD may send; it sends 128 KiB
CUT_OFF = -1  # status of a command that nobody has listened to until its end
INPUT, OUTPUT, ERRORS, CONTROL = "0", "1", "2", "control"


class Streams:
    """Runs commands with their input and output over LXD's websockets.

    No more than a few messages are in memory at a time: nothing is read from the one machine
    that the other has not taken.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._base = "http://engine"
        if connection.url.startswith("https://"):
            self._base = connection.url

    async def pipe(
        self, source: str, made: dict[str, Any], target: str, taken: dict[str, Any], deadline: float
    ) -> tuple[int, int]:
        """Run a command in `source`, give its output to one in `target`; return both's statuses.

        Args:
            made, taken: bodies of `POST /1.0/instances/{name}/exec` that wait for the websocket.
            deadline: seconds for all of it.

        Raises:
            OperationFailed, Unreachable
            TimedOut: both commands have been cut off.
        """
        try:
            async with (
                asyncio.timeout(deadline),
                self._open() as session,
                _Command(session, self._base, self._connection.project) as reader,
                _Command(session, self._base, self._connection.project) as writer,
            ):
                await reader.start(source, made)
                await writer.start(target, taken)
                return await _pass_on(reader, writer)
        except TimeoutError as error:
            raise TimedOut(f"{source} to {target}: not done after {deadline:.0f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{source} to {target}: {error}") from error

    def _open(self) -> aiohttp.ClientSession:
        if not self._connection.url.startswith("https://"):
            path = self._connection.url
            return aiohttp.ClientSession(connector=aiohttp.UnixConnector(path))
        folder = self._connection.credentials
        trust = ssl.create_default_context(cafile=str(folder / "server.crt"))
        trust.load_cert_chain(folder / "client.crt", folder / "client.key")
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), trust_env=False)


class _Command:
    """One command inside a machine, with its streams; cut off when it is left early."""

    def __init__(self, session: aiohttp.ClientSession, base: str, project: str) -> None:
        self._session = session
        self._base = base
        self._project = {"project": project}
        self._operation = ""
        self._sockets: dict[str, aiohttp.ClientWebSocketResponse] = {}
        self._listeners: list[asyncio.Task[None]] = []
        self._ended = False

    async def __aenter__(self) -> "_Command":
        return self

    async def __aexit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.cancel()
        if self._operation and not self._ended and CONTROL in self._sockets:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                kill = {"command": "signal", "signal": 9}
                await asyncio.wait_for(self._sockets[CONTROL].send_json(kill), 1)
        for socket in self._sockets.values():
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await socket.close()

    async def start(self, name: str, body: dict[str, Any]) -> None:
        answer = await self._ask("POST", f"instances/{name}/exec", json=body)
        self._operation = answer["operation"].rsplit("/", 1)[-1].split("?")[0]
        secrets = answer["metadata"]["metadata"]["fds"]
        url = f"{self._base}/1.0/operations/{self._operation}/websocket"
        for stream in (CONTROL, ERRORS, OUTPUT, INPUT):  # it begins when the last one is there
            self._sockets[stream] = await self._session.ws_connect(
                url,
                params={**self._project, "secret": secrets[stream]},
                max_msg_size=MESSAGE,
                autoclose=False,
                autoping=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            )
        for stream in (CONTROL, ERRORS, INPUT):
            self._listen(stream)

    def _listen(self, stream: str) -> None:
        listener = asyncio.create_task(_drain(self._sockets[stream]))
        self._listeners.append(listener)

    async def read(self) -> AsyncIterator[bytes]:
        """Give the output until the command closes it."""
        async for message in _messages(self._sockets[OUTPUT]):
            if message.type is not aiohttp.WSMsgType.BINARY:
                break  # LXD says the end by an empty text
            yield message.data

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        """Give the command its input; it may end before it has taken all of it."""
        socket = self._sockets[INPUT]
        self._listen(OUTPUT)
        async for chunk in chunks:
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(chunk)
        with contextlib.suppress(ConnectionError):
            await socket.send_str("")

    async def wait(self) -> int:
        """Return the exit status."""
        while True:
            ended = (await self._ask("GET", f"operations/{self._operation}/wait?timeout=10"))[
                "metadata"
            ]
            if ended["status_code"] not in UNFINISHED:
                break
        self._ended = True
        if ended["status_code"] != SUCCESS:
            raise OperationFailed(f"command {self._operation}: {ended.get('err')}")
        return int((ended.get("metadata") or {}).get("return", -1))

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        url = f"{self._base}/1.0/{path}"
        timeout = aiohttp.ClientTimeout(total=REPLY_DEADLINE)
        async with self._session.request(
            method, url, params=self._project, timeout=timeout, **options
        ) as reply:
            answer: dict[str, Any] = await reply.json()
        if answer.get("type") == "error":
            raise OperationFailed(f"{method} {path}: {answer.get('error')}")
        return answer


async def _pass_on(reader: _Command, writer: _Command) -> tuple[int, int]:
    feeding = asyncio.create_task(writer.feed(reader.read()))
    waiting = asyncio.create_task(writer.wait())
    try:
        await asyncio.wait({feeding, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not feeding.done() and (status := await waiting):
            return CUT_OFF, status  # such as a disk that is full; the rest is of no use
        await feeding
        return await reader.wait(), await waiting
    finally:
        feeding.cancel()
        waiting.cancel()


async def _drain(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in _messages(socket):
        pass


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[aiohttp.WSMessage]:
    """Give the messages; LXD's pings are answered, as long as it still wants that."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.PING:
            with contextlib.suppress(ConnectionError):
                await socket.pong(message.data)
        else:
            yield message
