"""LXD's instance, profile and network calls as verbs, each with its deadline."""

import asyncio
import contextlib
import fcntl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import NotFound, OperationFailed, TimedOut
from . import Connection
from .client import LXDClient

# Seconds. Many times what was measured on an idle machine, since a whole class may be starting.
COPY_DEADLINE = 120.0
START_DEADLINE = 90.0
STOP_DEADLINE = 30.0
# Seconds an instance has to shut down by itself; an init that is still booting misses the first
# signal, and needs less than that to boot.
GRACES = (2, 10)
SHORT_DEADLINE = 30.0

BUSY = "Instance is busy"  # LXD's and Incus's words while another operation has the instance
BUSY_INTERVAL = 0.1  # seconds
EXEC_MISSING = 127  # what a shell answers for a command that is not there

Instance = Mapping[str, Any]


class Instances:
    """The instances of one LXD project."""

    def __init__(self, connection: Connection) -> None:
        self.project = connection.project
        certificate = connection.credentials / "client.crt"
        self.lock = certificate if certificate.exists() else None
        self._lxd = LXDClient(connection)

    async def get(self, name: str, *part: str) -> Instance | None:
        """Return LXD's record of an instance, or None when there is none of that name.

        Args:
            part: of the record, such as "state"; without one it is the record itself.
        """
        try:
            record: Instance = await self._lxd.read("instances", name, *part)
        except NotFound:
            return None
        return record

    async def list_all(self) -> list[Instance]:
        """Return LXD's records of all instances of the project."""
        records: list[Instance] = await self._lxd.read("instances", recursion=1)
        return records

    async def get_profile(self, profile: str) -> Mapping[str, Any]:
        """Return LXD's record of a profile: its config and its devices by name."""
        record: Mapping[str, Any] = await self._lxd.read("profiles", profile)
        return record

    async def create(self, body: dict[str, Any]) -> None:
        """Create an instance; raises Conflict when the name or address is taken."""
        await self._lxd.operate("post", "instances", body=body, deadline=COPY_DEADLINE)

    async def rename(self, name: str, new_name: str) -> None:
        """Rename a stopped instance; raises Conflict when the new name is taken."""
        body = {"name": new_name}
        await _patiently(
            lambda: self._lxd.operate("post", "instances", name, body=body, deadline=SHORT_DEADLINE)
        )

    async def configure(self, name: str, config: Mapping[str, str], **more: Any) -> None:
        """Change some config keys and, by keyword, other fields such as devices."""
        body = {"config": dict(config), **more}
        await _patiently(lambda: self._lxd.patch("instances", name, body=body))

    async def start(self, name: str) -> None:
        """Start an instance; one that runs already is left running.

        Tried twice: under load LXD fails now and then to set up a cgroup, and succeeds the next
        time (`lxd-performance.md` section 4).
        """
        body = {"action": "start"}
        try:
            await self._change_state(name, body, START_DEADLINE, "Running")
        except OperationFailed:
            await self._change_state(name, body, START_DEADLINE, "Running")

    async def unfreeze(self, name: str) -> None:
        """Let a frozen instance go on; one that is not frozen is left as it is."""
        await self._change_state(name, {"action": "unfreeze"}, SHORT_DEADLINE, "Running")

    async def stop(self, name: str, force: bool = False) -> None:
        """Stop an instance, by force when it does not shut down in time."""
        for grace in () if force else GRACES:
            with contextlib.suppress(OperationFailed, TimedOut):
                body = {"action": "stop", "timeout": grace}
                return await self._change_state(name, body, STOP_DEADLINE, "Stopped")
        await self._change_state(name, {"action": "stop", "force": True}, STOP_DEADLINE, "Stopped")

    async def delete(self, name: str) -> None:
        """Delete a stopped instance; none of that name is fine too."""
        with contextlib.suppress(NotFound):
            await self._lxd.operate("delete", "instances", name, deadline=SHORT_DEADLINE)

    async def write_file(self, name: str, path: PurePosixPath, content: bytes) -> None:
        """Put a file into an instance, and its folder if need be: root's, for root alone."""
        try:
            await self._lxd.write_file(name, str(path), content)
        except (NotFound, OperationFailed):
            await self._lxd.write_file(name, str(path.parent), None)
            await self._lxd.write_file(name, str(path), content)

    async def run(self, name: str, body: dict[str, Any], deadline: float) -> int:
        """Run a command in a running instance and return its exit status; output is not read."""
        ended = await self._lxd.operate(
            "post", "instances", name, "exec", body=body, deadline=deadline
        )
        status = (ended.get("metadata") or {}).get("return", EXEC_MISSING)
        return int(status)

    async def _change_state(
        self, name: str, body: dict[str, Any], deadline: float, wanted: str
    ) -> None:
        path = ("instances", name, "state")
        try:
            await _patiently(
                lambda: self._lxd.operate("put", *path, body=body, deadline=deadline), deadline
            )
        except OperationFailed:
            record = await self.get(name)  # "already running", "already stopped"
            if record is None or record["status"] != wanted:
                raise


async def _patiently(ask: Callable[[], Awaitable[Any]], deadline: float = SHORT_DEADLINE) -> None:
    """Ask again while somebody else's operation has the instance, for `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        try:
            await ask()
            return
        except OperationFailed as error:
            if BUSY not in error.detail or time.monotonic() >= end:
                raise
        await asyncio.sleep(BUSY_INTERVAL)


@contextlib.asynccontextmanager
async def creating(lock: Path | None) -> AsyncIterator[None]:
    """Let one process of this host at a time create instances of a project.

    Whoever looks for a free address must see the one before; and LXD 5.0 gives two isolated
    instances that are created at once the same user ids, or ids the host does not grant. The
    kernel takes the lock back from a process that is killed.

    Args:
        lock: a file that the processes share; without one (over a unix socket) nobody waits.
    """
    if lock is None:
        yield
        return
    with lock.open("rb") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
