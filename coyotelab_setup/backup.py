"""Sets of everything that cannot be made again: databases, secrets, bases, workspaces.

A folder of back-ups holds each base once (bases/) and a folder for each set, in which a workspace
is what differs from its base. A set is whole when its manifest.json is there; it is written last.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import database_copy, image, streams
from .api import EngineAPI
from .errors import EngineError, SetupError
from .network import get_bridge
from .plan import CHECKOUT, Plan
from .secret_file import copy_secret

VERSION = 1
KINDS = ("base", "workspace", "kept")
HELD = "coyotelab-backup"  # in the pool: snapshots of bases, which later streams refer to
SECRETS = ("hub/cookie_secret", "service/cookie_secret", "proxy-token", "demo-password")
OWN_VALUES = "config.py"  # for reading too; whose it is and who may read it is the site's
MANIFEST = "manifest.json"


def make_backup(plan: Plan, folder: Path) -> tuple[Path, list[str]]:
    """Make a set of everything, while people work.

    Returns:
        The set's folder, and a sentence for each workspace that could not be saved.

    Raises:
        SetupError: there is no set.
    """
    target = _make_folders(folder)
    database_copy.dump_service(plan, target / "service.db")
    database_copy.dump_hub(plan, target / "hub.db")
    _copy_state(plan, target)
    instances, failed = _save_instances(plan, folder, target)
    manifest = {
        "version": VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **get_names(plan),
        "subnet": str(get_bridge(EngineAPI(plan.engine), plan).network),
        "instances": instances,
        "failed": failed,
    }
    (target / f"{MANIFEST}.part").write_text(json.dumps(manifest, indent=2) + "\n")
    (target / f"{MANIFEST}.part").replace(target / MANIFEST)
    return target, failed


def get_names(plan: Plan) -> dict[str, str]:
    """Return the names that stand in the saved machines' own configuration."""
    names = ("project", "network", "pool", "profile")
    return {"engine": plan.engine.name, **{name: getattr(plan, name) for name in names}}


def _make_folders(folder: Path) -> Path:
    target = folder / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    try:
        (folder / "bases").mkdir(mode=0o700, parents=True, exist_ok=True)
        target.mkdir(mode=0o700)
        (target / "workspaces").mkdir()
    except OSError as error:
        raise SetupError(f"{error}.", "Choose another folder for the back-up.") from error
    return target


def _copy_state(plan: Plan, target: Path) -> None:
    shutil.copy(CHECKOUT / "jupyterhub_config.py", target)  # for reading; a restore leaves it
    for name in (*SECRETS, OWN_VALUES):
        if (plan.state / name).exists():
            (target / name).parent.mkdir(exist_ok=True)
            copy_secret(plan.state / name, target / name)


def _save_instances(
    plan: Plan, folder: Path, target: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    saved: list[dict[str, Any]] = []
    failed: list[str] = []
    held = hold_bases(plan)
    for instance in find_instances(plan):
        name, kind = instance["name"], instance["config"][image.KIND]
        try:
            row = {"name": name, "kind": kind, "uuid": instance["config"].get(image.UUID, "")}
            if kind == "base":
                row |= _save_base(held[name], folder)
            else:
                row |= _save_workspace(plan, instance, held, target)
            saved.append(row)
        except SetupError as error:
            failed.append(f"{name}: {error}")
    return saved, failed


def _save_base(snapshot: Path, folder: Path) -> dict[str, Any]:
    identity = streams.get_uuid(snapshot)
    file = folder / "bases" / f"{identity}.btrfs.zst"
    # A base never changes, so one file serves every set.
    stream = streams.measure(file) if file.exists() else streams.send(snapshot, file)
    return {"file": f"bases/{file.name}", "base": "", **asdict(stream)}


def _save_workspace(
    plan: Plan, instance: dict[str, Any], held: dict[str, Path], target: Path
) -> dict[str, Any]:
    base = _find_base(instance, plan, held)
    file = target / "workspaces" / f"{instance['name']}.btrfs.zst"
    with _snapshot_of(plan, instance["name"]) as snapshot:
        stream = streams.send(snapshot, file, held.get(base))
    return {"file": f"{target.name}/workspaces/{file.name}", "base": base, **asdict(stream)}


def _find_base(instance: dict[str, Any], plan: Plan, held: dict[str, Path]) -> str:
    """Return the base a workspace differs least from: the newest of its recipe, else any."""
    recipe = instance["config"].get(image.HASH, "")
    found = image.find_base(EngineAPI(plan.engine), plan, recipe)
    return found or next(iter(held), "")


def find_instances(plan: Plan) -> list[dict[str, Any]]:
    """Return what is saved of the project, bases first."""
    found = [
        one
        for one in EngineAPI(plan.engine).in_project(plan.project).list("instances")
        # A clone that is not finished yet has its uuid in its name.
        if one["config"].get(image.KIND) in KINDS and not one["name"].startswith("new-")
    ]
    return sorted(found, key=lambda one: KINDS.index(one["config"][image.KIND]))


def find_subvolume(plan: Plan, name: str) -> Path:
    """Return where the engine keeps an instance of the project in its pool."""
    return plan.engine.pool_folder(plan.pool) / "containers" / f"{plan.project}_{name}"


def hold_bases(plan: Plan) -> dict[str, Path]:
    """Return a read-only snapshot of each base, by name, made when it is not there yet."""
    folder = plan.engine.pool_folder(plan.pool) / HELD / plan.project
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [one["name"] for one in find_instances(plan) if one["config"][image.KIND] == "base"]
    for old in folder.iterdir():  # of bases that are gone, or of a back-up that was killed
        if old.name not in names:
            streams.delete_subvolume(old)
    for name in names:
        if not (folder / name).exists():
            streams.take_snapshot(find_subvolume(plan, name), folder / name, readonly=True)
    return {name: folder / name for name in names}


def release_bases(plan: Plan) -> str:
    """Delete these snapshots; later sets then hold their bases anew."""
    folder = plan.engine.pool_folder(plan.pool) / HELD / plan.project
    if not folder.exists():
        return "none"
    for one in folder.iterdir():
        streams.delete_subvolume(one)
    folder.rmdir()
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()
    return "removed"


@contextmanager
def _snapshot_of(plan: Plan, name: str) -> Iterator[Path]:
    # Beside the bases, under a name that is none of an instance.
    snapshot = plan.engine.pool_folder(plan.pool) / HELD / plan.project / f"now.{name}"
    streams.delete_subvolume(snapshot)
    try:
        streams.take_snapshot(find_subvolume(plan, name), snapshot, readonly=True)
        yield snapshot
    except EngineError as error:
        raise SetupError(str(error)) from error
    finally:
        streams.delete_subvolume(snapshot)
