"""Campus logins through a real Hub, at a real OpenID provider and at one that lies."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
import requests
from sqlalchemy import select

from coyotelab_service import accounts, campus
from coyotelab_service.access import Person
from coyotelab_service.campus import Identity
from coyotelab_service.campus_pages import find_cookie_name
from coyotelab_service.database import Database
from coyotelab_service.oidc import make_logins
from coyotelab_service.orm import AuditEvent, Course, Invitation, User

from ..hub import HubProcess
from .campus_site import HubBrowser, find_query, make_hub
from .conftest import PASSWORD
from .databases import Databases
from .false_campus import CLIENT, FalseCampus, run_false_campus

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider's own


class RealCampus:
    """The provider of oidc-provider-mock, on loopback."""

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, subject: str, **claims: Any) -> None:
        """Say who somebody is there."""
        answer = requests.put(f"{self.url}/users/{subject}", json=claims, timeout=10)
        assert answer.status_code == 204, answer.text

    def authorize(self, location: str, subject: str) -> str:
        """Log somebody in there; return where their browser is sent back to."""
        answer = requests.post(location, data={"sub": subject}, allow_redirects=False, timeout=10)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@dataclass
class Place:
    hub: HubProcess
    real: RealCampus
    false: FalseCampus
    database: Database

    def browser(self) -> HubBrowser:
        return HubBrowser(self.hub)

    def log_in(self, subject: str, key: str = "campus", path: str = "") -> HubBrowser:
        """Log somebody in at the real provider; the browser has followed until the answer."""
        browser = self.browser()
        start = browser.get(f"/hub/campus/{key}/login{path}")
        assert start.status_code == 302, start.text
        browser.answer = browser.get(self.real.authorize(start.headers["Location"], subject))
        return browser

    def get_user(self, username: str) -> User | None:
        with self.database.transaction() as session:
            return User.get(session, username)

    def invite(self, email: str) -> None:
        with self.database.transaction() as session:
            course = Course.get(session, "cs101")
            assert course
            session.add(Invitation(course_id=course.id, email=email))

    def attends(self, username: str) -> bool:
        with self.database.transaction() as session:
            user, course = User.get(session, username), Course.get(session, "cs101")
            return bool(user and course and user.active_in(course))


@pytest.fixture(scope="module")
def real_campus() -> Iterator[RealCampus]:
    oidc = pytest.importorskip("oidc_provider_mock", reason="it is in requirements/test.txt")
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    with oidc.run_server_in_thread() as server:
        yield RealCampus(f"http://localhost:{server.server_port}")


@pytest.fixture(scope="module")
def false_campus() -> Iterator[FalseCampus]:
    with run_false_campus() as found:
        yield found


@pytest.fixture(scope="module")
def place(
    databases: Databases,
    filled: str,
    real_campus: RealCampus,
    false_campus: FalseCampus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    url = databases.copy(filled, "campus")
    at_real = {"issuer": real_campus.url, "client_id": CLIENT, "client_secret": "secret"}
    everyone = {"newcomers": "everyone"}
    logins = {
        "campus": {**at_real, **everyone, "login_service": "Desert University"},
        "invited": {**at_real, "newcomers": "invited"},
        "domain": {**at_real, **everyone, "email_domains": ["desert.edu"]},
        "staff": {**at_real, **everyone, "required_claims": {"affiliation": ["staff", "faculty"]}},
        "false": {"issuer": false_campus.url, "client_id": CLIENT, **everyone},
        "gone": {"issuer": "http://127.0.0.1:9", "client_id": CLIENT},
    }
    hub = make_hub(tmp_path_factory.mktemp("hub"), url, logins)
    hub.start()
    database = Database(url)
    yield Place(hub, real_campus, false_campus, database)
    hub.stop()
    database.close()
    databases.drop("campus")


@pytest.fixture
def liar(place: Place) -> Iterator[FalseCampus]:
    yield place.false
    place.false.be_honest()


def test_the_first_login_makes_an_account_the_second_finds_it(place: Place) -> None:
    place.real.put("s-1", preferred_username="ana", name="Ana Arias", email="ana@desert.edu")
    assert place.log_in("s-1").username == "ana"
    place.real.put("s-1", preferred_username="bravo", name="Ana Bravo", email="b@desert.edu")
    assert place.log_in("s-1").username == "ana"
    user = place.get_user("ana")
    assert user
    assert (user.name, user.email, user.password) == ("Ana Bravo", "", None)
    assert (user.issuer, user.subject) == (place.real.url, "s-1")
    status, model = place.hub.api("GET", "/users/ana")
    assert (status, model["admin"]) == (200, False)


def test_a_name_of_somebody_else_is_not_merged(place: Place) -> None:
    place.real.put("s-2", preferred_username="student1", email="x@y.edu", email_verified=True)
    assert place.log_in("s-2").username == "student1-2"
    local = place.get_user("student1")
    assert local
    assert (local.issuer, local.password is not None) == (None, True)


@pytest.mark.parametrize("name", ["dean", "admin"])  # dean: an administrator without an account
def test_nobody_becomes_an_administrator_by_what_a_campus_says(place: Place, name: str) -> None:
    place.real.put(f"s-{name}", preferred_username=name, admin=True, groups=["admin"])
    assert place.log_in(f"s-{name}").username == f"{name}-2"
    assert place.hub.api("GET", f"/users/{name}-2")[1]["admin"] is False


def test_a_name_that_only_the_hub_remembers_is_not_given(place: Place) -> None:
    assert place.hub.api("POST", "/users/relic")[0] == 201
    place.real.put("s-relic", preferred_username="relic")
    assert place.log_in("s-relic").username == "relic-2"


def test_an_invitation_is_claimed_by_a_verified_address_alone(place: Place) -> None:
    place.invite("cleo@desert.edu")
    claims = {"preferred_username": "cleo", "email": "Cleo@Desert.edu"}
    place.real.put("s-3", **claims)
    refused = place.log_in("s-3", "invited")
    assert refused.answer.status_code == 403
    assert "you have no place on this site" in refused.answer.text
    assert refused.username == ""
    assert place.get_user("cleo") is None
    assert place.log_in("s-3").username == "cleo"  # where everyone may come in
    assert not place.attends("cleo")
    place.real.put("s-3", **claims, email_verified=True)
    assert place.log_in("s-3", "invited").username == "cleo"
    assert place.attends("cleo")


def test_somebody_invited_gets_an_account(place: Place) -> None:
    place.invite("dora@desert.edu")
    place.real.put("s-4", preferred_username="dora", email="dora@desert.edu", email_verified=True)
    assert place.log_in("s-4", "invited").username == "dora"
    assert place.attends("dora")


def test_a_disabled_account_is_refused(place: Place) -> None:
    place.real.put("s-5", preferred_username="eve")
    open_page = place.log_in("s-5")
    assert open_page.username == "eve"
    with place.database.transaction() as session:
        user = User.get(session, "eve")
        assert user
        user.disabled = True
    refused = place.log_in("s-5")
    assert refused.answer.status_code == 403
    assert "Your account on this site is closed" in refused.answer.text


@pytest.mark.parametrize(
    ("email", "verified", "status"),
    [
        ("fay@desert.edu", True, 302),
        ("fay@desert.edu", False, 403),
        ("fay@elsewhere.edu", True, 403),
        ("fay@sub.desert.edu", True, 403),
        ("fay@notdesert.edu", True, 403),
    ],
)
def test_a_login_for_one_domain(place: Place, email: str, verified: bool, status: int) -> None:
    place.real.put("s-6", preferred_username="fay", email=email, email_verified=verified)
    assert place.log_in("s-6", "domain").answer.status_code == status


@pytest.mark.parametrize(
    ("affiliation", "status"), [(["student", "staff"], 302), ("faculty", 302), ("student", 403)]
)
def test_a_login_for_those_with_a_claim(place: Place, affiliation: Any, status: int) -> None:
    place.real.put("s-7", preferred_username="gus", affiliation=affiliation)
    assert place.log_in("s-7", "staff").answer.status_code == status


def test_after_the_login_a_browser_is_where_it_wanted_to_be(place: Place) -> None:
    place.real.put("s-8", preferred_username="hal")
    for wanted, got in (
        ("/hub/token", "/hub/token"),
        ("https://evil.example/x", "/x"),
        ("//evil.example", "/"),
    ):
        browser = place.log_in("s-8", path=f"?next={wanted}")
        assert browser.answer.headers["Location"] == got


def test_logging_out_ends_the_session(place: Place) -> None:
    place.real.put("s-9", preferred_username="ida")
    browser = place.log_in("s-9")
    assert browser.get("/hub/logout").status_code == 302
    assert browser.username == ""


def test_the_login_page_has_a_button_for_each(place: Place) -> None:
    page = place.browser().get("/hub/login?next=%2Fhub%2Ftoken").text
    assert "Log in with Desert University" in page
    assert 'href="/hub/campus/campus/login?next=%2Fhub%2Ftoken"' in page


# --- what does not prove who somebody is -----------------------------------------------------


def return_from(place: Place, browser: HubBrowser, code: str, state: str) -> requests.Response:
    return browser.get(f"/hub/campus/false/callback?code={code}&state={state}")


def enter(place: Place, subject: str, **claims: Any) -> tuple[HubBrowser, requests.Response]:
    browser = place.browser()
    query = find_query(browser.get("/hub/campus/false/login"))
    code = place.false.grant(query, sub=subject, **claims)
    return browser, return_from(place, browser, code, query["state"])


def test_the_request_is_the_one_that_oidc_wants(place: Place) -> None:
    query = find_query(place.browser().get("/hub/campus/false/login"))
    assert query["response_type"] == "code"
    assert query["scope"].split() == ["openid", "profile", "email"]
    assert query["code_challenge_method"] == "S256"
    assert len(query["nonce"]) >= 32
    assert query["redirect_uri"].endswith("/hub/campus/false/callback")


@pytest.mark.parametrize("prefix", ["", "__Host-"])
def test_the_state_s_cookie_is_kept_like_the_hub_s_own(prefix: str) -> None:
    handler = SimpleNamespace(hub=SimpleNamespace(cookie_name=f"{prefix}jupyterhub-hub-login"))
    assert find_cookie_name(handler) == f"{prefix}oauthenticator-state"


def test_the_state_is_for_this_site_and_an_hour_and_once(place: Place) -> None:
    browser = place.browser()
    given = browser.get("/hub/campus/false/login").headers["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given
    assert browser.get("/hub/campus/false/callback?code=c&state=W10=").status_code == 403
    assert "oauthenticator-state" not in browser.session.cookies


def test_an_honest_token_is_believed(place: Place, liar: FalseCampus) -> None:
    browser, answer = enter(place, "f-1", preferred_username="ned")
    assert (answer.status_code, browser.username) == (302, "ned")


NOW = int(time.time())
LIES: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://elsewhere.example"},
    "audience": {"aud": "another-client"},
    "audiences": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
    "no audience": {"aud": None},
    "nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "expired": {"exp": NOW - 3600},
    "no expiry": {"exp": None},
    "from tomorrow": {"iat": NOW + 86400, "exp": NOW + 90000},
    "no subject": {"sub": None},
    "subject too long": {"sub": "s" * 256},
    "subject with a NUL": {"sub": "s\0"},
    "empty subject": {"sub": ""},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_says_something_else_is_refused(
    place: Place, liar: FalseCampus, lie: str
) -> None:
    liar.claims = LIES[lie]
    browser, answer = enter(place, "f-1")
    assert (answer.status_code, browser.username) == (403, "")
    assert "could not be completed" in answer.text


@pytest.mark.parametrize("forgery", ["other key", "none", "shared secret"])
def test_a_token_with_another_signature_is_refused(
    place: Place, liar: FalseCampus, forgery: str
) -> None:
    if forgery == "other key":
        liar.sign_with = liar.other_key
    else:
        liar.sign_with, liar.algorithm = ("", "none") if forgery == "none" else ("k" * 32, "HS256")
    browser, answer = enter(place, "f-1")
    assert (answer.status_code, browser.username) == (403, "")


def test_keys_may_be_changed_by_the_provider(place: Place, liar: FalseCampus) -> None:
    liar.key, liar.kid = liar.other_key, "second"
    liar.sign_with = liar.key
    browser, _ = enter(place, "f-1")
    assert browser.username == "ned"


def test_a_state_of_another_browser_is_refused(place: Place, liar: FalseCampus) -> None:
    theirs, mine = place.browser(), place.browser()
    query = find_query(theirs.get("/hub/campus/false/login"))
    code = liar.grant(query, sub="f-1")
    for browser in (mine, place.browser()):
        browser is mine and browser.get("/hub/campus/false/login")  # has a state of its own
        answer = return_from(place, browser, code, query["state"])
        assert (answer.status_code, browser.username) == (403, "")
    assert code in liar.codes  # it was not even spent


@pytest.mark.parametrize("state", ["", "W10=", "x", "%E5%AD%A6", "e30=", "bnVsbA=="])
def test_a_mangled_state_is_refused(place: Place, state: str) -> None:
    browser = place.browser()
    browser.get("/hub/campus/false/login")
    answer = browser.get(f"/hub/campus/false/callback?code=c&state={state}")
    assert answer.status_code in (400, 403)


def test_a_login_that_was_begun_at_one_provider_ends_at_no_other(
    place: Place, liar: FalseCampus
) -> None:
    browser = place.browser()
    query = find_query(browser.get("/hub/campus/campus/login"))
    code = liar.grant(query, sub="f-1")
    answer = return_from(place, browser, code, query["state"])
    assert (answer.status_code, browser.username) == (403, "")


def test_a_code_is_good_once_and_for_its_own_browser(place: Place, liar: FalseCampus) -> None:
    first = place.browser()
    query = find_query(first.get("/hub/campus/false/login"))
    code = liar.grant(query, sub="f-1")
    thief = place.browser()
    stolen = find_query(thief.get("/hub/campus/false/login"))
    answer = return_from(place, thief, code, stolen["state"])  # PKCE's verifier is another
    assert (answer.status_code, thief.username) == (403, "")
    again = return_from(place, first, code, query["state"])  # the thief has spent it
    assert (again.status_code, first.username) == (403, "")


def test_canceling_there_is_said_plainly(place: Place) -> None:
    answer = place.browser().get(
        "/hub/campus/false/callback?error=access_denied&error_description=Call+555-1234"
    )
    assert answer.status_code == 403
    assert "was canceled" in answer.text
    assert "555" not in answer.text


def test_a_provider_that_is_down_is_said_plainly(place: Place, liar: FalseCampus) -> None:
    answer = place.browser().get("/hub/campus/gone/login")
    assert answer.status_code == 503
    assert "does not answer as it should" in answer.text
    liar.down = True
    browser, answer = enter(place, "f-1")
    assert (answer.status_code, browser.username) == (503, "")


def test_a_provider_s_pages_are_where_it_says(place: Place, liar: FalseCampus) -> None:
    """An answer that names another address could name one without https."""
    liar.kid, liar.moved = "unheard of", "/keys"  # so that its keys are asked for again
    browser, answer = enter(place, "f-1")
    assert (answer.status_code, browser.username) == (503, "")
    liar.moved = ""
    browser, _ = enter(place, "f-1")
    assert browser.username == "ned"


# --- connecting an account -------------------------------------------------------------------


def test_an_account_is_connected_by_its_password(place: Place) -> None:
    place.real.put("s-20", preferred_username="other", email="o@desert.edu", email_verified=True)
    browser = place.browser()
    browser.log_in_locally("student3", PASSWORD)
    start = "/hub/campus/campus/connect"
    wrong = browser.submit(start, "/hub/campus", password="wrong")
    assert wrong.status_code == 403
    assert "That is not the password of your account" in wrong.text
    assert 'name="password"' in wrong.text  # the form again
    answer = browser.submit(start, "/hub/campus", password=PASSWORD)
    back = place.real.authorize(answer.headers["Location"], "s-20")
    assert browser.get(back).headers["Location"] == "/hub/campus"
    assert "is connected with" in browser.get("/hub/campus").text
    assert place.log_in("s-20").username == "student3"
    off = "/hub/campus/disconnect"
    assert browser.submit(off, "/hub/campus", password="wrong").status_code == 403
    assert browser.submit(off, "/hub/campus", password=PASSWORD).status_code == 302
    assert place.log_in("s-20").username == "other"
    with place.database.transaction() as session:
        user = User.get(session, "student3")
        assert user
        rows = session.scalars(select(AuditEvent.action).filter_by(owner_id=user.id)).all()
        assert rows == ["connect", "disconnect"]


def test_a_connection_is_finished_by_whoever_began_it(place: Place) -> None:
    place.real.put("s-21", preferred_username="jo")
    browser = place.browser()
    browser.log_in_locally("student2", PASSWORD)
    answer = browser.submit("/hub/campus/campus/connect", "/hub/campus", password=PASSWORD)
    back = place.real.authorize(answer.headers["Location"], "s-21")
    browser.get("/hub/logout")
    browser.log_in_locally("student1", PASSWORD)
    assert browser.get(back).status_code == 403
    for name in ("student1", "student2"):
        user = place.get_user(name)
        assert user
        assert user.issuer is None


def test_a_login_that_has_an_account_is_not_connected_with_another(place: Place) -> None:
    place.real.put("s-24", preferred_username="max")
    assert place.log_in("s-24").username == "max"
    browser = place.browser()
    browser.log_in_locally("student2", PASSWORD)
    answer = browser.submit("/hub/campus/campus/connect", "/hub/campus", password=PASSWORD)
    answer = browser.get(place.real.authorize(answer.headers["Location"], "s-24"))
    assert answer.status_code == 409
    assert "belongs to another account already: max" in answer.text


def test_a_temporary_password_ends_with_the_first_campus_login(place: Place) -> None:
    with place.database.transaction() as session:
        user = accounts.add_user(session, "tia", password="made-by-somebody-else", cost=4)
        user.temporary_pw = True
        campus.connect(session, Person("admin"), "tia", Identity(place.real.url, "s-25"))
    place.real.put("s-25", preferred_username="tia")
    assert place.log_in("s-25").username == "tia"
    user = place.get_user("tia")
    assert user
    assert (user.password, user.temporary_pw) == (None, False)


def test_a_connection_needs_a_form_and_a_session(place: Place) -> None:
    browser = place.browser()
    assert browser.get("/hub/campus").status_code == 302
    connect = f"{browser.site}/hub/campus/campus/connect"
    assert browser.session.post(connect, timeout=10).status_code == 403
    browser.log_in_locally("student2", PASSWORD)
    form = {"password": PASSWORD}  # without the token of the form
    answer = browser.session.post(connect, data=form, timeout=10, allow_redirects=False)
    assert answer.status_code == 403


def test_a_campus_account_has_nothing_to_connect(place: Place) -> None:
    place.real.put("s-22", preferred_username="kim")
    page = place.log_in("s-22").get("/hub/campus").text
    assert "the campus login is the only way in" in page
    assert 'name="password"' not in page


def test_two_first_logins_at_once_make_one_account(place: Place) -> None:
    place.real.put("s-23", preferred_username="lou")
    names: list[str] = []
    both = [
        threading.Thread(target=lambda: names.append(place.log_in("s-23").username))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert names == ["lou", "lou"]


# --- campus logins alone ---------------------------------------------------------------------


def test_local_accounts_can_be_switched_off(
    place: Place, tmp_path: Path, false_campus: FalseCampus
) -> None:
    logins = {"false": {"issuer": false_campus.url, "client_id": CLIENT}}
    with place.database.transaction() as session:
        identity = Identity(false_campus.url, "f-9")
        campus.connect(session, Person("admin"), "admin", identity)
    hub = make_hub(tmp_path, place.database.url, logins, local=False)
    hub.start()
    try:
        browser = HubBrowser(hub)
        page = browser.get("/hub/login").text
        assert 'name="password"' not in page
        assert "Log in with false" in page
        xsrf = browser.session.cookies.get("_xsrf")
        fields = {"username": "student1", "password": PASSWORD, "_xsrf": xsrf}
        answer = browser.session.post(f"{browser.site}/hub/login", data=fields, timeout=30)
        assert (answer.status_code, browser.username) == (403, "")
        query = find_query(browser.get("/hub/campus/false/login"))
        code = false_campus.grant(query, sub="f-9")
        browser.get(f"/hub/campus/false/callback?code={code}&state={query['state']}")
        assert browser.username == "admin"  # connected by an administrator
    finally:
        hub.stop()


@pytest.mark.parametrize(
    ("key", "settings", "sentence"),
    [
        ("a/b", {"issuer": "https://x", "client_id": "c"}, "cannot be named"),
        ("a", {"issuer": "https://x"}, "needs client_id"),
        ("a", {"issuer": "https://x", "client_id": "c", "isuer": ""}, "unknown settings: isuer"),
        ("a", {"issuer": "http://x", "client_id": "c"}, "has to be an https address"),
        ("a", {"issuer": "https://x", "client_id": "c", "newcomers": "all"}, "newcomers"),
    ],
)
def test_a_wrong_configuration_is_told_at_start(
    key: str, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Exception, match=sentence):
        make_logins({key: settings}, parent=None)


def test_the_false_campus_checks_pkce(false_campus: FalseCampus) -> None:
    code = false_campus.grant({"code_challenge": "x", "nonce": "n"})
    assert false_campus.answer("/token", {"code": code, "code_verifier": "y"})[0] == 400
    assert jwt.__version__
