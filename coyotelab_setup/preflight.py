"""What CoyoteLab needs of a machine, looked at before anything is changed."""

import os
import platform
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .commands import succeeds
from .errors import SetupError
from .plan import GiB, Plan

DISK_POOL, DISK_STATE = 10 * GiB, 4 * GiB
MEMORY = int(1.5 * GiB)


@dataclass(frozen=True)
class Check:
    """One thing a machine must have: whether it has it, in words, and what helps if not."""

    name: str
    ok: bool
    said: str
    mend: str = ""


def find_checks(plan: Plan) -> list[Check]:
    """Look at this machine; changes nothing."""
    return [
        check_system(),
        check_root(),
        check_btrfs(),
        check_namespaces(),
        check_loop(plan),
        check_memory(_get_memory()),
        *check_disk(plan),
    ]


def check_system() -> Check:
    """Debian or Ubuntu on a 64-bit PC; the runtime is not built for ARM."""
    there = shutil.which("apt-get") is not None
    said = f"{platform.system()} {platform.machine()}, {'with' if there else 'no'} apt"
    ok = platform.system() == "Linux" and there and platform.machine() == "x86_64"
    return Check("system", ok, said, "CoyoteLab is set up on Debian or Ubuntu, on x86-64.")


def check_root() -> Check:
    """Root, for the set-up alone."""
    ok = os.geteuid() == 0
    said = "root" if ok else f"user id {os.geteuid()}"
    return Check("root", ok, said, "Run it as root, for example with sudo.")


def check_btrfs() -> Check:
    """Btrfs in the kernel: workspaces are copy-on-write clones."""
    known = "btrfs" in Path("/proc/filesystems").read_text().split()
    ok = known or succeeds("modprobe", "--dry-run", "btrfs")
    mend = "Use a kernel with Btrfs (Debian's and Ubuntu's have it)."
    return Check("Btrfs", ok, "in the kernel" if ok else "this kernel has no Btrfs", mend)


def check_namespaces() -> Check:
    """User namespaces: root inside a workspace is nobody outside."""
    limit = Path("/proc/sys/user/max_user_namespaces")
    ok = Path("/proc/self/ns/user").exists() and limit.exists() and int(limit.read_text()) > 0
    said = "allowed" if ok else "this machine allows no user namespaces"
    return Check("user namespaces", ok, said, "Set user.max_user_namespaces above 0 with sysctl.")


def check_loop(plan: Plan) -> Check:
    """Loop devices, unless the pool has a block device."""
    ok = bool(plan.pool_device) or Path("/dev/loop-control").exists()
    said = plan.pool_device or ("there" if ok else "this machine has no loop devices")
    return Check("loop devices", ok, said, "Load the loop module, or name a --pool-device.")


def check_memory(size: int) -> Check:
    """Memory for the Hub and one workspace, `size` in bytes."""
    said = f"{size / GiB:.1f} GiB"
    return Check("memory", size >= MEMORY, said, f"At least {MEMORY / GiB:.1f} GiB are needed.")


def check_disk(plan: Plan) -> list[Check]:
    """Free disk for what is still to be made: the state folder and the pool."""
    checks = []
    if not plan.record.exists():
        checks.append(_check_free("disk for the state folder", plan.state, DISK_STATE))
    if not plan.pool_device and not plan.engine.pool_folder(plan.pool).exists():
        checks.append(_check_free("disk for workspaces", plan.engine.folder, DISK_POOL))
    return checks


def _check_free(name: str, folder: Path, needed: int) -> Check:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / GiB:.1f} GiB free in {folder}"
    return Check(name, free >= needed, said, f"{needed / GiB:.0f} GiB are needed there.")


def check_ports(plan: Plan, bridge: str = "") -> list[Check]:
    """The ports of proxy, Hub and service, free to listen on."""
    ports = plan.ports
    wanted = [("127.0.0.1", port) for port in (ports.proxy, ports.proxy_api, ports.service)]
    if bridge:
        wanted.append((bridge, ports.hub))
    return [_check_port(address, port) for address, port in wanted]


def _check_port(address: str, port: int) -> Check:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            said = f"{address}:{port} cannot be listened on ({error.strerror})"
            mend = "Is CoyoteLab running already? Else choose other ports with COYOTELAB_PORT."
            return Check(f"port {port}", False, said, mend)
    return Check(f"port {port}", True, "free")


def _get_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def require(checks: Sequence[Check]) -> str:
    """Return a summary when every check is fine. Raises SetupError naming all that are not."""
    bad = [check for check in checks if not check.ok]
    if bad:
        reasons = "; ".join(f"{check.name}: {check.said}" for check in bad)
        raise SetupError(reasons + ".", " ".join(dict.fromkeys(check.mend for check in bad)))
    return f"{len(checks)} checks passed"
