"""Reset and undo: asked first, one machine in its place at every moment, and nothing lost."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from coyotelab_service import kept as kept_rows
from coyotelab_service import machines, visits
from coyotelab_service.access import Place
from coyotelab_service.orm import AuditEvent, Course, KeptMachine, Machine, User, utc_now
from coyotelab_service.site import Site as SiteDefaults
from coyotelab_spawner.errors import OperationFailed, Unreachable
from coyotelab_spawner.naming import kept_name
from coyotelab_spawner.spec import WorkspaceSpec

from .conftest import STEPS, Site

RESET = "workspaces/cs101/student1/reset"
UNDO = "workspaces/cs101/student1/undo"
WAYS = [("reset", step) for step in STEPS] + [("undo", step) for step in STEPS[1:]]
API = "courses/cs101/workspaces/student1"


def spec_of(site: Site, username: str = "student1") -> WorkspaceSpec:
    with site.database.transaction() as session:
        course, user = Course.get(session, "cs101"), User.get(session, username)
        assert course and user
        return machines.get_spec(session, Place(course, user), SiteDefaults())


async def prepare(site: Site) -> WorkspaceSpec:
    """Let everybody have a workspace that exists; return student1's."""
    await site.preparation.run_once()
    return spec_of(site)


def rows(site: Site) -> Mapping[str, str]:
    with site.database.transaction() as session:
        return {row.name: row.uuid for row in session.scalars(select(KeptMachine))}


def kept(spec: WorkspaceSpec) -> Mapping[str, str]:
    return {kept_name(spec.name, spec.uuid): spec.uuid}


def mine(site: Site, spec: WorkspaceSpec) -> Mapping[str, str]:
    """The instances of one workspace, kept ones too."""
    return {
        name: uuid
        for name, uuid in site.lxd.instances.items()
        if name == spec.name or name.startswith(f"{spec.name}-old-")
    }


def expire(site: Site) -> None:
    with site.database.transaction() as session:
        session.execute(update(KeptMachine).values(expires_at=utc_now() - timedelta(seconds=1)))


def change_base(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.base = machines.ensure_base(session, "base-default-v2", "of-v2")


async def test_reset_asks_and_then_gives_a_new_machine(site: Site) -> None:
    old = await prepare(site)
    site.hub.server("student1", "cs101", "ready")
    student = site.browser("student1")
    page = await student.get(RESET)
    assert "Reset your workspace?" in page.text
    assert "kept for 7 days" in page.text
    assert spec_of(site).uuid == old.uuid, "asking does nothing"
    assert (await student.submit(RESET)).status == 303
    new = spec_of(site)
    assert new.uuid != old.uuid and new.created and not new.former
    assert mine(site, old) == {new.name: new.uuid, **kept(old)}
    assert rows(site) == kept(old)
    assert site.lxd.homes == []
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    with site.database.transaction() as session:
        [event] = session.scalars(select(AuditEvent).where(AuditEvent.action == "reset"))
        assert (event.actor, event.workspace, event.origin) == ("student1", new.name, "127.0.0.1")


async def test_undo_brings_the_old_machine_back_and_can_be_undone(site: Site) -> None:
    old = await prepare(site)
    student = site.browser("student1")
    assert "Undo until" not in (await student.get("courses/cs101")).text
    await student.submit(RESET)
    new = spec_of(site)
    page = (await student.get("courses/cs101")).text
    assert "Reset on" in page and "Undo until" in page
    site.hub.server("student1", "cs101", "ready")
    assert "Undo the reset?" in (await student.get(UNDO)).text
    assert (await student.submit(UNDO)).status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    assert spec_of(site) == old
    assert mine(site, old) == {old.name: old.uuid, **kept(new)}
    assert rows(site) == kept(new)
    assert (await student.submit("workspaces/cs101/undo")).status == 303
    assert spec_of(site) == new
    assert rows(site) == kept(old)
    with site.database.transaction() as session:
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.actor == "student1"))
        assert [action for action in actions if action in ("reset", "undo")] == [
            "reset",
            "undo",
            "undo",
        ]


