"""The runtime volume: what every workspace sees, read-only, at /opt/coyotelab."""

import shutil
from pathlib import Path

from .api import EngineAPI
from .commands import run, run_logged
from .engines import ENGINES
from .plan import CHECKOUT, Plan

RECIPE = CHECKOUT / "images" / "runtime"
VOLUME = "runtime"


def ensure_volume(api: EngineAPI, plan: Plan) -> str:
    """Make the project's runtime volume, readable from inside whatever the instance's idmap."""
    volumes = f"storage-pools/{plan.pool}/volumes/custom"
    here = api.in_project(plan.project)
    made = not here.exists(f"{volumes}/{VOLUME}")
    if made:
        here.post(volumes, {"name": VOLUME, "config": {"security.unmapped": "true"}})
    folder = get_volume_folder(plan)
    folder.chmod(0o755)
    (folder / "versions").mkdir(mode=0o755, exist_ok=True)
    return "made" if made else "there"


def get_volume_folder(plan: Plan) -> Path:
    """Return where root finds the volume on this machine."""
    return plan.engine.pool_folder(plan.pool) / "custom" / f"{plan.project}_{VOLUME}"


def ensure_runtime(plan: Plan, node_modules: Path) -> str:
    """Fill versions/<hash> and let `current` point to it.

    Another project's volume that has this version gives it, by reflink in the same pool. The
    version before stays, for workspaces that run on it; older ones go.
    """
    if not (RECIPE / "build").exists():
        return "no recipe yet, left empty"
    folder = get_volume_folder(plan)
    version = run(RECIPE / "version").strip()
    target = folder / "versions" / version
    if not target.exists():
        _fill(plan, target, node_modules)
    before = _get_version(folder, "current")
    if before != version:
        if before:
            _point(folder, "previous", before)
        _point(folder, "current", version)
    _remove_old(folder, keep={version, _get_version(folder, "previous")})
    return version


def _fill(plan: Plan, target: Path, node_modules: Path) -> None:
    building = target.with_name("building")
    shutil.rmtree(building, ignore_errors=True)
    for other in find_siblings(plan):
        if (source := other / "versions" / target.name).exists():
            run("cp", "--archive", "--reflink=auto", source, building)
            break
    else:
        run_logged(
            [RECIPE / "build", building, node_modules, target.name],
            plan.log / "runtime.log",
        )
    building.rename(target)


def find_siblings(plan: Plan) -> list[Path]:
    """Return the runtime volumes of other projects, those in the same pool first."""
    mine = get_volume_folder(plan)
    engines = sorted(ENGINES.values(), key=lambda kind: kind != plan.engine)
    folders = [kind.pool_folder(plan.pool) / "custom" for kind in engines]
    found = [path for folder in folders for path in sorted(folder.glob(f"*_{VOLUME}"))]
    return [path for path in found if path != mine]


def _get_version(folder: Path, name: str) -> str:
    link = folder / name
    return link.readlink().name if link.is_symlink() else ""


def _point(folder: Path, name: str, version: str) -> None:
    fresh = folder / f"{name}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path("versions", version))
    fresh.replace(folder / name)


def _remove_old(folder: Path, keep: set[str]) -> None:
    for path in (folder / "versions").iterdir():
        if path.name not in keep:
            shutil.rmtree(path)
