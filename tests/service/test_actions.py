"""Restart and stop: asked first, and said in words when they fail."""

import pytest

from coyotelab_service import workspaces

from .conftest import PREFIX, Site


async def test_restart_stops_and_starts(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    student = site.browser("student1")
    assert "Restart your workspace?" in (await student.get("workspaces/cs101/restart")).text
    answer = await student.submit("workspaces/cs101/student1/restart")
    assert answer.status == 303 and answer.location == f"{PREFIX}workspaces/cs101/student1"
    calls = [call for call in site.hub.calls if call.endswith("/servers/cs101")]
    assert [call.split()[0] for call in calls] == ["DELETE", "GET", "POST", "GET"]


async def test_a_machine_that_does_not_stop_is_said_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "STOPPING", 0.1)
    site.hub.server("student1", "cs101", "ready").stuck = True
    answer = await site.api("POST", "courses/cs101/workspaces/student1/stop", "student1")
    assert answer.status == 503
    assert answer.json()["detail"].startswith("The workspace could not be stopped.")
