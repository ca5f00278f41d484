"""The reconciler and the preparation: what nobody noticed is put right within a minute."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from coyotelab_service import machines, reconciler, visits
from coyotelab_service.database import Database
from coyotelab_service.orm import Course, Enrollment, Machine, User
from coyotelab_service.preparation import LOOK_AGAIN
from coyotelab_spawner.errors import Foreign, OperationFailed, Unreachable
from coyotelab_spawner.spec import WorkspaceSpec

from .conftest import Site


def drop_behind_its_back(database: Database, username: str = "student1") -> None:
    with database.transaction() as session:
        user, course = User.get(session, username), Course.get(session, "cs101")
        assert user and course
        session.execute(update(Enrollment).filter_by(user_id=user.id).values(enabled=False))


async def test_somebody_dropped_is_stopped_and_visitors_leave(site: Site) -> None:
    await site.browser("instructor1").get("workspaces/cs101/student1")
    site.hub.server("student2", "cs101", "ready")
    drop_behind_its_back(site.database)
    await site.services.reconciler.run_once()
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    assert site.hub.servers["student2", "cs101"].state == "ready"
    assert not site.hub.shares
    assert not await site.database.run(visits.find_open)


async def test_a_visit_ends_when_the_workspace_has_stopped(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.browser("instructor1").get("workspaces/cs101/student1")
    server = site.hub.servers["student1", "cs101"]
    await site.services.reconciler.run_once()
    assert site.hub.shares, "it is still starting"
    server.state = "stopped"
    await site.services.reconciler.run_once()
    assert site.hub.shares, "somebody who has just arrived is given time"
    monkeypatch.setattr(reconciler, "ARRIVING", timedelta(0))
    await site.services.reconciler.run_once()
    assert not site.hub.shares
    await site.browser("instructor1").get("workspaces/cs101/student1")
    assert len(await site.database.run(visits.find_open)) == 1, "and may come again"


async def test_an_instructor_who_is_one_no_more_is_out(site: Site) -> None:
    await site.browser("instructor1").get("workspaces/cs101/student1")
    with site.database.transaction() as session:
        teacher = User.get(session, "instructor1")
        assert teacher
        teacher.roles = 1
    await site.services.reconciler.run_once()
    assert not site.hub.shares
    assert site.hub.servers["student1", "cs101"].state == "spawn", "the student works on"


async def test_servers_that_are_no_workspaces_are_left_alone(site: Site) -> None:
    site.hub.server("admin", "somethingelse", "ready")
    await site.services.reconciler.run_once()
    assert site.hub.servers["admin", "somethingelse"].state == "ready"


async def test_many_servers_come_in_pages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from coyotelab_service import hub_api

    monkeypatch.setattr(hub_api, "PAGE", 3)
    for number in range(10):
        site.hub.server(f"user{number}", "cs101", "ready")
    assert len(await site.services.hub.list_servers()) == 10


async def test_machines_are_prepared_for_those_who_may_open_one(site: Site) -> None:
    assert await site.preparation.run_once() == 5
    assert await site.preparation.run_once() == 0
    with site.database.transaction() as session:
        rows = session.query(Machine).filter_by(kind="workspace").all()
        made = {(row.user and row.user.username, row.course and row.course.slug) for row in rows}
        assert made == {
            ("instructor1", "cs101"),
            ("student1", "cs101"),
            ("student2", "cs101"),
            ("instructor2", "cs202"),
            ("student2", "cs202"),
        }
        assert all(row.seen_at and row.prepared_at and row.address for row in rows)
    await site.api("POST", "courses/cs101/enrollments", "instructor1", {"username": "student3"})
    assert await site.preparation.run_once() == 1


async def test_preparation_goes_on_after_a_fault(site: Site) -> None:
    site.lxd.fault = Foreign("not ours")
    assert await site.preparation.run_once() == 4
    site.lxd.fault = Unreachable("down")
    assert await site.preparation.run_once() == 0
    assert await site.preparation.run_once() == 1


async def test_unfinished_clones_are_swept(site: Site) -> None:
    site.lxd.unfinished = ["new-0123-abcd"]
    await site.services.reconciler.run_once()
    assert site.lxd.unfinished == []


async def test_one_server_that_cannot_be_stopped_does_not_shield_the_others(site: Site) -> None:
    drop_behind_its_back(site.database)
    drop_behind_its_back(site.database, "student2")
    site.hub.server("student1", "cs101", "ready").refusing = True
    site.hub.server("student2", "cs101", "ready")
    await site.services.reconciler.run_once()
    assert site.hub.servers["student2", "cs101"].state == "stopped"


async def test_those_who_cannot_be_prepared_do_not_block_the_others(site: Site) -> None:
    found = [
        await site.database.run(machines.find_unprepared, site.services.site, 1) for _ in range(60)
    ]
    assert len({spec.name for [spec] in found}) > 1


async def test_a_machine_the_hub_does_not_know_is_stopped_when_seen_twice(site: Site) -> None:
    await site.preparation.run_once()
    with site.database.transaction() as session:
        owners = {
            machine.name: machine.user.username
            for machine in session.scalars(select(Machine).where(Machine.user_id.is_not(None)))
            if machine.user and machine.course and machine.course.slug == "cs101"
        }
    stray = next(name for name, owner in owners.items() if owner == "student1")
    served = next(name for name, owner in owners.items() if owner == "student2")
    site.hub.server("student2", "cs101", "ready")
    site.lxd.running = [stray, served, "somebody-elses"]
    await site.services.reconciler.run_once()
    assert stray in site.lxd.running, "it may just be starting"
    await site.services.reconciler.run_once()
    assert site.lxd.running == [served, "somebody-elses"]


async def test_a_stray_that_cannot_be_stopped_keeps_nothing_else_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.preparation.run_once()
    names = [name for name in site.lxd.instances if name.startswith("ws-")]
    site.lxd.running = list(names)
    stop = site.lxd.stop

    async def fail(spec: WorkspaceSpec) -> None:
        if spec.name == names[0]:
            raise OperationFailed("it does not listen")
        await stop(spec)

    monkeypatch.setattr(site.lxd, "stop", fail)
    await site.services.reconciler.run_once()
    site.lxd.unfinished = ["new-1"]
    await site.services.reconciler.run_once()
    assert site.lxd.running == names[:1] and not site.lxd.unfinished


async def test_what_is_complete_is_not_searched_again_until_somebody_is_new(site: Site) -> None:
    preparation = site.preparation
    await preparation.remind()
    assert preparation._wanted.is_set(), "nobody has looked yet"
    while await preparation.run_once():
        pass
    preparation._wanted.clear()
    await preparation.remind()
    assert not preparation._wanted.is_set()
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs202"), User.get(session, "student3")
        assert course and user
        session.add(Enrollment(user=user, course=course, enabled=True))
    await preparation.remind()
    assert preparation._wanted.is_set(), "somebody is new"
    while await preparation.run_once():
        pass
    preparation._wanted.clear()
    preparation._nothing_at -= LOOK_AGAIN
    await preparation.remind()
    assert preparation._wanted.is_set(), "it was long ago"
