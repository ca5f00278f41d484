"""An upgrade of the runtime keeps the version that workspaces still run on."""

from pathlib import Path

import pytest

from coyotelab_setup import runtime
from coyotelab_setup.plan import make_plan


def test_the_version_before_outlives_later_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    plan = make_plan(tmp_path)
    monkeypatch.setattr(runtime, "get_volume_folder", lambda plan: tmp_path)
    monkeypatch.setattr(runtime, "_fill", lambda plan, target, modules: target.mkdir())
    expected = (
        ("a", {"a"}),
        ("b", {"a", "b"}),
        ("b", {"a", "b"}),
        ("c", {"b", "c"}),
        ("b", {"b", "c"}),
    )
    for version, kept in expected:
        monkeypatch.setattr(runtime, "run", lambda program, version=version: f"{version}\n")
        assert runtime.ensure_runtime(plan, tmp_path) == version
        assert {path.name for path in versions.iterdir()} == kept
        assert (tmp_path / "current").readlink() == Path("versions", version)
