"""Restart and reset: asked first, done once, and nothing lost when they fail."""

import asyncio

import pytest
from sqlalchemy import select

from coyotelab_service import machines, workspaces
from coyotelab_service.access import Place
from coyotelab_service.orm import AuditEvent, Course, Machine, User
from coyotelab_service.site import Site as SiteDefaults
from coyotelab_spawner.errors import OperationFailed, Unreachable
from coyotelab_spawner.spec import WorkspaceSpec

from .conftest import PREFIX, Site

RESET = "workspaces/cs101/student1/reset"


def spec_of(site: Site, username: str = "student1") -> WorkspaceSpec:
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, username)
        assert course and user
        return machines.get_spec(session, Place(course, user), SiteDefaults())


def note_seen(site: Site) -> WorkspaceSpec:
    """Let student1 have a workspace that exists."""
    spec = spec_of(site)
    site.lxd.instances[spec.name] = spec.uuid
    with site.database.transaction() as session:
        machine = session.scalars(select(Machine).where(Machine.name == spec.name)).one()
        machine.seen_at = machine.updated_at
    return spec_of(site)


async def test_restart_stops_and_starts(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    student = site.browser("student1")
    assert "Restart your workspace?" in (await student.get("workspaces/cs101/restart")).text
    answer = await student.submit("workspaces/cs101/student1/restart")
    assert answer.status == 303 and answer.location == f"{PREFIX}workspaces/cs101/student1"
    calls = [call for call in site.hub.calls if call.endswith("/servers/cs101")]
    assert [call.split()[0] for call in calls] == ["DELETE", "GET", "POST", "GET"]


async def test_reset_asks_and_then_gives_a_new_machine(site: Site) -> None:
    old = note_seen(site)
    site.hub.server("student1", "cs101", "ready")
    student = site.browser("student1")
    assert "Reset your workspace?" in (await student.get(RESET)).text
    assert spec_of(site).uuid == old.uuid, "asking does nothing"
    assert (await student.submit(RESET)).status == 303
    new = spec_of(site)
    assert new.uuid != old.uuid and new.created and not new.former
    assert site.lxd.instances[new.name] == new.uuid
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    with site.database.transaction() as session:
        [event] = session.scalars(select(AuditEvent).where(AuditEvent.action == "reset"))
        assert (event.actor, event.workspace, event.origin) == ("student1", new.name, "127.0.0.1")


async def test_an_instructor_gets_no_reset_of_a_students_machine(site: Site) -> None:
    note_seen(site)
    teacher = site.browser("instructor1")
    assert (await teacher.submit(RESET, form_at="account/tokens")).status == 404


async def test_a_reset_that_fails_leaves_the_old_machine(site: Site) -> None:
    old = note_seen(site)
    site.lxd.fault = OperationFailed("no space left")
    answer = await site.browser("student1").submit(RESET)
    assert answer.status == 503 and "has not been reset" in answer.text
    assert spec_of(site) == old


async def test_a_reset_that_was_done_but_not_reported_is_found_out(site: Site) -> None:
    old = note_seen(site)
    site.lxd.fault, site.lxd.fault_after = Unreachable("gone"), True
    assert (await site.browser("student1").submit(RESET)).status == 503
    new = spec_of(site)
    assert new.uuid == site.lxd.instances[old.name] != old.uuid and new.created


async def test_a_killed_reset_is_settled_by_the_reconciler(site: Site) -> None:
    old = note_seen(site)
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, "student1")
        assert course and user
        machines.begin_reset(session, Place(course, user), SiteDefaults())
    unsettled = spec_of(site)
    assert unsettled.former == old.uuid and not unsettled.created
    await site.services.reconciler.run_once()
    assert spec_of(site) == old


async def test_two_resets_at_once_are_one(site: Site) -> None:
    note_seen(site)
    site.lxd.gate = asyncio.Event()
    first = asyncio.create_task(
        site.api("POST", "courses/cs101/workspaces/student1/reset", "student1")
    )
    await asyncio.sleep(0.2)
    second = await site.api("POST", "courses/cs101/workspaces/student1/reset", "student1")
    assert second.status == 409
    site.lxd.gate.set()
    assert (await first).status == 200


async def test_a_course_without_a_base_says_so(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.base = None
    answer = await site.browser("student1").submit(RESET)
    assert answer.status == 503 and "no base machine yet" in answer.text


async def test_a_machine_that_does_not_stop_is_said_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "STOPPING", 0.1)
    site.hub.server("student1", "cs101", "ready").stuck = True
    answer = await site.api("POST", "courses/cs101/workspaces/student1/stop", "student1")
    assert answer.status == 503
    assert answer.json()["detail"].startswith("The workspace could not be stopped.")
