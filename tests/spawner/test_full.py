"""A machine whose disk is full starts, is reset, undone and deleted like any other."""

from dataclasses import replace

import pytest

from coyotelab_spawner import room
from coyotelab_spawner.errors import OperationFailed
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.naming import kept_name
from coyotelab_spawner.spec import GIB, Limits, WorkspaceSpec, WorkspaceState
from coyotelab_spawner.workspaces import Workspaces

from ..conftest import renewed, sh

pytestmark = pytest.mark.engine

FILL = r"""
cd /root
for size in 16M 1M 64k; do
    n=0
    while head -c $size /dev/urandom > "big.$size.$n" 2>/dev/null && sync -f /; do n=$((n+1)); done
done
sync -f /; true
"""


async def fill(instances: Instances, spec: WorkspaceSpec) -> None:
    assert await sh(instances, spec.name, FILL) == 0
    await instances.stop(spec.name, force=True)


async def test_a_full_machine_starts_and_is_reset_and_comes_back(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    spec = replace(spec, limits=Limits(1, GIB, 100 * 1024**2, 500))
    await workspaces.ensure_running(spec)
    await fill(instances, spec)
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, "echo found > /home/coyote/again && sync -f /") == 0
    await fill(instances, spec)
    new = renewed(spec)
    await workspaces.reset(spec, new)
    assert await workspaces.get_state(new.replace_uuid(new.uuid)) is WorkspaceState.STOPPED
    await workspaces.ensure_running(new)
    await fill(instances, new)
    back = replace(spec, former=new.uuid)
    await workspaces.undo(new.replace_uuid(new.uuid), back)
    await workspaces.ensure_running(back)
    assert await sh(instances, spec.name, "grep -q found /home/coyote/again") == 0
    assert await workspaces.kept.delete(kept_name(new.name, new.uuid), new.uuid)


async def test_who_fills_it_again_and_again_gets_no_more(
    workspaces: Workspaces,
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "MOST", 20 * 1024**2)
    spec = replace(spec, limits=Limits(1, GIB, 100 * 1024**2, 500))
    await workspaces.ensure_running(spec)
    await fill(instances, spec)
    await workspaces.ensure_running(spec)
    await fill(instances, spec)
    with pytest.raises(OperationFailed, match="disk of your machine is full"):
        await workspaces.ensure_running(spec)
