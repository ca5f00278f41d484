"""Logging in and changing passwords at a real Hub, as browsers and programs meet it."""

import gettext
import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import requests
from jupyterhub import orm
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from coyotelab_service import accounts, i18n, passwords, throttle
from coyotelab_service.access import Person
from coyotelab_service.database import Database
from coyotelab_service.hub_sessions import end_sessions
from coyotelab_service.orm import User, utc_now
from coyotelab_service.site import Site
from coyotelab_service.throttle import Attempt

from ..conftest import CHECKOUT
from ..hub import HubProcess, call, free_port, wait_for
from ..people import xsrf
from .conftest import PASSWORD
from .databases import Databases

TOKEN = "a-token-for-the-test-alone"
NEW = "a walk in the desert"
CONFIG = """
from coyotelab_service import accounts
from jupyterhub.proxy import Proxy

accounts.COST = 5


class NoProxy(Proxy):
    should_start = False

    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {{}}
    async def check_routes(self, *args, **kwargs): pass


c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.default_url = "/hub/token"
c.JupyterHub.template_paths = ["{templates}/hub", "{templates}/shared"]
c.JupyterHub.jinja_environment_options = {{
    "extensions": ["coyotelab_service.hub_texts.ReaderLanguage"]}}
c.JupyterHub.authenticator_class = "coyotelab_service.authenticator.CoyoteAuthenticator"
c.CoyoteAuthenticator.db_url = {database!r}
c.Authenticator.admin_users = {{"admin"}}
c.Authenticator.auth_refresh_age = 1
c.JupyterHub.services = [{{"name": "test", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "test", "services": ["test"], "scopes": ["admin:users", "tokens"]}}]
"""


@pytest.fixture(scope="module")
def accounts_url(databases: Databases, filled: str) -> Iterator[str]:
    yield databases.copy(filled, "hub_login")
    databases.drop("hub_login")


