"""Pages closed and left open, and programs that go on: what really stops, and when."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from ..hub import call
from ..site import Site
from .conftest import Enter, look
from .terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.once]

GRACE = 60  # seconds
CEILING = 144  # seconds
VALUES = f"""
c.Site.idle_minutes = 1
c.Site.job_hours = {CEILING / 3600}
"""


@pytest.fixture
def quick(site: Site) -> Iterator[Site]:
    """The site with a short grace time and a low ceiling."""
    values = site.state / "config.py"
    values.write_text(VALUES)
    site.stop()
    site.start()
    yield site
    values.unlink()
    site.stop()
    site.start()


class Watcher:
    """Asks the REST API for the state of somebody's workspace, as they may."""

    def __init__(self, site: Site, username: str) -> None:
        page = site.log_in(username).submit("account/tokens", note="test", days="1").text
        match = re.search(r'value="([0-9a-f]{32,})"|<code[^>]*>([0-9a-f]{32,})<', page)
        assert match, page
        self.token = match.group(1) or match.group(2)
        base = f"{site.url}/services/coyotelab/api/courses/cs101/workspaces"
        self.url = f"{base}/{username}"

    def state(self) -> str:
        return str(call("GET", self.url, self.token)[1]["state"])


def open_workspace(page: Page, username: str) -> Terminal:
    page.get_by_role("link", name="Open workspace").first.click()
    page.wait_for_url(f"**/user/{username}/cs101/**", timeout=60_000)
    return Terminal(page).wait_for_prompt()


def test_closed_pages_stop_open_ones_and_programs_do_not(quick: Site, enter: Enter) -> None:
    watchers = {name: Watcher(quick, name) for name in ("student1", "student2", "instructor1")}
    staying, working = enter("student1"), enter("student2")
    open_workspace(staying, "student1")
    terminal = open_workspace(working, "student2")
    terminal.run("sleep 600 & echo wo''rking", "working")
    leaving = enter("instructor1")
    open_workspace(leaving, "instructor1")
    look(leaving, "terminal-idle")

    # A visit shows within seconds, and is gone within seconds.
    pages = f"http://coyotelab--service.coyote.localhost:{quick.port}/services/coyotelab/"
    leaving.goto(f"{pages}courses/cs101/students")
    leaving.get_by_role("link", name="Open · student1").click()
    leaving.wait_for_url("**/user/student1/cs101/**", timeout=60_000)
    seen = staying.get_by_text(re.compile("instructor1 has been in this workspace since"))
    expect(seen).to_be_visible(timeout=15_000)
    look(staying, "visited")
    leaving.goto("about:blank")
    expect(seen).to_be_hidden(timeout=20_000)

    working.close()
    left = time.monotonic()
    stopped: dict[str, float] = {}
    while time.monotonic() - left < CEILING + 90 and len(stopped) < 2:
        staying.wait_for_timeout(2_000)  # and not time.sleep: the page has to answer pings
        for name, watcher in watchers.items():
            if name not in stopped and watcher.state() == "stopped":
                stopped[name] = time.monotonic() - left
    print(f"stopped after the pages closed: {stopped}")
    assert set(stopped) == {"instructor1", "student2"}, "an open page keeps its machine"
    assert stopped["instructor1"] <= GRACE + 60
    assert stopped["student2"] + 25 >= CEILING and stopped["student2"] <= CEILING + 60
    expect(staying.get_by_text("Connected")).to_be_visible()

    staying.goto(f"{pages}workspaces/cs101/log")
    expect(staying.get_by_text("instructor1 left the workspace")).to_be_visible()
    again = enter("student2")
    again.goto(f"{pages}courses/cs101")
    expect(again.get_by_text(re.compile("a program ran for longer than"))).to_be_visible()
    look(again, "stopped-job")
    again.goto(f"{pages}workspaces/cs101/log")
    expect(again.get_by_text("student2 opened the workspace")).to_be_visible()
    look(again, "log")
