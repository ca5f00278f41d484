"""`coyotelab user` and `coyotelab course`, as root types them; the database is a real one."""

import csv
import io
import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from coyotelab_service import accounts, demo
from coyotelab_service.database import Database, upgrade
from coyotelab_service.orm import AuditEvent, Course, Role, User
from coyotelab_service.site import Site
from coyotelab_setup import certificate, cli, site_checks, work
from coyotelab_setup.errors import SetupError
from coyotelab_setup.plan import Plan, Ports, make_plan


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'service.sqlite'}"
    upgrade(url)
    database = Database(url)
    demo.load(database, "a demonstration", "base-default-v1", cost=4)
    yield database
    database.close()


@pytest.fixture
def state(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is set up, in which the work is done without changing the user."""
    (tmp_path / "setup.json").write_text('{"engine": "lxd"}')
    monkeypatch.setenv("COYOTELAB_DB", database.url)
    monkeypatch.setattr(work, "read_site", Site)
    monkeypatch.setattr("os.geteuid", lambda: 0)

    def run_here(plan: Plan, module: str, verb: str, stdin: str) -> str:
        printed = io.StringIO()
        monkeypatch.setattr("sys.argv", [module, verb])
        with monkeypatch.context() as inside:
            inside.setattr("sys.stdin", io.StringIO(stdin))
            inside.setattr("sys.stdout", printed)
            work.main()
        return printed.getvalue()

    monkeypatch.setattr(work, "run_python", run_here)
    return tmp_path


def run(state: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli.cli, [*words, f"--state={state}"], input=stdin)


def fail(state: Path, *words: str, stdin: str = "") -> str:
    result = run(state, *words, stdin=stdin)
    assert isinstance(result.exception, SetupError), result.output
    return str(result.exception)


def get_user(database: Database, username: str) -> User:
    with database.transaction() as session:
        user = User.get(session, username)
        assert user
        return user


def test_an_account_with_a_temporary_password(state: Path, database: Database) -> None:
    result = run(state, "user", "add", "Ada", "--name", "Ada L.", "--role", "instructor")
    assert result.exit_code == 0, result.output
    password = result.stdout.split("Temporary password: ")[1].strip()
    user = get_user(database, "ada")
    assert user.temporary_pw and accounts.verify_password(password, user.password)
    assert (user.name, user.roles) == ("Ada L.", Role.INSTRUCTOR)
    assert fail(state, "user", "add", "ada") == "There is an account named ada already."
    assert "begins with a letter" in fail(state, "user", "add", "9")
    assert "is not an e-mail address" in fail(state, "user", "add", "eve", "--email", "x")
    with database.transaction() as session:
        (event,) = session.scalars(select(AuditEvent))
    assert event.actor == work.get_actor() and event.origin == "command line"


def test_a_lasting_password_comes_from_standard_input(state: Path, database: Database) -> None:
    secret = "from a safe place"
    result = run(state, "user", "add", "ada", "--password-stdin", stdin=f"{secret}\n")
    assert result.exit_code == 0 and secret not in result.output
    user = get_user(database, "ada")
    assert not user.temporary_pw and accounts.verify_password(secret, user.password)
    assert "no password" in fail(state, "user", "add", "eve", "--password-stdin")
    both = run(state, "user", "add", "eve", "--password-stdin", "--campus", stdin="x\n")
    assert both.exit_code == 2


def test_a_password_is_reset(state: Path, database: Database) -> None:
    result = run(state, "user", "reset-password", "student1")
    password = result.stdout.split("Temporary password: ")[1].strip()
    assert accounts.verify_password(password, get_user(database, "student1").password)
    assert fail(state, "user", "reset-password", "nobody") == "There is no account named nobody."


def test_accounts_are_closed_opened_and_given_roles(state: Path, database: Database) -> None:
    run(state, "user", "disable", "student1")
    assert get_user(database, "student1").disabled
    listed = run(state, "user", "list", "--show", "disabled", "--json")
    assert [one["username"] for one in json.loads(listed.stdout)] == ["student1"]
    run(state, "user", "enable", "student1")
    assert not get_user(database, "student1").disabled
    result = run(state, "user", "role", "student1", "--add", "instructor", "--remove", "student")
    assert result.stdout == "student1: instructor\n"
    assert get_user(database, "student1").roles == Role.INSTRUCTOR
    assert run(state, "user", "role", "student1", "--add", "king").exit_code == 2


def test_the_list_is_a_table_that_steers_no_terminal(state: Path, database: Database) -> None:
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user
        user.name = "\x1b[2J\x07evil"
    shown = run(state, "user", "list", "--search", "student").stdout
    assert shown.splitlines()[0].split()[:2] == ["username", "name"]
    assert "\x1b" not in shown and "\x07" not in shown and "evil" in shown
    assert len(shown.splitlines()) == 5


def test_an_import_is_shown_first_and_then_done(state: Path, database: Database) -> None:
    file, secrets = state / "people.csv", state / "passwords.csv"
    file.write_text("username,name,email\nada,=Ada,ada@example.edu\nstudent1,Sam,\n")
    shown = run(state, "user", "import", str(file))
    assert "1 new accounts, 1 there already" in shown.stdout
    with database.transaction() as session:
        assert User.get(session, "ada") is None
    done = run(state, "user", "import", str(file), "--yes", "--passwords", str(secrets))
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    (row,) = csv.DictReader(io.StringIO(secrets.read_text("utf-8-sig")))
    assert (row["username"], row["name"]) == ("ada", "'=Ada"), "no spreadsheet computes it"
    assert accounts.verify_password(row["password"], get_user(database, "ada").password)
    assert row["password"] not in done.output
    assert "exists already" in fail(
        state, "user", "import", str(file), "--yes", "--passwords", str(secrets)
    )
    again = run(state, "user", "import", str(file), "--yes")
    assert "0 accounts made, 2 there already" in again.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"username,email\nada,ada@example.edu\n../x,\n", "1 of 2 lines have a problem"),
        (b"username,email\nada,student1@example.edu\n", "1 of 1 lines have a problem"),
        (b"email\nada@example.edu\n", "1 of 1 lines have a problem"),
        (b"\xff\xfe", "is not a text in UTF-8"),
        (b"x" * (1024 * 1024 + 1), "larger than 1 MiB"),
    ],
)
def test_an_import_with_a_mistake_does_nothing(
    state: Path, database: Database, content: bytes, said: str
) -> None:
    file = state / "people.csv"
    file.write_bytes(content)
    assert said in fail(state, "user", "import", str(file), "--yes")
    with database.transaction() as session:
        assert User.get(session, "ada") is None


def test_courses_are_listed_and_exported(state: Path, database: Database) -> None:
    assert "cs202" in run(state, "course", "list").stdout
    (course,) = json.loads(run(state, "course", "list", "--search", "cs101", "--json").stdout)
    assert (course["instructor"], course["students"]) == ("instructor1", 2)
    exported = run(state, "course", "export", "cs101")
    rows = list(csv.DictReader(io.StringIO(exported.stdout.lstrip("\ufeff"))))
    assert {row["username"]: row["state"] for row in rows} == {
        "student1": "enrolled",
        "student2": "enrolled",
        "student4": "dropped",
    }
    whole = json.loads(run(state, "course", "export", "cs101", "--json").stdout)
    assert whole["name"] == "Introduction to Systems Programming" and len(whole["students"]) == 3
    assert "nothing here" in fail(state, "course", "export", "nosuchcourse")


def test_what_is_missing_is_said_in_a_sentence(
    state: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    assert "has not been set up" in fail(other, "user", "list")
    monkeypatch.setenv("COYOTELAB_DB", f"sqlite:///{other}/none.sqlite")
    assert fail(state, "user", "list") == work.NO_DATABASE
    assert not (other / "none.sqlite").exists(), "looking makes nothing"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert fail(state, "user", "list") == "This needs root."


def test_every_command_explains_itself() -> None:
    shown = CliRunner().invoke(cli.cli, ["--help"]).output
    assert "People and courses" in shown and "This machine" in shown
    for group in ("user", "course"):
        for name, command in cli.cli.commands[group].commands.items():  # type: ignore[attr-defined]
            said = CliRunner().invoke(cli.cli, [group, name, "--help"]).output
            assert f"coyotelab {group} {name}" in said, "an example"
            assert command.help


class Engine:
    """Holds one base and a pool that is as full as it is told."""

    def __init__(self, *, used: int = 1) -> None:
        self.used = used

    def in_project(self, project: str) -> "Engine":
        return self

    def list(self, path: str) -> list[dict[str, str]]:
        return [{"name": "base-default-v1"}]

    def get(self, path: str) -> Any:
        return {"space": {"used": self.used, "total": 10}}


def test_the_doctor_looks_at_the_site(
    state: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(state)
    engine: Any = Engine()
    checks = site_checks.check_database(engine, plan)
    assert [(one.name, one.ok) for one in checks] == [
        ("database", True),
        ("bases of courses", True),
    ]
    with database.transaction() as session:
        course = Course.get(session, "cs202")
        assert course
        course.base = None
    assert "missing for cs202" in site_checks.check_database(engine, plan)[1].said
    assert site_checks.check_pool(engine, plan).ok
    assert not site_checks.check_pool(Engine(used=9), plan).ok  # type: ignore[arg-type]
    assert site_checks.check_state(state).ok
    assert not site_checks.check_certificate(state / "client.crt").ok
    monkeypatch.setattr(work, "run_python", _raise)
    (amiss,) = site_checks.check_database(engine, plan)
    assert not amiss.ok and amiss.mend


def _raise(*words: Any, **more: Any) -> str:
    raise SetupError("The database does not answer.")


class Proxy(BaseHTTPRequestHandler):
    """A proxy that knows one token; neither Hub nor service is behind it."""

    def do_GET(self) -> None:
        ours = self.headers.get("Authorization") == "token ours"
        self.send_response(200 if ours else 403)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


def test_the_doctor_knows_whether_the_site_runs(state: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        plan = make_plan(state, ports=Ports(server.server_port - 1))
        assert "not running" in site_checks.check_answers(plan).said
        (state / "proxy-token").write_text("another's")
        assert "not running" in site_checks.check_answers(plan).said
        (state / "proxy-token").write_text("ours")
        amiss = site_checks.check_answers(plan)
        assert not amiss.ok and "no answer of the Hub and the service" in amiss.said
        server.shutdown()


def test_a_certificate_s_end_is_seen_before_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "client.crt"
    certificate.make_certificate(file, tmp_path / "client.key")
    assert site_checks.check_certificate(file).ok
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site_checks, "EXPIRY_DAYS", 100_000)
        amiss = site_checks.check_certificate(file)
    assert not amiss.ok and "setup" in amiss.mend
