"""A machine whose disk is full starts, is reset, undone and deleted like any other."""

from dataclasses import replace

import pytest

from coyotelab_spawner import room
from coyotelab_spawner.errors import OperationFailed
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.naming import kept_name
from coyotelab_spawner.spec import GIB, Limits, WorkspaceSpec
from coyotelab_spawner.workspaces import Workspaces

from ..conftest import renewed, sh

pytestmark = pytest.mark.engine

SMALL = Limits(1, GIB, 100 * 1024**2, 500)

FILL = r"""
cd /root
for size in 16M 1M 64k; do
    n=0
    while head -c $size /dev/urandom > "big.$size.$n" 2>/dev/null && sync -f /; do n=$((n+1)); done
done
sync -f /; true
"""


async def fill(workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec) -> None:
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, FILL) == 0
    await instances.stop(spec.name, force=True)


async def test_a_full_machine_starts_so_that_its_owner_can_delete_files(
    workspaces: Workspaces,
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = replace(spec, limits=SMALL)
    await fill(workspaces, instances, spec)
    with monkeypatch.context() as patched:
        patched.setattr(room, "MOST", 0)
        with pytest.raises(OperationFailed, match="disk of your machine is full"):
            await workspaces.ensure_running(spec)
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, "rm /root/big.* && echo x > /root/x && sync -f /") == 0


async def test_a_full_machine_is_reset_and_comes_back(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    spec, new = replace(spec, limits=SMALL), renewed(replace(spec, limits=SMALL))
    await fill(workspaces, instances, spec)
    await workspaces.reset(spec, new)
    now = new.replace_uuid(new.uuid)
    await fill(workspaces, instances, now)
    await workspaces.undo(now, replace(spec, former=new.uuid))
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, "rm /root/big.* && sync -f /") == 0
    assert await workspaces.kept.delete(kept_name(now.name, now.uuid), now.uuid)
