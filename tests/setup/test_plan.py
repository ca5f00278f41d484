"""What is set up is decided once, kept in setup.json, and never mixed."""

import json
from pathlib import Path

import pytest

from coyotelab_setup.engines import INCUS, LXD
from coyotelab_setup.errors import SetupError
from coyotelab_setup.image import get_next_name, get_version
from coyotelab_setup.limits import IdRange, get_id_count, set_id_range
from coyotelab_setup.plan import get_ports, make_plan
from coyotelab_setup.pool import get_pool_size
from coyotelab_setup.record import write_record

GiB = 2**30


def test_defaults_are_those_of_lxd(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, engine=None, project=None)
    assert (plan.engine, plan.project, plan.network) == (LXD, "coyotelab", "clbr0")
    assert plan.workspace_ports == str(plan.ports.hub)


def test_what_was_set_up_is_used_again(tmp_path: Path) -> None:
    write_record(tmp_path / "setup.json", {"engine": "incus", "project": "p", "network": "br7"})
    plan = make_plan(tmp_path)
    assert (plan.engine, plan.project, plan.network) == (INCUS, "p", "br7")
    assert make_plan(tmp_path, engine="incus").project == "p"


def test_another_engine_for_the_same_folder_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path / "setup.json", {"engine": "lxd", "project": "p"})
    with pytest.raises(SetupError, match="was set up with engine lxd, not incus") as caught:
        make_plan(tmp_path, engine="incus")
    assert "COYOTELAB_STATE" in caught.value.mend


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no engine 'docker'"):
        make_plan(tmp_path, engine="docker")


@pytest.mark.parametrize("text", ["http", "-1", "0", "65533", "99999"])
def test_a_bad_port_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COYOTELAB_PORT", text)
    with pytest.raises(SetupError, match="not a port number"):
        get_ports()


def test_the_record_is_whole_and_readable_by_all(tmp_path: Path) -> None:
    file = tmp_path / "setup.json"
    write_record(file, {"engine": "lxd"})
    write_record(file, {"engine": "lxd", "project": "p"})
    assert json.loads(file.read_text()) == {"engine": "lxd", "project": "p"}
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["setup.json"]


def test_bases_are_numbered() -> None:
    assert get_next_name(["ws-1-2", "building-1"]) == "base-default-v1"
    assert get_next_name(["base-default-v9", "base-default-v10"]) == "base-default-v11"
    assert get_version("base-default-v1-old") == get_version("base-cs101-v3") == 0


def test_the_pool_leaves_room_on_the_disk() -> None:
    assert get_pool_size(79 * GiB) == 31 * GiB
    assert get_pool_size(12 * GiB) == 10 * GiB
    assert get_pool_size(900 * GiB) == 100 * GiB


def test_the_id_range_of_others_is_kept() -> None:
    text = "alice:100000:65536\nroot:100000:10000001\n"
    assert get_id_count(text) == 10000001
    fresh = set_id_range(text, IdRange())
    assert fresh == "alice:100000:65536\nroot:1000000:1000000000\n"
    assert set_id_range(fresh, IdRange()) == fresh
    assert get_id_count("") == 0
