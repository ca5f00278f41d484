"""The access table against the running product: real logins, real tokens, a real machine.

Everybody asks for everything. What does something to a machine is done once, by one who may, and
refused to all who may not.
"""

import pytest
import requests

from .. import access_table as table
from ..access_table import (
    ADMIN,
    API_ROWS,
    CLOSED,
    CO_TEACHER,
    EVERYBODY,
    PAGE_ROWS,
    PLACE,
    STUDENT,
    TEACHER,
    Row,
)
from ..hub import wait_for
from ..people import Person
from ..site import Site
from .cast import Cast

pytestmark = [pytest.mark.engine, pytest.mark.once]
LOGIN = "/hub/api/oauth2/authorize"


def is_in(answer: requests.Response) -> bool:
    return answer.status_code in (200, 201, 202, 302, 303) and not asks_to_log_in(answer)


def asks_to_log_in(answer: requests.Response) -> bool:
    return LOGIN in answer.headers.get("Location", "")


def asked_by(name: str, rows: list[Row]) -> list[Row]:
    """Return the rows that this person asks for: all, but what would move a machine."""
    return [row for row in rows if name not in row.who or not row.machine]


@pytest.mark.parametrize("name", sorted(EVERYBODY - {CLOSED}))
def test_pages(cast: Cast, name: str) -> None:
    missing = {
        "GET": cast.ask(name, "GET", "courses/nosuchcourse").text,
        "POST": cast.ask(name, "POST", "courses/nosuchcourse/archive").text,
    }
    wrong = []
    for row in asked_by(name, PAGE_ROWS):
        answer = cast.ask(name, row.method, row.path, row.fill(name))
        said = f"{row.method} {row.path}: {answer.status_code}"
        if is_in(answer) != (name in row.who):
            wrong.append(said)
        elif name not in row.who:
            texts = (table.strip_own_address(t) for t in (answer.text, missing[row.method]))
            alike = len(set(texts)) == 1 or name in row.told
            if answer.status_code != 404 or not alike:
                wrong.append(f"{said}, or not as what is missing")
    assert not wrong, f"{name}: {wrong}"


@pytest.mark.parametrize("name", sorted(EVERYBODY - {CLOSED}))
def test_api(cast: Cast, name: str) -> None:
    missing = cast.call(name, "GET", "courses/nosuchcourse").json()
    wrong = []
    for row in asked_by(name, API_ROWS):
        if name == ADMIN and row.path == "courses" and row.method == "POST":
            continue  # who teaches nothing says who does, as on the page
        answer = cast.call(name, row.method, row.path, row.fill(name))
        said = f"{row.method} {row.path}: {answer.status_code}"
        if is_in(answer) != (name in row.who):
            wrong.append(said)
        elif name not in row.who and (answer.status_code != 404 or answer.json() != missing):
            wrong.append(f"{said} {answer.text}")
    assert not wrong, f"{name}: {wrong}"


def test_nobody_and_a_closed_account_are_asked_to_log_in(site: Site, cast: Cast) -> None:
    # The Hub ends the sessions of an account that was disabled with its next request there.
    cast.people[CLOSED].get(f"{site.url}/hub/home")
    wait_for(
        "the end of the session",
        lambda: asks_to_log_in(cast.ask(CLOSED, "GET", "")),
        deadline=120,
    )
    nobody = Person(site.url, "nobody", "")
    for row in PAGE_ROWS:
        for answer in (
            nobody.request(row.method, row.path, allow_redirects=False),
            cast.ask(CLOSED, row.method, row.path, row.fill(CLOSED)),
        ):
            refused = asks_to_log_in(answer) if row.method == "GET" else answer.status_code == 403
            assert refused, f"{row.method} {row.path}: {answer.status_code}"
    cast.tokens["nobody"] = ""
    for row in API_ROWS:
        for name in ("nobody", CLOSED):
            answer = cast.call(name, row.method, row.path, row.body)
            assert answer.status_code == 401, f"{name}: {row.method} {row.path}: {answer.text}"


def test_nothing_was_started_for_those_who_may_not(cast: Cast) -> None:
    for slug in ("cs101", "cs202"):
        found = cast.call(ADMIN, "GET", f"courses/{slug}/workspaces").json()
        assert len(found) > 2
        assert {one["state"] for one in found} == {"stopped"}


MOVES = [row for row in PAGE_ROWS if row.machine]
CALLS = [row for row in API_ROWS if row.machine]


def test_who_may_move_a_machine(cast: Cast) -> None:
    """Each row once: by the owner if they may, else by whom the table names."""

    def is_quiet() -> bool:
        return cast.get_state() in ("running", "stopped")

    for row, send in [*((r, cast.ask) for r in MOVES), *((r, cast.call) for r in CALLS)]:
        name = STUDENT if STUDENT in row.who else min(row.who)
        if row.path.endswith("/progress"):
            wait_for("the start", lambda: cast.get_state() == "running")
        wait_for("rest", is_quiet)
        answer = send(name, row.method, row.path, row.body)
        assert is_in(answer), f"{name}: {row.method} {row.path}: {answer.status_code} {answer.text}"


def test_those_who_teach_enter_and_fetch(cast: Cast) -> None:
    for name in (TEACHER, CO_TEACHER):
        assert is_in(cast.ask(name, "GET", table.ONE))
        wait_for("the start", lambda: cast.get_state() == "running")
        archive = cast.call(name, "GET", f"{PLACE}/archive")
        assert (archive.status_code, archive.content[:2]) == (200, b"PK")


def test_every_route_and_method_is_in_the_table() -> None:
    assert not table.find_unknown_routes()
    assert not table.find_unknown_methods()
