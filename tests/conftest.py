"""What every test may ask for: the test engine that `make test` has set up, and a swept project."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from coyotelab_spawner import instance_config as keys
from coyotelab_spawner.clones import Clones
from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.spec import GIB, Limits, WorkspaceSpec
from coyotelab_spawner.workspaces import Workspaces

from .site import Site

T = TypeVar("T")
SITE_PORT = 18000
CHECKOUT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    kinds = ("sqlite", "postgresql")
    parser.addoption("--database", choices=kinds, default="sqlite", help="of the service's tests")


@pytest.fixture(scope="session")
def test_state() -> Path:
    """The state folder of the test set-up: own project, own bridge, own certificate."""
    chosen = os.environ.get("COYOTELAB_TEST_STATE", CHECKOUT / ".coyotelab" / "test")
    folder = Path(chosen).resolve()
    if not (folder / "setup.json").exists():
        pytest.fail(f"no test engine: {folder}/setup.json is missing; run the tests by `make test`")
    return folder


@pytest.fixture(scope="session")
def machine(test_state: Path) -> dict[str, Any]:
    """What set-up wrote about the engine: see setup.json in docs/architecture.md."""
    facts: dict[str, Any] = json.loads((test_state / "setup.json").read_text())
    return facts


@pytest.fixture(scope="session")
def connection(machine: dict[str, Any], test_state: Path) -> Connection:
    return Connection(machine["url"], machine["project"], test_state / machine["credentials"])


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where Playwright keeps this thread's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _discard_all(connection: Connection) -> None:
    instances = Instances(connection)
    clones = Clones(instances, "coyotelab")
    for record in await instances.list_all():
        if record["config"].get(keys.KIND) != "base":
            await clones.discard(record["name"])


def sweep(connection: Connection, state: Path) -> None:
    """Remove what a former run left, a killed one too: every instance but the bases, all data."""
    finish(_discard_all(connection))
    for folder in ("hub", "service"):
        shutil.rmtree(state / folder, ignore_errors=True)
    (state / "config.py").unlink(missing_ok=True)  # values that a killed test had set


@pytest.fixture(scope="session")
def swept(connection: Connection, test_state: Path) -> Iterator[None]:
    sweep(connection, test_state)
    yield
    sweep(connection, test_state)


@pytest.fixture
async def instances(connection: Connection, swept: None) -> Instances:
    return Instances(connection)


@pytest.fixture
async def workspaces(connection: Connection, machine: dict[str, Any], swept: None) -> Workspaces:
    return Workspaces(connection, machine["profile"])


@pytest.fixture
async def spec(
    machine: dict[str, Any], instances: Instances, workspaces: Workspaces
) -> AsyncIterator[WorkspaceSpec]:
    """A workspace that does not exist yet; whatever bears its name is gone afterwards."""
    uuid = str(uuid4())
    name = f"t-{uuid[:8]}"
    limits = Limits(cpu=2, memory=1 * GIB, disk=4 * GIB, processes=500)
    yield WorkspaceSpec(name, uuid, machine["base"], "cs101", "student1", limits)
    clones = Clones(instances, machine["profile"])
    for record in await instances.list_all():
        ours = record["config"].get(keys.UUID) == uuid
        if record["name"].startswith(name) or ours:
            await clones.discard(record["name"])


@pytest.fixture(scope="session")
def site(test_state: Path, machine: dict[str, Any], swept: None) -> Iterator[Site]:
    """The whole product, running, with nothing of an earlier run in it."""
    running = Site(test_state, machine, SITE_PORT)
    running.start()
    yield running
    running.stop()


async def sh(instances: Instances, name: str, script: str) -> int:
    """Run a script as root in a running instance; return its exit status."""
    return await instances.run(name, keys.exec_body(["/bin/sh", "-c", script], {}), 30)


def renewed(spec: WorkspaceSpec) -> WorkspaceSpec:
    """The same workspace after a reset."""
    return replace(spec, uuid=str(uuid4()), former=spec.uuid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Say on a failure what the engine looked like."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    connection = getattr(item, "funcargs", {}).get("connection")
    if report.when == "call" and report.failed and connection:
        records = finish(Instances(connection).list_all())
        rows = [f"{r['name']} {r['status']} {dict(r['config'])}" for r in records]
        report.sections.append(("instances in the test project", "\n".join(rows)))
    running = getattr(item, "funcargs", {}).get("site")
    if report.when == "call" and report.failed and isinstance(running, Site):
        report.sections.append(("logs of the site", running.get_logs()))
