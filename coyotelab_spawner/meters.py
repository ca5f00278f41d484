"""What the engine measures from outside: what running workspaces use, and how it is itself.

Numbers and the engine's own words only; nothing in here was written inside a machine.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import instance_config as keys
from .errors import LXDError, TimedOut
from .lxd import Connection
from .lxd.client import LXDClient

HEALTH_DEADLINE = 3.0  # seconds the engine has to say that it is well
RUNNING = ("Running", "Frozen")


@dataclass(frozen=True)
class Usage:
    """What one running workspace uses.

    Args:
        memory: bytes, its page cache included; None where the engine does not say.
        cpu: seconds of processor time since it was started.
        disk: bytes that are its own, what it shares with its base not counted.
        processes: processes and threads (count).
        since: when it was started.
    """

    memory: int | None
    cpu: float | None
    disk: int | None
    processes: int | None
    since: datetime | None


@dataclass(frozen=True)
class Health:
    """How the engine is.

    Args:
        server: its name and version, such as LXD 5.0.2.
        used: bytes of the storage pool that are taken; None when our certificate may not read it.
        total: bytes of the storage pool; None as above.
    """

    server: str
    used: int | None = None
    total: int | None = None


class Meters:
    """The gauges of one LXD project."""

    def __init__(self, connection: Connection, profile: str = "coyotelab") -> None:
        self._lxd = LXDClient(connection)
        self._profile = profile

    async def list_usage(self) -> dict[str, Usage]:
        """Return what each running workspace uses, by instance name; raises LXDError."""
        records = await self._lxd.read("instances", recursion=2)
        return {
            record["name"]: _usage(record)
            for record in records
            if record["status"] in RUNNING and record["config"].get(keys.KIND) == "workspace"
        }

    async def get_health(self) -> Health:
        """Return how the engine is; raises LXDError, at the latest after `HEALTH_DEADLINE`."""
        try:
            async with asyncio.timeout(HEALTH_DEADLINE):
                environment = (await self._lxd.read())["environment"]
                server = f"{environment['server']} {environment['server_version']}"
                try:
                    space = await self._read_space()
                except LXDError:
                    return Health(server)
        except TimeoutError as error:
            raise TimedOut(f"no answer within {HEALTH_DEADLINE:.0f} s") from error
        return Health(server, _count(space.get("used")), _count(space.get("total")))

    async def _read_space(self) -> Mapping[str, Any]:
        profile = await self._lxd.read("profiles", self._profile)
        disks = [one for one in profile["devices"].values() if one.get("path") == "/"]
        if not disks:
            return {}
        resources = await self._lxd.read("storage-pools", disks[0]["pool"], "resources")
        space: Mapping[str, Any] = resources.get("space") or {}
        return space


def _usage(record: Mapping[str, Any]) -> Usage:
    state = record.get("state") or {}
    spent = _count((state.get("cpu") or {}).get("usage"))
    return Usage(
        memory=_count((state.get("memory") or {}).get("usage")),
        cpu=None if spent is None else spent / 1e9,
        disk=_count(((state.get("disk") or {}).get("root") or {}).get("usage")),
        processes=_count(state.get("processes")),
        since=_moment(record.get("last_used_at")),
    )


def _count(value: object) -> int | None:
    """Return a number of the engine's; it says -1 or 0 for what it cannot measure."""
    return value if isinstance(value, int) and value > 0 else None


def _moment(value: object) -> datetime | None:
    # Nine digits after the point are more than Python reads; the year 1 stands for "never".
    try:
        found = datetime.fromisoformat(str(value)[:19] + "+00:00")
    except ValueError:
        return None
    return found if found.year > 1 else None
