"""The people of the access table at the running site: real accounts, real logins, real tokens."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from .. import access_table as table
from ..access_table import ADMIN, CLOSED, EVERYBODY, OTHER_TEACHER, TEACHER
from ..people import Person, xsrf
from ..site import PASSWORD, Site


class Cast:
    """Everybody of the table, logged in; `ask` and `call` send a row as one of them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.people: dict[str, Person] = {}
        self.tokens: dict[str, str] = {}
        self._xsrf: dict[str, str] = {}

    def arrive(self, name: str) -> None:
        """Log in and get a token as the docs say: on the page for it."""
        person = self.people[name] = self.site.log_in(name)
        self._xsrf[name] = xsrf(person.get("account/tokens").text)
        page = person.submit("account/tokens", note="test", days="1").text
        match = re.search(r'value="([0-9a-f]{32,})"|<code[^>]*>([0-9a-f]{32,})<', page)
        assert match, page
        self.tokens[name] = match.group(1) or match.group(2)

    def ask(
        self, name: str, method: str, path: str, body: dict[str, object] | None = None
    ) -> requests.Response:
        """Ask for a page, or send its form, as this person's browser does."""
        person = self.people[name]
        data = {key: str(value) for key, value in (body or {}).items()}
        data = {**data, "_xsrf": self._xsrf[name]} if method == "POST" else {}
        return person.request(method, path, data=data or None, allow_redirects=False)

    def call(
        self, name: str, method: str, path: str, body: dict[str, object] | None = None
    ) -> requests.Response:
        """Ask the REST API as a program with this person's token does."""
        with requests.Session() as program:
            program.trust_env = False
            return program.request(
                method,
                f"{self.site.url}/services/coyotelab/api/{path}",
                json=body,
                headers={"Authorization": f"token {self.tokens[name]}"},
                timeout=60,
            )

    def get_state(self, owner: str = table.STUDENT) -> str:
        """Return the state of somebody's machine in cs101."""
        place = f"courses/cs101/workspaces/{owner}"
        return str(self.call(owner, "GET", place).json()["state"])

    def prepare(self) -> None:
        """Make the people and the course that the demonstration lacks, and log everybody in."""
        self.arrive(ADMIN)
        self.stop_all()
        for name in table.NEWCOMERS:
            if self.ask(ADMIN, "GET", f"admin/users/{name}").status_code == 404:
                _add_account(self.site, name, teaches=name != CLOSED)
        self.ask(ADMIN, "POST", f"admin/users/{CLOSED}", {"do": "enable"}).raise_for_status()
        for name in sorted(EVERYBODY - {ADMIN}):
            self.arrive(name)
        if self.call(ADMIN, "GET", "courses/attic").status_code == 404:
            self._must(TEACHER, "POST", "courses", table.ATTIC)
        for slug, names in table.ATTENDING.items():
            teacher = OTHER_TEACHER if slug == "cs202" else TEACHER
            for name in names:
                self._must(teacher, "POST", f"courses/{slug}/enrollments", {"username": name})
        self._must(TEACHER, "PATCH", "courses/attic", {"archived": True})
        self._appoint("add")
        self.ask(ADMIN, "POST", f"admin/users/{CLOSED}", {"do": "disable"}).raise_for_status()

    def tidy_up(self) -> None:
        """Leave the site as it was, as far as that can be."""
        self.stop_all()
        self._must(ADMIN, "PATCH", "courses/cs101", {"idle_minutes": None})
        for course in self.call(ADMIN, "GET", "courses").json():
            if re.match("new-|rest-", course["slug"]):
                self._must(ADMIN, "PATCH", f"courses/{course['slug']}", {"archived": True})
        self._appoint("remove")
        for slug, names in table.ATTENDING.items():
            for name in names:
                path = f"courses/{slug}/enrollments/{name}"
                self._must(ADMIN, "PATCH", path, {"enabled": False})

    def stop_all(self) -> None:
        """Stop what an earlier test left running."""
        for slug in ("cs101", "cs202"):
            for one in self.call(ADMIN, "GET", f"courses/{slug}/workspaces").json():
                if one["state"] != "stopped":
                    place = f"courses/{slug}/workspaces/{one['username']}"
                    self.call(ADMIN, "POST", f"{place}/stop").raise_for_status()

    def _appoint(self, do: str) -> None:
        for slug, name in table.CO_TEACHERS.items():
            body: dict[str, object] = {"do": do, "username": name}
            answer = self.ask(ADMIN, "POST", f"courses/{slug}/instructors", body)
            assert answer.status_code == 303, answer.text

    def _must(self, name: str, method: str, path: str, body: dict[str, object]) -> None:
        answer = self.call(name, method, path, body)
        assert answer.ok, f"{name}: {method} {path}: {answer.text}"


@contextmanager
def gather(site: Site) -> Iterator[Cast]:
    """Give everybody of the table, and send them home afterwards."""
    cast = Cast(site)
    cast.prepare()
    try:
        yield cast
    finally:
        cast.tidy_up()


def _add_account(site: Site, name: str, *, teaches: bool) -> None:
    coyotelab = Path(sys.executable).with_name("coyotelab")
    roles = ["--role=student", *(["--role=instructor"] if teaches else [])]
    command = [coyotelab, "user", "add", name, *roles, "--password-stdin", f"--state={site.state}"]
    done = subprocess.run(command, input=f"{PASSWORD}\n", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
