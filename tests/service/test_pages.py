"""The pages, as people's browsers see them."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import wtforms
from wtforms.validators import Length

from coyotelab_service.handlers.account import FormData
from coyotelab_service.orm import Course
from coyotelab_service.pages import make_templates

from .conftest import Site


async def test_everybody_sees_their_courses(site: Site) -> None:
    student = await site.browser("student1").get()
    assert student.status == 200
    assert "Introduction to Systems Programming" in student.text
    assert "Operating Systems" not in student.text
    teacher = await site.browser("instructor1").get()
    assert "You teach" in teacher.text and "Operating Systems" not in teacher.text
    both = (await site.browser("admin").get()).text
    assert "All courses" in both and "cs202" in both
    for nobody in ("student3", "student4", "unknown-to-us"):
        page = await site.browser(nobody).get()
        assert "You are not in any course yet" in page.text


async def test_courses_that_are_over_are_apart_and_those_to_come_are_marked(site: Site) -> None:
    with site.database.transaction() as session:
        over, coming = Course.get(session, "cs101"), Course.get(session, "cs202")
        assert over and coming
        over.end_date = date.today() - timedelta(1)
        coming.start_date = date.today() + timedelta(1)
    page = (await site.browser("student2").get()).text
    past = page.index("Past courses")
    assert page.index(coming.name) < past < page.index(over.name)
    assert page.count(">Upcoming<") == 1
    only_past = (await site.browser("student1").get()).text
    assert "You have no course at the moment." in only_past and over.name in only_past


async def test_a_last_day_is_still_the_present(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.end_date = date.today()
    assert "Past courses" not in (await site.browser("student1").get()).text


async def test_states_are_ones_own_and_cost_one_question(site: Site) -> None:
    for username in ("student1", "student2"):
        site.hub.server(username, "cs101", "ready")
    site.hub.server("student2", "cs202", "spawn")
    browser = site.browser("student2")
    await browser.get()
    site.hub.calls.clear()
    states = (await browser.get("states")).json()
    assert {slug: found["state"] for slug, found in states.items()} == {
        "cs101": "running",
        "cs202": "starting",
    }
    assert site.hub.calls == ["GET /hub/api/users/student2"]
    assert (await site.browser("student4").get("states")).json() == {}
    assert (await site.browser("admin").get("states")).json() == {}


async def test_a_hub_that_does_not_answer_hides_no_course(site: Site) -> None:
    browser = site.browser("student1")
    await browser.get()
    site.hub.down = True
    page = await browser.get()
    assert page.status == 200 and "state-unknown" in page.text and "Open workspace" in page.text


async def test_only_who_may_is_offered_a_new_course(site: Site) -> None:
    for username, offered in [("instructor1", True), ("admin", True), ("student1", False)]:
        page = (await site.browser(username).get()).text
        assert ("courses/new" in page) == offered, username


def test_a_field_says_what_is_wrong_with_it_to_everybody() -> None:
    class Form(wtforms.Form):
        name = wtforms.StringField("Name", [Length(max=3)], description="Three letters <at most>")
        kept = wtforms.BooleanField("Keep it")
        kind = wtforms.RadioField("Kind", choices=["a", "b"])

    form = Form(FormData({"name": ["<b>long"]}))
    assert not form.validate()
    source = (
        '{% import "parts.html" as parts %}'
        '{{ parts.field(form.name, maxlength=3, autocomplete="off") }}'
        "{{ parts.field(form.kept) }}{{ parts.field(form.kind) }}"
    )
    shown = make_templates().from_string(source).render(form=form)
    assert '<label class="form-label" for="name">Name</label>' in shown
    assert 'aria-describedby="name-help name-error"' in shown and 'aria-invalid="true"' in shown
    assert "&lt;at most&gt;" in shown and "&lt;b&gt;long" in shown
    assert 'id="name-error" role="alert"' in shown and 'autocomplete="off"' in shown
    assert "<legend" in shown and 'type="radio"' in shown


def test_the_program_refuses_an_old_database_in_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    command = [sys.executable, "-m", "coyotelab_service", f"--ServiceApp.db_url={url}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "coyotelab db upgrade" in ended.stderr and "Traceback" not in ended.stderr
