"""Every page and API route of JupyterHub itself, asked by everybody with the cookies of a browser.

People go through the service; what the Hub would do for them directly is in this table, and a
route or method of the Hub that is not in it fails the last test.
"""

import re
from dataclasses import dataclass
from itertools import product

import pytest
import requests
from jupyterhub import apihandlers, handlers

from ..people import Person
from ..site import Site

pytestmark = [pytest.mark.engine, pytest.mark.once]

PEOPLE = ("admin", "instructor1", "instructor2", "student1", "student2", "student3", "student4")
ALL, SELF, ADMIN, NOBODY = "all", "student1", "admin", "nobody"
# What the Hub answers when it does not let somebody.
REFUSED = {400, 401, 403, 404, 405, 424}


@dataclass(frozen=True)
class Door:
    """One method of one route of the Hub, and who is let in; about student1 and cs101."""

    route: str  # as JupyterHub writes it
    methods: str
    path: str
    may: str  # ALL, SELF and admins, ADMIN, or NOBODY
    spares_admin: bool = False  # an admin may, and would do harm


USER, SERVER = "/api/users/([^/]+)", "/api/users/([^/]+)/servers/([^/]*)"
OWN, CS101 = "/api/users/student1", "/api/users/student1/servers/cs101"
ONE_SERVER = "/api/users/([^/]+)/server"
GRANT = "/api/authorizations"
DOORS = [
    Door("/", "GET", "/", ALL),
    Door("/home", "GET", "/home", ALL),
    Door("/login", "GET", "/login", ALL),
    Door("/logout", "", "/logout", ALL),  # by the service's own page, in the journeys
    Door("/health$", "GET", "/health", ALL),
    Door("/api/health$", "GET", "/api/health", ALL),
    Door("/error/(\\d+)", "GET", "/error/503", ALL),
    Door("/admin", "GET", "/admin", ADMIN),
    Door("/token", "GET", "/token", ALL),
    Door("/metrics$", "GET", "/metrics", ADMIN),
    Door("/api/metrics$", "GET", "/api/metrics", ADMIN),
    Door("/spawn", "GET POST", "/spawn", NOBODY),
    Door("/spawn/([^/]+)", "GET POST", "/spawn/student1", NOBODY),
    Door("/spawn/([^/]+)/([^/]+)", "GET POST", "/spawn/student1/no-such-course", NOBODY),
    Door("/spawn-pending/([^/]+)", "GET", "/spawn-pending/student1", NOBODY),
    Door("/spawn-pending/([^/]+)/([^/]+)", "GET", "/spawn-pending/student1/cs101", NOBODY),
    Door("/accept-share", "GET POST", "/accept-share?code=none", NOBODY),
    Door("/user-redirect/(.*)?", "GET", "/user-redirect/", ALL),
    Door("/security/csp-report", "POST", "/security/csp-report", ALL),
    Door("/api/?", "GET", "/api/", ALL),
    Door("/api/info", "GET", "/api/info", ADMIN),
    Door("/api/user", "GET", "/api/user", ALL),
    Door("/api/shutdown", "POST", "/api/shutdown", ADMIN, spares_admin=True),
    Door("/api/proxy", "GET", "/api/proxy", ADMIN),
    Door("/api/proxy", "POST PATCH", "/api/proxy", ADMIN, spares_admin=True),
    Door("/api/users", "GET", "/api/users", ADMIN),
    Door("/api/users", "POST", "/api/users", ADMIN, spares_admin=True),
    Door(USER, "GET", OWN, SELF),
    Door(USER, "POST PATCH DELETE", OWN, ADMIN, spares_admin=True),
    Door(ONE_SERVER, "POST PUT PATCH DELETE", f"{OWN}/server", ADMIN, spares_admin=True),
    Door(ONE_SERVER, "GET", f"{OWN}/server", SELF),
    Door(f"{ONE_SERVER}/progress", "GET", f"{OWN}/server/progress", NOBODY),
    Door(SERVER, "GET", f"{OWN}/servers/none", NOBODY),
    Door(SERVER, "POST PUT PATCH DELETE", CS101, ADMIN, spares_admin=True),
    Door(f"{SERVER}/progress", "GET", f"{CS101}/progress", NOBODY),
    Door(f"{USER}/tokens", "GET", f"{OWN}/tokens", ADMIN),
    Door(f"{USER}/tokens", "POST", f"{OWN}/tokens", ADMIN, spares_admin=True),
    Door(f"{USER}/tokens/([^/]*)", "GET DELETE", f"{OWN}/tokens/a1", NOBODY),
    Door(f"{USER}/activity", "POST", f"{OWN}/activity", NOBODY),
    Door(f"{USER}/admin-access", "POST", f"{OWN}/admin-access", ADMIN, spares_admin=True),
    Door(f"{USER}/shared", "GET", f"{OWN}/shared", ADMIN),
    Door(f"{USER}/shared/([^/]+)/([^/]*)", "GET DELETE", f"{OWN}/shared/student2/cs101", NOBODY),
    Door("/api/groups", "GET", "/api/groups", ADMIN),
    Door("/api/groups", "POST", "/api/groups", ADMIN, spares_admin=True),
    Door("/api/groups/([^/]+)", "GET", "/api/groups/none", NOBODY),
    Door("/api/groups/([^/]+)", "POST DELETE", "/api/groups/none", ADMIN, spares_admin=True),
    Door("/api/groups/([^/]+)/users", "POST DELETE", "/api/groups/none/users", NOBODY),
    Door("/api/groups/([^/]+)/properties", "PUT", "/api/groups/none/properties", NOBODY),
    Door("/api/groups/([^/]+)/shared", "GET", "/api/groups/none/shared", NOBODY),
    Door(
        "/api/groups/([^/]+)/shared/([^/]+)/([^/]*)",
        "GET DELETE",
        "/api/groups/none/shared/student1/cs101",
        NOBODY,
    ),
    Door("/api/services", "GET", "/api/services", ADMIN),
    Door("/api/services/([^/]+)", "GET", "/api/services/coyotelab", ADMIN),
    Door(
        "/api/services/([^/]+)", "POST DELETE", "/api/services/coyotelab", ADMIN, spares_admin=True
    ),
    Door("/api/shares/([^/]+)", "GET", "/api/shares/student1", ADMIN),
    Door("/api/shares/([^/]+)", "POST PATCH DELETE", "/api/shares/student1", NOBODY),
    Door("/api/shares/([^/]+)/([^/]*)", "GET", "/api/shares/student1/none", NOBODY),
    Door(
        "/api/shares/([^/]+)/([^/]*)", "POST PATCH DELETE", "/api/shares/student1/none", NOBODY
    ),
    Door("/api/share-codes/([^/]+)", "GET", "/api/share-codes/student1", ADMIN),
    Door("/api/share-codes/([^/]+)", "POST DELETE", "/api/share-codes/student1", NOBODY),
    Door("/api/share-codes/([^/]+)/([^/]*)", "GET", "/api/share-codes/student1/none", NOBODY),
    Door(
        "/api/share-codes/([^/]+)/([^/]*)", "POST DELETE", "/api/share-codes/student1/none", NOBODY
    ),
    # The OAuth of services and workspaces: without a client's secret or a code there is nothing.
    Door(f"{GRANT}/cookie/([^/]+)(?:/([^/]+))?", "GET", f"{GRANT}/cookie/x", NOBODY),
    Door(f"{GRANT}/token/([^/]+)", "GET", f"{GRANT}/token/x", NOBODY),
    Door(f"{GRANT}/token", "GET POST", f"{GRANT}/token", NOBODY),
    Door("/api/oauth2/authorize", "GET POST", "/api/oauth2/authorize", NOBODY),
    Door("/api/oauth2/token", "POST", "/api/oauth2/token", NOBODY),
    Door(
        "/user/(?P<user_name>[^/]+)(?P<user_path>/.*)?",
        "GET POST PATCH DELETE",
        "/user/student1/",
        NOBODY,
    ),
]  # fmt: skip
# What tells nothing of anybody, and is answered to all the world ("/" leads on to the login).
PUBLIC = {"/", "/login", "/health$", "/api/health$", "/error/(\\d+)", "/api/?"} | {
    "/security/csp-report"
}
ELSEWHERE = {
    # The forms that log people in have tests of their own (tests/service/test_passwords.py, …).
    ("/login", "POST"),
    ("/logout", "GET"),
    # Removed long ago; JupyterHub 6.1.1 stumbles over its own refusal, whoever asks (500).
    (f"{GRANT}/token/([^/]+)", "POST"),
}


