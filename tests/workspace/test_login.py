"""Who is let in: the OAuth flow against a real small Hub, tokens, revocation, foreign origins."""

import asyncio
import json
import time

import pytest

from coyotelab_workspace import hub_auth
from coyotelab_workspace.context import Context
from coyotelab_workspace.watch import CODE_REVOKED

from .conftest import PREFIX, SCOPE, Browser, FakeHub, path_of, read_until

TERMINALS = f"{PREFIX}api/terminals"
SOCKET = f"{PREFIX}terminals/websocket/1"


async def test_a_browser_logs_in_and_gets_the_page_it_wanted(browser: Browser, hub: FakeHub):
    reply = await browser.log_in(f"{PREFIX}?a=1")
    assert reply.code == 302 and reply.headers["Location"] == f"{PREFIX}?a=1"
    cookies = reply.headers.get_list("Set-Cookie")
    login = next(c for c in cookies if c.startswith("jupyterhub-user-student1-cs101="))
    assert "HttpOnly" in login and "SameSite=Lax" in login and f"Path={PREFIX}" in login
    assert "Secure" not in login  # http, no host prefix
    assert list(browser.cookies) == ["jupyterhub-user-student1-cs101"]  # the login's own is gone
    page = await browser.fetch(PREFIX)
    assert page.code == 200 and b"student1" in page.body and b"CS 101" in page.body
    assert hub.asked == 1  # the answer is remembered


async def test_cookies_are_secure_behind_tls(browser: Browser):
    reply = await browser.fetch(PREFIX, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in reply.headers["Set-Cookie"]


@pytest.fixture
def host_cookies(environment: dict[str, str]) -> None:
    environment["JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED"] = "1"


async def test_host_prefixed_cookies(host_cookies: None, browser: Browser):
    reply = await browser.log_in()
    for line in reply.headers.get_list("Set-Cookie"):
        assert line.startswith("__Host-jupyterhub-user-student1-cs101")
        assert "Secure" in line and "Path=/;" in line + ";" and "Domain" not in line
    assert (await browser.fetch(PREFIX)).code == 200


async def test_state_of_another_browser_is_refused(browser: Browser):
    other = Browser(browser.port)
    to_hub = await other.fetch(PREFIX)
    back = await other.fetch(to_hub.headers["Location"])
    callback = path_of(back.headers["Location"])
    reply = await browser.fetch(callback)  # has no cookie of this login
    assert reply.code == 403 and b"not begun in this browser" in reply.body
    assert not browser.cookies
    await browser.fetch(PREFIX)  # has a cookie, of another login
    assert (await browser.fetch(callback)).code == 403


async def test_a_swapped_or_tampered_state_cookie_is_refused(browser: Browser, context: Context):
    to_hub = await browser.fetch(PREFIX)
    back = await browser.fetch(to_hub.headers["Location"])
    (name,) = browser.cookies
    good = browser.cookies[name]
    other = context.auth.begin_login(PREFIX)
    for value in (good[:-1] + "x", other.cookie_value, ""):
        browser.cookies = {name: value}
        assert (await browser.fetch(path_of(back.headers["Location"]))).code == 403


async def test_a_login_that_took_too_long_is_refused(browser: Browser, monkeypatch):
    to_hub = await browser.fetch(PREFIX)
    back = await browser.fetch(to_hub.headers["Location"])
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + hub_auth.LOGIN_SECONDS + 5)
    assert (await browser.fetch(path_of(back.headers["Location"]))).code == 403


async def test_a_code_works_once(browser: Browser):
    to_hub = await browser.fetch(PREFIX)
    back = await browser.fetch(to_hub.headers["Location"])
    kept = dict(browser.cookies)
    assert (await browser.fetch(path_of(back.headers["Location"]))).code == 302
    browser.cookies = kept
    reply = await browser.fetch(path_of(back.headers["Location"]))
    assert reply.code == 403 and b"did not accept this login" in reply.body


async def test_pkce_binds_the_code_to_the_login(browser: Browser, hub: FakeHub):
    to_hub = await browser.fetch(PREFIX)
    back = await browser.fetch(to_hub.headers["Location"])
    for begun in hub.codes.values():
        begun["code_challenge"] = "of-another-login"
    assert (await browser.fetch(path_of(back.headers["Location"]))).code == 403


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?error=access_denied", "?code=&state="]
)
async def test_a_callback_without_its_parts_is_refused(browser: Browser, query: str):
    reply = await browser.fetch(f"{PREFIX}oauth_callback{query}")
    assert reply.code == 403 and b"Traceback" not in reply.body


