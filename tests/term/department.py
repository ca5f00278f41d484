"""A department on a running site: its people, and each door they come in by."""

import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..hub import call, wait_for
from ..people import Person, xsrf
from ..site import PASSWORD, Site
from .diary import Diary

ADMIN, OWNER, SECOND, ASSISTANT = "admin", "irene", "idris", "asha"
# A machine is made ahead for everybody who is enrolled; here they share the host with the story.
SETTINGS = "c.ServiceApp.prepare_pause = 15\n"


@dataclass(frozen=True)
class Size:
    """How large a term is: courses, students of the largest, and how many of them are followed."""

    courses: int
    students: int
    followed: int


SMALL, LARGE = Size(2, 12, 1), Size(5, 300, 5)


@dataclass
class Department:
    """Who is there, logged in; and what they need to know from one step to the next."""

    site: Site
    base: str
    size: Size
    folder: Path
    diary: Diary = field(default_factory=Diary)
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    temporary: dict[str, str] = field(default_factory=dict)  # passwords to hand over

    @property
    def slugs(self) -> list[str]:
        """Return the courses of this term; the first is the large one."""
        return [f"term-{number}" for number in range(1, self.size.courses + 1)]

    @property
    def students(self) -> list[str]:
        """Return the user names of everybody in the large course."""
        return [f"stu{number:03}" for number in range(1, self.size.students + 1)]

    @property
    def followed(self) -> list[str]:
        """Return the students whose term is told."""
        return self.students[: self.size.followed]

    def command(self, *words: str, stdin: str = "") -> str:
        """Type a command of the administrator's; it must end well."""
        coyotelab = Path(sys.executable).with_name("coyotelab")
        command = [coyotelab, *words, f"--state={self.site.state}"]
        done = subprocess.run(command, input=stdin, text=True, capture_output=True)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def enter(self, username: str) -> Person:
        """Log somebody in; with a temporary password they have to choose another one first."""
        person = Person(self.site.url, username, self.temporary.pop(username, PASSWORD))
        if person.password == PASSWORD:
            self.people[username] = person.log_in()
            return person
        self._change_password(person)
        self.people[username] = person
        return person

    def ask(self, username: str, method: str, path: str, body: Any = None) -> Any:
        """Ask the REST API with somebody's token; it must not refuse."""
        status, answer = call(method, self.people[username].api + path, self.token(username), body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def token(self, username: str) -> str:
        """Return an API token of somebody's, got on the page for it."""
        if username not in self.tokens:
            page = self.people[username].submit("account/tokens", purpose="term", days="1").text
            found = re.search(r'value="([0-9a-f]{32,})"', page)
            assert found, page
            self.tokens[username] = found.group(1)
        return self.tokens[username]

    def open(self, visitor: str, slug: str, owner: str) -> str:
        """Open a workspace by its page and wait for it; return where it is."""
        person, path = self.people[visitor], f"workspaces/{slug}/{owner}"
        url = f"http://{owner}.coyote.localhost:{self.site.port}/user/{owner}/{slug}/"
        answer = person.get(path)
        answer.raise_for_status()
        if answer.url != url:
            wait_for(f"{path} for {visitor}", lambda: person.get(f"{path}?wait=1").url == url)
        person.get(url).raise_for_status()
        return url

    def _change_password(self, person: Person) -> None:
        form = person.send_login()
        assert "/hub/change-password" in form.url, form.url
        assert "/hub/login" in person.get("").url, "no session before another one is chosen"
        person.password = f"a long one {secrets.token_hex(8)}"
        fields = {"new": person.password, "again": person.password, "_xsrf": xsrf(form.text)}
        headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
        answer = person.post(form.url, data=fields, headers=headers)
        assert answer.ok, answer.text
        page = person.get("")
        assert page.url == person.pages, f"{person.username} is not in: {page.url}"
