"""The only module that calls pylxd: requests with deadlines, off the event loop, typed errors."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from pylxd import Client
from pylxd import exceptions as pylxd_errors
from pylxd.client import get_session_for_url

from ..errors import Conflict, LXDError, NotFound, OperationFailed, TimedOut, Unreachable
from . import Connection

RUNNERS = 64  # threads that only wait for commands inside machines
REPLY_DEADLINE = 15.0  # seconds LXD has to answer one request
SUCCESS = 200
UNFINISHED = range(100, 200)  # operation status codes of LXD's doc/rest-api.md


class LXDClient:
    """LXD's REST API for coroutines.

    `read` is for answers that LXD has at hand; `operate` starts a background operation and
    waits for its end. Operations have about one thread per core, since more at once only slow
    each other down (`lxd-performance.md` section 4), and reads never queue behind them.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._client: Client | None = None
        self._connecting = threading.Lock()
        cores = os.cpu_count() or 2
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="lxd-read")
        self._workers = ThreadPoolExecutor(max(2, cores), thread_name_prefix="lxd-operate")
        # What runs inside a machine takes as long as its root likes; nobody else waits for it.
        self._runners = ThreadPoolExecutor(RUNNERS, thread_name_prefix="lxd-run")

    async def read(self, *path: str, recursion: int = 0) -> Any:
        """Return the metadata of `GET /1.0/{path}`.

        Raises:
            NotFound, Unreachable, TimedOut, OperationFailed
        """
        params = {"recursion": recursion} if recursion else {}

        def request() -> Any:
            return self._send("get", path, params=params).json()["metadata"]

        return await self._run(self._readers, request)

    async def patch(self, *path: str, body: dict[str, Any]) -> None:
        """Change an object in place by `PATCH /1.0/{path}`; errors as `read`."""
        await self._run(self._readers, lambda: self._settle("patch", path, body, REPLY_DEADLINE))

    async def operate(
        self, method: str, *path: str, body: dict[str, Any] | None = None, deadline: float
    ) -> dict[str, Any]:
        """Send a request that LXD answers with an operation; return the ended operation.

        Cancelling the caller does not end the operation; it is waited for before the cancellation
        goes on, so that whoever cleans up meets its result.

        Args:
            deadline: seconds the operation may take, the wait for a free worker not counted.

        Raises:
            NotFound, Conflict, Unreachable, OperationFailed
            TimedOut: the operation goes on in LXD and may still succeed.
        """
        pool = self._runners if path[-1] == "exec" else self._workers
        work = self._run(pool, lambda: self._settle(method, path, body, deadline))
        operation = asyncio.ensure_future(work)
        try:
            ended: dict[str, Any] = await asyncio.shield(operation)
        except asyncio.CancelledError:
            await asyncio.wait({operation})
            raise
        return ended

    async def write_file(self, instance: str, path: str, content: bytes | None) -> None:
        """Put a file, or with None a folder, into an instance: root's, for root alone.

        Errors as `read`.
        """
        owner = {"uid": "0", "gid": "0"}
        kind = {"type": "directory", "mode": "0700"}
        if content is not None:
            kind = {"type": "file", "mode": "0600"}
        values = {**owner, **kind}.items()
        # Incus reads the headers under its own name.
        headers = {f"X-{us}-{name}": value for us in ("LXD", "Incus") for name, value in values}
        target = ("instances", instance, "files")

        def request() -> None:
            self._send("post", target, data=content or b"", headers=headers, params={"path": path})

        await self._run(self._runners, request)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _settle(
        self, method: str, path: tuple[str, ...], body: dict[str, Any] | None, deadline: float
    ) -> dict[str, Any]:
        reply = self._send(method, path, json=body).json()
        if reply.get("type") != "async":
            return {}
        operation_id = reply["operation"].rsplit("/", 1)[-1].split("?")[0]
        operation = self._send(
            "get",
            ("operations", operation_id, "wait"),
            params={"timeout": int(deadline)},
            timeout=deadline + REPLY_DEADLINE,
        ).json()["metadata"]
        what = f"{method} {'/'.join(path)}"
        if operation["status_code"] in UNFINISHED:
            raise TimedOut(f"{what}: not done after {deadline:.0f} s (operation {operation_id})")
        if operation["status_code"] != SUCCESS:
            raise OperationFailed(f"{what}: {operation.get('err') or operation['status']}")
        return dict(operation)

    def _send(
        self, method: str, path: tuple[str, ...], timeout: float = REPLY_DEADLINE, **kwargs: Any
    ) -> requests.Response:
        what = f"{method} {'/'.join(path)}"
        try:
            node = self._connected().api
            for segment in path:
                node = node[segment]
            response: requests.Response = getattr(node, method)(timeout=timeout, **kwargs)
            return response
        except pylxd_errors.NotFound as error:
            raise NotFound(f"{what}: {error}") from error
        except pylxd_errors.Conflict as error:
            raise Conflict(f"{what}: {error}") from error
        except pylxd_errors.LXDAPIException as error:
            raise _refusal(what, str(error)) from error
        except requests.Timeout as error:
            raise TimedOut(f"{what}: no answer within {timeout:.0f} s") from error
        except (requests.RequestException, pylxd_errors.ClientConnectionFailed, OSError) as error:
            raise Unreachable(f"{what}: {error}") from error

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Client:
        folder = self.connection.credentials
        endpoint = self.connection.url
        session = None
        if endpoint.startswith("https://"):
            session = get_session_for_url(
                endpoint,
                verify=str(folder / "server.crt"),
                cert=(str(folder / "client.crt"), str(folder / "client.key")),
            )
            # REQUESTS_CA_BUNDLE in the environment would replace the pinned certificate.
            session.trust_env = False
        return Client(
            endpoint, session=session, project=self.connection.project, timeout=REPLY_DEADLINE
        )


def _refusal(what: str, words: str) -> LXDError:
    """Return the typed error for what LXD says with a plain 400 or 500."""
    if "already exists" in words or "already in use" in words or "already defined" in words:
        return Conflict(f"{what}: {words}")
    return OperationFailed(f"{what}: {words}")
