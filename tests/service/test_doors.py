"""What every answer has in common: hosts, headers, forms, and no way round them."""

import pytest
from tornado.web import RequestHandler

from coyotelab_service.routes import NAME, PAGES, WORKSPACE

from .conftest import OWN_HOST, PREFIX, Site


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "coyote.test:8000", "evil.example"])
async def test_other_hosts_are_sent_to_ours(site: Site, host: str) -> None:
    browser = site.browser("student1")
    for path in ("", "courses/cs101", "no/such/page"):
        answer = await browser.get(path, host=host)
        assert answer.status == 302
        assert answer.location == f"http://{OWN_HOST}{PREFIX}{path}"
    outside = await browser._send("GET", "/", None, "navigate", host)
    assert outside.location == f"http://{OWN_HOST}{PREFIX}"
    health = await browser.get("api/health", host=host)
    assert health.status == 200


async def test_headers(site: Site) -> None:
    for path in ("", "no/such/page", "workspaces/cs202"):
        headers = (await site.browser("student1").get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert "form-action 'self' coyote.test:8000 *.coyote.test:8000" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


async def test_no_script_or_style_in_the_pages(site: Site) -> None:
    browser = site.browser("instructor1")
    pages = ["", "courses/cs101", "courses/cs101/students", "account/tokens"]
    pages += ["workspaces/cs101/student1", "workspaces/cs101/reset"]
    for path in pages:
        text = (await browser.get(path)).text
        assert "style=" not in text and "<style" not in text and "onclick" not in text
        assert text.count("<script ") == text.count("<script src=")


@pytest.mark.parametrize("fields", [{}, {"_xsrf": "wrong"}, {"_xsrf": ""}])
async def test_forms_from_elsewhere_are_refused(site: Site, fields: dict[str, str]) -> None:
    browser = site.browser("student1")
    await browser.get()
    for path in ("workspaces/cs101/student1/reset", "account/tokens"):
        answer = await browser.request("POST", path, fields=fields)
        assert answer.status == 403 and "no longer valid" in answer.text
    assert not site.hub.servers


async def test_no_page_changes_anything_without_its_form(site: Site) -> None:
    admin = site.browser("admin")
    await admin.get("account/tokens")
    changing = [path for path, page in PAGES.items() if page.post is not RequestHandler.post]
    assert len(changing) > 10
    for path in changing:
        filled = path.replace(WORKSPACE, "workspaces/cs101/student1").replace(NAME, "cs101")
        answer = await admin.request("POST", filled, {"archived": "true", "do": "remove"})
        assert answer.status == 403 and "no longer valid" in answer.text, path


async def test_a_form_of_one_person_is_no_good_for_another(site: Site) -> None:
    one, other = site.browser("student1"), site.browser("student2")
    page = (await one.get("account/tokens")).text
    token = page.split('name="_xsrf" value="')[1].split('"')[0]
    await other.get()
    answer = await other.request("POST", "account/tokens", fields={"_xsrf": token, "days": "1"})
    assert answer.status == 403


async def test_nobody_posts_without_a_login(site: Site) -> None:
    answer = await site.browser("student1")._send(
        "POST", f"{PREFIX}workspaces/cs101/student1/reset", {}, "navigate", OWN_HOST
    )
    assert answer.status == 403


async def test_hostile_names_are_shown_as_text(site: Site) -> None:
    from coyotelab_service.orm import Course

    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.name, course.webpage = "<script>alert(1)</script>", "javascript:alert(1)"
        course.description = "{{ 7 * 7 }}<img src=x>"
        course.instructor.email = "a@b.example?bcc=all@x.example\r\nX: y"
    page = (await site.browser("student1").get("courses/cs101")).text
    assert "<script>alert" not in page and "javascript:" not in page and "<img" not in page
    assert "{{ 7 * 7 }}" in page
    assert "mailto:" not in page, "that is no address of one person"


async def test_logging_out_ends_here_and_at_the_hub(site: Site) -> None:
    browser = site.browser("student1")
    await browser.get()
    answer = await browser.get("logout")
    assert answer.location == f"{site.hub.url}/hub/logout"
    assert browser.cookies["service-coyotelab"] in ('""', "")


async def test_tokens_are_shown_once_and_open_the_api_only(site: Site) -> None:
    browser = site.browser("student1")
    page = await browser.submit("account/tokens", purpose="my script", days="7")
    token = page.text.split('readonly value="')[1].split('"')[0]
    assert site.hub.tokens[token] == ("student1", ["access:services!service=coyotelab"])
    assert token not in (await browser.get("account/tokens")).text
    assert (await site.api("GET", "courses", Authorization=f"token {token}")).status == 200
    refused = await browser.submit("account/tokens", days="4000")
    assert refused.status == 400 and "Not a valid choice" in refused.text


async def test_static_files_are_served_and_nothing_beside_them(site: Site) -> None:
    browser = site.browser("student1")
    for path in ("static/coyotelab.css", "hub-static/css/style.min.css", "static/logo.svg"):
        assert (await browser.get(path)).status == 200
    assert (await browser.get("hub-static/..%2f..%2fx")).status in (403, 404)


@pytest.mark.parametrize("dest", ["image", "iframe", "script", "empty"])
@pytest.mark.parametrize("origin", ["same-site", "cross-site"])
async def test_nothing_is_opened_from_inside_another_page(
    site: Site, origin: str, dest: str
) -> None:
    teacher = site.browser("instructor1")
    await teacher.get()
    for path in ("workspaces/cs101/student1", "workspaces/cs101/student1/download"):
        answer = await teacher.get(path, site=origin, dest=dest)
        assert answer.status == 403
    assert not site.hub.servers and not site.hub.shares
    assert (await teacher.get("workspaces/cs101/student1", site=origin)).status == 200, "a link"


async def test_a_login_that_does_not_fit_is_a_sentence(site: Site) -> None:
    for query in ("", "?error=access_denied", "?code=x&state=y", "?code=x"):
        answer = await site.browser("student1").get(f"oauth_callback{query}")
        assert answer.status in (400, 403)
        assert "Go to your courses" in answer.text


async def test_names_that_no_database_takes(site: Site) -> None:
    student = site.browser("student1")
    for path in ("courses/cs%00", "workspaces/%00/a", "courses/%ff"):
        assert (await student.get(path)).status == 400
        assert (await site.api("GET", path, "student1")).status in (400, 404)
    for name in ("\0", "\ud800", "a\nb"):
        body = {"username": name}
        refused = await site.api("POST", "courses/cs101/enrollments", "instructor1", body)
        assert refused.status == 400, refused.text


def test_no_user_gets_the_host_of_another_or_of_the_service() -> None:
    from jupyterhub.utils import subdomain_hook_idna

    from coyotelab_service.accounts import USERNAME

    names = ["coyotelab--service", "u-a--1234567", "a.b", "a_b", "a-b", "ab", "xn--a", "a" * 63]
    assert all(USERNAME.fullmatch(name) for name in names)
    hosts = {subdomain_hook_idna(name, "coyote.test", "user") for name in names}
    assert len(hosts) == len(names)
    assert subdomain_hook_idna("coyotelab", "coyote.test", "service") not in hosts
    assert all(len(host.split(".")) == 3 and "_" not in host for host in hosts)
