"""What is saved comes back: machines with their files and identity, databases of both kinds."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coyotelab_setup import backup, clean, data, database_copy, image, restore, streams
from coyotelab_setup.api import EngineAPI
from coyotelab_setup.errors import SetupError
from coyotelab_setup.machine import get_steps
from coyotelab_setup.plan import Plan, make_plan

from ..service.databases import open_databases

WORKSPACE = "ws-1-4"


@pytest.fixture
def plan(
    machine: dict[str, Any], tmp_path: Path, test_state: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plan]:
    """A project of its own with a base, and a state folder with the demo's databases."""
    monkeypatch.delenv("COYOTELAB_DB", raising=False)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    network = "clbr18" if machine["engine"] == "incus" else "clbr17"
    names = {"engine": machine["engine"], "project": "coyotelab-saved", "network": network}
    made = make_plan(tmp_path / "state", **names, cache=test_state.parent / "cache")
    made.state.mkdir()
    for step in get_steps(made):
        # Nobody works in these machines, so they need neither a server nor a way out.
        if step.name not in ("this machine", "npm packages", "runtime", "firewall"):
            step.action()
    data.ensure_folders(made)
    yield made
    for step in clean.get_clean_steps(made):
        if step.name not in ("firewall", "kernel limits"):
            step.action()


def make_workspace(plan: Plan, here: EngineAPI) -> None:
    """A machine with a file of coyote's and a link, shifted to ids of its own."""
    base = image.find_base(here, plan)
    config = {image.KIND: "workspace", image.UUID: "11111111-2222-3333-4444-555555555555"}
    source = {"type": "copy", "source": base, "instance_only": True}
    body = {"name": WORKSPACE, "source": source, "profiles": [plan.profile], "config": config}
    here.post("instances", body)
    inside(here, "cd /home/coyote && echo kept > essay && chown coyote: essay && ln -s essay link")
    here.put(f"instances/{WORKSPACE}/state", {"action": "stop", "force": True, "timeout": 30})


def inside(here: EngineAPI, words: str) -> str:
    """Run words of the shell in the machine, started for it; returns what they print."""
    if here.get(f"instances/{WORKSPACE}")["status"] != "Running":
        here.put(f"instances/{WORKSPACE}/state", {"action": "start", "timeout": 60})
    form = {"wait-for-websocket": False, "interactive": False, "record-output": True}
    done = here.post(f"instances/{WORKSPACE}/exec", {"command": ["/bin/sh", "-c", words], **form})
    assert done["return"] == 0
    return here.read_log(done["output"]["1"])


@pytest.mark.engine
def test_a_machine_that_was_lost_comes_back(plan: Plan, tmp_path: Path) -> None:
    here = EngineAPI(plan.engine).in_project(plan.project)
    make_workspace(plan, here)
    data.upgrade(plan)
    hub = plan.state / "hub" / "jupyterhub.sqlite"
    shutil.copy(plan.state / "service" / "coyotelab.sqlite", hub)  # any database will do
    shutil.chown(hub, "coyotelab", "coyotelab")
    target, failed = backup.make_backup(plan, tmp_path / "saved")
    assert failed == []
    manifest = restore.read_manifest(target)
    sizes = {one["name"]: one["size"] for one in manifest["instances"]}
    assert sizes[WORKSPACE] < sizes[image.find_base(here, plan)] / 20  # only what differs
    before = here.get(f"instances/{WORKSPACE}")["config"]

    for instance in here.list("instances"):
        image.remove_instance(here, instance["name"])
    assert restore.check_files(target, manifest)
    restore.restore_instances(EngineAPI(plan.engine), plan, target, manifest)

    after = here.get(f"instances/{WORKSPACE}")["config"]
    assert after[image.UUID] == before[image.UUID]
    assert image.find_base(here, plan)
    assert inside(here, "stat -c '%U %N' /home/coyote/essay && cat /home/coyote/link") == (
        "coyote '/home/coyote/essay'\nkept"
    )


@pytest.mark.engine
def test_a_set_that_is_damaged_or_of_another_project_changes_nothing(
    tmp_path: Path, machine: dict[str, Any], test_state: Path
) -> None:
    plan = make_plan(test_state)
    stream = tmp_path / "one.zst"
    stream.write_bytes(b"not what was written")
    row = {"name": "ws-1-1", "file": "one.zst", "sha256": "0" * 64}
    with pytest.raises(SetupError, match="missing or damaged"):
        restore.check_files(tmp_path / "set", {"instances": [row]})
    with pytest.raises(SetupError, match="no whole set"):
        restore.read_manifest(tmp_path)
    with pytest.raises(SetupError, match="is of project other"):
        names = backup.get_names(plan) | {"project": "other"}
        restore.require_names(plan, names)
    (tmp_path / "torn").mkdir()
    with pytest.raises(SetupError, match="failed"):
        streams.receive(stream, tmp_path / "torn")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_comes_back_as_it_was(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coyotelab_service.database import Database, upgrade
    from coyotelab_service.demo import load
    from coyotelab_service.orm import User

    plan = make_plan(tmp_path / "state")
    monkeypatch.setattr(database_copy, "run_python", run_here)
    monkeypatch.setattr(database_copy, "SYSTEM_USER", "root")
    (plan.state / "service").mkdir(parents=True)
    with open_databases(kind, tmp_path / "state" / "service") as databases:
        url = databases.make("saved")
        monkeypatch.setenv("COYOTELAB_DB", url)
        upgrade(url)
        database = Database(url)
        load(database, "a password", "base-default-v1", cost=4)
        database_copy.dump_service(plan, tmp_path / "dump")
        assert (tmp_path / "dump").stat().st_mode & 0o077 == 0
        with database.transaction() as session:
            user = User.get(session, "student1")
            assert user
            user.name = "changed since"
        database.close()
        database_copy.restore_service(plan, tmp_path / "dump")
        with database.transaction() as session:
            user = User.get(session, "student1")
            assert user and user.name == "Sam Saito"
        database.check()
        database.close()
        monkeypatch.delenv("COYOTELAB_DB")
        with pytest.raises(SetupError, match="There is no database"):
            database_copy.dump_service(plan, tmp_path / "nothing")
        if kind == "sqlite":
            monkeypatch.setenv("COYOTELAB_DB", "postgresql+psycopg://localhost/x")
            with pytest.raises(SetupError, match="is of SQLite"):
                database_copy.restore_service(plan, tmp_path / "dump")


def run_here(plan: Plan, module: str, source: str, target: str) -> str:
    """What the sandbox does, without another user: the same program on the same files."""
    inside = str(database_copy.INSIDE / "state")
    paths = [path.replace(inside, str(plan.state)) for path in (source, target)]
    command = [sys.executable, "-m", module, *paths]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
