"""The life of a workspace on the real engine."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from coyotelab_spawner import instance_config as keys
from coyotelab_spawner.clones import Clones, address_of
from coyotelab_spawner.errors import Foreign, LXDError, Missing
from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.naming import pending_prefix
from coyotelab_spawner.readiness import Answer, ask, wait_until_ready
from coyotelab_spawner.spec import GIB, Limits, WorkspaceSpec, WorkspaceState
from coyotelab_spawner.workspaces import Workspaces

from ..conftest import renewed, sh

pytestmark = pytest.mark.engine


async def named(instances: Instances, prefix: str) -> list[str]:
    return [r["name"] for r in await instances.list_all() if r["name"].startswith(prefix)]


async def test_creating_twice_makes_one_instance(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    first = await workspaces.ensure_created(spec)
    second = await workspaces.ensure_created(replace(spec, created=True))
    assert first == second
    assert first.state is WorkspaceState.STOPPED
    record = await instances.get(spec.name)
    assert record is not None
    assert record["config"][keys.UUID] == spec.uuid
    assert record["config"]["limits.memory"] == str(spec.limits.memory)
    assert record["expanded_devices"]["root"]["size"] == str(spec.limits.disk)
    assert record["expanded_config"]["security.idmap.isolated"] == "true"


async def test_changed_limits_count_from_the_next_start(
    workspaces: Workspaces,
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patched: list[str] = []
    configure = instances.configure

    async def count(name: str, *args: Any, **more: Any) -> None:
        patched.append(name)
        await configure(name, *args, **more)

    monkeypatch.setattr(workspaces._instances, "configure", count)
    await workspaces.ensure_running(spec)
    other = replace(spec, limits=Limits(cpu=1, memory=GIB // 2, disk=5 * GIB, processes=400))
    await workspaces.ensure_running(other)
    assert patched == [], "as it was made, and one that runs keeps what it has"
    before = await instances.get(spec.name)
    await workspaces.stop(spec)
    await workspaces.ensure_running(other)
    record = await instances.get(spec.name)
    assert record is not None and before is not None
    assert {key: record["config"][key] for key in keys.limit_keys(other.limits)} == (
        keys.limit_keys(other.limits)
    )
    root = {**before["devices"]["root"], "size": str(5 * GIB)}
    assert record["devices"] == {**before["devices"], "root": root}, "nothing else has changed"
    assert await sh(instances, spec.name, '[ "$(nproc)" = 1 ]') == 0
    await workspaces.stop(spec)
    await workspaces.ensure_running(other)
    assert patched == [spec.name], "once, when they had changed"


async def test_a_disk_is_not_made_smaller_than_what_it_holds(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_running(spec)
    fill = "head -c 300M /dev/urandom > /home/coyote/data && sync"
    assert await sh(instances, spec.name, fill) == 0
    await workspaces.stop(spec)
    assert keys.disk_usage(await instances.get(spec.name, "state")) > 300 * 1024**2
    small = replace(spec, limits=replace(spec.limits, cpu=1, disk=GIB // 4))
    await workspaces.ensure_running(small)
    record = await instances.get(spec.name)
    assert record is not None
    assert record["devices"]["root"]["size"] == str(spec.limits.disk)
    assert record["config"]["limits.cpu"] == "1", "the rest counts all the same"
    await workspaces.stop(spec)
    fitting = replace(spec, limits=replace(spec.limits, disk=3 * GIB))
    await workspaces.ensure_running(fitting)
    record = await instances.get(spec.name)
    assert record is not None and record["devices"]["root"]["size"] == str(3 * GIB)
    assert await sh(instances, spec.name, "echo more > /home/coyote/more && sync") == 0


async def test_a_machine_starts_with_its_old_limits_when_lxd_refuses_new_ones(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    absurd = replace(spec, limits=replace(spec.limits, cpu=-7))
    running = await workspaces.ensure_running(absurd)
    assert running.state is WorkspaceState.RUNNING
    record = await instances.get(spec.name)
    assert record is not None and record["config"]["limits.cpu"] == str(spec.limits.cpu)


async def test_twenty_simultaneous_starts_from_two_processes_end_in_one_machine(
    connection: Connection, machine: dict[str, Any], instances: Instances, spec: WorkspaceSpec
) -> None:
    processes = [Workspaces(connection, machine["profile"]) for _ in range(2)]
    found = await asyncio.gather(*(p.ensure_running(spec) for p in processes for _ in range(10)))
    assert len(set(found)) == 1
    assert found[0].state is WorkspaceState.RUNNING
    assert await named(instances, pending_prefix(spec.uuid)) == []


async def test_a_start_during_a_stop_comes_after_it(
    workspaces: Workspaces, connection: Connection, machine: dict[str, Any], spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_running(spec)
    await asyncio.sleep(1)  # booted, so that it shuts down by itself
    stopping = asyncio.create_task(workspaces.stop(spec))
    await asyncio.sleep(0.15)
    other_process = Workspaces(connection, machine["profile"])
    began = asyncio.get_running_loop().time()
    await other_process.ensure_running(spec)
    await stopping
    assert asyncio.get_running_loop().time() - began < 30


async def test_a_start_that_is_cancelled_leaves_no_clone(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    starting = asyncio.create_task(workspaces.ensure_running(spec))
    await asyncio.sleep(0.12)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await named(instances, pending_prefix(spec.uuid)) == []


async def test_files_survive_stop_and_start_and_maps_of_ids_differ(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    other = replace(spec, name=spec.name + "-b")
    await asyncio.gather(workspaces.ensure_running(spec), workspaces.ensure_running(other))
    maps = set()
    for name in (spec.name, other.name):
        record = await instances.get(name)
        maps.add(record["config"]["volatile.idmap.base"] if record else None)
    assert len(maps) == 2
    assert await sh(instances, spec.name, "echo kept > /home/coyote/marker") == 0
    await workspaces.stop(spec)
    assert await workspaces.get_state(spec) is WorkspaceState.STOPPED
    await workspaces.stop(spec)
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, "grep -q kept /home/coyote/marker") == 0


async def test_preparing_leaves_a_stopped_machine_that_has_booted(
    workspaces: Workspaces, instances: Instances, machine: dict[str, Any], spec: WorkspaceSpec
) -> None:
    prepared = await workspaces.prepare(spec)
    assert prepared.state is WorkspaceState.STOPPED
    record = await instances.get(spec.name)
    assert record is not None
    if machine["engine"] == "lxd":  # Incus maps ids at the mount and shifts nothing
        config = record["config"]
        assert config["volatile.idmap.next"] == config["volatile.last_state.idmap"]
    assert await workspaces.ensure_running(spec) == replace(prepared, state=WorkspaceState.RUNNING)


async def test_preparing_while_somebody_starts_stops_nobody(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    preparing = asyncio.create_task(workspaces.prepare(spec))
    running = await workspaces.ensure_running(spec)
    await preparing
    assert running.state is WorkspaceState.RUNNING
    assert await workspaces.get_state(spec) is WorkspaceState.RUNNING
    assert await named(instances, pending_prefix(spec.uuid)) == []


async def test_a_frozen_machine_goes_on(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_running(spec)
    await instances._change_state(spec.name, {"action": "freeze"}, 30, "Frozen")
    assert await workspaces.get_state(spec) is WorkspaceState.FROZEN
    assert (await workspaces.ensure_running(spec)).state is WorkspaceState.RUNNING


async def test_a_foreign_instance_is_neither_adopted_nor_touched(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    stranger = replace(spec, uuid="00000000-0000-4000-8000-000000000000")
    before = await instances.get(spec.name)
    assert await workspaces.get_state(stranger) is WorkspaceState.FOREIGN
    for verb in (workspaces.ensure_running, workspaces.prepare):
        with pytest.raises(Foreign, match="Nothing was changed"):
            await verb(stranger)
    with pytest.raises(Foreign):
        await workspaces.reset(stranger, renewed(stranger))
    await workspaces.stop(stranger)
    await workspaces.remove(stranger)
    assert await instances.get(spec.name) == before


async def test_a_machine_that_vanished_is_missing_and_not_recreated(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    with pytest.raises(Missing, match="Nothing was created"):
        await workspaces.ensure_running(replace(spec, created=True))
    assert await instances.get(spec.name) is None


async def test_an_unknown_base_says_so_and_leaves_nothing(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    with pytest.raises(LXDError, match="base is missing"):
        await workspaces.ensure_created(replace(spec, base="base-none-v1"))
    assert await named(instances, pending_prefix(spec.uuid)) == []


async def test_a_machine_that_was_started_meanwhile_is_not_reset(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_running(spec)
    new = renewed(spec)
    with pytest.raises(LXDError):
        await workspaces.reset(spec, new)
    assert await workspaces.get_state(spec) is WorkspaceState.RUNNING
    assert await named(instances, pending_prefix(new.uuid)) == []
    assert await named(instances, spec.name) == [spec.name]


async def test_the_sweeper_takes_only_what_is_ours_and_old(
    workspaces: Workspaces, instances: Instances, machine: dict[str, Any], spec: WorkspaceSpec
) -> None:
    pending = await Clones(instances, machine["profile"]).make(spec)
    assert await workspaces.sweep() == [], "a young one may still be at work"
    await workspaces.ensure_created(spec)
    assert await workspaces.sweep(timedelta(0), spare={spec.uuid}) == [], "it is waited for"
    assert await workspaces.sweep(timedelta(0)) == [pending]
    assert await workspaces.get_state(spec) is WorkspaceState.STOPPED


async def test_an_address_is_never_given_twice(
    connection: Connection, machine: dict[str, Any], instances: Instances, spec: WorkspaceSpec
) -> None:
    processes = [Workspaces(connection, machine["profile"]) for _ in range(2)]
    specs = [replace(spec, name=f"{spec.name}-{n}") for n in range(6)]
    made = await asyncio.gather(
        *(processes[n % 2].ensure_created(one) for n, one in enumerate(specs))
    )
    assert len({workspace.address for workspace in made}) == 6


async def test_an_address_taken_by_another_process_is_given_up(
    workspaces: Workspaces,
    instances: Instances,
    machine: dict[str, Any],
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = await workspaces.ensure_created(spec)
    clones = Clones(instances, machine["profile"])
    find, handed_out = clones._find_address, [taken.address]

    async def find_the_taken_one_first(pending: str) -> str:
        return handed_out.pop() if handed_out else await find(pending)

    monkeypatch.setattr(clones, "_find_address", find_the_taken_one_first)
    record = await instances.get(await clones.make(replace(spec, name="z" + spec.name)))
    assert record is not None
    assert address_of(record) not in {"", taken.address}


async def test_the_server_inside_answers_and_comes_back(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    workspace = await workspaces.ensure_running(spec)
    launcher = ["/opt/coyotelab/current/bin/workspace-start"]
    prefix = "/user/student1/cs101/"
    environment = {
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:8888{prefix}",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api",
        "JUPYTERHUB_API_TOKEN": "secret",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-student1-cs101",
        "JUPYTERHUB_USER": "student1",
        "JUPYTERHUB_SERVER_NAME": "cs101",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{prefix}oauth_callback",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=student1/cs101"]',
        "COYOTELAB_ACCOUNT": "coyote",
    }
    assert await workspaces.resume(workspace, launcher) == 3, "nothing to resume yet"
    assert await workspaces.launch(workspace, launcher, environment) == 0
    url = f"http://{workspace.address}:8888{prefix}api"
    assert await wait_until_ready(url, 20)
    assert await sh(instances, spec.name, "pkill -9 coyotelab-srv") == 0
    assert await ask(url) is Answer.REFUSED
    assert await workspaces.resume(workspace, launcher) == 0
    assert await wait_until_ready(url, 20)