async def test_a_person_without_the_scope_stays_out(browser: Browser, hub: FakeHub):
    hub.grant = ("student3", ["access:servers!server=student3/cs101", "self"])
    reply = await browser.log_in()
    assert reply.code == 403 and not any("login" not in name for name in browser.cookies)


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        ([SCOPE], True),
        (["access:servers!user=student1"], True),
        (["access:servers"], True),
        (["access:servers!server=student1/cs1012"], False),
        (["access:servers!user=student10"], False),
        (["access:services", "read:servers!server=student1/cs101"], False),
        ([], False),
    ],
)
async def test_scopes(browser: Browser, hub: FakeHub, granted: list[str], allowed: bool):
    token = hub.add_token("somebody", tuple(granted))
    reply = await browser.fetch(TERMINALS, headers={"Authorization": f"token {token}"})
    assert (reply.code == 200) is allowed


def test_no_required_scope_lets_nobody_in():
    assert not hub_auth.may_access([], ["access:servers"])


@pytest.mark.parametrize("kind", ["token", "Bearer", "bearer"])
async def test_token_header(browser: Browser, hub: FakeHub, kind: str):
    good = {"Authorization": f"{kind} {hub.add_token()}"}
    made = await browser.fetch(TERMINALS, "POST", headers=good)  # no Origin needed
    assert made.code == 200
    for bad in (f"{kind} wrong", f"{kind} ", "Basic eDp5", "server-token"):
        assert (await browser.fetch(TERMINALS, headers={"Authorization": bad})).code == 403


async def test_a_token_in_the_url_or_a_plain_cookie_is_nothing(browser: Browser, hub: FakeHub):
    token = hub.add_token()
    assert (await browser.fetch(f"{TERMINALS}?token={token}")).code == 403
    browser.cookies = {"jupyterhub-user-student1-cs101": token}
    assert (await browser.fetch(TERMINALS)).code == 403


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "//evil.example/", "/hub/home", "/user/student1/cs1011/",
        f"{PREFIX}../../admin", f"{PREFIX}/evil.example", f"{PREFIX}\\evil", f"{PREFIX}a\r\nb", "",
        f"http://x{PREFIX}",
    ],
)  # fmt: skip
def test_next_stays_below_the_prefix(url: str):
    assert hub_auth.safe_next(PREFIX, url) == PREFIX


@pytest.mark.parametrize("path", ["", "lab", "lab/lab/tree/a%20b?x=//y&z=/..", "archive"])
def test_next_may_be_any_page_of_ours(path: str):
    assert hub_auth.safe_next(PREFIX, PREFIX + path) == PREFIX + path


async def test_a_request_line_with_a_foreign_host_does_not_lead_away(browser: Browser):
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
    writer.write(f"GET http://evil.example{PREFIX} HTTP/1.0\r\n\r\n".encode())
    reply = (await reader.read()).decode()
    writer.close()
    assert "evil" not in reply


async def test_the_hub_is_asked_again_after_30_seconds(browser: Browser, hub: FakeHub, monkeypatch):
    await browser.log_in()
    now = time.monotonic()
    hub.tokens.clear()  # revoked
    monkeypatch.setattr(time, "monotonic", lambda: now + 29)
    assert (await browser.fetch(TERMINALS)).code == 200
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)
    assert (await browser.fetch(TERMINALS)).code == 403
    assert (await browser.fetch(PREFIX)).code == 302  # a page may log in again


async def test_hub_down(browser: Browser, hub: FakeHub, monkeypatch):
    await browser.log_in()
    hub.status = 502
    assert (await browser.fetch(PREFIX)).code == 200  # within the 30 seconds
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)
    reply = await browser.fetch(PREFIX)
    assert reply.code == 503 and b"JupyterHub does not answer" in reply.body
    api = await browser.fetch(TERMINALS)
    assert api.code == 503 and b"JupyterHub does not answer" in api.body
    hub.status = 0
    assert (await browser.fetch(PREFIX)).code == 200


async def test_hub_not_listening(browser: Browser, hub: FakeHub, context: Context):
    object.__setattr__(context.settings, "api_url", "http://127.0.0.1:9/hub/api")
    reply = await browser.fetch(TERMINALS, headers={"Authorization": "token x"})
    assert reply.code == 503


async def test_revoked_while_a_socket_is_open(browser: Browser, hub: FakeHub, context: Context):
    await browser.log_in()
    mine = await browser.connect(SOCKET)
    visitor = Browser(browser.port)
    hub.grant = ("instructor1", [SCOPE])
    await visitor.log_in()
    theirs = await visitor.connect(SOCKET)
    for socket in (mine, theirs):
        await socket.read_message()
    hub.status = 503
    await context.watch.check()  # an outage closes nothing
    assert context.terminals.terminals["1"].clients != []
    assert (await visitor.fetch(TERMINALS)).code == 200, "what the Hub said last still counts"
    hub.status = 0
    for token, model in list(hub.tokens.items()):
        if model["name"] == "instructor1":
            del hub.tokens[token]
    await context.watch.check()
    while await theirs.read_message() is not None:
        pass
    assert theirs.close_code == CODE_REVOKED
    assert mine.close_code is None
    await mine.write_message(json.dumps(["stdin", "echo st''ill\n"]))
    assert await read_until(mine, "still")
    assert mine.close_code is None
    mine.close()
