"""The admin area, as an administrator uses it, and that it ends what it takes away."""

import csv
import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from coyotelab_service import accounts, administration, audit, history, people, running, visits
from coyotelab_service.access import Person
from coyotelab_service.errors import Conflict, Invalid, NotFound
from coyotelab_service.history import Filter
from coyotelab_service.orm import AuditEvent, Course, Machine, Role, User, utc_now
from coyotelab_service.people import Search
from coyotelab_spawner.errors import Unreachable
from coyotelab_spawner.meters import Usage

from .conftest import Answer, Site

ROOT = Person("root@coyote", admin=True, origin="command line")
PAGES = ("", "/users", "/users/new", "/courses", "/bases", "/workspaces", "/limits", "/audit")


def find_password(page: Answer) -> str:
    found = re.search(r'id="token"[^>]*value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def test_every_page_is_there_for_administrators_only(site: Site) -> None:
    admin = site.browser("admin")
    for path in PAGES:
        page = await admin.get(f"admin{path}")
        assert page.status == 200, f"{path}: {page.text}"
        assert f'href="/services/coyotelab/admin{path}"' in page.text or path == "/users/new"
    assert "/services/coyotelab/admin" in (await admin.get()).text
    assert "/services/coyotelab/admin" not in (await site.browser("instructor1").get()).text
    with site.database.transaction() as session:
        account = User.get(session, "admin")
        assert account
        account.disabled = True
    assert (await admin.get("admin")).status == 404


async def test_the_overview_says_how_the_parts_are(site: Site) -> None:
    await site.services.reconciler.run_once()
    page = (await site.browser("admin").get("admin")).text
    assert page.count("badge-success") == 4, "database, Hub, machine room, pool"
    assert "JupyterHub 6.1.1" in page and "lxd 5.0.2" in page and "1.0 GiB of 32.0 GiB" in page
    assert "Not since the service was started" not in page
    site.lxd.fault, site.lxd.fault_at = Unreachable("gone"), "measure"
    page = (await site.browser("admin").get("admin")).text
    assert "not well" in page and "coyotelab doctor" in page


async def test_an_account_is_made_with_a_temporary_password_shown_once(site: Site) -> None:
    admin = site.browser("admin")
    made = await admin.submit(
        "admin/users/new",
        username="Ada.Lovelace",
        name="Ada <Lovelace>",
        email="ada@example.edu",
        student="y",
        instructor="y",
    )
    assert made.status == 200
    password = find_password(made)
    page = await admin.get("admin/users/ada.lovelace")
    assert "Ada &lt;Lovelace&gt;" in page.text and password not in page.text
    with site.database.transaction() as session:
        user = User.get(session, "ada.lovelace")
        assert user and user.roles == Role.STUDENT | Role.INSTRUCTOR and user.temporary_pw
        assert accounts.verify_password(password, user.password)
        events = session.scalars(select(AuditEvent)).all()
    assert [event.action for event in events] == ["add account"]
    assert password not in "".join(event.detail for event in events)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("username", "student1", "There is an account named student1 already."),
        ("username", "new", "reserved"),
        ("username", "../x", "begins with a letter"),
        ("email", "a@b.edu\r\nBcc: c@d.edu", "is not an e-mail address"),
        ("name", "n" * 201, "200"),
    ],
)
async def test_a_form_with_a_mistake_is_shown_again(
    site: Site, field: str, value: str, said: str
) -> None:
    fields = {"username": "ada", "name": "Ada", "email": "ada@example.edu"}
    page = await site.browser("admin").submit("admin/users/new", **{**fields, field: value})
    assert page.status == 400 and said in page.text, page.text
    assert 'value="ada@example.edu"' in page.text or field == "email"


async def test_roles_and_address_are_changed_and_the_change_is_in_the_log(site: Site) -> None:
    admin = site.browser("admin")
    await site.browser("instructor1").get("workspaces/cs101/student1")
    assert site.hub.shares
    saved = await admin.submit(
        "admin/users/instructor1", do="save", name="Irene", email="i@example.edu", student="y"
    )
    assert saved.status == 303
    assert not site.hub.shares, "who is no instructor any more is in nobody's workspace"
    assert (await site.browser("instructor1").get("courses/cs101/students")).status == 404
    log = (await admin.get("admin/audit?person=instructor1&action=edit+account")).text
    assert "roles: instructor → student" in log and "name: Irene Ibarra → Irene" in log
    wrong = await admin.submit("admin/users/instructor1", do="save", email="no address")
    assert wrong.status == 400 and "is not an e-mail address" in wrong.text


