"""Who gets in where: the doors of the running product, tried by everybody, without a browser."""

import asyncio
import io
import re
import zipfile

import pytest

from ..hub import call, wait_for
from ..people import Person
from ..site import Site
from ..terminals import open_terminal

pytestmark = pytest.mark.engine
PEOPLE = ("admin", "instructor1", "instructor2", "student1", "student2", "student3", "student4")


@pytest.fixture(scope="module")
def people(site: Site) -> dict[str, Person]:
    return {name: site.log_in(name) for name in PEOPLE}


@pytest.fixture(scope="module")
def tokens(people: dict[str, Person]) -> dict[str, str]:
    """An API token of each person, got as the docs say: on the page for it."""
    found = {}
    for name, person in people.items():
        page = person.submit("account/tokens", note="test", days="1").text
        match = re.search(r'value="([0-9a-f]{32,})"|<code[^>]*>([0-9a-f]{32,})<', page)
        assert match, page
        found[name] = match.group(1) or match.group(2)
    return found


def state(site: Site, token: str) -> str:
    """Return the state of student2's workspace as the REST API tells it."""
    path = "/services/coyotelab/api/courses/cs101/workspaces/student2"
    return str(call("GET", site.url + path, token)[1]["state"])


@pytest.fixture
def running(site: Site, tokens: dict[str, str]) -> str:
    """student2's workspace in cs101, started over REST by its owner; gives its URL."""
    base = f"{site.url}/services/coyotelab/api/courses/cs101/workspaces/student2"
    status, answer = call("POST", f"{base}/start", tokens["student2"])
    assert status in (200, 202), answer
    wait_for("the start", lambda: state(site, tokens["student2"]) == "running")
    return f"http://student2.coyote.localhost:{site.port}/user/student2/cs101/"


def test_health_and_wrong_password(site: Site) -> None:
    assert call("GET", f"{site.url}/services/coyotelab/api/health")[0] == 200
    with pytest.raises(Exception, match="403"):
        Person(site.url, "student1", "not the password").log_in()


def test_the_loopback_address_leads_to_the_public_one(site: Site) -> None:
    answer = Person(site.url, "", "").get(f"http://127.0.0.1:{site.port}/")
    assert answer.url.startswith(site.url)


@pytest.mark.parametrize("name", ["student3", "student4", "instructor2", "admin"])
@pytest.mark.parametrize(
    "path",
    [
        "workspaces/cs101/student1",
        "workspaces/cs101/student1/download",
        "workspaces/cs101/student1/restart",
        "workspaces/cs101/student1/reset",
        "workspaces/cs101/student1/progress",
        "workspaces/cs101",
        "workspaces/cs101/student4",
    ],
)
def test_strangers_are_told_that_nothing_is_there(
    people: dict[str, Person], name: str, path: str
) -> None:
    person = people[name]
    missing = person.get(path.replace("cs101", "no-such-course"))
    answer = person.get(path)
    assert (answer.status_code, missing.status_code) == (404, 404)
    assert answer.text.replace("cs101", "no-such-course") == missing.text or (
        "not" in answer.text and "cs101" not in answer.text
    )


@pytest.mark.parametrize("name", ["student1", "student3", "student4"])
def test_nobody_starts_a_server_round_the_service(
    site: Site, people: dict[str, Person], tokens: dict[str, str], name: str
) -> None:
    person, api = people[name], f"{site.url}/hub/api"
    for server in ("", "cs101", "cs202", "mine"):
        path = f"/users/{name}/servers/{server}" if server else f"/users/{name}/server"
        for method in ("POST", "PUT"):
            assert call(method, api + path, tokens[name])[0] in (403, 404, 405)
        page = person.get(f"{site.url}/hub/spawn/{name}/{server}".rstrip("/"))
        assert page.status_code in (403, 404)
    for path in (f"/users/{name}/tokens", f"/shares/{name}/cs101", "/users/student1/servers/cs101"):
        assert call("POST", api + path, tokens[name], {"user": "student3"})[0] in (403, 404)
    assert call("GET", f"{api}/users", tokens[name])[0] == 403