@pytest.fixture(scope="module")
def hub(accounts_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("hub")
    port = free_port()
    config = folder / "jupyterhub_config.py"
    config.write_text(
        CONFIG.format(
            port=port,
            database=accounts_url,
            templates=str(CHECKOUT / "coyotelab_service" / "templates"),
            token=TOKEN,
        )
    )
    process = HubProcess(config, folder, f"http://127.0.0.1:{port}/hub/api", TOKEN)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def accounts_of(accounts_url: str) -> Iterator[Database]:
    """The Hub's accounts, as the demonstration has them, and no failed logins."""
    database = Database(accounts_url)
    hashed = accounts.hash_password(PASSWORD, 4)
    with database.transaction() as session:
        for user in session.query(User):
            user.password, user.temporary_pw, user.password_expires_at = hashed, False, None
            user.disabled = False
    yield database
    database.close()


class Browser(requests.Session):
    """Somebody at the Hub; each comes from an address of their own."""

    count = 0

    def __init__(self, hub: HubProcess) -> None:
        super().__init__()
        Browser.count += 1
        self.trust_env = False
        self.headers["X-Forwarded-For"] = f"198.51.100.{Browser.count}"
        self.root = hub.api_url.removesuffix("/hub/api")

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", 30)
        kwargs["allow_redirects"] = False
        url = url if url.startswith("http") else self.root + url
        return super().request(method, url, *args, **kwargs)

    def submit(self, path: str, **fields: str) -> requests.Response:
        """Open a page with a form, and send it."""
        page = self.get(path)
        assert page.status_code == 200, page.headers
        return self.post(path, data={**fields, "_xsrf": xsrf(page.text)})

    def log_in(
        self, username: str, password: str = PASSWORD, onward: str = ""
    ) -> requests.Response:
        path = f"/hub/login?next={onward}" if onward else "/hub/login"
        return self.submit(path, username=username, password=password)

    def is_in(self) -> bool:
        return self.get("/hub/token").status_code == 200


@pytest.fixture
def browser(hub: HubProcess, accounts_of: Database) -> Browser:
    return Browser(hub)


def reset(database: Database, username: str = "student1", expired: bool = False) -> str:
    with database.transaction() as session:
        admin = Person("admin", admin=True)
        made = passwords.reset_password(session, admin, username, Site())
        user = User.get(session, username)
        assert user
        if expired:
            user.password_expires_at = utc_now() - timedelta(seconds=1)
    return made


def shown(answer: requests.Response) -> str:
    """What a page says in its alerts and beside its fields."""
    found = re.findall(r'role="(?:alert|status)"[^>]*>(.*?)</', answer.text)
    return " ".join(found).replace("&#39;", "'")


def test_logging_in_goes_on_to_where_one_wanted(browser: Browser) -> None:
    answer = browser.log_in("Student1", onward="/hub/home")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/hub/home")
    assert browser.is_in()


def test_a_temporary_password_opens_nothing_but_its_change(
    browser: Browser, accounts_of: Database, hub: HubProcess
) -> None:
    temporary = reset(accounts_of)
    answer = browser.log_in("student1", temporary, onward="/hub/home")
    change = answer.headers["Location"]
    assert change == "/hub/change-password?next=%2Fhub%2Fhome"
    for path in ("/hub/token", "/hub/home", "/hub/spawn", "/user/student1/cs101/", "/hub/logout"):
        assert browser.get(path).status_code != 200, path
    assert call("GET", f"{browser.root}/hub/api/user")[0] == 403
    auth = {"auth": {"username": "student1", "password": temporary}}
    assert hub.api("GET", "/users/student1/tokens")[0] in (200, 404)
    assert call("POST", f"{browser.root}/hub/api/users/student1/tokens", "", auth)[0] == 403
    page = browser.get(change)
    assert "temporary password" in page.text and 'name="current"' not in page.text
    answer = browser.submit(change, new=NEW, again=NEW)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/hub/home")
    assert browser.is_in()
    assert Browser(hub).log_in("student1", temporary).status_code == 403
    assert Browser(hub).log_in("student1", NEW).status_code == 302


def test_a_ticket_works_once_and_for_one_password(
    browser: Browser, accounts_of: Database, hub: HubProcess
) -> None:
    browser.log_in("student1", reset(accounts_of))
    other = Browser(hub)
    other.cookies.update(browser.cookies)
    other.headers.update(browser.headers)
    assert browser.submit("/hub/change-password", new=NEW, again=NEW).status_code == 302
    answer = other.submit("/hub/change-password", new="another long one", again="another long one")
    assert answer.status_code == 409 and "changed meanwhile" in shown(answer)
    assert not other.is_in() and Browser(hub).log_in("student1", NEW).status_code == 302


def test_a_ticket_is_not_left_to_whoever_logs_in_next(
    browser: Browser, accounts_of: Database
) -> None:
    browser.log_in("student1", reset(accounts_of))
    assert browser.log_in("student2").status_code == 302
    assert 'name="current"' in browser.get("/hub/change-password").text


def test_a_ticket_cannot_be_made_up(browser: Browser) -> None:
    browser.cookies.set("coyotelab-ticket", '{"username": "admin", "fingerprint": ""}')
    answer = browser.get("/hub/change-password")
    assert answer.headers["Location"] == "/hub/login?next=%2Fhub%2Fchange-password"


@pytest.mark.parametrize(
    ("new", "again", "sentence"),
    [
        ("short", "short", "at least 10 characters"),
        (NEW, NEW + "!", "not the same"),
        ("x1y2z3w4" * 9 + "!", "x1y2z3w4" * 9 + "!", "this one has 73"),
        ("🦊🌵🏜🐺🌙" * 4, "🦊🌵🏜🐺🌙" * 4, "this one has 80"),
        ("student1student1", "student1student1", "your user name"),
        (PASSWORD, PASSWORD, "password you have now"),
    ],
)
def test_errors_stand_in_the_form(browser: Browser, new: str, again: str, sentence: str) -> None:
    browser.log_in("student1")
    answer = browser.submit("/hub/change-password", current=PASSWORD, new=new, again=again)
    assert answer.status_code == 400 and sentence in shown(answer)
    assert new not in answer.text and browser.is_in()


def test_a_changed_password_ends_every_other_session(
    browser: Browser, hub: HubProcess, accounts_of: Database
) -> None:
    other = Browser(hub)
    for somebody in (browser, other):
        somebody.log_in("student1")
        assert somebody.is_in()
    program = hub.api("POST", "/users/student1/tokens", {})[1]["token"]
    assert call("GET", f"{browser.root}/hub/api/user", program)[0] == 200
    fields = {"new": NEW, "again": NEW}
    answer = browser.submit("/hub/change-password", current="wrong", **fields)
    assert answer.status_code == 400 and "not your present password" in shown(answer)
    answer = browser.submit("/hub/change-password", current=PASSWORD, **fields)
    assert answer.headers["Location"] == "/hub/change-password?done"
    assert "has been changed" in browser.get("/hub/change-password?done").text
    assert browser.is_in() and not other.is_in()
    assert call("GET", f"{browser.root}/hub/api/user", program)[0] == 403
    assert Browser(hub).log_in("student1").status_code == 403
    with accounts_of.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.password and user.password.startswith("$2b$12$")


@pytest.mark.parametrize("how", ["reset", "disabled"])
def test_the_old_cookie_and_tokens_are_dead_afterwards(
    browser: Browser, hub: HubProcess, accounts_of: Database, how: str
) -> None:
    browser.log_in("student1")
    program = hub.api("POST", "/users/student1/tokens", {})[1]["token"]
    server = hub.api("POST", "/users/student1/tokens", {"note": "Server at /user/student1/"})
    assert browser.is_in()
    if how == "reset":
        temporary = reset(accounts_of)
    else:
        with accounts_of.transaction() as session:
            user = User.get(session, "student1")
            assert user
            user.disabled = True
    refused = lambda: call("GET", f"{browser.root}/hub/api/user", program)[0] == 403  # noqa: E731
    wait_for("the end of the token", refused, 5)
    assert not browser.is_in()
    # A note is nothing to go by: only what a server really has is spared.
    assert call("GET", f"{browser.root}/hub/api/user", server[1]["token"])[0] == 403
    if how == "reset":
        fresh = Browser(hub)
        fresh.log_in("student1", temporary)
        assert fresh.submit("/hub/change-password", new=NEW, again=NEW).status_code == 302
        assert fresh.is_in()
    else:
        with accounts_of.transaction() as session:
            user = User.get(session, "student1")
            assert user
            user.disabled = False
    assert not browser.is_in(), "nothing of the old session comes back"
    assert call("GET", f"{browser.root}/hub/api/user", program)[0] == 403


def test_all_refusals_are_one_answer(
    browser: Browser, hub: HubProcess, accounts_of: Database
) -> None:
    expired = reset(accounts_of, "student2", expired=True)
    with accounts_of.transaction() as session:
        for username in ("student3", "student4"):
            user = User.get(session, username)
            assert user
            user.disabled, user.password = username == "student3", user.password
            if username == "student4":
                user.password, user.issuer, user.subject = None, "https://idp.example.edu", "4"
    answers = {
        (answer.status_code, shown(answer))
        for answer in (
            Browser(hub).log_in("nosuchperson"),
            Browser(hub).log_in("student1", "wrong"),
            Browser(hub).log_in("student1", "x" * 200),
            Browser(hub).log_in("student2", expired),
            Browser(hub).log_in("student3"),
            Browser(hub).log_in("student4"),
        )
    }
    assert len(answers) == 1
    status, sentence = answers.pop()
    assert status == 403 and "ask for a new one" in sentence


def test_too_many_tries_are_told_how_long_to_wait(browser: Browser, hub: HubProcess) -> None:
    answers = [browser.log_in("instructor2", f"wrong {n}") for n in range(7)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429] * 2
    answer = browser.log_in("instructor2")
    assert "Try again in 3 min" in shown(answer) and answer.headers["Retry-After"]
    assert Browser(hub).log_in("instructor2").status_code == 302, "from another address"


def test_an_owner_s_browser_gets_in_while_others_guess(
    browser: Browser, hub: HubProcess, accounts_of: Database
) -> None:
    browser.log_in("instructor1")
    browser.get("/hub/logout")
    assert not browser.is_in()
    guesser = Browser(hub)
    guesser.headers["X-Forwarded-For"] = browser.headers["X-Forwarded-For"]
    assert [guesser.log_in("instructor1", "wrong").status_code for _ in range(6)][-1] == 429
    assert browser.log_in("instructor1").status_code == 302


def test_an_account_of_the_campus_login_has_no_password_to_change(
    browser: Browser, accounts_of: Database
) -> None:
    browser.log_in("student4")
    with accounts_of.transaction() as session:
        user = User.get(session, "student4")
        assert user
        user.password = None
    answer = browser.get("/hub/change-password")
    assert "You have no password here" in shown(answer) and "<form" not in answer.text


def test_log_lines_are_short(browser: Browser, hub: HubProcess) -> None:
    start = hub.log.stat().st_size
    for _ in range(7):
        browser.log_in("evil\r\n[E] all is lost " + "x" * 500_000, "wrong")
    lines = hub.log.read_bytes()[start:].splitlines()
    assert lines and max(map(len, lines)) < 1024
    assert not any(line.startswith(b"[E] all is lost") for line in lines)


def test_forms_tell_the_browser_what_their_fields_are(
    browser: Browser, accounts_of: Database
) -> None:
    page = browser.get("/hub/login").text
    assert ">Log in</h1>" in page
    assert 'autocomplete="username"' in page and 'autocomplete="current-password"' in page
    browser.log_in("student1")
    page = browser.get("/hub/change-password").text
    assert page.count('autocomplete="new-password"') == 2
    assert 'autocomplete="current-password"' in page and "At least 10 characters" in page


def test_the_hub_s_pages_say_which_language_they_are_in_and_offer_others(browser: Browser) -> None:
    page = browser.get("/hub/login").text
    assert '<html lang="en">' in page and '<main id="main"' in page
    assert 'data-language="es"' in page and "static/language.js" in page
    browser.headers["Accept-Language"] = "es"
    page = browser.get("/hub/login").content.decode()
    assert '<html lang="es">' in page and ">Iniciar sesión</h1>" in page
    browser.cookies["coyotelab-language"] = "en"
    assert '<html lang="en">' in browser.get("/hub/login").text


def test_every_hub_page_is_in_its_reader_s_language(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = {"Log in": "Entrar", "%(num)s day": "%(num)s día", "%(num)s days": "%(num)s días"}
    spanish = SimpleNamespace(
        gettext=lambda text: catalog.get(text, text),
        ngettext=lambda one, many, n: catalog[one if n == 1 else many],
    )
    english = gettext.NullTranslations()
    monkeypatch.setattr(i18n, "find_languages", lambda: ("en", "es"))
    monkeypatch.setattr(i18n, "_read_catalog", lambda code: spanish if code == "es" else english)
    pages = jinja2.Environment(extensions=["coyotelab_service.hub_texts.ReaderLanguage"])
    page = pages.from_string(
        "{{ _('Log in') }} {% trans %}\n  Log in\n{% endtrans %}"
        " {% trans num=2 %}{{ num }} day{% pluralize %}{{ num }} days{% endtrans %}"
    )

    class Handler:
        def __init__(self, accepted: str, cookie: str | None = None) -> None:
            self.request = SimpleNamespace(headers={"Accept-Language": accepted})
            self.get_cookie = lambda name: cookie

        def static_url(self, path: str) -> str:
            return path

    told = {
        name: page.render(static_url=handler.static_url)
        for name, handler in {
            "Spanish": Handler("es-MX,es;q=0.9"),
            "English": Handler("de"),
            "chosen": Handler("en", "es"),
        }.items()
    }
    assert told["Spanish"] == told["chosen"] == "Entrar Entrar 2 días"
    assert told["English"] == "Log in Log in 2 days"


def test_a_running_server_keeps_its_own_token() -> None:
    engine = create_engine("sqlite://")
    orm.Base.metadata.create_all(engine)
    db = Session(engine)
    client = orm.OAuthClient(identifier="jupyterhub")
    row = orm.User(name="student1")
    db.add_all([client, row])
    db.commit()
    tokens = {}
    for note in ("server", "page", "program"):
        tokens[note] = token = orm.new_token()
        db.add(orm.APIToken(user=row, oauth_client=client, note=note, token=token))
    db.commit()
    cookie = row.cookie_id
    spawners = {
        "cs101": SimpleNamespace(api_token=tokens["server"]),
        "cs202": SimpleNamespace(api_token=""),
    }
    end_sessions(SimpleNamespace(db=db, orm_user=row, spawners=spawners))
    assert [token.note for token in row.api_tokens] == ["server"]
    assert row.cookie_id != cookie


def test_a_temporary_password_is_changed_whoever_guesses_meanwhile(
    browser: Browser, accounts_of: Database
) -> None:
    assert browser.log_in("student1", reset(accounts_of)).status_code == 302
    form = browser.get("/hub/change-password")
    with accounts_of.transaction() as session:
        attempt = Attempt("student1", browser.headers["X-Forwarded-For"])
        for _failure in range(throttle.PLACE.burst):
            throttle.count(session, attempt)
    fields = {"new": NEW, "again": NEW, "_xsrf": xsrf(form.text)}
    answer = browser.post("/hub/change-password", data=fields)
    assert (answer.status_code, browser.is_in()) == (302, True)
    with accounts_of.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.last_login and utc_now() - user.last_login < timedelta(minutes=1)


def test_who_is_named_an_administrator_no_more_is_none_any_more(
    browser: Browser, hub: HubProcess, accounts_of: Database
) -> None:
    """The Hub's own database only ever gains administrators."""
    url = f"{browser.root}/hub/api/user"
    admin = hub.api("POST", "/users/admin/tokens", {})[1]["token"]

    def make_admin() -> None:
        assert call("PATCH", f"{url}s/student2", admin, {"admin": True})[1]["admin"]

    assert browser.log_in("student2").status_code == 302
    theirs = hub.api("POST", "/users/student2/tokens", {})[1]["token"]
    make_admin()
    wait_for("the end of the rights", lambda: not call("GET", url, theirs)[1]["admin"], 5)
    make_admin()
    again = Browser(hub)
    again.log_in("student2")
    assert again.get("/hub/admin").status_code == 403
    assert call("GET", url, admin)[1]["admin"]
