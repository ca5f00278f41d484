"""The Btrfs storage pool: on a loop file or a device, with simple quotas from its first day."""

import shutil
from pathlib import Path

from .api import EngineAPI
from .commands import run, succeeds
from .errors import SetupError
from .plan import GiB, Plan

SMALLEST, LARGEST = 10 * GiB, 100 * GiB
SHARE = 0.4  # of the free disk; the loop file is sparse


def get_pool_size(free: int) -> int:
    """Return the size of a new loop file in bytes, given the free disk in bytes."""
    return min(LARGEST, max(SMALLEST, int(free * SHARE) // GiB * GiB))


def ensure_pool(api: EngineAPI, plan: Plan) -> str:
    """Make the pool when it is not there; returns what was found or done."""
    folder = plan.engine.pool_folder(plan.pool)
    pool = api.get(f"storage-pools/{plan.pool}")
    if pool is None:
        size = plan.pool_size or get_pool_size(shutil.disk_usage(plan.engine.folder).free)
        where = {"source": plan.pool_device} if plan.pool_device else {"size": f"{size // GiB}GiB"}
        config = {**where, "btrfs.mount_options": "noatime"}
        api.post("storage-pools", {"name": plan.pool, "driver": "btrfs", "config": config})
        enable_quotas(folder)
        return f"made, {plan.pool_device or f'{size // GiB} GiB loop file'}, {get_quotas(folder)}"
    if pool["driver"] != "btrfs":
        raise SetupError(
            f"The storage pool {plan.pool!r} is {pool['driver']}, not Btrfs.",
            f"Remove it or choose another name ({plan.engine.name} storage list).",
        )
    if get_quotas(folder) == "no quotas":
        enable_quotas(folder)
    return f"there, {get_quotas(folder)}"


def enable_quotas(folder: Path) -> None:
    """Switch on simple quotas; where the kernel or btrfs-progs has none, the classic kind."""
    if not succeeds("btrfs", "quota", "enable", "--simple", folder):
        run("btrfs", "quota", "enable", folder)


def get_quotas(folder: Path) -> str:
    """Return "simple quotas", "classic quotas" or "no quotas" of a mounted Btrfs."""
    shown = run("btrfs", "filesystem", "show", "--raw", folder)
    uuid = shown.split("uuid:")[1].split()[0]
    mode = Path(f"/sys/fs/btrfs/{uuid}/qgroups/mode")
    if not mode.exists():
        return "no quotas"
    return {"squota": "simple quotas"}.get(mode.read_text().strip(), "classic quotas")


def remove_pool(api: EngineAPI, plan: Plan) -> bool:
    """Remove the pool unless something still lives in it; returns whether there was one."""
    pool = api.get(f"storage-pools/{plan.pool}")
    if pool is None:
        return False
    if pool["used_by"]:
        raise SetupError(f"The pool {plan.pool} is still used by {', '.join(pool['used_by'])}.")
    return api.delete(f"storage-pools/{plan.pool}")
