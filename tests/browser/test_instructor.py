"""An instructor's way: own workspace, a student's workspace, and what is not theirs."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ..people import Person
from ..site import Site
from .conftest import Enter, look
from .terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.browser]


def test_an_instructor_teaches_enters_and_downloads(
    enter: Enter, site: Site, tmp_path: Path
) -> None:
    page = enter("instructor1")
    expect(page.get_by_text("cs202")).to_have_count(0)
    look(page, "teaching")
    page.get_by_role("link", name="Open workspace").first.click()
    page.wait_for_url("**/user/instructor1/cs101/**", timeout=60_000)
    Terminal(page).wait_for_prompt().run("echo mine", "mine")

    pages = Person(site.url, "", "").pages
    page.goto(f"{pages}courses/cs101/students")
    expect(page.locator(".state-dropped")).to_be_visible()  # student4
    look(page, "students")
    page.get_by_role("link", name="Open · student1").click()
    page.wait_for_url("**/user/student1/cs101/**", timeout=60_000)
    terminal = Terminal(page).wait_for_prompt()
    expect(page.get_by_text(re.compile("You are in student1.s workspace"))).to_be_visible()
    expect(page.get_by_role("link", name="Reset")).to_have_count(0)
    terminal.run("echo seen > by-the-instructor; ls", "by-the-instructor")
    look(page, "visiting")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    archive = tmp_path / "home.zip"
    download.value.save_as(archive)
    names = zipfile.ZipFile(archive).namelist()
    assert any(name.endswith("/by-the-instructor") for name in names)

    page.goto(f"{pages}workspaces/cs101/student1/reset")
    expect(page.get_by_role("heading")).to_have_text("Not found")
    look(page, "not-found")

    student = enter("student1")
    student.goto(f"{pages}courses/cs101")
    expect(student.get_by_text("instructor1").first).to_be_visible()  # the student sees the visit
    look(student, "visits")


def test_without_a_course_the_page_says_what_to_do(enter: Enter) -> None:
    page = enter("student3")
    expect(page.get_by_text("You are not in any course yet")).to_be_visible()
    look(page, "no-courses")
