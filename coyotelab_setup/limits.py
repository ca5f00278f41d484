"""Limits of this machine that many workspaces would meet: user ids, inotify, keys, neighbors."""

from dataclasses import dataclass
from pathlib import Path

from .daemons import answers, has_instances, restart_daemon
from .engines import ENGINES

PROC = Path("/proc/sys")
SYSCTL_FILE = Path("/etc/sysctl.d/60-coyotelab.conf")
ID_FILES = (Path("/etc/subuid"), Path("/etc/subgid"))

# From LXD's "server settings for production"; raised, never lowered.
SYSCTLS = {
    "fs.aio-max-nr": 524288,
    "fs.inotify.max_queued_events": 1048576,
    "fs.inotify.max_user_instances": 1048576,
    "fs.inotify.max_user_watches": 1048576,
    "kernel.dmesg_restrict": 1,
    "kernel.keys.maxbytes": 2000000,
    "kernel.keys.maxkeys": 2000,
    "net.ipv4.neigh.default.gc_thresh3": 8192,
    "vm.max_map_count": 262144,
}


@dataclass(frozen=True)
class IdRange:
    """The ids root may give to instances; each isolated instance takes 65,536."""

    first: int = 1_000_000
    count: int = 1_000_000_000


def ensure_sysctls() -> str:
    """Raise the kernel's limits, now and after a reboot; returns how many were too low."""
    low = {name: value for name, value in SYSCTLS.items() if get_sysctl(name, value) < value}
    for name, value in low.items():
        _get_path(name).write_text(str(value))
    text = "# Written by `coyotelab setup`.\n"
    text += "".join(f"{name} = {value}\n" for name, value in SYSCTLS.items())
    if not SYSCTL_FILE.exists() or SYSCTL_FILE.read_text() != text:
        SYSCTL_FILE.parent.mkdir(exist_ok=True)
        SYSCTL_FILE.write_text(text)
    return f"{len(low)} raised" if low else "high enough"


def get_sysctl(name: str, default: int) -> int:
    """Return a kernel setting, `default` where this kernel has none."""
    path = _get_path(name)
    return int(path.read_text()) if path.exists() else default


def _get_path(name: str) -> Path:
    return PROC / name.replace(".", "/")


def get_id_count(text: str) -> int:
    """Return how many ids a subuid file gives to root."""
    ranges = [line.split(":") for line in text.splitlines() if line.startswith("root:")]
    return sum(int(parts[2]) for parts in ranges)


def get_first_id() -> int:
    """Return the first user id that root may give to an instance, 0 when no file says it."""
    text = ID_FILES[0].read_text() if ID_FILES[0].exists() else ""
    firsts = [int(line.split(":")[1]) for line in text.splitlines() if line.startswith("root:")]
    return min(firsts, default=0)


def set_id_range(text: str, ids: IdRange) -> str:
    """Return a subuid file in which root has exactly that range."""
    others = [line for line in text.splitlines() if line and not line.startswith("root:")]
    return "\n".join([*others, f"root:{ids.first}:{ids.count}"]) + "\n"


def ensure_id_range() -> str:
    """Give root enough user ids for 15,000 isolated workspaces; LXD's package gives 151.

    An engine reads the range when it starts. Nothing changes while one has instances.
    """
    ids = IdRange()
    texts = {file: file.read_text() if file.exists() else "" for file in ID_FILES}
    count = min(get_id_count(text) for text in texts.values())
    if count >= ids.count:
        return f"{count // 65536} instances"
    running = [kind for kind in ENGINES.values() if answers(kind)]
    if any(has_instances(kind) for kind in running):
        return f"{count // 65536} instances (kept: some exist already)"
    for file, text in texts.items():
        file.write_text(set_id_range(text, ids))
    for kind in running:
        restart_daemon(kind)
    return f"{ids.count // 65536} instances"
