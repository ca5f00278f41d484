"""How long from the click to the prompt, and what an idle workspace costs: `make bench`.

Starts the demo on the test engine, opens workspaces in a real Chromium as a student does, and
prints a table. Root, since memory and disk are read from the host's cgroup and Btrfs.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from coyotelab_spawner.lxd import Connection
from tests.conftest import sweep
from tests.hub import call, wait_for
from tests.looks import ARGUMENTS, CHROMIUM
from tests.people import Person
from tests.site import PASSWORD, Site

ROUNDS = int(os.environ.get("ROUNDS", "7"))
PORT = 18100
COURSE, STUDENT = "cs101", "student1"
MIB = 1024**2
SETTLED = 30  # seconds after which nothing goes on in the background
POOLS = {"lxd": Path("/var/lib/lxd/storage-pools"), "incus": Path("/var/lib/incus/storage-pools")}


class Bench:
    """One site, one student, one browser."""

    def __init__(self, state: Path) -> None:
        self.machine = json.loads((state / "setup.json").read_text())
        self.site = Site(state, self.machine, PORT)
        self.pages = Person(self.site.url, "", "").pages

    def log_in(self, page: Page) -> None:
        page.goto(self.site.url)
        page.get_by_label("User name").fill(STUDENT)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Courses", exact=True).wait_for()

    def click_to_prompt(self, page: Page) -> float:
        """Return milliseconds from the click on "Open workspace" to a shell's prompt on screen."""
        page.goto(self.pages)
        link = page.get_by_role("link", name="Open workspace").first
        began = time.monotonic()
        link.click()
        screen = page.locator(".xterm-rows:visible")
        expect(screen).to_contain_text(re.compile(r"coyote@\S+:~\$"), timeout=60_000)
        return 1000 * (time.monotonic() - began)

    def get_token(self) -> str:
        answer = self.site.log_in(STUDENT).submit("account/tokens", note="bench", days="1").text
        found = re.search(r'value="([0-9a-f]{32,})"|<code[^>]*>([0-9a-f]{32,})<', answer)
        assert found, answer
        return found.group(1) or found.group(2)

    def act(self, token: str, action: str, wanted: str) -> None:
        """Ask the REST API for an action and wait for the state it leads to."""
        url = f"{self.site.url}/services/coyotelab/api/courses/{COURSE}/workspaces/{STUDENT}"
        status, answer = call("POST", f"{url}/{action}", token)
        assert status in (200, 202), answer
        wait_for(wanted, lambda: call("GET", url, token)[1]["state"] == wanted)

    def find_instance(self) -> str:
        """Return the name of the student's instance, "" while there is none."""
        records = json.loads(
            subprocess.check_output(
                [self.machine["engine"].replace("lxd", "lxc"), "list", "--format=json",
                 f"--project={self.machine['project']}"])
        )  # fmt: skip
        for record in records:
            config = record["config"]
            if config.get("user.coyotelab.kind") == "workspace" and (
                config.get("user.coyotelab.user"), config.get("user.coyotelab.course")
            ) == (STUDENT, COURSE):  # fmt: skip
                return str(record["name"])
        return ""

    def memory(self, name: str) -> tuple[float, float]:
        """Return MiB of anonymous memory and of the whole cgroup, page cache included."""
        group = f"lxc.payload.{self.machine['project']}_{name}"
        for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
            folder = root / group
            if (folder / "memory.stat").exists():
                rows = (folder / "memory.stat").read_text().splitlines()
                stat = {key: int(value) for key, value in (row.split() for row in rows)}
                anonymous = stat.get("total_rss", stat.get("anon", 0))
                usage = folder / "memory.usage_in_bytes"
                usage = usage if usage.exists() else folder / "memory.current"
                return anonymous / MIB, int(usage.read_text()) / MIB
        raise LookupError(f"no memory cgroup {group}")

    def exclusive(self, name: str) -> float:
        """Return MiB on disk that only this instance holds, data and metadata (its qgroup)."""
        root = POOLS[self.machine["engine"]] / self.machine["pool"]
        folder = root / "containers" / f"{self.machine['project']}_{name}"
        subprocess.run(["sync", "-f", folder], check=True)
        subvolume = run("btrfs", "inspect-internal", "rootid", str(folder)).strip()
        for row in run("btrfs", "qgroup", "show", "--raw", str(root)).splitlines():
            if row.split()[:1] == [f"0/{subvolume}"]:
                return int(row.split()[2]) / MIB
        raise LookupError(f"no qgroup of {folder}")


def run(*command: str) -> str:
    return subprocess.check_output(command, text=True)


def measure(bench: Bench) -> list[tuple[str, str]]:
    rows = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = chromium.new_context().new_page()
        bench.log_in(page)
        token = bench.get_token()
        wait_for("a machine made ahead", bench.find_instance, 120)
        time.sleep(SETTLED)  # the others are being made ahead meanwhile
        first, later, again = [], [], []
        for number in range(ROUNDS):
            bench.act(token, "stop", "stopped")
            bench.act(token, "reset", "stopped") if number else None
            page.goto("about:blank")
            first.append(bench.click_to_prompt(page))
            again.append(bench.click_to_prompt(page))
            bench.act(token, "stop", "stopped")
            page.goto("about:blank")
            later.append(bench.click_to_prompt(page))
        rows += [("first open ever, n=1 (made ahead in the background)", f"{first[0]:.0f} ms"),
                 (f"first open after a reset, n={ROUNDS - 1}", spread(first[1:])),
                 (f"later open, machine stopped, n={ROUNDS}", spread(later)),
                 (f"open while it runs, n={ROUNDS}", spread(again))]  # fmt: skip
        time.sleep(SETTLED)
        name = bench.find_instance()
        anonymous, usage = bench.memory(name)
        rows += [("idle workspace with one terminal: anonymous memory", f"{anonymous:.0f} MiB"),
                 ("the same, whole cgroup with page cache", f"{usage:.0f} MiB"),
                 ("its exclusive disk", f"{bench.exclusive(name):.1f} MiB")]  # fmt: skip
        chromium.close()
    return rows


def spread(values: list[float]) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:.0f} / **{middle:.0f}** / {high:.0f} ms"


def main() -> None:
    state = Path(os.environ["COYOTELAB_TEST_STATE"])
    bench = Bench(state)
    machine = bench.machine
    sweep(Connection(machine["url"], machine["project"], state / machine["credentials"]), state)
    bench.site.start()
    try:
        rows = measure(bench)
    finally:
        bench.site.stop()
    engine = bench.machine["engine"]
    print(f"\n{engine}, {os.cpu_count()} cores, kernel {platform.release().split('-')[0]}\n")
    print("| what | min / median / max |\n|---|---|")
    for what, figure in rows:
        print(f"| {what} | {figure} |")


if __name__ == "__main__":
    sys.exit(main())
