"""Takes away what the set-up of one state folder made, and nothing else."""

import shutil
from pathlib import Path

from . import backup, certificate, daemons, firewall, image, limits, network, pool, project, runtime
from .api import EngineAPI
from .engines import ENGINES
from .errors import SetupError
from .plan import Plan
from .steps import Step

OURS = ("credentials", "hub", "service", "cache", "log", "node", "venv")
SECRETS = ("demo-password", "proxy-token", "database-url")
OUR_FILES = ("setup.json", "setup.new", *SECRETS, *(f"{name}.new" for name in SECRETS))


def find_workspaces(plan: Plan) -> list[str]:
    """Return the instances of the project that are somebody's workspace."""
    if not daemons.answers(plan.engine):
        return []
    here = EngineAPI(plan.engine).in_project(plan.project)
    if not here.exists(f"projects/{plan.project}"):
        return []
    found = here.list("instances")
    return [one["name"] for one in found if one["config"].get(image.KIND) == "workspace"]


def get_clean_steps(plan: Plan) -> list[Step]:
    """Return the steps of removal, from the inside out."""
    api = EngineAPI(plan.engine)
    return [
        Step("firewall", lambda: _said(firewall.remove_firewall(plan))),
        Step("certificate", lambda: _said(certificate.remove_certificate(api, plan))),
        Step("instances", lambda: remove_instances(api, plan)),
        Step("snapshots for back-ups", lambda: backup.release_bases(plan)),
        Step("project", lambda: remove_project(api, plan)),
        Step("network", lambda: _said(network.remove_network(api, plan))),
        Step("base images", lambda: remove_images(api)),
        Step("storage pool", lambda: remove_pool(api, plan)),
        Step("HTTPS listener", lambda: remove_listener(api, plan)),
        Step("kernel limits", lambda: remove_limits()),
        Step("state folder", lambda: remove_state(plan.state)),
    ]


def remove_instances(api: EngineAPI, plan: Plan) -> str:
    """Remove every instance of the project."""
    here = api.in_project(plan.project)
    if not here.exists(f"projects/{plan.project}"):
        return "none"
    names = [one["name"] for one in here.list("instances")]
    for name in names:
        image.remove_instance(here, name)
    return f"{len(names)} removed"


def remove_project(api: EngineAPI, plan: Plan) -> str:
    """Remove profile, runtime volume and project."""
    if not api.exists(f"projects/{plan.project}"):
        return "none"
    here = api.in_project(plan.project)
    here.delete(f"profiles/{plan.profile}")
    here.delete(f"storage-pools/{plan.pool}/volumes/custom/{runtime.VOLUME}")
    return _said(project.remove_project(api, plan))


def remove_images(api: EngineAPI) -> str:
    """Remove our base images unless another project of ours still lives on this engine."""
    if _is_shared(api):
        return "kept for another set-up"
    images = [one for one in api.list("images") if image.PROPERTY in one["properties"]]
    for one in images:
        api.delete(f"images/{one['fingerprint']}")
    return f"{len(images)} removed"


def remove_pool(api: EngineAPI, plan: Plan) -> str:
    """Remove the pool unless somebody still uses it."""
    if _is_shared(api):
        return "kept for another set-up"
    return _said(pool.remove_pool(api, plan))


def remove_listener(api: EngineAPI, plan: Plan) -> str:
    """Let the engine listen no longer, if it listens only because we told it to."""
    if _is_shared(api):
        return "kept for another set-up"
    return _said(certificate.remove_listener(api, plan))


def remove_limits() -> str:
    """Remove our kernel settings for the next boot; user ids and Debian packages stay."""
    running = [EngineAPI(kind) for kind in ENGINES.values() if daemons.answers(kind)]
    if any(_is_shared(api) for api in running):
        return "kept for another set-up"
    limits.SYSCTL_FILE.unlink(missing_ok=True)
    return "removed"


def _is_shared(api: EngineAPI) -> bool:
    return any(one["description"] == project.DESCRIPTION for one in api.list("projects"))


def remove_state(state: Path) -> str:
    """Remove what is ours in the state folder, and the folder if nothing else is in it."""
    if state in (Path("/"), Path.home()):
        raise SetupError(f"{state} is no state folder.")
    for name in OURS:
        shutil.rmtree(state / name, ignore_errors=True)
    for name in OUR_FILES:
        (state / name).unlink(missing_ok=True)
    if state.is_dir() and not any(state.iterdir()):
        state.rmdir()
    return str(state)


def _said(removed: bool) -> str:
    return "removed" if removed else "none"
