"""What a running workspace uses is measured from outside, with the restricted certificate."""

import asyncio
import time
from datetime import timedelta

import pytest

from coyotelab_service.orm import utc_now
from coyotelab_spawner import meters as module
from coyotelab_spawner.errors import LXDError
from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.meters import Health, Meters
from coyotelab_spawner.spec import GIB, WorkspaceSpec
from coyotelab_spawner.workspaces import Workspaces

RECORD = {
    "name": "ws-1-1",
    "status": "Running",
    "config": {"user.coyotelab.kind": "workspace"},
    "last_used_at": "2026-11-25T22:41:10.812569050Z",
    "state": {
        "memory": {"usage": 31_000_000},
        "cpu": {"usage": 1_500_000_000},
        "disk": {"root": {"usage": 1_000_000}},
        "processes": 12,
        "network": {"<script>": {"addresses": []}},  # a name that root inside chose
    },
}


class Engine:
    """Answers from a table of paths; what is not in it is refused, as to our certificate."""

    def __init__(self, answers: dict[tuple[str, ...], object]) -> None:
        self.answers = answers

    async def read(self, *path: str, recursion: int = 0) -> object:
        if path not in self.answers:
            raise LXDError("not allowed")
        return self.answers[path]


def make_meters(answers: dict[tuple[str, ...], object], connection: Connection) -> Meters:
    meters = Meters(connection)
    meters._lxd = Engine(answers)  # type: ignore[assignment]
    return meters


@pytest.fixture
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    return Connection("https://127.0.0.1:1", "coyotelab", tmp_path_factory.mktemp("none"))


async def test_numbers_only(nowhere: Connection) -> None:
    stopped = {**RECORD, "name": "ws-1-2", "status": "Stopped"}
    base = {**RECORD, "name": "base", "config": {"user.coyotelab.kind": "base"}}
    unknown = {**RECORD, "name": "ws-1-3", "state": None, "last_used_at": "0001-01-01T00:00:00Z"}
    records = [RECORD, stopped, base, unknown]
    found = await make_meters({("instances",): records}, nowhere).list_usage()
    assert set(found) == {"ws-1-1", "ws-1-3"}
    usage = found["ws-1-1"]
    assert (usage.memory, usage.cpu, usage.disk, usage.processes) == (31_000_000, 1.5, 10**6, 12)
    assert usage.since and usage.since.isoformat() == "2026-11-25T22:41:10+00:00"
    assert found["ws-1-3"] == module.Usage(None, None, None, None, None)


async def test_a_pool_that_may_not_be_read_is_no_fault(nowhere: Connection) -> None:
    said = {"environment": {"server": "lxd", "server_version": "5.0.2"}}
    meters = make_meters({(): said}, nowhere)
    assert await meters.get_health() == Health("lxd 5.0.2")


async def test_health_has_a_deadline(nowhere: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        async def read(self, *path: str) -> object:
            await asyncio.sleep(60)
            raise AssertionError

    monkeypatch.setattr(module, "HEALTH_DEADLINE", 0.05)
    meters = Meters(nowhere)
    meters._lxd = Silent()  # type: ignore[assignment]
    began = time.monotonic()
    with pytest.raises(LXDError):
        await meters.get_health()
    assert time.monotonic() - began < 2


async def test_an_engine_that_is_not_there_is_an_error(nowhere: Connection) -> None:
    with pytest.raises(LXDError):
        await Meters(nowhere).list_usage()


@pytest.mark.engine
async def test_a_running_workspace_is_measured(
    connection: Connection, workspaces: Workspaces, spec: WorkspaceSpec
) -> None:
    meters = Meters(connection, "coyotelab")
    await workspaces.ensure_running(spec)
    began = time.monotonic()
    usage = (await meters.list_usage())[spec.name]
    print(f"list_usage: {time.monotonic() - began:.3f} s: {usage}")
    assert usage.memory and 2**20 < usage.memory < GIB
    assert usage.cpu and usage.cpu > 0
    assert usage.since and abs(utc_now() - usage.since) < timedelta(minutes=2)
    began = time.monotonic()
    health = await meters.get_health()
    print(f"get_health: {time.monotonic() - began:.3f} s: {health}")
    assert health.server
    await workspaces.stop(spec)
    assert spec.name not in await meters.list_usage()
