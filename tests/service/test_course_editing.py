"""Making and editing courses: the form, the REST API, their instructors, putting away."""

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from coyotelab_service import visits
from coyotelab_service.access import Person
from coyotelab_service.course_fields import Frame, check_fields, suggest_slug
from coyotelab_service.errors import InvalidFields
from coyotelab_service.orm import AuditEvent, Course, Machine, MachineKind, User
from coyotelab_service.site import Site as SiteSettings
from coyotelab_spawner.spec import GIB

from .conftest import Answer, Site

EDIT = "courses/cs101/edit"
# What a browser sends of the form when nothing was changed in cs101.
TEXT = {"name": "Introduction to Systems Programming", "base": "base-default-v1"}
UNCHANGED = {
    **TEXT,
    "webpage": "https://www.example.edu/cs101",
    "description": "Processes, memory and files, seen from a Linux machine of your own.",
    "start_date": f"{date.today().year}-01-01",
    "end_date": f"{date.today().year}-12-31",
    **dict.fromkeys(("cpu", "memory", "disk", "idle_minutes"), ""),
    "memory_unit": "GiB",
}


def get_course(site: Site, slug: str = "cs101") -> Course:
    with site.database.transaction() as session:
        course = Course.get(session, slug)
        assert course, slug
        _ = course.instructor, course.co_instructors, course.base
        session.expunge_all()
        return course


def find_version(page: Answer) -> str:
    return page.text.partition('name="version" type="hidden" value="')[2].partition('"')[0]


async def save(site: Site, person: str = "instructor1", **fields: str) -> Answer:
    browser = site.browser(person)
    version = find_version(await browser.get(EDIT))
    return await browser.submit(EDIT, **{**UNCHANGED, "version": version, **fields})


def actions(site: Site) -> list[str]:
    with site.database.transaction() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


async def test_an_instructor_makes_a_course_with_its_own_limits(site: Site) -> None:
    browser = site.browser("instructor1")
    assert "courses/new" in (await browser.get()).text
    answer = await browser.submit(
        "courses/new",
        name="  Networks   and Sockets ",
        slug="net-1",
        webpage=" https://example.edu/net ",
        description="# Hello\r\nworld",
        start_date="2027-02-01",
        end_date="2027-06-30",
        base="base-default-v1",
        cpu="3",
        memory="1.5",
        memory_unit="GiB",
        disk="20",
        idle_minutes="0",
    )
    assert answer.status == 303 and answer.location.endswith("courses/net-1")
    course = get_course(site, "net-1")
    assert (course.name, course.webpage) == ("Networks and Sockets", "https://example.edu/net")
    assert course.description == "# Hello\nworld"
    assert (course.start_date, course.end_date) == (date(2027, 2, 1), date(2027, 6, 30))
    assert (course.cpu, course.memory, course.disk) == (3, 3 * GIB // 2, 20 * GIB)
    assert course.idle_minutes == 0 and course.base and course.base.name == "base-default-v1"
    assert course.instructor.username == "instructor1"
    assert site.preparation._wanted.is_set()
    assert await site.preparation.run_once() == 6, "the instructor's machine is made ahead"
    assert actions(site) == ["create course"]
    page = await browser.get("courses/net-1/edit")
    for shown in ('value="1536"', 'value="MiB"', 'value="20"', 'value="0"', 'value="2027-02-01"'):
        assert shown in page.text


async def test_students_and_strangers_make_none_nor_instructors_where_the_site_says_no(
    site: Site,
) -> None:
    body = {"name": "Mine", "slug": "mine"}
    assert "courses/new" not in (await site.browser("student1").get()).text
    assert (await site.browser("student1").get("courses/new")).status == 404
    assert (await site.api("POST", "courses", "student1", body)).status == 404
    site.services.site.instructors_make_courses = False
    assert (await site.browser("instructor1").get("courses/new")).status == 404
    assert (await site.api("POST", "courses", "instructor1", body)).status == 404
    body["instructor"] = "instructor1"
    assert (await site.api("POST", "courses", "admin", body)).status == 201


async def test_an_empty_short_name_is_suggested_for_another_look(site: Site) -> None:
    browser = site.browser("instructor1")
    answer = await browser.submit(
        "courses/new", name="Über Café 101", webpage="javascript:alert(1)"
    )
    assert answer.status == 400
    assert 'value="uber-cafe-101"' in answer.text and "it cannot be changed later" in answer.text
    assert 'value="Über Café 101"' in answer.text, "what was typed is still there"
    assert 'value="javascript:alert(1)"' in answer.text
    assert 'aria-describedby="webpage-error webpage-help"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert 'href="#webpage"' in answer.text


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Operating Systems", "operating-systems"),
        ("1001 Nights", "nights"),
        ("New", "new-course"),
        ("日本語", ""),
        ("Irene's course", "irenes-course"),
        ("x" * 500, "x" * 30),
    ],
)
def test_suggestions(name: str, slug: str) -> None:
    assert suggest_slug(name) == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "1st",
        "Cs",
        "a--b",
        "-a",
        "a_b",
        "a.b",
        "a/b",
        "x" * 31,
        "new",
        "édu",
        "a b",
        "cs\n",
        "cs101",
    ],
)
async def test_slugs_that_are_refused(site: Site, slug: str) -> None:
    body = {"name": "Another", "slug": slug}
    answer = await site.api("POST", "courses", "instructor1", body)
    if slug == "cs\n":  # white space around it is no part of it
        assert answer.status == 201 and answer.json()["slug"] == "cs"
        return
    assert answer.status == 400 and list(answer.json()["errors"]) == ["slug"]


