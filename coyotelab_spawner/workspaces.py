"""The life of a workspace on LXD: made whole or not at all, started, stopped, reset, never lost."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import PurePosixPath

from . import instance_config as keys
from .clones import Clones, address_of
from .errors import Foreign, LXDError, Missing, OperationFailed
from .homes import Homes
from .kept import KeptMachines
from .lxd import Connection
from .lxd.instances import Instance, Instances
from .lxd.streams import Streams
from .room import DISK_FULL, FULL, make_room
from .spec import Workspace, WorkspaceSpec, WorkspaceState

Report = Callable[[str], None]
STATES = {
    "Running": WorkspaceState.RUNNING,
    "Stopped": WorkspaceState.STOPPED,
    "Frozen": WorkspaceState.FROZEN,
}
# Where `workspace-start` looks.
ENVIRONMENT_FILE = PurePosixPath("/var/lib/coyotelab/environment.json")
KEPT_GONE = "The machine from before the reset is gone from the machine room. Nothing was changed."
LAUNCH_DEADLINE = 20.0  # seconds the launcher inside has to hand over to the server
SPARE = 256 * 1024**2  # bytes that stay free on a disk that is made smaller

log = logging.getLogger(__name__)


class Workspaces:
    """All workspaces of one LXD project.

    Every verb may be repeated, by any number of callers and processes at once, and ends in one
    instance: clones are published by a rename, which LXD grants to one caller only.
    """

    def __init__(self, connection: Connection, profile: str = "coyotelab") -> None:
        self._instances = Instances(connection)
        self._clones = Clones(self._instances, profile)
        self._homes = Homes(self._instances, Streams(connection))
        self.kept = KeptMachines(self._instances, self._clones)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get_state(self, spec: WorkspaceSpec) -> WorkspaceState:
        """Return what LXD says of the workspace; raises LXDError when it says nothing."""
        return _state(await self._instances.get(spec.name), spec)

    async def list_states(self) -> dict[str, WorkspaceState]:
        """Return the state of every workspace in the project, by instance name."""
        return {
            record["name"]: STATES.get(record["status"], WorkspaceState.STOPPED)
            for record in await self._instances.list_all()
            if record["config"].get(keys.KIND) == "workspace"
        }

    async def ensure_created(
        self, spec: WorkspaceSpec, report: Report | None = None, boot: bool = False
    ) -> Workspace:
        """Return the workspace, cloned from its base first when there is none.

        Args:
            report: told each stage in words for the person who waits.
            boot: as in `Clones.make`.

        Raises:
            Foreign: an instance of that name is not this workspace.
            Missing: it was seen to exist before and is gone.
            LXDError: LXD could not.
        """
        return _workspace(await self._ensure_record(spec, report, boot), spec)

    async def _ensure_record(
        self, spec: WorkspaceSpec, report: Report | None = None, boot: bool = False
    ) -> Instance:
        record = await self._instances.get(spec.name)
        if record is None and spec.former:
            await self.kept.fill_place(spec)
            record = await self._instances.get(spec.name)
        if record is None:
            if spec.created:
                raise Missing(f"{spec.name} ({spec.uuid}) is not in LXD")
            if report:
                report("Making your machine from the course's base")
            await self._clones.publish(await self._clones.make(spec, boot), spec)
            record = await self._instances.get(spec.name) or {}
        if _state(record, spec) in (WorkspaceState.FOREIGN, WorkspaceState.MISSING):
            raise Foreign(f"{spec.name} exists without the uuid {spec.uuid}")
        if record["config"].get(keys.KIND) == "kept":  # an undo was cut short here
            await self.kept.revive(spec.name)
            record = await self._instances.get(spec.name) or record
        return record

    async def prepare(self, spec: WorkspaceSpec) -> Workspace:
        """Make the workspace and let it boot once, so that its first start is a fast one.

        The boot happens before the clone gets its name: a person who clicks meanwhile is neither
        kept waiting nor stopped. Raises as `ensure_created`.
        """
        return await self.ensure_created(spec, boot=True)

    async def ensure_running(self, spec: WorkspaceSpec, report: Report | None = None) -> Workspace:
        """Return the workspace with its machine running; raises as `ensure_created`.

        A machine that starts gets the limits of the spec; one that runs keeps those it has.
        """
        async with self._locks[spec.name]:
            record = await self._ensure_record(spec, report)
            workspace = _workspace(record, spec)
            if report and workspace.state is not WorkspaceState.RUNNING:
                report("Starting your machine")
            if workspace.state is WorkspaceState.FROZEN:
                await self._instances.unfreeze(spec.name)
            elif workspace.state is WorkspaceState.STOPPED:
                await self._apply_limits(spec, record)
                await self._start(spec)
        return Workspace(workspace.name, workspace.uuid, workspace.address, WorkspaceState.RUNNING)

    async def _start(self, spec: WorkspaceSpec) -> None:
        try:
            await self._instances.start(spec.name)
        except OperationFailed as error:
            if not await make_room(self._instances, spec.name, spec.limits.disk):
                if FULL in error.detail.lower():
                    raise OperationFailed(error.detail, DISK_FULL) from error
                raise
            await self._instances.start(spec.name)

    async def _apply_limits(self, spec: WorkspaceSpec, record: Instance) -> None:
        """Give a stopped machine the limits of its spec; it starts with its old ones if LXD won't.

        A disk never becomes smaller than what it holds: the machine could not write any more.
        """
        config = keys.find_limit_changes(record, spec.limits)
        root = keys.find_resized_root(record, spec.limits.disk)
        if not config and not root:
            return
        try:
            if root and not await self._fits(spec, record):
                root = {}
            if config or root:
                await self._instances.configure(
                    spec.name, config, **({"devices": root} if root else {})
                )
        except LXDError as error:
            log.warning("%s starts with its old limits: %s", spec.name, error.detail)

    async def _fits(self, spec: WorkspaceSpec, record: Instance) -> bool:
        size = record["expanded_devices"]["root"].get("size", "")
        if not size.isdecimal() or int(size) <= spec.limits.disk:
            return True  # it grows
        used = keys.disk_usage(await self._instances.get(spec.name, "state"))
        if used + SPARE > spec.limits.disk:
            log.warning("%s keeps its disk of %s bytes: %s are in use", spec.name, size, used)
            return False
        return True

    async def launch(
        self, workspace: Workspace, command: list[str], environment: Mapping[str, str]
    ) -> int:
        """Run the launcher inside a running workspace and return its exit status.

        The environment goes in as a file, with the address, in whose choice the machine inside
        has no part. LXD would show the environment of a command in the host's list of processes.
        """
        gateway = await self._clones.get_gateway()
        address = f"{workspace.address}/{gateway.network.prefixlen}"
        ours = {"COYOTELAB_ADDRESS": address, "COYOTELAB_GATEWAY": str(gateway.ip)}
        content = json.dumps({**environment, **ours}).encode()
        await self._instances.write_file(workspace.name, ENVIRONMENT_FILE, content)
        return await self.resume(workspace, command)

    async def resume(self, workspace: Workspace, command: list[str]) -> int:
        """Run the launcher again with what it was given last; return its exit status."""
        body = keys.exec_body([*command, "--resume"], {})
        return await self._instances.run(workspace.name, body, LAUNCH_DEADLINE)

    async def stop(self, spec: WorkspaceSpec) -> None:
        """Stop the workspace's machine; stopped or missing is fine, a foreign one is left alone."""
        async with self._locks[spec.name]:
            state = await self.get_state(spec)
            if state is WorkspaceState.FROZEN:
                await self._instances.unfreeze(spec.name)
            if state in (WorkspaceState.RUNNING, WorkspaceState.FROZEN):
                await self._instances.stop(spec.name)

    async def reset(self, old: WorkspaceSpec, new: WorkspaceSpec, keep_home: bool = False) -> None:
        """Put a clone of `new.base` in the place of `old`, which is kept under another name.

        The clone is complete before anything is moved. When this is cut short between the two
        renames, `ensure_created(new)` finishes it; before them, `old` is still in its place.

        Args:
            old: the workspace as it is; stopped by the caller.
            new: the same name, another uuid, `former` the old one.
            keep_home: copy /home from `old`, which is started for that.

        Raises:
            Foreign: an instance of that name is neither `old` nor `new`.
            LXDError: LXD could not; the old workspace is still in its place, unless LXD failed
                between the renames.
        """
        async with self._locks[old.name]:
            if not await self._is_there(old, new):
                await self.ensure_created(new)
                return
            await make_room(self._instances, old.name, old.limits.disk)
            pending = await self._clones.make(new)
            try:
                if keep_home:
                    await self._homes.copy(old.name, pending)
                await self._instances.configure(pending, {keys.READY: "true"})
                await self.kept.put_aside(old)
            except BaseException:  # such as somebody who has started it meanwhile
                await self._clones.discard_quietly(pending)
                raise
            await self._clones.take_name(pending, new)

    async def undo(self, old: WorkspaceSpec, new: WorkspaceSpec) -> None:
        """Put the kept instance of `new` in the place of `old`, which is kept in its turn.

        When this is cut short, `ensure_created(new)` finishes it.

        Args:
            old: the workspace as it is; stopped by the caller.
            new: the same name, the kept instance's uuid, `former` the old one.

        Raises:
            Foreign: an instance of that name is neither `old` nor `new`.
            Missing: there is no such kept instance.
            LXDError: as `reset`.
        """
        async with self._locks[old.name]:
            if await self._is_there(old, new):
                await self._ensure_kept(new)
                await make_room(self._instances, old.name, old.limits.disk)
                await self.kept.put_aside(old)
            elif await self._instances.get(new.name) is None:
                await self._ensure_kept(new)
            await self.ensure_created(new)

    async def _ensure_kept(self, spec: WorkspaceSpec) -> None:
        if await self.kept.find(spec) is None:
            raise Missing(f"{spec.name}: no kept instance has the uuid {spec.uuid}", KEPT_GONE)

    async def _is_there(self, old: WorkspaceSpec, new: WorkspaceSpec) -> bool:
        """Tell whether `old` is in its place, and not `new` or nothing; raises Foreign."""
        record = await self._instances.get(old.name)
        if record and record["config"].get(keys.UUID) not in (old.uuid, new.uuid):
            raise Foreign(f"{old.name} exists without the uuid {old.uuid}")
        return record is not None and record["config"][keys.UUID] == old.uuid

    async def remove(self, spec: WorkspaceSpec) -> None:
        """Stop and delete the workspace for good; missing is fine, a foreign one is left alone."""
        async with self._locks[spec.name]:
            state = await self.get_state(spec)
            if state not in (WorkspaceState.MISSING, WorkspaceState.FOREIGN):
                await self._clones.discard(spec.name)

    async def sweep(
        self, older_than: timedelta = timedelta(minutes=15), spare: Collection[str] = ()
    ) -> list[str]:
        """Delete clones left by a process that was killed before it published them.

        Args:
            spare: uuids whose reset has not come to its end.
        """
        return await self._clones.sweep(older_than, spare)


def _workspace(record: Instance, spec: WorkspaceSpec) -> Workspace:
    uuid = record["config"][keys.UUID]
    return Workspace(spec.name, uuid, address_of(record), _state(record, spec))


def _state(record: Instance | None, spec: WorkspaceSpec) -> WorkspaceState:
    if not record:
        return WorkspaceState.MISSING
    if record["config"].get(keys.UUID) not in {spec.uuid, spec.former or spec.uuid}:
        return WorkspaceState.FOREIGN
    return STATES.get(record["status"], WorkspaceState.RUNNING)
