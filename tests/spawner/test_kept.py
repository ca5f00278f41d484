"""Reset, undo and what is kept, on the real engine; cut short at every step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coyotelab_spawner import homes
from coyotelab_spawner import instance_config as keys
from coyotelab_spawner.clones import address_of
from coyotelab_spawner.errors import Foreign, LXDError, Missing, OperationFailed
from coyotelab_spawner.lxd import Connection
from coyotelab_spawner.lxd.instances import Instances
from coyotelab_spawner.naming import kept_name, pending_prefix
from coyotelab_spawner.spec import GIB, Limits, WorkspaceSpec, WorkspaceState
from coyotelab_spawner.workspaces import Workspaces

from ..conftest import renewed, sh

pytestmark = pytest.mark.engine


class Killed(BaseException):
    """Stands for the end of the process."""


async def leave_mark(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec, mark: str
) -> None:
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, f"echo {mark} > /home/coyote/marker") == 0
    await instances.stop(spec.name, force=True)


async def has_mark(instances: Instances, name: str, mark: str) -> bool:
    await instances.start(name)
    found = await sh(instances, name, f"grep -q {mark} /home/coyote/marker") == 0
    await instances.stop(name, force=True)
    return found


async def uuids(instances: Instances, spec: WorkspaceSpec) -> dict[str, str]:
    """The instances of a workspace, kept ones too: uuid by name."""
    return {
        record["name"]: record["config"][keys.UUID]
        for record in await instances.list_all()
        if record["name"].startswith(spec.name)
    }


async def pending(instances: Instances, spec: WorkspaceSpec) -> list[str]:
    """Clones of a workspace that have no place."""
    prefix = pending_prefix(spec.uuid)
    return [r["name"] for r in await instances.list_all() if r["name"].startswith(prefix)]


async def test_reset_gives_the_base_again_and_undo_the_old_machine_and_undo_again_the_new(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await leave_mark(workspaces, instances, spec, "mine")
    new = renewed(spec)
    await workspaces.reset(spec, new)
    await workspaces.reset(spec, new)  # a second time there is nothing to reset
    kept = kept_name(spec.name, spec.uuid)
    assert await uuids(instances, spec) == {spec.name: new.uuid, kept: spec.uuid}
    old = await instances.get(kept)
    assert old is not None
    assert old["config"][keys.KIND] == "kept"
    assert old["config"][keys.PROTECTED] == "true"
    assert address_of(old) == ""
    assert not await has_mark(instances, spec.name, "mine")

    back = replace(spec, former=new.uuid)
    await workspaces.undo(new, back)
    await workspaces.undo(new, back)
    record = await instances.get(spec.name)
    assert record is not None
    assert record["config"][keys.KIND] == "workspace"
    assert keys.KEPT_SINCE not in record["config"]
    assert address_of(record) != ""
    assert await has_mark(instances, spec.name, "mine")
    assert await has_mark(instances, kept_name(spec.name, new.uuid), "mine") is False

    await workspaces.undo(spec, replace(new, former=spec.uuid))
    assert await uuids(instances, spec) == {spec.name: new.uuid, kept: spec.uuid}


def kill_at(
    monkeypatch: pytest.MonkeyPatch, instances: Instances, verb: str, number: int, after: bool
) -> Callable[[], bool]:
    """Let the process end before or after the n-th call of a verb; tells whether it came to it."""
    calls, honest = 0, getattr(instances, verb)

    async def once(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            raise Killed
        result = await honest(*args, **kwargs)
        if calls == number:
            raise Killed
        return result

    monkeypatch.setattr(instances, verb, once)
    return lambda: calls >= number


# Every call that changes something: reset configures (ready), renames, configures (off the
# network), renames; undo renames, configures, renames, configures.
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["rename", "configure"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("what", ["reset", "undo"])
async def test_killed_at_any_step_one_is_the_workspace_and_the_other_is_kept(
    connection: Connection,
    machine: dict[str, Any],
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    number: int,
    verb: str,
    after: bool,
) -> None:
    doomed = Workspaces(connection, machine["profile"])
    await doomed.ensure_created(spec)
    old, new = spec, renewed(spec)
    if what == "undo":
        await doomed.reset(old, new)
        old, new = new, replace(spec, former=new.uuid)

    async def nothing(name: str) -> None:
        """A killed process cleans nothing up."""

    monkeypatch.setattr(doomed._clones, "discard_quietly", nothing)
    reached = kill_at(monkeypatch, doomed._instances, verb, number, after)
    with pytest.raises(Killed):
        await getattr(doomed, what)(old, new)
    assert reached()

    next_one = Workspaces(connection, machine["profile"])
    workspace = await next_one.ensure_created(new)
    for name in await pending(instances, new):
        await next_one._clones.discard(name)
    assert workspace.state is WorkspaceState.STOPPED
    assert workspace.address
    found = await uuids(instances, spec)
    assert found.pop(spec.name) == workspace.uuid
    known = {kept_name(spec.name, one.uuid): one.uuid for one in (old, new)}
    await next_one.kept.review(known)
    if workspace.uuid == old.uuid:
        assert found == ({kept_name(spec.name, new.uuid): new.uuid} if what == "undo" else {})
    else:
        assert found == {kept_name(spec.name, old.uuid): old.uuid}
    for name in found:
        record = await instances.get(name)
        assert record is not None
        assert record["config"][keys.KIND] == "kept"
        assert address_of(record) == ""


async def test_when_the_new_one_is_lost_between_the_renames_the_old_one_comes_back(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    await workspaces.kept.put_aside(spec)
    workspace = await workspaces.ensure_created(renewed(spec))
    assert workspace.uuid == spec.uuid
    assert workspace.address


async def test_undo_without_a_kept_machine_changes_nothing(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    with pytest.raises(Missing, match="from before the reset"):
        await workspaces.undo(spec, renewed(spec))
    with pytest.raises(Foreign):
        await workspaces.undo(renewed(spec), renewed(spec))
    assert await uuids(instances, spec) == {spec.name: spec.uuid}


async def test_a_machine_that_was_started_meanwhile_is_not_undone(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    new = renewed(spec)
    await workspaces.reset(spec, new)
    before = await uuids(instances, spec)
    await workspaces.ensure_running(new)
    with pytest.raises(LXDError):
        await workspaces.undo(new, replace(spec, former=new.uuid))
    assert await uuids(instances, spec) == before


async def test_only_the_kept_machine_of_that_uuid_is_deleted(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_created(spec)
    new = renewed(spec)
    await workspaces.reset(spec, new)
    kept = kept_name(spec.name, spec.uuid)
    # Other tests may have left kept machines of theirs.
    assert kept not in await workspaces.kept.review({kept: spec.uuid})
    assert kept in await workspaces.kept.review({kept: new.uuid})
    assert await workspaces.kept.delete(kept, new.uuid) is False
    assert kept in await uuids(instances, spec)
    assert await workspaces.kept.delete(kept, spec.uuid) is True
    assert await uuids(instances, spec) == {spec.name: new.uuid}
    assert await workspaces.kept.delete(kept, spec.uuid) is True, "gone already"


MAKE_HOME = r"""
set -e
cd /home/coyote
rm .bash_logout
echo text > 'odd name
 with "quotes" ; $(x) *'
