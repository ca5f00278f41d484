"""The REST API: its shapes, its errors, and that only tokens count."""

import re

import pytest

from coyotelab_service.json_body import MAX_BYTES
from coyotelab_service.openapi import DOCUMENT

from .conftest import OWN_HOST, Site

STUDENT1 = "courses/cs101/workspaces/student1"


async def test_shapes(site: Site) -> None:
    [course] = (await site.api("GET", "courses", "student1")).json()
    assert course["slug"] == "cs101" and course["instructor"]["username"] == "instructor1"
    assert course["attending"] and not course["teaching"]
    schema = DOCUMENT["components"]["schemas"]
    assert set(course) == set(schema["Course"]["required"])
    workspace = (await site.api("GET", STUDENT1, "student1")).json()
    assert set(workspace) == set(schema["Workspace"]["required"])
    assert workspace["url"] == (f"http://{OWN_HOST}/services/coyotelab/workspaces/cs101/student1")
    people = (await site.api("GET", "courses/cs101/enrollments", "instructor1")).json()
    assert {person["username"]: person["enabled"] for person in people} == {
        "student1": True,
        "student2": True,
        "student4": False,
    }


async def test_start_and_stop(site: Site) -> None:
    started = await site.api("POST", f"{STUDENT1}/start", "student1")
    assert started.status == 202 and started.json()["state"] == "starting"
    assert (await site.api("GET", STUDENT1, "instructor1")).json()["state"] == "starting"
    stopped = await site.api("POST", f"{STUDENT1}/stop", "student1")
    assert stopped.status == 200 and stopped.json()["state"] == "stopped"


async def test_lists_all_workspaces_for_the_instructor_and_ones_own_for_a_student(
    site: Site,
) -> None:
    site.hub.server("student1", "cs101", "ready")
    found = (await site.api("GET", "courses/cs101/workspaces", "instructor1")).json()
    states = {workspace["username"]: workspace["state"] for workspace in found}
    assert states == {"instructor1": "stopped", "student1": "running", "student2": "stopped"}
    found = (await site.api("GET", "courses/cs101/workspaces", "student2")).json()
    assert [workspace["username"] for workspace in found] == ["student2"]


async def test_enroll_drop_and_take_back(site: Site) -> None:
    new = await site.api(
        "POST", "courses/cs101/enrollments", "instructor1", {"username": "student3"}
    )
    assert new.status == 201 and new.json()["enabled"]
    assert (await site.api("GET", "courses/cs101", "student3")).status == 200
    path = "courses/cs101/enrollments/student3"
    dropped = await site.api("PATCH", path, "instructor1", {"enabled": False})
    assert dropped.json()["enabled"] is False
    assert (await site.api("GET", "courses/cs101", "student3")).status == 404
    await site.api("PATCH", path, "instructor1", {"enabled": True})
    assert (await site.api("GET", "courses/cs101", "student3")).status == 200
    unknown = await site.api(
        "POST", "courses/cs101/enrollments", "instructor1", {"username": "nosuchperson"}
    )
    assert unknown.status == 404 and unknown.json()["detail"].startswith(
        "There is no account named"
    )


async def test_dropping_takes_everything_back_at_once(site: Site) -> None:
    await site.browser("instructor1").get("workspaces/cs101/student1")
    assert site.hub.shares and site.hub.servers["student1", "cs101"].state == "spawn"
    path = "courses/cs101/enrollments/student1"
    await site.api("PATCH", path, "instructor1", {"enabled": False})
    assert not site.hub.shares
    assert site.hub.servers["student1", "cs101"].state == "stopped"


