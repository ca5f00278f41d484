"""The pages, as people's browsers see them."""

import subprocess
import sys
from pathlib import Path

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


async def test_the_students_page_says_who_does_what(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    teacher = site.browser("instructor1")
    page = (await teacher.get("courses/cs101/students")).text
    assert page.count("Running") == 1 and page.count("Dropped") == 1 and "Re-add" in page
    dropped = await teacher.submit("courses/cs101/students", username="student1", enabled="false")
    assert dropped.status == 303
    assert site.hub.servers["student1", "cs101"].state == "stopped"
    assert (await site.browser("student1").get("courses/cs101")).status == 404
    await teacher.submit("courses/cs101/students", username="student1", enabled="true")
    assert (await site.browser("student1").get("courses/cs101")).status == 200
    seen_by_admin = (await site.browser("admin").get("courses/cs101/students")).text
    assert "<form" not in seen_by_admin and "/download" not in seen_by_admin


def test_the_program_refuses_an_old_database_in_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    command = [sys.executable, "-m", "coyotelab_service", f"--ServiceApp.db_url={url}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert "coyotelab db upgrade" in ended.stderr and "Traceback" not in ended.stderr
