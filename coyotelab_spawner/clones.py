"""Making clones of a base: complete under a name of their own first, then published by a rename."""

import asyncio
import contextlib
import ipaddress
import logging
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from . import instance_config as keys
from .errors import Conflict, Foreign, LXDError, NotFound, OperationFailed
from .lxd.instances import Instance, Instances, creating
from .naming import free_address, pending_prefix
from .spec import WorkspaceSpec

TRIES = 5
NO_ADDRESS = "There is no room for another machine on the network. Please tell your administrator."
NO_BASE = "The course's base is missing from the machine room. Please tell your instructor."

log = logging.getLogger(__name__)


class Clones:
    """Clones the bases of one LXD project, on the network of one profile."""

    def __init__(self, instances: Instances, profile: str) -> None:
        self._instances = instances
        self._profile = profile
        self._known_profile: Mapping[str, Any] = {}
        self._making = asyncio.Lock()

    async def get_gateway(self) -> ipaddress.IPv4Interface:
        """Return the bridge's own address, such as 10.157.0.1/20: the workspaces' way out.

        It stands on the profile, since a restricted certificate may not read networks.
        """
        return ipaddress.IPv4Interface((await self._get_profile())["config"][keys.GATEWAY])

    async def make(self, spec: WorkspaceSpec, boot: bool = False) -> str:
        """Clone the base under a new name and return that name; nothing is left when it fails.

        Args:
            boot: let it boot once, which shifts its files' owners to its own range of ids (LXD
                5.0 walks the whole tree for it; DESIGN.md section 6).

        Raises:
            LXDError: LXD could not; its message says what is missing.
        """
        for _ in range(TRIES):
            pending = pending_prefix(spec.uuid) + secrets.token_hex(4)
            try:
                await self._copy(spec, pending)
                if boot:
                    await self._instances.start(pending)
                    await self._instances.stop(pending, force=True)
            except Conflict as error:
                log.warning("%s: %s", pending, error.detail)
                await self.discard_quietly(pending)
            except BaseException:
                await self.discard_quietly(pending)
                raise
            else:
                return pending
        raise LXDError(f"{spec.name}: {TRIES} clones got what others have")

    async def publish(self, pending: str, spec: WorkspaceSpec) -> None:
        """Give a clone its name; when another one of the same workspace was quicker, drop it.

        Raises:
            Foreign: the name belongs to something that is not this workspace.
        """
        try:
            taken = await self.take_name(pending, spec)
        except (Conflict, Foreign, OperationFailed):
            await self.discard_quietly(pending)
            raise
        if not taken:
            await self.discard_quietly(pending)

    async def take_name(self, name: str, spec: WorkspaceSpec) -> bool:
        """Rename an instance to the workspace's name; False when the workspace is there already.

        Raises:
            Foreign: the name belongs to something that is not this workspace.
        """
        try:
            await self._instances.rename(name, spec.name)
        except (Conflict, NotFound, OperationFailed):
            winner = await self._instances.get(spec.name)
            if winner is None:
                raise
            if winner["config"].get(keys.UUID) != spec.uuid:
                raise Foreign(f"{spec.name} was taken by another instance") from None
            return False
        return True

    async def connect(self, name: str, config: Mapping[str, str]) -> None:
        """Give a kept instance an address again, and these config keys with it.

        Nothing happens when another process has done so: two addresses in turn would cut off
        what has been started with the first.
        """
        async with self._making, creating(self._instances.lock):
            record = await self._instances.get(name)
            if record is None or record["config"].get(keys.KIND) != "kept":
                return
            profile = (await self._get_profile())["devices"]
            nic = keys.nic_device(profile, await self._find_address(name))
            await self._instances.configure(name, config, devices={"eth0": nic})

    async def discard(self, name: str) -> None:
        """Delete an instance of ours, running or not, protected or not."""
        with contextlib.suppress(NotFound):
            await self._instances.stop(name, force=True)
            await self._instances.configure(name, {keys.PROTECTED: "false"})
            await self._instances.delete(name)

    async def sweep(self, older_than: timedelta, spare: Collection[str] = ()) -> list[str]:
        """Delete clones begun before `older_than` ago and never published; return their names.

        They are left by a process that was killed. Only names that repeat the instance's own
        uuid are ours to delete.

        Args:
            spare: uuids of workspaces that wait for such a clone still.
        """
        swept = []
        for record in await self._instances.list_all():
            awaited = record["config"].get(keys.UUID) in spare
            if _is_pending(record) and _age(record) > older_than and not awaited:
                await self.discard_quietly(record["name"])
                swept.append(record["name"])
        return swept

    async def _copy(self, spec: WorkspaceSpec, pending: str) -> None:
        async with self._making, creating(self._instances.lock):
            address = await self._find_address(pending)
            profile = (await self._get_profile())["devices"]
            devices = keys.workspace_devices(profile, address, spec.limits.disk)
            project = self._instances.project
            try:
                await self._instances.create(
                    keys.clone_body(spec, pending, project, self._profile, devices)
                )
            except NotFound as error:
                raise LXDError(error.detail, NO_BASE) from error
            self._ensure_alone(pending, await self._instances.list_all())

    async def _find_address(self, pending: str) -> str:
        gateway = await self.get_gateway()
        used = {address_of(record) for record in await self._instances.list_all()}
        try:
            return free_address(gateway.network, str(gateway.ip), pending, used)
        except LookupError as error:
            raise LXDError(str(error), NO_ADDRESS) from error

    def _ensure_alone(self, pending: str, records: list[Instance]) -> None:
        """Raise Conflict when another process's clone got the same address or user ids.

        Of two clones that are not published yet, the one whose name sorts last steps back.
        """
        mine = next(record for record in records if record["name"] == pending)
        # LXD 5.0 counts on from 0 when it meets an instance that somebody else is just creating,
        # and then gives ids that the host does not grant.
        granted = int(self._known_profile["config"].get(keys.FIRST_GRANTED, 0))
        if int(mine["config"].get(keys.FIRST_ID, granted)) < granted:
            raise Conflict(f"{pending} got user ids that are not granted")
        for other in records:
            stays = not _is_pending(other) or other["name"] < pending
            same = address_of(other) == address_of(mine) or (
                other["config"].get(keys.FIRST_ID, "") == mine["config"].get(keys.FIRST_ID)
            )
            if other is not mine and same and stays:
                raise Conflict(f"{pending} got the address or user ids of {other['name']}")

    async def _get_profile(self) -> Mapping[str, Any]:
        if not self._known_profile:
            self._known_profile = await self._instances.get_profile(self._profile)
        return self._known_profile

    async def discard_quietly(self, name: str) -> None:
        """Delete an instance of ours, now or, when LXD cannot, by the sweeper."""
        try:
            await self.discard(name)
        except LXDError as error:
            log.warning("%s is left for the sweeper: %s", name, error.detail)


def address_of(record: Instance) -> str:
    """Return the IPv4 address we assigned to an instance, "" when there is none."""
    return str(record["expanded_devices"].get("eth0", {}).get("ipv4.address", ""))


def _is_pending(record: Instance) -> bool:
    uuid = record["config"].get(keys.UUID, "")
    return bool(uuid) and record["name"].startswith(pending_prefix(uuid))


def _age(record: Instance) -> timedelta:
    begun = datetime.fromisoformat(record["created_at"][:19]).replace(tzinfo=UTC)
    return datetime.now(UTC) - begun