async def test_two_who_want_the_same_slug_at_once(site: Site) -> None:
    bodies = [{"name": f"Course {number}", "slug": "same"} for number in range(8)]
    answers = await asyncio.gather(
        *(site.api("POST", "courses", "instructor1", body) for body in bodies)
    )
    assert sorted(answer.status for answer in answers) == [201] + [400] * 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("name", "a\u202eb"),
        ("webpage", "ftp://example.edu"),
        ("webpage", "https://user:secret@example.edu"),
        ("webpage", "https://exa mple.edu"),
        ("webpage", "https://"),
        ("webpage", "https://example.edu:99999"),
        ("webpage", "//example.edu"),
        ("webpage", "https://e.edu/" + "x" * 500),
        ("webpage", "java\tscript:alert(1)"),
        ("description", "x" * 20_001),
        ("start_date", "2027-02-30"),
        ("start_date", "20270230"),
        ("start_date", "0001-01-01"),
        ("end_date", "1999-01-01"),
        ("base", "base-of-somebody"),
        ("cpu", "0"),
        ("cpu", "5"),
        ("cpu", "two"),
        ("cpu", "1.5"),
        ("cpu", "9" * 400),
        ("memory", "0.1"),
        ("memory", "8.5"),
        ("memory", "1e9"),
        ("memory", "-1"),
        ("disk", "1"),
        ("disk", "51"),
        ("disk", "2.00001"),
        ("idle_minutes", "-1"),
        ("idle_minutes", "1441"),
        ("idle_minutes", "٣"),
    ],
)
async def test_fields_that_are_refused_leave_the_course_as_it_was(
    site: Site, field: str, value: str
) -> None:
    before = get_course(site)
    answer = await save(site, **{"cpu": "1", field: value})
    assert answer.status == 400, answer.text
    assert f'id="{field}-error"' in answer.text and f'href="#{field}"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    after = get_course(site)
    assert (after.cpu, after.updated_at) == (before.cpu, before.updated_at)


async def test_what_is_saved_unchanged_changes_nothing(site: Site) -> None:
    before = get_course(site)
    assert (await save(site)).status == 303
    assert get_course(site).updated_at == before.updated_at and actions(site) == []


async def test_an_old_value_above_a_new_ceiling_does_not_stop_other_changes(site: Site) -> None:
    with site.database.transaction() as session:
        session.scalars(select(Course).filter_by(slug="cs101")).one().cpu = 64
    assert (await save(site, cpu="64", name="Renamed")).status == 303
    assert get_course(site).name == "Renamed"
    assert (await save(site, cpu="63", name="Renamed")).status == 400


async def test_who_saves_second_is_told_and_may_save_again(site: Site) -> None:
    browser = site.browser("instructor1")
    version = find_version(await browser.get(EDIT))
    assert version
    await site.api("PATCH", "courses/cs101", "instructor1", {"name": "By a program"})
    fields = {**UNCHANGED, "name": "By hand", "version": version}
    answer = await browser.submit(EDIT, **fields)
    assert answer.status == 409 and "Somebody else has changed this course" in answer.text
    assert 'value="By hand"' in answer.text and get_course(site).name == "By a program"
    fields["version"] = find_version(answer)
    assert (await browser.submit(EDIT, **fields)).status == 303
    assert get_course(site).name == "By hand"
    fields["version"] = ""
    assert (await browser.submit(EDIT, **{**fields, "name": "No version"})).status == 409


async def test_the_short_name_never_changes(site: Site) -> None:
    page = await site.browser("instructor1").get(EDIT)
    assert 'name="slug"' not in page.text
    assert (await save(site, slug="other")).status == 303
    answer = await site.api("PATCH", "courses/cs101", "instructor1", {"slug": "other"})
    assert answer.status == 400 and list(answer.json()["errors"]) == ["slug"]
    assert get_course(site).slug == "cs101"


