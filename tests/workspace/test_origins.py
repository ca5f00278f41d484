"""What a page of another site can do with a person's cookie (nothing), and what all answers say."""

import pytest
from tornado.httpclient import HTTPClientError

from .conftest import PREFIX, Browser, FakeHub

TERMINALS = f"{PREFIX}api/terminals"
SOCKET = f"{PREFIX}terminals/websocket/1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1"},  # another port
        {"Origin": "null"},
        {"Origin": "", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_websocket_of_another_origin(browser: Browser, headers: dict[str, str]):
    await browser.log_in()
    with pytest.raises(HTTPClientError, match="403"):
        await browser.connect(SOCKET, headers)


async def test_websocket_without_login_and_by_token(browser: Browser, hub: FakeHub):
    with pytest.raises(HTTPClientError, match="403"):
        await browser.connect(SOCKET)
    token = {"Authorization": f"token {hub.add_token()}"}
    socket = await browser.connect(SOCKET, token)
    assert await socket.read_message() == '["setup", {"created": true}]'
    socket.close()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 403),  # a cookie alone
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_changes_by_cookie_need_our_own_origin(browser: Browser, headers, code):
    await browser.log_in()
    assert (await browser.fetch(TERMINALS, "POST", headers=headers)).code == code
    own = {"Origin": browser.origin} | headers
    if "Origin" not in headers and headers.get("Sec-Fetch-Site") in {None, "same-origin"}:
        assert (await browser.fetch(TERMINALS, "POST", headers=own)).code == 200
    name = f"{TERMINALS}/1"
    assert (await browser.fetch(name, "DELETE", headers=headers)).code in {code, 204}


async def test_programs_and_frames_are_not_sent_to_log_in(browser: Browser):
    fetched = await browser.fetch(PREFIX, headers={"Sec-Fetch-Mode": "cors"})
    assert fetched.code == 403 and "Location" not in fetched.headers
    assert (await browser.fetch(TERMINALS)).code == 403
    assert (await browser.fetch(f"{PREFIX}archive")).code == 302


async def test_security_headers(browser: Browser):
    await browser.log_in()
    page = await browser.fetch(PREFIX)
    csp = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in csp and "frame-ancestors 'none'" in csp
    assert "script-src" not in csp and b"<script>" not in page.body
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"


async def test_readiness_needs_no_login_and_no_hub(browser: Browser, hub: FakeHub):
    hub.status = 503
    reply = await browser.fetch(f"{PREFIX}api")
    assert reply.code == 200 and b'"started"' in reply.body and hub.asked == 0


@pytest.mark.parametrize(
    "path", [f"{PREFIX}nothing", "/", "/user/student1/cs102/", f"{PREFIX}static/1/../server.py"]
)
async def test_unknown_paths(browser: Browser, path: str):
    reply = await browser.fetch(path)
    assert reply.code in {403, 404} and b"Traceback" not in reply.body


@pytest.mark.parametrize("path", ["", "archive", "api/terminals", "lab/files/own.js"])
async def test_other_pages_embed_nothing_of_ours(browser: Browser, path: str):
    await browser.log_in()
    for site in ("same-site", "cross-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
        for wanted in ("script", "image", "iframe"):
            reply = await browser.fetch(PREFIX + path, headers=headers | {"Sec-Fetch-Dest": wanted})
            assert reply.code == 403 and b"Another site" in reply.body
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert (await browser.fetch(PREFIX, headers=link)).code == 200
