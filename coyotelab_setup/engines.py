"""What differs between LXD and Incus, in one table; everything else is the same API."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EngineKind:
    """One container engine as Debian packages it."""

    name: str
    title: str
    socket: Path
    port: int  # of the HTTPS listener on 127.0.0.1
    network: str  # bridge of a default set-up; two engines on one machine need two
    guest_api: str  # key that opens the engine's socket inside instances
    folder: Path  # holds storage-pools/ and disks/
    packages: tuple[str, ...]
    daemon: tuple[str, ...]  # started by hand where there is no systemd
    shutdown: tuple[str, ...]  # ends the daemon, instances first
    units: tuple[str, ...]  # started by systemd where there is
    log: Path

    @property
    def url(self) -> str:
        """Address the Hub uses, with a certificate."""
        return f"https://127.0.0.1:{self.port}"

    def pool_folder(self, pool: str) -> Path:
        """Where the engine mounts a storage pool."""
        return self.folder / "storage-pools" / pool


LXD = EngineKind(
    name="lxd",
    title="LXD",
    socket=Path("/var/lib/lxd/unix.socket"),
    port=8443,
    network="clbr0",
    guest_api="security.devlxd",
    folder=Path("/var/lib/lxd"),
    packages=("lxd", "lxd-client"),
    daemon=("/usr/bin/lxd", "--group", "lxd", "--logfile=/var/log/lxd/lxd.log"),
    shutdown=("/usr/bin/lxd", "shutdown", "--timeout=60"),
    units=("lxd.socket", "lxd.service"),
    log=Path("/var/log/lxd/lxd.log"),
)
INCUS = EngineKind(
    name="incus",
    title="Incus",
    socket=Path("/var/lib/incus/unix.socket"),
    port=8444,
    network="clbr1",
    guest_api="security.guestapi",
    folder=Path("/var/lib/incus"),
    packages=("incus",),
    daemon=(
        "/usr/libexec/incus/incusd",
        "--group",
        "incus-admin",
        "--logfile=/var/log/incus/incus.log",
    ),
    shutdown=("/usr/bin/incus", "admin", "shutdown", "--timeout=60"),
    units=("incus.socket", "incus.service"),
    log=Path("/var/log/incus/incus.log"),
)
ENGINES = {engine.name: engine for engine in (LXD, INCUS)}
