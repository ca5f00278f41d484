"""What a machine lacks is said before anything is changed."""

import socket
from pathlib import Path

import pytest

from coyotelab_setup import preflight
from coyotelab_setup.errors import SetupError
from coyotelab_setup.plan import GiB, Ports, make_plan


def test_this_machine_is_fit(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    assert preflight.require(preflight.find_checks(plan)).endswith("checks passed")


def test_too_little_memory_is_said_in_gigabytes() -> None:
    check = preflight.check_memory(GiB // 2)
    assert not check.ok
    assert check.said == "0.5 GiB"
    assert "1.5 GiB" in check.mend


def test_too_little_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "DISK_STATE", 10**9 * GiB)
    plan = make_plan(tmp_path / "not" / "there" / "yet")
    checks = [one for one in preflight.check_disk(plan) if not one.ok]
    assert [one.name for one in checks] == ["disk for the state folder"]
    assert f"free in {tmp_path}" in checks[0].said
    assert not (tmp_path / "not").exists()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        plan = make_plan(tmp_path, ports=Ports(port))
        with pytest.raises(SetupError, match=f"127.0.0.1:{port} cannot be listened on") as caught:
            preflight.require(preflight.check_ports(plan))
    assert "COYOTELAB_PORT" in caught.value.mend


def test_every_lack_is_named_at_once() -> None:
    checks = [
        preflight.Check("Btrfs", False, "this kernel has no Btrfs", "Use another."),
        preflight.Check("memory", True, "8 GiB"),
        preflight.Check("loop devices", False, "none", "Load loop."),
    ]
    with pytest.raises(SetupError) as caught:
        preflight.require(checks)
    assert str(caught.value) == "Btrfs: this kernel has no Btrfs; loop devices: none."
    assert caught.value.mend == "Use another. Load loop."


def test_another_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    check = preflight.check_system()
    assert not check.ok
    assert "aarch64" in check.said
    assert "x86-64" in check.mend