def test_the_hub_offers_no_other_way_in(site: Site, people: dict[str, Person]) -> None:
    for path in ("hub/home", "hub/token", "hub/admin", "hub/user/student1/cs101/"):
        page = people["student3"].get(f"{site.url}/{path}")
        assert "Traceback" not in page.text
        assert page.status_code in (200, 403, 404, 424)


def test_owner_and_instructor_enter_and_nobody_else(
    people: dict[str, Person], running: str
) -> None:
    # The Hub's own admin role reaches every server and cannot be narrowed (docs/admin/install.md).
    for name in ("student1", "student3", "student4", "instructor2"):
        assert people[name].get(running).status_code in (403, 404), name
        terminals = people[name].get(f"{running}api/terminals", allow_redirects=False)
        assert terminals.status_code in (302, 403), name
    # Before the instructor opens it, there is no share; the click makes one.
    assert people["instructor1"].get(running).status_code == 403
    assert people["instructor1"].get("workspaces/cs101/student2").url == running
    page = people["instructor1"].get(running)
    assert page.status_code == 200
    assert "student2" in page.text
    assert people["student2"].get(running).status_code == 200


def test_the_instructor_downloads_but_cannot_reset(
    people: dict[str, Person], tokens: dict[str, str], site: Site, running: str
) -> None:
    answer = people["instructor1"].get("workspaces/cs101/student2/download")
    assert answer.headers["Content-Type"] == "application/zip"
    assert "attachment" in answer.headers["Content-Disposition"]
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert any(name.endswith(".bashrc") for name in names)
    assert people["instructor1"].get("workspaces/cs101/student2/reset").status_code == 404
    url = f"{site.url}/services/coyotelab/api/courses/cs101/workspaces/student2/reset"
    status, problem = call("POST", url, tokens["instructor1"])
    assert status == 404
    assert problem["status"] == 404
    assert people["instructor1"].get("courses/cs202").status_code == 404


def test_the_rest_api_sends_the_zip_too(
    people: dict[str, Person], tokens: dict[str, str], site: Site, running: str
) -> None:
    url = f"{site.url}/services/coyotelab/api/courses/cs101/workspaces/student2/archive"
    status, content = call("GET", url, tokens["student2"])
    assert status == 200
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert call("GET", url, tokens["student3"])[0] == 404


def test_dropping_ends_access_and_readding_brings_it_back(
    people: dict[str, Person], tokens: dict[str, str], site: Site, running: str
) -> None:
    api = f"{site.url}/services/coyotelab/api/courses/cs101"
    assert people["student2"].get(running).status_code == 200
    drop = f"{api}/enrollments/student2"
    assert call("PATCH", drop, tokens["instructor1"], {"enabled": False})[0] == 200
    assert people["student2"].get("courses/cs101").status_code == 404
    assert people["student2"].get("workspaces/cs101").status_code == 404
    wait_for("the end of access", lambda: people["student2"].get(running).status_code != 200)
    assert call("PATCH", drop, tokens["instructor1"], {"enabled": True})[0] == 200
    assert people["student2"].get("courses/cs101").status_code == 200


async def test_dropping_closes_terminals_that_are_open(
    people: dict[str, Person], tokens: dict[str, str], site: Site, running: str
) -> None:
    people["instructor1"].get("workspaces/cs101/student2").raise_for_status()
    sockets = [await open_terminal(people[name], running) for name in ("student2", "instructor1")]
    drop = f"{site.url}/services/coyotelab/api/courses/cs101/enrollments/student2"
    token = tokens["instructor1"]
    assert (await asyncio.to_thread(call, "PATCH", drop, token, {"enabled": False}))[0] == 200
    try:
        async with asyncio.timeout(60):
            for socket in sockets:
                while await socket.read_message() is not None:
                    pass
    finally:
        await asyncio.to_thread(call, "PATCH", drop, token, {"enabled": True})


def test_a_body_that_is_not_json_is_a_sentence(site: Site, tokens: dict[str, str]) -> None:
    url = f"{site.url}/services/coyotelab/api/courses/cs101/enrollments/student1"
    person = Person(site.url, "", "")
    headers = {"Authorization": f"token {tokens['instructor1']}"}
    answer = person.patch(url, data="{enabled: maybe", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "JSON" in answer.json()["detail"]