async def test_of_several_kept_machines_one_is_chosen(site: Site) -> None:
    first = await prepare(site)
    student = site.browser("student1")
    for _ in range(2):
        await student.submit(RESET)
    page = (await student.get(UNDO)).text
    assert page.count('type="radio"') == 2
    [oldest, *_] = kept(first)
    assert page.index("checked") < page.index(oldest), "the newest is the default"
    other = kept_name("ws-1-2", spec_of(site, "student2").uuid)
    for name in ("nosuch", other):
        assert (await student.submit(UNDO, machine=name)).status == 409
    assert (await student.submit(UNDO, machine=oldest)).status == 303
    assert spec_of(site).uuid == first.uuid
    assert len(rows(site)) == 2


async def test_without_a_kept_machine_undo_says_so_and_stops_nothing(site: Site) -> None:
    await prepare(site)
    site.hub.server("student1", "cs101", "ready")
    student = site.browser("student1")
    assert "nothing to undo" in (await student.get(UNDO)).text
    answer = await student.submit(UNDO, form_at="account/tokens")
    assert answer.status == 409 and "none is kept any more" in answer.text
    assert site.hub.servers["student1", "cs101"].state == "ready"


async def test_nobody_but_the_owner_resets_or_undoes(site: Site) -> None:
    await prepare(site)
    await site.browser("student1").submit(RESET)
    before = spec_of(site)
    for person in ("instructor1", "student2", "admin"):
        for path in (RESET, UNDO):
            answer = await site.browser(person).submit(path, form_at="account/tokens")
            assert answer.status == 404
    assert spec_of(site) == before


@pytest.mark.parametrize(
    ("body", "copied"), [(None, False), ({"keep_home": True}, True), ({"keep_home": False}, False)]
)
async def test_reset_and_undo_by_program(
    site: Site, body: dict[str, bool] | None, copied: bool
) -> None:
    old = await prepare(site)
    answer = await site.api("POST", f"{API}/reset", "student1", body)
    assert answer.status == 200 and answer.json()["state"] == "stopped"
    new = spec_of(site)
    assert site.lxd.homes == ([(old.uuid, new.uuid)] if copied else [])
    assert (await site.api("POST", f"{API}/undo", "student1")).status == 200
    assert spec_of(site).uuid == old.uuid
    for wrong in ({"keep": True}, {"keep_home": "yes"}, []):
        assert (await site.api("POST", f"{API}/reset", "student1", wrong)).status == 400


async def test_the_page_lets_the_home_directory_be_kept(site: Site) -> None:
    old = await prepare(site)
    await site.browser("student1").submit(RESET, home="keep")
    assert site.lxd.homes == [(old.uuid, spec_of(site).uuid)]


