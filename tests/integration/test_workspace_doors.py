"""Every address of a running workspace, asked by everybody with the cookies of a browser.

A student's machine in cs101: its owner gets in, those who teach once they have opened it on the
service's pages, nobody else; a route of the workspace's server that is not in the table fails the
last test.
"""

import asyncio
from dataclasses import dataclass
from itertools import product

import pytest
import requests
from requests.cookies import get_cookie_header
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from coyotelab_workspace.account import Account
from coyotelab_workspace.server import make_application, make_context
from coyotelab_workspace.settings import from_environment

from ..access_table import ADMIN, BOTH, CLOSED, CO_TEACHER, EVERYBODY, TEACHER
from ..hub import wait_for
from ..people import Person
from ..site import Site
from .cast import Cast

pytestmark = [pytest.mark.engine, pytest.mark.once]
LOGIN = "/hub/api/oauth2/authorize"
OWNER, PLACE = BOTH, f"courses/cs101/workspaces/{BOTH}"
# The Hub's own admin role reaches every running server and cannot be narrowed: docs/admin/access.md
REACHED_BY_ROLE = frozenset({OWNER, ADMIN})
OUTSIDE = EVERYBODY - REACHED_BY_ROLE - {CLOSED}

PAGE, CALL, SOCKET = "page", "call", "socket"  # refused by a login, by 403, by 403
PUBLIC, CLOSED_TO_ALL = "public", "closed to all"


@dataclass(frozen=True)
class Door:
    """One method of one route of the workspace's server, and what it is to those outside.

    `status`: what those inside get; 0: they are not asked.
    """

    route: str
    method: str
    path: str
    kind: str
    status: int = 200


TERMINAL, LAB = r"api/terminals/(\w+)", "(lab(?:/.*)?)"
DOORS = [
    Door("", "GET", "", PAGE),
    Door("api/?", "GET", "api", PUBLIC),
    Door("oauth_callback", "GET", "oauth_callback?code=x&state=x", CLOSED_TO_ALL),
    Door("api/work", "GET", "api/work", CLOSED_TO_ALL),  # the service has a token of its own
    Door("api/terminals", "GET", "api/terminals", CALL),
    Door("api/terminals", "POST", "api/terminals", CALL),
    Door(TERMINAL, "GET", "api/terminals/door", CALL),
    Door(TERMINAL, "DELETE", "api/terminals/door", CALL, 204),
    Door(r"terminals/websocket/(\w+)", "GET", "terminals/websocket/socket", SOCKET),
    Door("archive", "GET", "archive", PAGE),
    Door(LAB, "GET", "lab", PAGE),
    *(
        Door(LAB, method, "lab/api/contents", CALL, 0)
        for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    ),
    Door(r"static/[^/]+/(.*)", "GET", "static/any/page.css", PUBLIC),
    Door(r"static/[^/]+/(.*)", "HEAD", "static/any/page.css", PUBLIC),
]


@pytest.fixture(scope="module")
def address(site: Site, cast: Cast) -> str:
    """Where the owner's machine is, running."""
    assert cast.call(OWNER, "POST", f"{PLACE}/start").status_code in (200, 202)
    wait_for("the start", lambda: cast.get_state(OWNER) == "running")
    return f"http://{OWNER}.coyote.localhost:{site.port}/user/{OWNER}/cs101/"


def knock(person: Person, address: str, door: Door) -> requests.Response:
    """Ask as a page of the workspace itself would."""
    origin = "/".join(address.split("/")[:3])
    body = {"json": {"name": "door"}} if door.method == "POST" else {}
    fetch = {"Sec-Fetch-Site": "same-origin", "Origin": origin}
    headers = fetch if door.kind == CALL else {}
    return person.request(
        door.method, address + door.path, headers=headers, allow_redirects=False, **body
    )


async def plug_in(person: Person, address: str, door: Door, origin: str = "") -> int:
    """Open the socket as the terminal page does; return the status, 200 when it talks."""
    cookies = get_cookie_header(person.cookies, requests.Request("GET", address).prepare())
    headers = {"Cookie": cookies or "", "Origin": origin or "/".join(address.split("/")[:3])}
    request = HTTPRequest(address.replace("http", "ws", 1) + door.path, headers=headers)
    try:
        socket = await websocket_connect(request)
    except HTTPClientError as error:
        return error.code
    first = await asyncio.wait_for(socket.read_message(), 10)
    socket.close()
    return 200 if first else 0