async def test_preview_shows_and_saves_nothing(site: Site) -> None:
    answer = await save(site, description="**bold** <script>alert(1)</script>", preview="true")
    assert answer.status == 200 and "<strong>bold</strong>" in answer.text
    assert "<script>alert" not in answer.text
    assert "bold" not in get_course(site).description


async def test_the_newest_base_comes_first(site: Site) -> None:
    with site.database.transaction() as session:
        session.add(Machine(name="base-default-v2", kind=MachineKind.BASE))
    page = (await site.browser("instructor1").get("courses/new")).text
    assert page.index("base-default-v2") < page.index("base-default-v1")
    assert '<option selected value="base-default-v2">' in page
    assert (
        '<option selected value="base-default-v1">'
        in (await site.browser("instructor1").get(EDIT)).text
    )
    assert (await save(site, base="base-default-v2")).status == 303
    course = get_course(site)
    assert course.base and course.base.name == "base-default-v2"


async def test_an_admin_says_who_teaches(site: Site) -> None:
    browser = site.browser("admin")
    assert 'name="instructor"' in (await browser.get("courses/new")).text
    for wrong in ("", "student1", "nosuchperson"):
        answer = await browser.submit("courses/new", name="X", slug="x1", instructor=wrong)
        assert answer.status == 400
        assert answer.text.count("There is no instructor of that user name.") == 2
    made = await browser.submit("courses/new", name="X", slug="x1", instructor=" Instructor2")
    assert made.status == 303 and get_course(site, "x1").instructor.username == "instructor2"
    body = {"name": "Y", "slug": "y1", "instructor": "instructor2"}
    answer = await site.api("POST", "courses", "instructor1", body)
    assert answer.status == 400 and list(answer.json()["errors"]) == ["instructor"]


async def appoint(
    site: Site, do: str, username: str, by: str = "instructor1", **more: str
) -> Answer:
    path = "courses/cs101/instructors"
    return await site.browser(by).submit(
        path, form_at="account/tokens", do=do, username=username, **more
    )


async def test_a_co_instructor_comes_and_goes_at_once(site: Site) -> None:
    other = site.browser("instructor2")
    assert (await other.get("courses/cs101")).status == 404
    assert (await appoint(site, "add", "Instructor2 ")).status == 303
    assert site.preparation._wanted.is_set()
    await site.preparation.run_once()
    assert len(site.lxd.instances) == 6, "five of the demonstration, and the new one's"
    page = (await other.get(EDIT)).text
    assert "Hand the course over" not in page, "only the instructor says who teaches"
    assert (await save(site, "instructor2", cpu="1")).status == 303
    assert "Teaching too" in (await site.browser("student1").get("courses/cs101")).text
    await other.get("workspaces/cs101/student1")
    await other.get("workspaces/cs101")
    await site.services.workspaces.start(Person("instructor2"), "cs101", "instructor2")
    assert site.hub.shares
    assert (await appoint(site, "remove", "instructor2")).status == 303
    assert not site.hub.shares and not await site.database.run(visits.find_open)
    assert site.hub.servers["instructor2", "cs101"].state == "stopped"
    assert site.hub.servers["student1", "cs101"].state == "spawn", "the student works on"
    assert (await other.get("courses/cs101")).status == 404
    assert {"add instructor", "remove instructor"} <= set(actions(site))


@pytest.mark.parametrize("name", ["student1", "nosuchperson", "", "admin", "x" * 5000, "\u202e"])
async def test_who_may_not_teach_is_answered_alike(site: Site, name: str) -> None:
    for do in ("add", "hand over"):
        answer = await appoint(site, do, name, sure="true")
        assert answer.status == 400 and "There is no instructor of that user name." in answer.text
    course = get_course(site)
    assert not course.co_instructors and course.instructor.username == "instructor1"


async def test_only_the_instructor_and_admins_appoint(site: Site) -> None:
    await appoint(site, "add", "instructor2")
    for person in ("instructor2", "student1", "student3"):
        answer = await appoint(site, "hand over", "instructor2", by=person, sure="true")
        assert answer.status == 404
        assert (await appoint(site, "remove", "instructor2", by=person)).status == 404
    assert get_course(site).instructor.username == "instructor1"
    assert (await appoint(site, "add", "instructor2")).status == 400, "teaches it already"
    assert (await appoint(site, "remove", "student1")).status == 404


async def test_handing_over(site: Site) -> None:
    answer = await appoint(site, "hand over", "instructor2")
    assert answer.status == 400 and "Tick the box" in answer.text
    answer = await appoint(site, "hand over", "instructor2", sure="true", stay="true")
    assert answer.status == 303 and answer.location.endswith("/edit")
    course = get_course(site)
    assert course.instructor.username == "instructor2"
    assert [user.username for user in course.co_instructors] == ["instructor1"]
    await site.browser("instructor1").get("workspaces/cs101/student1")
    answer = await appoint(site, "hand over", "instructor1", by="admin", sure="true")
    assert answer.status == 303 and not get_course(site).co_instructors
    assert site.hub.shares, "who teaches it still keeps what is open"
    answer = await appoint(site, "hand over", "instructor2", sure="true")
    assert answer.status == 303 and not answer.location.endswith("/edit")
    assert not site.hub.shares
    assert (await site.browser("instructor1").get("courses/cs101")).status == 404


