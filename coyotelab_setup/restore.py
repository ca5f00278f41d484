"""Puts a set that backup.py made onto a machine that has no workspaces."""

import ipaddress
import json
from pathlib import Path
from typing import Any

from . import backup, data, database_copy, firewall, image, network, preflight, streams
from .api import EngineAPI
from .errors import SetupError
from .machine import get_steps
from .plan import SYSTEM_USER, Plan
from .secret_file import copy_secret
from .steps import Step

ARRIVING = "coyotelab-restore"  # in the pool: what streams become before it is an instance's


def get_restore_steps(plan: Plan, target: Path) -> list[Step]:
    """Return the steps from a bare machine to the one that was saved. Raises SetupError."""
    manifest = read_manifest(target)
    api = EngineAPI(plan.engine)
    return [
        Step("the same names", lambda: require_names(plan, manifest)),
        Step("nothing runs", lambda: preflight.require(preflight.check_ports(plan))),
        Step("files of the set", lambda: check_files(target, manifest)),
        *get_steps(plan),
        Step("no workspaces here", lambda: _require_none(plan)),
        Step("subnet", lambda: restore_subnet(api, plan, manifest["subnet"])),
        Step("bases and workspaces", lambda: restore_instances(api, plan, target, manifest)),
        Step("databases", lambda: _restore_databases(plan, target)),
        Step("secrets", lambda: _restore_secrets(plan, target)),
        *get_steps(plan)[-5:],  # profile to setup.json, which name the subnet and the base
    ]


def read_manifest(target: Path) -> dict[str, Any]:
    """Return what a set holds. Raises SetupError when it is none, or of another version."""
    try:
        manifest: dict[str, Any] = json.loads((target / backup.MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{target} is no whole set.", "Name a folder that has a manifest.json."
        ) from error
    if manifest["version"] != backup.VERSION:
        raise SetupError(f"{target} was made by another version of CoyoteLab.")
    return manifest


def check_files(target: Path, manifest: dict[str, Any]) -> str:
    """Look whether every stream is what was written. Raises SetupError."""
    for one in manifest["instances"]:
        file = target.parent / one["file"]
        if not file.exists() or streams.measure(file).sha256 != one["sha256"]:
            raise SetupError(f"{file} is missing or damaged.", "Use another set.")
    return f"{len(manifest['instances'])} machines"


def restore_subnet(api: EngineAPI, plan: Plan, subnet: str) -> str:
    """Give the bridge the subnet that the workspaces' addresses are of."""
    if str(network.get_bridge(api, plan).network) == subnet:
        return subnet
    wanted = ipaddress.IPv4Network(subnet)
    own = network.get_bridge(api, plan).network
    for taken in network.find_taken_subnets():
        if taken.overlaps(wanted) and not taken.subnet_of(own):
            raise SetupError(
                f"The workspaces have addresses of {subnet}, which this machine uses for {taken}.",
                "Free that network here, then try again.",
            )
    api.patch(f"networks/{plan.network}", {"config": network.get_network_config(wanted)})
    firewall.ensure_firewall(api, plan)
    return subnet


def restore_instances(api: EngineAPI, plan: Plan, target: Path, manifest: dict[str, Any]) -> str:
    """Make the saved bases and workspaces instances of the project."""
    here = api.in_project(plan.project)
    names = [one["name"] for one in manifest["instances"]]
    for instance in here.list("instances"):  # no workspaces: set-up's own base, of that name
        if instance["name"] in names:
            image.remove_instance(here, instance["name"])
    backup.release_bases(plan)
    folder = plan.engine.pool_folder(plan.pool) / ARRIVING
    _empty(folder)
    folder.mkdir(mode=0o700)
    seen: set[str] = set()
    try:
        for one in manifest["instances"]:
            streams.receive(target.parent / one["file"], folder)
            subvolume = backup.find_subvolume(plan, one["name"])
            streams.delete_subvolume(subvolume)  # of an earlier try
            received = next(path for path in folder.iterdir() if path.name not in seen)
            seen.add(received.name)
            streams.take_snapshot(received, subvolume, readonly=False)
        api.recover(api.get(f"storage-pools/{plan.pool}"))
    finally:
        _empty(folder)
    return f"{len(names)} machines"


def _empty(folder: Path) -> None:
    if folder.exists():
        for one in folder.iterdir():
            streams.delete_subvolume(one)
        folder.rmdir()


def _require_none(plan: Plan) -> str:
    found = [one for one in backup.find_instances(plan) if one["config"][image.KIND] != "base"]
    if found:
        raise SetupError(
            f"There are {len(found)} workspaces here already, such as {found[0]['name']}.",
            "A set is put onto a machine without any; `coyotelab clean` removes these for good.",
        )
    return ""


def require_names(plan: Plan, manifest: dict[str, Any]) -> str:
    """Raise SetupError unless the saved machines' configuration names what is here."""
    for name, here in backup.get_names(plan).items():
        if manifest[name] != here:
            raise SetupError(
                f"The set is of {name} {manifest[name]}, this is {here}.",
                f"Restore it with --{name}={manifest[name]} in a state folder of its own.",
            )
    return ""


def _restore_databases(plan: Plan, target: Path) -> str:
    data.ensure_folders(plan)
    database_copy.restore_service(plan, target / "service.db")
    database_copy.restore_hub(plan, target / "hub.db")
    return data.upgrade(plan)


def _restore_secrets(plan: Plan, target: Path) -> str:
    for name in backup.SECRETS:
        if (target / name).exists():
            owner = SYSTEM_USER if "/" in name else ""  # in a folder of coyotelab's
            copy_secret(target / name, plan.state / name, owner)
    return ""
