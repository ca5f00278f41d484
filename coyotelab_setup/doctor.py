"""Looks at a machine and a set-up: each thing with its state and, when it is amiss, the mend."""

from collections.abc import Callable

from . import daemons, firewall, image, limits, packages, pool, site_checks
from .api import EngineAPI
from .errors import SetupError
from .plan import Plan
from .preflight import Check, find_checks

MEND = "Run `coyotelab setup` (or `make demo`) again."


def examine(plan: Plan) -> list[Check]:
    """Return every check; looks only, changes nothing."""
    checks = [*find_checks(plan), _look("Debian packages", lambda: _find_packages(plan))]
    answers = daemons.answers(plan.engine)
    said = "answers" if answers else f"no answer on {plan.engine.socket}"
    checks.append(Check(plan.engine.title, answers, said, MEND))
    if not answers:
        return checks
    api = EngineAPI(plan.engine)
    here = api.in_project(plan.project)
    return [
        *checks,
        _check("lxcfs", daemons.lxcfs_answers(), "answers", "does not answer"),
        _look("storage pool", lambda: _find_quotas(plan)),
        _exists(api, "network", f"networks/{plan.network}"),
        _exists(api, "project", f"projects/{plan.project}"),
        _exists(here, "profile", f"profiles/{plan.profile}"),
        _look("base", lambda: _find_base(api, plan)),
        _check("firewall", firewall.is_loaded(plan), "in force", "its table is not loaded"),
        _look("user ids", _find_ids),
        _check("setup.json", plan.record.exists(), str(plan.record), "not written yet"),
        *site_checks.find_site_checks(api, plan),
    ]


def _check(name: str, ok: bool, fine: str, amiss: str) -> Check:
    return Check(name, ok, fine if ok else amiss, MEND)


def _exists(api: EngineAPI, name: str, path: str) -> Check:
    return _check(name, api.exists(path), path.split("/")[-1], f"{path.split('/')[-1]} is missing")


def _look(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except SetupError as error:
        return Check(name, False, str(error), error.mend or MEND)


def _find_packages(plan: Plan) -> str:
    if missing := packages.find_missing([*packages.NEEDED, *plan.engine.packages]):
        raise SetupError(f"missing: {' '.join(missing)}", MEND)
    return "all there"


def _find_quotas(plan: Plan) -> str:
    found = pool.get_quotas(plan.engine.pool_folder(plan.pool))
    if found != "simple quotas":
        mend = (
            "Quotas slow this pool down; a kernel >= 6.7 and btrfs-progs >= 6.7 have simple ones."
        )
        raise SetupError(found, mend)
    return found


def _find_base(api: EngineAPI, plan: Plan) -> str:
    name = image.find_base(api, plan, image.get_recipe())
    if not name:
        raise SetupError("there is no base of the current recipe", "Run `coyotelab image build`.")
    return name


def _find_ids() -> str:
    count = min(limits.get_id_count(file.read_text()) for file in limits.ID_FILES) // 65536
    if count < 1000:
        mend = "Stop and remove all instances once and run `coyotelab setup`, or edit /etc/subuid."
        raise SetupError(f"room for {count} workspaces only", mend)
    return f"room for {count} workspaces"