@pytest.mark.parametrize(("what", "step"), WAYS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_fault_at_any_step_loses_nothing(
    site: Site, what: str, step: str, after: bool
) -> None:
    first = await prepare(site)
    if what == "undo":
        assert (await site.api("POST", f"{API}/reset", "student1")).status == 200
    old = spec_of(site)
    site.lxd.fault, site.lxd.fault_at = OperationFailed("no"), step
    site.lxd.fault_after = after
    answer = await site.api("POST", f"{API}/{what}", "student1")
    assert site.lxd.fault is None, "it came to that"
    now = spec_of(site)
    assert not now.former and now.created
    if now.uuid == old.uuid:
        assert answer.status == 503 and "Nothing was changed" in answer.json()["detail"]
        left = kept(first) if what == "undo" else {}
    else:
        assert answer.status == 200
        left = kept(old)
    assert rows(site) == left
    assert mine(site, old) == {now.name: now.uuid, **left}


@pytest.mark.parametrize(("what", "step"), WAYS)
async def test_what_was_killed_is_settled_by_the_reconciler(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: str, step: str
) -> None:
    first = await prepare(site)
    if what == "undo":
        await site.api("POST", f"{API}/reset", "student1")
    old = spec_of(site)
    resets = site.services.workspaces.resets

    async def die(*_: object) -> bool:
        raise Unreachable("killed")

    site.lxd.fault, site.lxd.fault_at, site.lxd.fault_after = Unreachable("killed"), step, True
    with monkeypatch.context() as patched:
        patched.setattr(resets, "_settle", die)
        answer = await site.api("POST", f"{API}/{what}", "student1")
        assert answer.status == 503 and "put in order" in answer.json()["detail"]
    unsettled = spec_of(site)
    assert unsettled.former == old.uuid and not unsettled.created
    await site.services.reconciler.run_once()
    now = spec_of(site)
    assert not now.former and now.created
    assert (now.uuid == old.uuid) == (step == "make")
    before = kept(first) if what == "undo" else {}
    left = before if now.uuid == old.uuid else kept(old)
    assert mine(site, old) == {now.name: now.uuid, **left}
    assert rows(site) == left


async def test_what_is_unsettled_does_not_expire(site: Site) -> None:
    old = await prepare(site)
    await site.api("POST", f"{API}/reset", "student1")
    new = spec_of(site)
    with site.database.transaction() as session:
        machine = session.scalars(select(Machine).where(Machine.name == old.name)).one()
        row = session.scalars(select(KeptMachine)).one()
        kept_rows.begin(session, machine, row.uuid, row.base, 7)
    expire(site)
    assert await site.database.run(kept_rows.find_expired, 5) == []
    await site.services.reconciler.run_once()
    assert spec_of(site) == new, "the undo had not begun"


async def test_lxd_that_does_not_answer_is_asked_again(site: Site) -> None:
    old = await prepare(site)
    site.lxd.fault, site.lxd.fault_at = Unreachable("down"), "ask"
    with site.database.transaction() as session:
        machine = session.scalars(select(Machine).where(Machine.name == old.name)).one()
        machine.previous_uuid, machine.uuid = machine.uuid, "of-a-killed-one"
    await site.services.reconciler.run_once()
    assert spec_of(site).former == old.uuid
    await site.services.reconciler.run_once()
    assert spec_of(site) == old


async def test_two_at_once_are_one(site: Site) -> None:
    await prepare(site)
    site.lxd.gate = asyncio.Event()
    first = asyncio.create_task(site.api("POST", f"{API}/reset", "student1"))
    await asyncio.sleep(0.2)
    await site.services.reconciler.run_once()
    for what in ("reset", "undo", "start", "restart"):
        assert (await site.api("POST", f"{API}/{what}", "student1")).status == 409
    assert (await site.browser("student1").get("workspaces/cs101/student1")).status == 409
    assert (await site.browser("instructor1").get("workspaces/cs101/student1")).status == 409
    assert not site.hub.servers
    assert await site.database.run(visits.find_open) == [], "who was turned away has not entered"
    site.lxd.gate.set()
    assert (await first).status == 200


async def test_a_course_without_a_base_says_so(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.base = None
    answer = await site.browser("student1").submit(RESET)
    assert answer.status == 503 and "no base machine yet" in answer.text


async def test_kept_machines_are_deleted_when_their_days_are_over(site: Site) -> None:
    old = await prepare(site)
    student = site.browser("student1")
    await student.submit(RESET)
    await site.services.reconciler.run_once()
    assert rows(site) == kept(old), "not before"
    expire(site)
    assert "Undo until" not in (await student.get("courses/cs101")).text
    assert (await student.submit(UNDO, form_at="account/tokens")).status == 409
    site.lxd.fault, site.lxd.fault_at = Unreachable("down"), "ask"
    await site.services.reconciler.run_once()
    assert rows(site) == kept(old), "it is tried again"
    await site.services.reconciler.run_once()
    assert rows(site) == {}
    assert mine(site, old) == {old.name: spec_of(site).uuid}
    with site.database.transaction() as session:
        [event] = session.scalars(select(AuditEvent).where(AuditEvent.action == "expire"))
        assert (event.actor_id, event.workspace) == (None, old.name)
        assert "was deleted" in event.detail


async def test_resets_without_end_fill_no_disk(site: Site) -> None:
    await prepare(site)
    student, olds = site.browser("student1"), []
    for number in range(5):
        page = (await student.get(RESET)).text
        assert ("is deleted then" in page) == (number >= 3)
        olds.append(spec_of(site))
        assert (await student.submit(RESET)).status == 303
    kept_ones = await site.database.run(kept_rows.list_kept, "cs101", "student1")
    assert [one.name for one in kept_ones] == [kept_name(o.name, o.uuid) for o in olds[:1:-1]]
    before = spec_of(site)
    site.hub.server("student1", "cs101", "ready")
    answer = await student.submit(RESET)
    assert answer.status == 409 and "just being deleted" in answer.text
    assert spec_of(site) == before and len(mine(site, before)) == 6
    assert site.hub.servers["student1", "cs101"].state == "ready", "nothing is stopped in vain"
    await site.services.reconciler.run_once()
    assert mine(site, before) == {
        before.name: before.uuid,
        **{kept_name(old.name, old.uuid): old.uuid for old in olds[2:]},
    }
    assert (await student.submit(RESET)).status == 303


async def test_one_that_cannot_be_deleted_keeps_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await prepare(site)
    for username in ("student1", "student2"):
        path = f"courses/cs101/workspaces/{username}/reset"
        assert (await site.api("POST", path, username)).status == 200
    expire(site)
    delete = site.lxd.delete

    async def fail(name: str, uuid: str) -> bool:
        if uuid == old.uuid:
            raise OperationFailed("dataset is busy")
        return await delete(name, uuid)

    monkeypatch.setattr(site.lxd, "delete", fail)
    site.lxd.strangers = ["ws-9-9-old-0123456789ab"]
    await site.services.reconciler.run_once()
    assert rows(site) == kept(old)


async def test_another_machine_under_a_kept_name_is_left_alone(site: Site) -> None:
    old = await prepare(site)
    await site.browser("student1").submit(RESET)
    [name] = kept(old)
    site.lxd.instances[name] = "somebody-elses"
    expire(site)
    await site.services.reconciler.run_once()
    assert site.lxd.instances[name] == "somebody-elses"
    assert rows(site) == {}


async def test_a_kept_machine_that_nobody_knows_is_told_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.lxd.strangers = ["ws-9-9-old-0123456789ab"]
    for _ in range(2):
        await site.services.reconciler.run_once()
    assert caplog.text.count("ws-9-9-old-0123456789ab") == 1


async def test_a_new_base_is_shown_and_a_reset_moves_to_it_and_undo_back(site: Site) -> None:
    old = await prepare(site)
    student = site.browser("student1")
    assert "Base updated" not in (await student.get("courses/cs101")).text
    change_base(site)
    assert "Base updated" in (await student.get("courses/cs101")).text
    assert (await site.api("GET", API, "student1")).json()["outdated"] is True
    listed = (await site.api("GET", "courses/cs101/workspaces", "instructor1")).json()
    assert {one["username"]: one["outdated"] for one in listed}["student2"] is True
    page = (await student.get(RESET)).text
    assert "Base updated" in page
    site.lxd.fault = OperationFailed("no space left")
    assert (await student.submit(RESET)).status == 503
    assert spec_of(site) == old, "a reset that failed has not moved it"
    await student.submit(RESET)
    assert spec_of(site).base == "base-default-v2"
    assert (await site.api("GET", API, "student1")).json()["outdated"] is False
    await student.submit(UNDO)
    assert spec_of(site) == old


def checked(page: str) -> str:
    return page.split("checked")[0].rsplit('value="', 1)[1].split('"')[0]


async def test_the_link_of_an_updated_base_has_the_home_kept(site: Site) -> None:
    await prepare(site)
    student = site.browser("student1")
    assert checked((await student.get(RESET)).text) == "fresh"
    assert checked((await student.get(RESET + "?home=keep")).text) == "keep"