touch -- '-rf' "$(printf 'caf\351')"
mkdir -p deep/empty && chmod 2770 deep && chmod 0500 deep/empty
echo secret > private && chmod 0600 private && touch -d 2001-02-03T04:05:06Z private
ln private hard
ln -s /etc/passwd absolute && ln -s nowhere dangling
truncate -s 1G sparse && echo end >> sparse
mkfifo pipe
echo run > setuid && chmod 4755 setuid
chown -hR coyote:coyote . && echo other > foreign && chown 1234:4321 foreign
chmod 4755 setuid
setfattr -n user.note -v kept private || touch no-setfattr
chmod 0700 . && mkdir /home/friend && chown 1001:1001 /home/friend
"""
CHECK_HOME = r"""
set -e
cd /home/coyote
[ ! -e .bash_logout ] && [ -e .bashrc ]
grep -q text 'odd name
 with "quotes" ; $(x) *'
[ -e ./-rf ] && [ -e "$(printf 'caf\351')" ]
[ "$(stat -c '%a %U' deep)" = '2770 coyote' ] && [ "$(stat -c %a deep/empty)" = 500 ]
[ "$(stat -c '%a %U %G %Y' private)" = '600 coyote coyote 981173106' ]
[ "$(stat -c %i private)" = "$(stat -c %i hard)" ]
[ "$(readlink absolute)" = /etc/passwd ] && [ "$(readlink dangling)" = nowhere ]
[ "$(stat -c %s sparse)" = 1073741828 ] && [ "$(stat -c %b sparse)" -lt 1000 ]
[ -p pipe ] && [ "$(stat -c %a setuid)" = 4755 ]
[ "$(stat -c '%u %g' foreign)" = '1234 4321' ]
[ -e no-setfattr ] || [ "$(getfattr --only-values -n user.note private)" = kept ]
[ "$(stat -c %u /home/friend)" = 1001 ] && [ "$(stat -c '%a %U' .)" = '700 coyote' ]
[ "$(ls -d /home* | wc -l)" = 1 ] && [ ! -e /etc/student ]
"""


async def test_the_home_directory_is_taken_over_as_it_is(
    workspaces: Workspaces, instances: Instances, spec: WorkspaceSpec
) -> None:
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, "touch /etc/student; " + MAKE_HOME) == 0
    await instances.stop(spec.name, force=True)
    new = renewed(spec)
    await workspaces.reset(spec, new, keep_home=True)
    assert await workspaces.get_state(new) is WorkspaceState.STOPPED
    await workspaces.ensure_running(new)
    assert await sh(instances, new.name, CHECK_HOME) == 0
    kept = await instances.get(kept_name(spec.name, spec.uuid))
    assert kept is not None
    assert kept["status"] == "Stopped"


@pytest.mark.parametrize(
    ("breakage", "said"),
    [
        ("head -c 300M /dev/urandom > /home/coyote/big", "not enough room"),
        ("rm /usr/bin/tar", "could not be read"),
        (
            "printf '#!/bin/sh\nhead -c 5000000 /dev/urandom\n' > /usr/bin/tar",
            "could not be copied",
        ),
        ("printf '#!/bin/sh\nsleep 60\n' > /usr/bin/tar", "too large to be taken over in time"),
    ],
)
async def test_a_home_that_cannot_be_taken_over_leaves_everything_as_it_was(
    workspaces: Workspaces,
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
    breakage: str,
    said: str,
) -> None:
    if said.startswith("too large"):
        monkeypatch.setattr(homes, "DEADLINE", 3.0)
    await workspaces.ensure_running(spec)
    assert await sh(instances, spec.name, breakage) == 0
    await instances.stop(spec.name, force=True)
    new = replace(renewed(spec), limits=Limits(1, GIB, 200 * 1024**2, 500))
    with pytest.raises(LXDError, match=said):
        await workspaces.reset(spec, new, keep_home=True)
    assert await uuids(instances, spec) == {spec.name: spec.uuid}
    assert await workspaces.get_state(spec) is WorkspaceState.STOPPED
    assert await pending(instances, new) == []


async def test_a_home_copied_whole_is_not_lost_when_the_process_is_killed_after_it(
    connection: Connection,
    machine: dict[str, Any],
    workspaces: Workspaces,
    instances: Instances,
    spec: WorkspaceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await leave_mark(workspaces, instances, spec, "mine")
    doomed, new = Workspaces(connection, machine["profile"]), renewed(spec)

    async def fail(name: str, of: WorkspaceSpec) -> bool:
        raise OperationFailed("the pool is gone")

    monkeypatch.setattr(doomed._clones, "take_name", fail)
    with pytest.raises(OperationFailed):
        await doomed.reset(spec, new, keep_home=True)
    assert (await workspaces.ensure_created(new)).uuid == new.uuid
    assert await has_mark(instances, spec.name, "mine")