async def test_a_disabled_account_loses_servers_and_visits_at_once(site: Site) -> None:
    admin = site.browser("admin")
    site.hub.server("student1", "cs101", "ready")
    site.hub.server("student2", "cs101", "ready")
    await site.browser("instructor1").get("workspaces/cs101/student2")
    for name in ("student1", "instructor1"):
        answer = await admin.submit(f"admin/users/{name}", do="disable")
        assert answer.status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    assert site.hub.servers["student2", "cs101"].state == "ready"
    assert not site.hub.shares and not await site.database.run(visits.find_open)
    assert not await site.database.run(accounts.is_open, "student1"), "the Hub ends the sessions"
    assert "This account is disabled" in (await admin.get("admin/users/student1")).text
    assert (await site.browser("student1").get("courses/cs101")).status == 404
    await admin.submit("admin/users/student1", do="enable")
    assert (await site.browser("student1").get("courses/cs101")).status == 200


async def test_a_hub_that_is_away_keeps_no_account_open(site: Site) -> None:
    admin = site.browser("admin")
    site.hub.server("student1", "cs101", "ready")
    await admin.get("admin/users/student1")
    site.hub.down = True
    assert (await admin.submit("admin/users/student1", do="disable")).status == 303
    assert not await site.database.run(accounts.is_open, "student1")
    site.hub.down = False
    await site.services.reconciler.run_once()
    assert site.hub.servers["student1", "cs101"].state == "stopped", "within a minute"


async def test_nobody_disables_themselves(site: Site) -> None:
    admin = site.browser("admin")
    assert 'value="disable"' not in (await admin.get("admin/users/admin")).text
    refused = await admin.submit("admin/users/admin", do="disable")
    assert refused.status == 409 and "your own account" in refused.text
    assert (await admin.get("admin")).status == 200
    with site.database.transaction() as session, pytest.raises(Conflict):
        people.set_disabled(session, Person("admin", admin=True), site.services.site, "Admin", True)


async def test_a_reset_password_is_shown_once(site: Site) -> None:
    admin = site.browser("admin")
    page = await admin.submit("admin/users/student1", do="password")
    password = find_password(page)
    with site.database.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.temporary_pw and accounts.verify_password(password, user.password)
    assert (await admin.submit("admin/users/student1", do="nonsense")).status == 400
    assert (await admin.get("admin/users/nobody")).status == 404


async def test_people_are_found_sorted_and_paged(site: Site) -> None:
    admin = site.browser("admin")
    found = (await admin.get("admin/users?q=SAI")).text
    assert "student1" in found and "student2" not in found
    assert "Nobody is like that" in (await admin.get("admin/users?q=100%25_")).text
    both = (await admin.get("admin/users?show=instructors&sort=-username")).text
    assert both.index("instructor2") < both.index("instructor1") and "student1" not in both
    for odd in ("page=0", "page=-1", "page=x", "page=99999999999", "sort=password", "show=x"):
        assert (await admin.get(f"admin/users?{odd}")).status == 200, odd


def add_usage(site: Site, name: str = "ws-1-4", **more: float) -> None:
    now = utc_now()
    values = {"memory": 2**25, "cpu": 2.5, "disk": 2**20, "processes": 12, **more}
    site.lxd.usage[name] = Usage(since=now - timedelta(minutes=3), **values)  # type: ignore[arg-type]


def make_machine(site: Site, username: str = "student1") -> str:
    with site.database.transaction() as session:
        user, course = User.get(session, username), Course.get(session, "cs101")
        assert user and course
        return Machine.get_or_create(session, user, course).name


