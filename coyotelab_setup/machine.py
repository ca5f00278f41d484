"""The steps that turn a machine into a CoyoteLab host, in order."""

from collections.abc import Sequence

from . import (
    account,
    certificate,
    daemons,
    firewall,
    image,
    limits,
    network,
    packages,
    pool,
    preflight,
    project,
    record,
    runtime,
)
from .api import EngineAPI
from .plan import Plan
from .steps import Step


def get_steps(plan: Plan, extra_packages: Sequence[str] = ()) -> list[Step]:
    """Return every step of a set-up; a step that finds its work done takes no time."""
    api = EngineAPI(plan.engine)
    here = api.in_project(plan.project)
    modules = plan.state / "node" / "node_modules"
    return [
        Step("this machine", lambda: preflight.require(preflight.find_checks(plan))),
        Step("Debian packages", lambda: packages.ensure_packages(plan, extra_packages)),
        Step("npm packages", lambda: packages.ensure_node_modules(plan)),
        Step("system user", account.ensure_account),
        Step("kernel limits", limits.ensure_sysctls),
        Step("user ids", limits.ensure_id_range),
        Step("lxcfs", daemons.ensure_lxcfs),
        Step(plan.engine.title, lambda: daemons.ensure_daemon(plan.engine)),
        Step("storage pool", lambda: pool.ensure_pool(api, plan)),
        Step("network", lambda: network.ensure_network(api, plan)),
        Step("project", lambda: project.ensure_project(api, plan)),
        Step("HTTPS listener", lambda: certificate.ensure_listener(api, plan)),
        Step("certificate", lambda: certificate.ensure_certificate(api, plan)),
        Step("runtime volume", lambda: runtime.ensure_volume(api, plan)),
        Step("runtime", lambda: runtime.ensure_runtime(plan, modules)),
        Step("profile", lambda: project.ensure_profile(here, plan)),
        Step("base image", lambda: _ensure_image(api, plan)),
        Step("base", lambda: image.ensure_base(api, plan)),
        Step("firewall", lambda: firewall.ensure_firewall(api, plan)),
        Step("setup.json", lambda: _write_record(api, plan)),
    ]


def _ensure_image(api: EngineAPI, plan: Plan) -> str:
    """Make the image that the next step needs, if it does."""
    if image.find_base(api, plan, image.get_recipe()):
        return "not needed, the base is there"
    return image.ensure_image(api, plan)[:12]


def _write_record(api: EngineAPI, plan: Plan) -> str:
    base = image.find_base(api, plan, image.get_recipe())
    return record.write_record(plan.record, record.get_record(api, plan, base))
