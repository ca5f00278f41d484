"""No page fails on what nobody sends in earnest: odd queries, odd fields, odd addresses."""

import random
import re
from collections import Counter
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from coyotelab_service.routes import PAGES

from .conftest import OWN_HOST, PREFIX, Browser, Site

SEED = 20261126
ROUNDS = int(
    __import__("os").environ.get("ROUNDS", "2")
)  # requests of each kind for each page and person
PEOPLE = ("admin", "instructor1", "student1", "student3")
# The stream of a start has no end of its own, and these two end the login.
LEFT_OUT = {"logout", "oauth_callback"}

# Names that some page reads, and one that none does.
FIELDS = re.findall(
    r"\w+",
    "q show sort order page changed of days note name slug instructor webpage "
    "description start_date end_date base cpu memory memory_unit disk idle_minutes "
    "version preview archived do stay username email enabled text file password new "
    "again campus roles keep_home language next back user course who what since until "
    "search limit offset shared code state confirm unknown to",
)
VALUES = [
    *("", " ", "0", "-1", "1", "y", "true", "add", "remove", "all", "name", "cs101", "student1"),
    *("9" * 30, "1e999", "NaN", "0x10", "٣", "2027-02-30", "0000-00-00", "9999-12-31"),
    *("es", "/services/coyotelab/\x0b", "/services/coyotelab/\r\nA: b", "GiB", "disable"),
    *("../../etc/passwd", "//evil.example", "javascript:alert(1)", "<script>alert(1)</script>"),
    *("{{ 7 * 7 }}", "{0.__class__}", "{name}", "%(name)s", "%s%n", "' OR 1=1 --", '"', "\\"),
    *("\r\nSet-Cookie: a=b", "\x0b\x1f\x7f", "\u202e\u200b\ufeff", "\U0010ffff", "é" * 300),
    *("a" * 5_000, "[]", '{"a": 1}', "a,b\n1,2\n", "username\n" + "x\n" * 50, "=1+1", "%"),
]
# As they stand in an address: NUL, no UTF-8, half a surrogate, half an escape.
RAW = ["%00", "%ff%fe", "%ed%a0%80", "%zz", "%", "a%00b", "%F0%9F%92%A9"]


def fill(route: str, choose: random.Random, odd: bool) -> str:
    """Return an address that a route answers, of things there are, or of odd ones."""
    path = re.sub(r"\(\?:/\(\[\^/\]\+\)\)\?", lambda _: choose.choice(["", "/([^/]+)"]), route)
    parts = iter(["cs101", "student1"] if path.count("(") > 1 else [])
    single = "student1" if "admin" in path or "passwords" in path else "cs101"

    def put(_: re.Match[str]) -> str:
        if odd:
            return choose.choice([*RAW, *(quote(value, safe="") for value in VALUES if value)])
        return next(parts, single)

    return re.sub(r"\(\[\^/\]\+\)", put, path).replace("\\", "")


def make_query(choose: random.Random) -> str:
    """Return a query string of odd fields, some of them twice."""
    values = [quote(value) for value in VALUES] + RAW
    pairs = [f"{choose.choice(FIELDS)}={choose.choice(values)}" for _ in range(choose.randrange(8))]
    return "&".join(pairs + choose.choices(["", "&&&", "=", "=&=", "q", "%"], k=1))


async def ask(
    session: aiohttp.ClientSession,
    browser: Browser,
    method: str,
    path: str,
    fields: dict[str, str] | None = None,
) -> int:
    """Send it as it stands; fails when the service does, or tells of its insides."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Host": OWN_HOST, "Cookie": cookies, "Sec-Fetch-Site": "same-origin"}
    url = URL(f"{browser.url}{PREFIX}{path}", encoded=True)
    request = session.request(method, url, data=fields, headers=headers, allow_redirects=False)
    async with request as reply:
        text, location = await reply.text(errors="replace"), reply.headers.get("Location", "")
        told = f"{browser.username}: {method} {path!r} {fields!r}: {reply.status}"
        assert reply.status < 500, told
        assert "Traceback" not in text, told
        assert not location.startswith(("//", "http://evil", "javascript")), told
        return reply.status


@pytest.mark.parametrize("person", PEOPLE)
async def test_no_page_fails(site: Site, person: str) -> None:
    site.hub.instant = True
    site.hub.server("student1", "cs101", "ready")
    choose = random.Random(f"{SEED} {person}")
    browser = site.browser(person)
    page = await browser.get("account/tokens")
    found = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert found
    answers: Counter[tuple[str, int]] = Counter()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        for route in sorted(PAGES.keys() - LEFT_OUT) * ROUNDS:
            path = fill(route, choose, odd=False)
            odd, query, other = (
                fill(route, choose, odd=True),
                make_query(choose),
                make_query(choose),
            )
            fields = {name: choose.choice(VALUES) for name in choose.sample(FIELDS, 25)}
            fields["_xsrf"] = found[1]
            answers["GET", await ask(session, browser, "GET", f"{path}?{query}")] += 1
            answers["odd", await ask(session, browser, "GET", odd)] += 1
            answers["POST", await ask(session, browser, "POST", f"{path}?{other}", fields)] += 1
    assert answers["GET", 200] > ROUNDS, answers  # who asks is let in,
    assert answers["POST", 405] and not answers["POST", 403], answers  # and forms are read


async def test_odd_addresses_to_be_sent_on_to(site: Site) -> None:
    browser = site.browser("student1")
    await browser.get()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        assert await ask(session, browser, "GET", "workspaces/%0B%1F%7F") == 302
        back = quote(f"{PREFIX}\x0b", safe="")
        assert await ask(session, browser, "GET", f"language?to=es&back={back}") == 302