async def try_all(person: Person, address: str, *, inside: bool) -> list[str]:
    """Go through the table; return what was not as it says."""
    wrong = []
    for door in DOORS:
        if door.kind == SOCKET:
            status, expected = await plug_in(person, address, door), 200 if inside else 403
        elif door.kind == PAGE and not inside:
            answer = knock(person, address, door)
            status, expected = answer.status_code, 302
            assert LOGIN in answer.headers.get("Location", ""), door
        elif inside and not door.status:
            continue
        else:
            answer = knock(person, address, door)
            led_on = answer.status_code == 302 and LOGIN not in answer.headers["Location"]
            status = 200 if led_on else answer.status_code  # to JupyterLab, when it runs
            lets = door.kind == PUBLIC or (inside and door.kind != CLOSED_TO_ALL)
            expected = door.status if lets else 403
        if status != expected:
            wrong.append(f"{door.method} {door.path}: {status}, not {expected}")
    return wrong


@pytest.mark.parametrize("name", sorted(OUTSIDE))
async def test_those_outside(cast: Cast, address: str, name: str) -> None:
    person = cast.people[name]
    end = person.get(address)  # by way of the Hub, which knows them well
    assert end.status_code == 403, name
    assert not await try_all(person, address, inside=False), name


async def test_nobody(site: Site, cast: Cast, address: str) -> None:
    for person in (Person(site.url, "nobody", ""), cast.people[CLOSED]):
        assert not await try_all(person, address, inside=False), person.username
    assert "/hub/login" in Person(site.url, "nobody", "").get(address).url


@pytest.mark.parametrize("name", sorted(REACHED_BY_ROLE))
async def test_owner_and_the_admins_of_the_hub(cast: Cast, address: str, name: str) -> None:
    person = cast.people[name]
    assert person.get(address).status_code == 200
    assert not await try_all(person, address, inside=True)


@pytest.mark.parametrize("name", [TEACHER, CO_TEACHER])
async def test_those_who_teach_once_they_have_opened_it(
    cast: Cast, address: str, name: str
) -> None:
    answer = cast.ask(name, "GET", f"workspaces/cs101/{OWNER}")
    assert answer.headers["Location"] == address
    person = cast.people[name]
    assert person.get(address).status_code == 200
    assert not await try_all(person, address, inside=True)


async def test_another_site_opens_no_socket(cast: Cast, address: str) -> None:
    owner, door = cast.people[OWNER], next(door for door in DOORS if door.kind == SOCKET)
    assert owner.get(address).status_code == 200
    for origin in (address.replace(f"{OWNER}.", "student2."), "https://example.org"):
        assert await plug_in(owner, address, door, origin.split("/user/")[0]) == 403


def test_a_token_for_the_rest_api_opens_no_workspace(cast: Cast, address: str) -> None:
    for name in sorted(EVERYBODY):
        for path in ("", "api/terminals", "archive", "lab"):
            headers = {"Authorization": f"token {cast.tokens[name]}"}
            answer = Person(address, "", "").get(
                address + path, headers=headers, allow_redirects=False
            )
            closed = name == CLOSED and answer.status_code == 302  # the token is gone
            assert answer.status_code == 403 or closed, f"{name} {path}: {answer.status_code}"


async def test_every_route_of_the_workspace_is_in_the_table() -> None:
    environment = {
        f"JUPYTERHUB_{name}": "x"
        for name in ("API_TOKEN", "API_URL", "ACTIVITY_URL", "CLIENT_ID", "HOST", "USER")
    } | {"JUPYTERHUB_SERVICE_PREFIX": "/x/", "JUPYTERHUB_OAUTH_ACCESS_SCOPES": "[]"}
    account = Account("coyote", 1000, 1000, (1000,), "/home/coyote", "/bin/sh")
    application = make_application(make_context(from_environment(environment), account))
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    known = {(door.route, door.method) for door in DOORS}
    missing = [
        f"{method} {route}"
        for rule, method in product(application.wildcard_router.rules, methods)
        for route in [rule.matcher.regex.pattern.removeprefix("/x/").removesuffix("$")]
        if "_unimplemented" not in getattr(rule.target, method.lower()).__qualname__
        and not (method == "OPTIONS" and "RequestHandler" in rule.target.options.__qualname__)
        and (route, method) not in known
    ]
    assert not missing
    print(f"workspace: {len(DOORS)} addresses x {len(EVERYBODY) + 1} personas")
