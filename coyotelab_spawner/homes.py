"""Taking the home directories of one machine over into another, as they are."""

import asyncio
import contextlib
import logging

from . import instance_config as keys
from .errors import LXDError, OperationFailed, TimedOut
from .lxd.instances import Instances
from .lxd.streams import CUT_OFF, Streams

DEADLINE = 140.0  # seconds; whoever waits in a browser is given up on after 180
NOT_READ = (
    "Your home directory could not be read from your old machine; its system may be too broken."
)
NOT_WRITTEN = (
    "Your home directory could not be copied: most likely there is not enough room for it in the"
    " new machine. Delete what you do not need and try again."
)
TOO_SLOW = (
    "Your home directory is too large to be taken over in time."
    " Delete what you do not need and try again."
)

# Numbers, not names, stand for the owners: the new machine does not know the old one's accounts.
# Programs that start with the machine may write meanwhile (status 1: "file changed").
READ = r"""
tar --create --numeric-owner --sparse --acls --xattrs --one-file-system --directory=/home . ||
    [ $? -eq 1 ]
"""
# The whole is unpacked beside the base's own /home first, then takes its place. What LXD itself
# writes on the machine's disk needs room too, so 32 MiB are left over, or it is said to be full.
WRITE = r"""
set -u
new=/home.coyotelab spare=/home.coyotelab-spare
fail() {
    rm -rf "$new"
    for again in 1 2 3 4 5 6 7 8 9 10 11 12; do  # the quota notices after a while
        rm -f "$spare"
        sync -f /
        head -c 4194304 /dev/zero > "$spare" && sync -f / && break
        sleep 0.5
    done
    rm -rf "$spare"
    exit 9
}
rm -rf "$new" "$spare" && mkdir "$new" && fallocate --length 33554432 "$spare" || fail
tar --extract --numeric-owner --same-owner --preserve-permissions --acls --xattrs \
    --directory="$new" || fail
sync -f "$new" || fail
for home in /home/*; do
    name=${home##*/}
    if [ -d "$home" ] && [ ! -e "$new/$name" ] && [ ! -L "$new/$name" ]; then
        mv "$home" "$new/$name" || fail
    fi
done
mv /home /home.base && mv "$new" /home || fail
rm -rf /home.base "$spare"
sync -f /home
"""
PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

log = logging.getLogger(__name__)


class Homes:
    """Copies /home from machine to machine.

    What the old one sends is as good or bad as its root wants it. It is unpacked inside the new
    machine, which is the same person's, within that machine's own limits.
    """

    def __init__(self, instances: Instances, streams: Streams) -> None:
        self._instances = instances
        self._streams = streams

    async def copy(self, source: str, target: str) -> None:
        """Copy /home, with owners, modes, times and links; both machines are stopped afterwards.

        Raises:
            LXDError: it was not copied whole; the message says why.
        """
        try:
            await asyncio.gather(self._instances.start(source), self._instances.start(target))
            read, written = await self._streams.pipe(
                source, _shell(READ), target, _shell(WRITE), DEADLINE
            )
        except TimedOut as error:
            raise TimedOut(error.detail, TOO_SLOW) from error
        finally:
            with contextlib.suppress(LXDError):
                # It may still be booting, and would take its time to listen. Like a power cut.
                await self._instances.stop(source, force=True)
        await self._instances.stop(target, force=True)
        detail = f"{source} to {target}: tar ended {read}, {written}"
        if read not in (0, CUT_OFF):
            raise OperationFailed(detail, NOT_READ)
        if read or written:
            raise OperationFailed(detail, NOT_WRITTEN)


def _shell(script: str) -> dict[str, object]:
    return keys.stream_body(["/bin/sh", "-c", script]) | {"environment": PATH}
