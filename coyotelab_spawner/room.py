"""The few bytes that LXD itself needs on a machine's disk, under the machine's own quota."""

import logging

from . import instance_config as keys
from .errors import LXDError
from .lxd.instances import Instances

ROOM = 16 * 1024**2  # bytes that have to be free for LXD's own file, with what a boot writes
FULL = "quota exceeded"  # in LXD's and Incus's words
DISK_FULL = (
    "The disk of your machine is full, so that it cannot start. Nothing is lost; "
    "please ask your administrator for a little more room."
)
MOST = 512 * 1024**2  # bytes beyond its limit that a disk gets in this way, all in all

log = logging.getLogger(__name__)


async def make_room(instances: Instances, name: str, limit: int) -> bool:
    """Make a stopped machine's disk a little larger when it is full; tell whether it was.

    Otherwise it could be neither started nor moved, and its owner could delete nothing. Not always
    possible: LXD raises a quota before it writes, but Btrfs itself needs 16 KiB for that, which a
    disk rarely lacks that is filled for the first time; Incus writes first, and refuses.

    Args:
        limit: bytes the disk shall have; who fills it again and again gets `MOST` more at most.
    """
    try:
        record = await instances.get(name) or {}
        used = keys.disk_usage(await instances.get(name, "state"))
        root = record.get("expanded_devices", {}).get("root", {})
        size = root.get("size", "")
        if not size.isdecimal() or int(size) - used >= ROOM or int(size) >= limit + MOST:
            return False
        larger = {"root": {**root, "size": str(used + 2 * ROOM)}}
        await instances.configure(name, {}, devices=larger)
    except LXDError as error:
        log.warning("The disk of %s is full, and gets no larger: %s", name, error.detail)
        return False
    log.warning("The disk of %s is full; it was made a little larger", name)
    return True