async def test_running_workspaces_show_their_cost_and_can_be_stopped(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = site.browser("admin")
    assert "No workspace is running" in (await admin.get("admin/workspaces")).text
    name = make_machine(site)
    add_usage(site, name)
    add_usage(site, "ws-of-nobody")  # not in the database, so not ours to show
    site.hub.server("student1", "cs101", "ready")
    monkeypatch.setattr(running, "FRESH", 0.0)
    page = (await admin.get("admin/workspaces")).text
    assert "32.0 MiB" in page and "1.0 MiB" in page and "2.5 s so far" in page
    assert page.count("<tbody>") == 1 and "nobody" not in page
    add_usage(site, name, cpu=4.0)
    page = (await admin.get("admin/workspaces")).text
    assert re.search(r"[\d.]+ %<div", page), "two looks give a percentage"
    stopped = await admin.submit("admin/workspaces", course="cs101", user="student1")
    assert stopped.status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    log = (await admin.get("admin/audit?action=stop")).text
    assert "student1" in log and "cs101" in log


async def test_a_machine_room_that_is_away_is_said(site: Site) -> None:
    site.lxd.fault, site.lxd.fault_at = Unreachable("gone"), "measure"
    page = await site.browser("admin").get("admin/workspaces")
    assert page.status == 503 and "machine room does not answer" in page.text


async def test_a_measurement_is_shared_for_some_seconds(site: Site) -> None:
    name = make_machine(site)
    add_usage(site, name)
    admin = Person("admin", admin=True)
    first = await site.services.running.list_all(admin)
    site.lxd.usage.clear()
    assert await site.services.running.list_all(admin) == first
    site.services.running.forget()
    assert await site.services.running.list_all(admin) == []
    with pytest.raises(NotFound):
        await site.services.running.list_all(Person("instructor1"))


async def test_bases_and_courses_say_who_uses_them(site: Site) -> None:
    make_machine(site)
    admin = Person("admin", admin=True)
    with site.database.transaction() as session:
        (base,) = administration.list_bases(session, admin, site.services.site)
        page = administration.list_courses(session, admin, site.services.site, "systems PROG")
    assert (base.name, base.courses, base.workspaces) == ("base-default-v1", ("cs101", "cs202"), 1)
    assert [(one.slug, one.students, one.base) for one in page.items] == [
        ("cs101", 2, "base-default-v1")
    ]
    shown = (await site.browser("admin").get("admin/courses")).text
    assert "courses/cs101/edit" in shown and "cs202" in shown


async def test_the_log_is_filtered_paged_and_exported(site: Site) -> None:
    with site.database.transaction() as session:
        student, course = User.get(session, "student1"), Course.get(session, "cs101")
        for number in range(history.SIZE + 30):
            actor = Person(f"person{number}", origin="192.0.2.1")
            audit.note(session, actor, "enter", course=course, owner=student, detail="=1+1")
        audit.note(session, ROOT, "enroll", course=course)
    admin = site.browser("admin")
    first = (await admin.get("admin/audit")).text
    assert first.count("<tr>") == history.SIZE + 1 and "root@coyote" in first
    older = re.search(r'href="\?(before=\d+)"', first)
    assert older
    second = (await admin.get(f"admin/audit?{older[1]}")).text
    assert second.count("<tr>") == 31 + 1 and "root@coyote" not in second
    only = (await admin.get("admin/audit?person=person7")).text
    assert only.count("<tr>") == 2
    for none in ("course=cs202", "until=2001-01-01", "since=2999-01-01", "action=reset"):
        assert "nothing like that" in (await admin.get(f"admin/audit?{none}")).text, none
    exported = await admin.get("admin/audit.csv?action=enter&until=9999-12-31")
    rows = list(csv.reader(io.StringIO(exported.content.decode("utf-8-sig"))))
    assert tuple(rows[0]) == history.COLUMNS and len(rows) == history.SIZE + 31
    assert {row[-1] for row in rows[1:]} == {"'=1+1"}, "no spreadsheet computes it"
    assert "attachment" in exported.headers["Content-Disposition"]


async def test_an_export_of_many_batches_is_whole(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coyotelab_service.handlers.admin.EXPORT_BATCH", 7)
    with site.database.transaction() as session:
        for number in range(21):
            audit.note(session, Person(f"person{number}"), "enter")
    content = (await site.browser("admin").get("admin/audit.csv")).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content)))
    assert [row[2] for row in rows[1:]] == [f"person{number}" for number in range(20, -1, -1)]


def test_the_command_line_needs_no_account(site: Site) -> None:
    settings = site.services.site
    with site.database.transaction() as session:
        added = people.add(session, ROOT, settings, "grace", name="Grace", password="a lasting one")
        people.set_disabled(session, ROOT, settings, "admin", True)
        events = history.list_events(session, ROOT, settings, Filter(person="root@coyote"))
        with pytest.raises(Invalid):
            people.add(session, ROOT, settings, "root@coyote")
        with pytest.raises(Invalid, match="control characters"):
            people.edit(session, ROOT, settings, "grace", name="Grace\nHopper")
    assert added.password == "" and not added.account.temporary
    assert [(event.action, event.origin) for event in events] == [
        ("disable", "command line"),
        ("add account", "command line"),
    ]


def test_everybody_else_is_told_that_there_is_nothing(site: Site) -> None:
    settings = site.services.site
    for person in (Person("instructor1"), Person("nobody"), Person("student1")):
        with site.database.transaction() as session:
            for work in (
                lambda s, p: people.list_accounts(s, p, settings, Search()),
                lambda s, p: people.get_account(s, p, settings, "student1"),
                lambda s, p: people.add(s, p, settings, "ada"),
                lambda s, p: people.edit(s, p, settings, "student1", name="X"),
                lambda s, p: people.set_disabled(s, p, settings, "student1", True),
                lambda s, p: people.list_memberships(s, p, settings, "student1"),
                lambda s, p: administration.get_counts(s, p, settings),
                lambda s, p: administration.list_courses(s, p, settings),
                lambda s, p: administration.list_bases(s, p, settings),
                lambda s, p: history.list_events(s, p, settings, Filter()),
                lambda s, p: history.list_actions(s, p, settings),
            ):
                with pytest.raises(NotFound):
                    work(session, person)