@pytest.fixture(scope="module")
def people(site: Site) -> dict[str, Person]:
    return {name: site.log_in(name) for name in PEOPLE}


def ask(site: Site, person: Person, method: str, path: str) -> requests.Response:
    """Ask as the Hub's own pages do, with its XSRF token."""
    tokens = [cookie.value for cookie in person.cookies if cookie.name == "_xsrf"]
    headers = {
        "X-XSRFToken": tokens[0] if tokens else "",
        "Referer": f"{site.url}/hub/home",
        "Sec-Fetch-Mode": "cors" if "/api/" in path else "navigate",
        "Sec-Fetch-Site": "same-origin",
        "Accept": "application/json" if "/api/" in path else "text/html",
    }
    body = {} if method in ("POST", "PUT", "PATCH") and "/api/" in path else None
    options = {"json": body} if body is not None else {}
    url = f"{site.url}/hub{path}"
    return person.request(method, url, headers=headers, allow_redirects=False, **options)


@pytest.mark.parametrize("name", PEOPLE)
def test_who_is_let_in_at_the_hub(site: Site, people: dict[str, Person], name: str) -> None:
    wrong = []
    for door in DOORS:
        may = name == "admin" or door.may == ALL or door.may == name
        if door.may == NOBODY:
            may = False
        if name == "admin" and (door.spares_admin or door.may == NOBODY):
            continue
        for method in door.methods.split():
            status = ask(site, people[name], method, door.path).status_code
            if (status not in REFUSED) != may or status >= 500:
                wrong.append(f"{method} {door.path}: {status}")
    assert not wrong, f"{name}: {wrong}"


def test_who_is_not_logged_in(site: Site) -> None:
    nobody = Person(site.url, "nobody", "")
    nobody.get(f"{site.url}/hub/login").raise_for_status()
    wrong = []
    for door in DOORS:
        for method in door.methods.split():
            answer = ask(site, nobody, method, door.path)
            refused = answer.status_code in REFUSED
            led = "/hub/login" in answer.headers.get("Location", "")
            if door.route not in PUBLIC and not (refused or led):
                wrong.append(f"{method} {door.path}: {answer.status_code}")
    assert not wrong


def test_every_route_of_the_hub_is_in_the_table() -> None:
    known = {(door.route, method) for door in DOORS for method in door.methods.split()}
    missing = [
        f"{method} {route}"
        for (route, handler, *_), method in product(
            [*handlers.default_handlers, *apihandlers.default_handlers],
            ("GET", "POST", "PUT", "PATCH", "DELETE"),
        )
        if route
        and is_answered(handler, method.lower())
        and (route, method) not in known | ELSEWHERE
    ]
    assert not missing


def is_answered(handler: type, method: str) -> bool:
    return not re.match(r"RequestHandler\._unimplemented", getattr(handler, method).__qualname__)