@pytest.mark.parametrize(
    "body",
    [
        *(b"not json", b"[]", b'"text"', b"\xff\xfe", b""),
        b'{"username": "\xff"}',
        '{"username": "student3"}'.encode("utf-16"),
        b'{"username": NaN}',
        b'{"username": ' + b"9" * 5_000 + b"}",
        b'{"username": ' + b"[" * 100_000,
    ],
)
async def test_a_body_that_is_no_json_object(site: Site, body: bytes) -> None:
    answer = await site.api("POST", "courses/cs101/enrollments", "instructor1", body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The request body has to be a JSON object")


@pytest.mark.parametrize("body", [{}, {"enabled": "yes"}, {"enabled": 1}, {"enabled": None}])
async def test_a_member_of_the_wrong_type(site: Site, body: dict[str, object]) -> None:
    path = "courses/cs101/enrollments/student1"
    answer = await site.api("PATCH", path, "instructor1", body)
    assert answer.status == 400 and '"enabled"' in answer.json()["detail"]


async def test_a_body_that_is_too_big_is_not_read(site: Site) -> None:
    answer = await site.api("POST", "courses/cs101/enrollments", "instructor1", b" " * 3_000_000)
    assert answer.status == 400


async def test_a_body_that_is_larger_than_any_has_to_be(site: Site) -> None:
    body = {"username": "student3", "name": "x" * MAX_BYTES}
    answer = await site.api("POST", "courses/cs101/enrollments", "instructor1", body)
    assert answer.status == 413 and answer.json()["status"] == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("application/x-www-form-urlencoded", 201),  # what curl says of -d
        ("application/merge-patch+json", 201),
        ("text/plain", 415),
        ("application/xml", 415),
        ("multipart/form-data", 400),
    ],
)
async def test_what_a_body_is_said_to_be(site: Site, kind: str, status: int) -> None:
    answer = await site.api(
        *("POST", "courses/cs101/enrollments", "instructor1", b'{"username": "student3"}'),
        **{"Content-Type": kind},
    )
    assert answer.status == status, answer.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"username": "student3", "username": "student1"}', "twice"),
        (b'{"username": "student3", "enabled": true}', '"enabled"'),
        (b'{"username": "student3", "\\ud800\\u0000": 1}', '"??"'),
        (b'{"username": "\\ud800"}', "user name"),
        (b'{"username": "student3", "name": "\\u0000"}', "not possible in a name"),
    ],
)
async def test_a_body_that_says_more_than_it_may(site: Site, body: bytes, said: str) -> None:
    path = "courses/cs101/enrollments"
    answer = await site.api("POST", path, "instructor1", body)
    assert answer.status == 400 and said in answer.json()["detail"], answer.text


async def test_head_options_and_what_is_not_done(site: Site) -> None:
    head = await site.api("HEAD", "courses", "student1")
    got = await site.api("GET", "courses", "student1")
    assert head.status == 200 and not head.content
    assert head.headers["Content-Length"] == str(len(got.content))
    options = await site.api("OPTIONS", "courses/cs101", "student1")
    assert options.status == 204 and options.headers["Allow"] == "GET, HEAD, PATCH, OPTIONS"
    refused = await site.api("DELETE", "courses/cs101", "student1")
    assert refused.status == 405 and refused.headers["Allow"] == "GET, HEAD, PATCH, OPTIONS"
    archive = await site.api("HEAD", f"{STUDENT1}/archive", "student1")
    assert archive.status == 405 and archive.headers["Allow"] == "GET, OPTIONS"
    assert not site.hub.servers, "nothing was started for it"
    assert (await site.api("HEAD", f"{STUDENT1}/start", "student1")).status == 405


@pytest.mark.parametrize(
    "path", ["courses", "courses/cs101/workspaces", "courses/cs101/enrollments"]
)
async def test_lists_come_in_parts(site: Site, path: str) -> None:
    person = "admin" if path == "courses" else "instructor1"
    whole = await site.api("GET", path, person)
    assert len(whole.json()) > 1 and "Link" not in whole.headers
    found, query = [], "?limit=1"
    while query:
        part = await site.api("GET", path + query, person)
        found += part.json()
        link = re.fullmatch(r'<[^?>]+(\?[^>]+)>; rel="next"', part.headers.get("Link", ""))
        query = link[1] if link else ""
    assert found == whole.json()
    for query in ("limit=0", "limit=1001", "limit=x", "limit=", "offset=-1", "limit=1&limit=2"):
        assert (await site.api("GET", f"{path}?{query}", person)).status == 400, query


async def test_without_a_token_and_with_a_wrong_one(site: Site) -> None:
    browser = site.browser("student1")
    await browser.get()
    assert (await browser.get("api/courses")).status == 401, "cookies do not count"
    assert (await site.api("GET", "courses")).status == 401
    answer = await site.api("GET", "courses", Authorization="token nonsense")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "token"
    narrow = site.hub.token_for("student1", "access:servers!server=student1/cs101")
    answer = await site.api("GET", "courses", Authorization=f"token {narrow}")
    assert answer.status == 401, "the token of a workspace is no login here"


async def test_wrong_method_and_hub_down(site: Site) -> None:
    answer = await site.api("DELETE", "courses/cs101", "student1")
    assert answer.status == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    site.hub.down = True
    answer = await site.api("GET", "courses", "student1")
    assert answer.status == 503 and "Hub" in answer.json()["detail"]
    assert int(answer.headers["Retry-After"]) > 0


async def test_health_and_openapi_are_for_everybody(site: Site) -> None:
    assert (await site.api("GET", "health")).json() == {"status": "ok"}
    document = (await site.api("GET", "openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert (
        f"/{STUDENT1}/archive".replace("cs101", "{slug}").replace("student1", "{username}")
        in (document["paths"])
    )


async def test_a_name_is_known_however_it_is_typed(site: Site) -> None:
    body = {"username": " Student3"}
    new = await site.api("POST", "courses/cs101/enrollments", "instructor1", body)
    assert new.status == 201 and new.json()["username"] == "student3"
