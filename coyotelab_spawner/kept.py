"""Former instances of workspaces: put aside under another name, brought back, deleted one day."""

import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from . import instance_config as keys
from .clones import Clones
from .errors import LXDError, NotFound
from .lxd.instances import Instance, Instances
from .naming import kept_name
from .spec import WorkspaceSpec

log = logging.getLogger(__name__)


class KeptMachines:
    """The kept instances of one LXD project.

    A rename is what moves an instance, and LXD does it whole or not at all. What comes after it
    (off the network, on it again) may be cut short, and is finished by whoever comes next.
    """

    def __init__(self, instances: Instances, clones: Clones) -> None:
        self._instances = instances
        self._clones = clones

    async def put_aside(self, spec: WorkspaceSpec) -> None:
        """Move a stopped workspace's instance aside and off the network.

        Raises:
            LXDError: it is still in its place, such as one that somebody has started.
        """
        kept = kept_name(spec.name, spec.uuid)
        await self._instances.rename(spec.name, kept)
        try:
            await self._take_off(kept)
        except LXDError as error:  # it has moved all the same; `review` does the rest
            log.warning("%s is not off the network yet: %s", kept, error.detail)

    async def find(self, spec: WorkspaceSpec) -> Instance | None:
        """Return LXD's record of the kept instance of `spec.uuid`, or None."""
        record = await self._instances.get(kept_name(spec.name, spec.uuid))
        return record if record and record["config"].get(keys.UUID) == spec.uuid else None

    async def fill_place(self, spec: WorkspaceSpec) -> None:
        """Go on where a reset or an undo was cut short that left nothing under the name.

        What was to come is published, a finished clone or a kept instance. When that is gone, the
        former one comes back; when that is gone too, nothing is done.

        Args:
            spec: with `former`.
        """
        records = await self._instances.list_all()
        for uuid in (spec.uuid, spec.former):
            for record in records:
                if record["config"].get(keys.UUID) == uuid and _is_whole(record, spec.name, uuid):
                    if record["name"] != spec.name:
                        wanted = spec.replace_uuid(uuid)
                        await self._clones.take_name(record["name"], wanted)
                    return

    async def revive(self, name: str) -> None:
        """Let a kept instance that has its place again be a workspace, on the network."""
        await self._clones.connect(name, {keys.KIND: "workspace", keys.KEPT_SINCE: ""})

    async def delete(self, name: str, uuid: str) -> bool:
        """Delete a kept instance for good; False, and untouched, when another has its name."""
        record = await self._instances.get(name)
        if record is not None:
            if record["config"].get(keys.UUID) != uuid:
                return False
            await self._clones.discard(name)
        return True

    async def review(self, known: Mapping[str, str]) -> list[str]:
        """Finish what was put aside by halves; return the kept instances that nobody knows.

        Args:
            known: uuid by name of the kept instances that the owner of the truth knows.
        """
        strangers = []
        for record in await self._instances.list_all():
            name, config = record["name"], record["config"]
            kept = config.get(keys.KIND) == "kept"
            if name in known and config.get(keys.UUID) == known[name]:
                if not kept:
                    with contextlib.suppress(NotFound):  # it has just been brought back
                        await self._take_off(name)
            elif kept and "-old-" in name:
                strangers.append(name)
        return strangers

    async def _take_off(self, kept: str) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        await self._instances.configure(
            kept,
            {keys.KIND: "kept", keys.KEPT_SINCE: since},
            devices={"eth0": {"type": "none"}},  # its address and MAC are free for others now
        )


def _is_whole(record: Instance, name: str, uuid: str) -> bool:
    """Tell whether an instance may be published: not a clone that is still being made."""
    return record["name"] in (name, kept_name(name, uuid)) or keys.READY in record["config"]
