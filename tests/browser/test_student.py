"""A student's way: from the login to a program they compiled, and back to the beginning."""

import os
import signal
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..people import Person
from ..site import Site
from .conftest import Enter, look
from .terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.browser]

PROGRAM = r"""printf '#include <stdio.h>\nint main(void){puts("six times seven: 42");}\n' > a.c"""


def open_workspace(page: Page) -> Terminal:
    page.get_by_role("link", name="Open workspace").first.click()
    page.wait_for_url("**/user/*/cs101/**", timeout=60_000)
    return Terminal(page).wait_for_prompt()


def test_a_student_works_downloads_restarts_and_resets(
    enter: Enter, site: Site, tmp_path: Path
) -> None:
    page = enter("student1")
    expect(page.get_by_text("cs202")).to_have_count(0)
    look(page, "courses")
    page.get_by_role("link", name="Information").click()
    look(page, "course")
    page.go_back()

    terminal = open_workspace(page)
    terminal.run("whoami; sudo whoami", "coyote root")
    terminal.run("echo $TERM $(tput colors) Größe-✓", "xterm-256color 256 Größe-✓")
    terminal.run(f"{PROGRAM}; gcc -o a a.c && ./a", "six times seven: 42")
    terminal.run(
        "sudo apt-get install -y cowsay >/dev/null 2>&1; /usr/games/cowsay hi", "< hi >", 90
    )
    look(page, "terminal")

    page.close()
    page = page.context.new_page()
    page.goto(f"http://student1.coyote.localhost:{site.port}/user/student1/cs101/")
    terminal = Terminal(page).wait_for_prompt()
    terminal.run("./a; ls /usr/games", "six times seven: 42 cowsay")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    archive = tmp_path / "home.zip"
    download.value.save_as(archive)
    assert any(name.endswith("/a.c") for name in zipfile.ZipFile(archive).namelist())

    terminal.run("sudo touch /run/before; echo no''ted", "noted")
    page.get_by_role("link", name="Restart").click()
    look(page, "restart")
    page.get_by_role("button", name="Restart").click()
    page.wait_for_url("**/user/*/cs101/**", timeout=60_000)
    terminal = Terminal(page).wait_for_prompt()
    terminal.run("test -e /run/before || echo re''booted", "rebooted")
    terminal.run("./a", "six times seven: 42")

    page.get_by_role("link", name="Reset").click()
    look(page, "reset")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_url("**/user/*/cs101/**", timeout=60_000)
    terminal = Terminal(page).wait_for_prompt()
    terminal.run("test -e a.c -o -e /usr/games/cowsay || echo as''new", "asnew")


def test_the_shell_survives_a_lost_connection_and_there_can_be_several(
    enter: Enter, site: Site
) -> None:
    page = enter("student1")
    terminal = open_workspace(page)
    terminal.run("export KEPT=yes; echo do''ne", "done")
    (proxy,) = site.find_processes("configurable-http-proxy")
    os.kill(proxy, signal.SIGKILL)
    expect(page.get_by_role("status")).not_to_have_text("Connected", timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("Connected", timeout=60_000)
    terminal.run("echo still $KEPT", "still yes")
    page.get_by_role("button", name="New terminal").click()
    expect(page.get_by_role("tab")).to_have_count(2)
    terminal.wait_for_prompt().run("echo other-$KEPT-shell", "other--shell")


def test_jupyterlab_opens_on_demand_with_the_base_s_own_python(enter: Enter) -> None:
    page = enter("student1")
    open_workspace(page)
    page.get_by_role("link", name="JupyterLab").click()
    page.wait_for_url("**/lab/**", timeout=60_000)
    expect(page.get_by_text("Python 3").first).to_be_visible(timeout=60_000)
    page.screenshot(path=Path(__file__).parent / "screenshots" / "jupyterlab-1280.png")


def test_progress_shows_the_real_stages(enter: Enter, site: Site) -> None:
    """The first open ever of a workspace, seen step by step."""
    student = enter("student2")
    student.goto(f"{Person(site.url, '', '').pages}workspaces/cs202")
    if "/user/" not in student.url:  # it can be that fast
        look(student, "progress")
    student.wait_for_url("**/user/student2/cs202/**", timeout=60_000)
    Terminal(student).wait_for_prompt()


def test_a_wrong_password_is_told_plainly(enter: Enter, site: Site) -> None:
    page = enter("student2").context.new_page()
    page.context.clear_cookies()
    page.goto(site.url)
    page.get_by_label("User name").fill("student1")
    page.get_by_label("Password").fill("not it")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "wrong-password")