async def test_putting_away_stops_everything_and_taking_back_lets_it_start(site: Site) -> None:
    await site.browser("instructor1").get("workspaces/cs101/student1")
    site.hub.server("student2", "cs202", "ready")
    browser = site.browser("instructor1")
    path = "courses/cs101/archive"
    assert "Put the course away" in (await browser.get(path)).text
    assert (await browser.submit(path, archived="true")).status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped" and not site.hub.shares
    assert site.hub.servers["student2", "cs202"].state == "ready", "another course"
    assert (await site.browser("student1").get("workspaces/cs101/student1")).status == 404
    assert "Take the course back" in (await browser.get(path)).text
    assert (await browser.submit(path, archived="false")).status == 303
    assert (await site.browser("student1").get("workspaces/cs101/student1")).status == 200
    assert actions(site) == ["enter", "archive course", "leave", "take course back", "open"]


async def test_rest_makes_changes_and_shows(site: Site) -> None:
    body = {
        "slug": "net",
        "name": "Networks",
        "limits": {"cpu": 1, "memory": GIB},
        "start_date": "2027-02-01",
    }
    made = await site.api("POST", "courses", "instructor1", body)
    assert made.status == 201
    course = made.json()
    assert course["limits"] == {"cpu": 1, "memory": GIB, "disk": None}
    assert course["base"] == "base-default-v1" and course["idle_minutes"] is None
    assert course["start_date"] == "2027-02-01" and course["co_instructors"] == []
    change = {"limits": {"memory": None}, "idle_minutes": 30, "archived": True, "webpage": ""}
    changed = (await site.api("PATCH", "courses/net", "instructor1", change)).json()
    assert changed["limits"] == {"cpu": 1, "memory": None, "disk": None}
    assert changed["idle_minutes"] == 30 and changed["archived"] is True
    assert (await site.api("GET", "courses/net", "instructor1")).json() == changed
    assert (await site.api("PATCH", "courses/net", "instructor1", {})).json() == changed


def wrong_bodies() -> Iterator[tuple[dict[str, Any], set[str]]]:
    yield {"name": 1, "limits": {"cpu": 3.5}, "unknown": 1}, {"name", "cpu", "unknown"}
    yield {"cpu": 1, "disk": None}, {"cpu", "disk"}
    yield {"limits": {"cpu": True}, "idle_minutes": False}, {"cpu", "idle_minutes"}
    yield {"archived": None}, {"archived"}
    yield {"limits": {"cpu": True, "memory": "2", "gpu": 1}}, {"cpu", "memory", "limits.gpu"}
    yield {"limits": [1]}, {"limits"}
    yield {"limits": None}, {"limits"}
    yield {"limits": {"disk": 10**30}}, {"disk"}
    yield {"limits": {"memory": 2 * GIB + 1}}, {"memory"}
    yield {"archived": "yes"}, {"archived"}
    yield (
        {"name": "\ud800", "description": "\ud800", "webpage": "https://\ud800"},
        {
            "name",
            "description",
            "webpage",
        },
    )
    yield (
        {"base": ["base-default-v1"], "start_date": 5, "webpage": {}},
        {"base", "start_date", "webpage"},
    )
    yield {"start_date": "2027-02-02", "end_date": "2027-02-01"}, {"end_date"}
    yield {"instructor": "instructor2"}, {"instructor"}


@pytest.mark.parametrize(("body", "fields"), list(wrong_bodies()))
async def test_rest_says_what_is_wrong_by_field(
    site: Site, body: dict[str, Any], fields: set[str]
) -> None:
    answer = await site.api("PATCH", "courses/cs101", "instructor1", body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem["errors"]) == fields and all(problem["errors"].values())
    assert problem["detail"] == "Nothing was saved: some fields need another look."


def test_the_ceilings_are_those_of_the_site() -> None:
    frame = Frame(SiteSettings(max_cpu=16), [])
    assert check_fields({"cpu": 16}, {}, frame) == {"cpu": 16}
    with pytest.raises(InvalidFields) as caught:
        check_fields({"cpu": 17}, {}, frame)
    assert "16 at most" in caught.value.tell_each()["cpu"]


async def test_a_closed_account_edits_nothing(site: Site) -> None:
    with site.database.transaction() as session:
        user = User.get(session, "instructor1")
        assert user
        user.disabled = True
    assert (await site.browser("instructor1").get(EDIT)).status == 404
    assert (await site.browser("admin").get(EDIT)).status == 200
