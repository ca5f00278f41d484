"""On the real engine: setting up again changes nothing, and bad states are said plainly."""

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coyotelab_setup import doctor, firewall, image, network, pool, project
from coyotelab_setup.api import EngineAPI
from coyotelab_setup.engines import LXD
from coyotelab_setup.errors import EngineError, SetupError
from coyotelab_setup.machine import get_steps
from coyotelab_setup.plan import Plan, make_plan
from coyotelab_setup.steps import run_steps

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def plan(test_state: Path) -> Plan:
    return make_plan(test_state, cache=test_state.parent / "cache", open_ports="1024-65535")


@pytest.fixture(scope="module")
def api(plan: Plan) -> EngineAPI:
    return EngineAPI(plan.engine)


def take_picture(api: EngineAPI, plan: Plan) -> dict[str, Any]:
    """Return everything the set-up made, as the engine has it."""
    here = api.in_project(plan.project)
    used = ("used_by", "last_used_at")
    paths = (f"networks/{plan.network}", f"projects/{plan.project}", f"storage-pools/{plan.pool}")
    found = {path: api.get(path) for path in paths}
    found["profile"] = here.get(f"profiles/{plan.profile}")
    found["bases"] = [
        one for one in here.list("instances") if one["config"].get(image.KIND) == "base"
    ]
    found["record"] = plan.record.read_text()
    return {
        name: {key: value for key, value in one.items() if key not in used}
        if isinstance(one, dict)
        else one
        for name, one in found.items()
    }


def test_setting_up_again_changes_nothing_and_is_quick(api: EngineAPI, plan: Plan) -> None:
    run_steps(get_steps(plan), io.StringIO())
    before = take_picture(api, plan)
    began = time.monotonic()
    run_steps(get_steps(plan), io.StringIO())
    assert time.monotonic() - began < 5
    assert take_picture(api, plan) == before
    assert firewall.is_loaded(plan)


def test_the_doctor_finds_all_well(plan: Plan) -> None:
    amiss = {one.name for one in doctor.examine(plan) if not one.ok}
    assert amiss <= {"user ids"}, "only an engine that had instances before may lack ids"


def test_a_changed_profile_is_put_right(api: EngineAPI, plan: Plan) -> None:
    here = api.in_project(plan.project)
    path = f"profiles/{plan.profile}"
    profile = here.get(path)
    config = {**profile["config"], "limits.processes": "5"}
    here.put(path, {**profile, "config": config})
    assert project.ensure_profile(here, plan) == "updated"
    assert here.get(path)["config"] == profile["config"]
    assert project.ensure_profile(here, plan) == "there"


def test_the_engine_refuses_a_privileged_instance(api: EngineAPI, plan: Plan) -> None:
    here = api.in_project(plan.project)
    source = {"type": "none"}
    for key, value in (("security.privileged", "true"), ("raw.lxc", "lxc.mount.auto = proc:rw")):
        body = {"name": "refused", "source": source, "profiles": [plan.profile]}
        with pytest.raises(EngineError):
            here.post("instances", {**body, "config": {key: value}})
    assert not here.exists("instances/refused")


def test_a_half_made_base_is_swept_and_never_found(api: EngineAPI, plan: Plan) -> None:
    here = api.in_project(plan.project)
    config = {image.KIND: "building", image.HASH: "half"}
    body = {"name": "building-half", "source": {"type": "none"}, "profiles": [plan.profile]}
    here.post("instances", {**body, "config": config})
    assert image.find_base(api, plan, "half") == ""
    image.remove_leftovers(here)
    assert not here.exists("instances/building-half")


def test_a_pool_of_another_kind_is_refused(api: EngineAPI, plan: Plan, tmp_path: Path) -> None:
    api.post("storage-pools", {"name": "clthrowaway", "driver": "dir"})
    try:
        other = make_plan(tmp_path, engine=plan.engine.name, pool="clthrowaway")
        with pytest.raises(SetupError, match="is dir, not Btrfs"):
            pool.ensure_pool(api, other)
    finally:
        api.delete("storage-pools/clthrowaway")


def test_an_interface_that_is_no_bridge_of_ours_is_refused(api: EngineAPI, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is no bridge of"):
        network.get_bridge(api, make_plan(tmp_path, network="lo"))


def test_an_engine_that_does_not_answer_is_named(tmp_path: Path) -> None:
    silent = replace(LXD, socket=tmp_path / "unix.socket")
    with pytest.raises(EngineError, match="LXD does not answer on") as caught:
        EngineAPI(silent).get("")
    assert "coyotelab setup" in caught.value.mend
