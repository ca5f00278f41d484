"""The base: built by images/base, imported once, kept as the instance workspaces are clones of."""

import hashlib
import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .api import EngineAPI
from .apt import get_base_sources
from .commands import run_logged
from .daemons import answers
from .engines import ENGINES
from .errors import SetupError
from .plan import CHECKOUT, Plan

RECIPE = CHECKOUT / "images" / "base"
NAME = "default"
PROPERTY = "coyotelab.recipe"
KIND, UUID, HASH = "user.coyotelab.kind", "user.coyotelab.uuid", "user.coyotelab.recipe"

# Run as root inside a clone: the machine boots whole, and coyote is at home in it.
BOOT_CHECK = """
for try in $(seq 300); do
    systemctl is-active --quiet multi-user.target && break
    sleep 0.1
done
systemctl is-active --quiet multi-user.target || { echo "it does not finish booting"; exit 1; }
failed=$(systemctl list-units --failed --plain --no-legend)
[ -z "$failed" ] || { echo "failed services: $failed"; exit 1; }
[ "$(id -u coyote)" = 1000 ] || { echo "there is no user coyote with uid 1000"; exit 1; }
runuser -u coyote -- sudo -n true || { echo "coyote cannot use sudo"; exit 1; }
"""


def get_recipe() -> str:
    """Return a hash of everything the base is made from, the mirror's address aside."""
    digest = hashlib.sha256()
    for file in sorted(RECIPE.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def ensure_image(api: EngineAPI, plan: Plan) -> str:
    """Build and import the image of the current recipe; returns its fingerprint."""
    recipe = get_recipe()
    if found := find_image(api, recipe):
        return found
    tarball = find_tarball(plan, recipe) or build_tarball(plan, recipe)
    fingerprint: str = api.upload("images", tarball, {})["fingerprint"]
    (plan.cache / tarball.name).unlink(missing_ok=True)
    for old in api.list("images"):
        if old["properties"].get(PROPERTY, recipe) != recipe:
            api.delete(f"images/{old['fingerprint']}")
    return fingerprint


def find_tarball(plan: Plan, recipe: str) -> Path | None:
    """Return the image file of that recipe in the other engine's store, if it has it."""
    for kind in ENGINES.values():
        if kind != plan.engine and answers(kind):
            file = kind.folder / "images" / (find_image(EngineAPI(kind), recipe) or "none")
            if file.exists():
                return file
    return None


def build_tarball(plan: Plan, recipe: str) -> Path:
    """Build the image file of that recipe in the cache; a finished one is used again."""
    plan.cache.mkdir(parents=True, exist_ok=True)
    sources, tarball = plan.cache / "debian.sources", plan.cache / f"base-{recipe}.tar"
    sources.write_text(get_base_sources())
    if not tarball.exists():
        run_logged(
            [RECIPE / "build", sources, plan.cache / "packages", tarball, recipe],
            plan.log / "base.log",
        )
    return tarball


def find_image(api: EngineAPI, recipe: str) -> str:
    """Return the fingerprint of the image of that recipe, "" when there is none."""
    for image in api.list("images"):
        if image["properties"].get(PROPERTY) == recipe:
            return str(image["fingerprint"])
    return ""


def find_base(api: EngineAPI, plan: Plan, recipe: str = "") -> str:
    """Return the newest base of that recipe (or of any), "" when there is none."""
    found = [
        (get_version(instance["name"]), instance["name"])
        for instance in api.in_project(plan.project).list("instances")
        if instance["config"].get(KIND) == "base"
        and instance["config"].get(HASH, "") == (recipe or instance["config"].get(HASH, ""))
        and get_version(instance["name"])
    ]
    return max(found)[1] if found else ""


def get_version(name: str) -> int:
    """Return n of a name like base-default-v<n>, 0 for any other name."""
    match = re.fullmatch(rf"base-{NAME}-v([1-9][0-9]*)", name)
    return int(match[1]) if match else 0


def get_next_name(names: Iterable[str]) -> str:
    """Return the name of the base that follows the given instances."""
    return f"base-{NAME}-v{max((get_version(name) for name in names), default=0) + 1}"


def ensure_base(api: EngineAPI, plan: Plan) -> str:
    """Make the base instance of the current recipe and return its name.

    It is made under another name, booted as a throw-away clone, and renamed last: what is named
    base-default-v<n> is whole. It is itself never started, so that a clone's files are shifted to
    the clone's own ids once, not back and forth.
    """
    recipe = get_recipe()
    if name := find_base(api, plan, recipe):
        return name
    fingerprint = ensure_image(api, plan)
    here = api.in_project(plan.project)
    remove_leftovers(here)
    building = f"building-{uuid.uuid4().hex[:8]}"
    source = {"type": "image", "fingerprint": fingerprint}
    _create(here, plan, building, source, "building", recipe)
    check_boot(here, plan, building)
    name = get_next_name(instance["name"] for instance in here.list("instances"))
    instance = here.get(f"instances/{building}")
    config = {**instance["config"], KIND: "base"}
    here.patch(f"instances/{building}", {"config": config})
    here.post(f"instances/{building}", {"name": name})
    return name


def _create(
    here: EngineAPI, plan: Plan, name: str, source: dict[str, Any], kind: str, recipe: str
) -> None:
    config = {KIND: kind, UUID: str(uuid.uuid4()), HASH: recipe}
    body = {"name": name, "source": source, "profiles": [plan.profile], "config": config}
    here.post("instances", body)


def check_boot(here: EngineAPI, plan: Plan, base: str) -> None:
    """Boot a throw-away clone and look whether it is a machine. Raises SetupError."""
    clone = f"check-{uuid.uuid4().hex[:8]}"
    _create(here, plan, clone, {"type": "copy", "source": base, "instance_only": True}, "check", "")
    try:
        here.put(f"instances/{clone}/state", {"action": "start", "timeout": 60})
        body = {
            "command": ["/bin/sh", "-c", BOOT_CHECK],
            "wait-for-websocket": False,
            "interactive": False,
            "record-output": True,
        }
        done = here.post(f"instances/{clone}/exec", body)
        if done["return"]:
            said = here.read_log(done["output"]["1"])
            raise SetupError(f"The base does not boot: {said}.", "See images/base/customize.")
    finally:
        remove_instance(here, clone)


def remove_instance(here: EngineAPI, name: str) -> None:
    """Stop an instance by force and delete it, protected or not."""
    instance = here.get(f"instances/{name}")
    if instance is None:
        return
    if instance["status"] != "Stopped":
        here.put(f"instances/{name}/state", {"action": "stop", "force": True, "timeout": 30})
    if instance["config"].get("security.protection.delete") == "true":
        here.patch(f"instances/{name}", {"config": {"security.protection.delete": "false"}})
    here.delete(f"instances/{name}")


def remove_leftovers(here: EngineAPI) -> None:
    """Remove what an interrupted build left in the project."""
    for instance in here.list("instances"):
        if instance["config"].get(KIND) in ("building", "check"):
            remove_instance(here, instance["name"])
