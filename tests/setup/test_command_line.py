"""The command line as root runs it: the work is done as coyotelab, in a real database."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coyotelab_setup import data, doctor, work
from coyotelab_setup.plan import Plan, make_plan

pytestmark = pytest.mark.engine
COYOTELAB = Path(sys.executable).with_name("coyotelab")


@pytest.fixture
def plan(test_state: Path, tmp_path: Path) -> Plan:
    """The test engine with a state folder of its own: what is set up, and no data yet."""
    shutil.copyfile(test_state / "setup.json", tmp_path / "setup.json")
    shutil.copytree(test_state / "credentials", tmp_path / "credentials")
    plan = make_plan(tmp_path)
    data.ensure_folders(plan)
    return plan


def run(plan: Plan, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COYOTELAB, *words, f"--state={plan.state}"],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_accounts_from_the_first_day(plan: Plan) -> None:
    early = run(plan, "user", "list")
    assert early.returncode == 1 and work.NO_DATABASE in early.stderr
    assert "db upgrade" in early.stderr and "Traceback" not in early.stderr
    assert run(plan, "db", "upgrade").returncode == 0
    made = run(plan, "user", "add", "admin", "--password-stdin", stdin="a safe one\n")
    assert made.returncode == 0, made.stderr
    again = run(plan, "user", "add", "admin")
    assert again.returncode == 1
    assert "There is an account named admin already." in again.stderr
    assert run(plan, "user", "add").returncode == 2
    listed = run(plan, "user", "list", "--json")
    assert [one["username"] for one in json.loads(listed.stdout)] == ["admin"]
    database = plan.state / "service" / "coyotelab.sqlite"
    assert database.owner() == "coyotelab"


def test_the_doctor_looks_and_changes_nothing(plan: Plan) -> None:
    assert run(plan, "db", "upgrade").returncode == 0
    file = plan.state / "service" / "coyotelab.sqlite"
    before = file.read_bytes()
    checks = {one.name: one for one in doctor.examine(plan)}
    for name in (
        "database",
        "bases of courses",
        "Hub and service",
        "room in the pool",
        "room for the state",
        "certificate client.crt",
        "certificate server.crt",
    ):
        assert checks[name].ok, f"{name}: {checks[name].said}"
    assert "not running" in checks["Hub and service"].said
    assert file.read_bytes() == before
