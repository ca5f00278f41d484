"""How many logins may fail, from where, and that nobody is locked out."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from coyotelab_service import accounts, throttle
from coyotelab_service.addresses import find_address
from coyotelab_service.database import Database
from coyotelab_service.logins import Busy, Logins
from coyotelab_service.orm import LoginFailure, User, utc_now
from coyotelab_service.throttle import Attempt, TooManyTries

from .conftest import PASSWORD

HERE, ELSEWHERE = "198.51.100.1", "203.0.113.9"
START = utc_now()


def rows(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count(LoginFailure.id))) or 0


def fail(database: Database, attempt: Attempt, at: timedelta = timedelta()) -> int:
    """Fail a login; return 0, or for how many seconds it was not looked at."""
    try:
        with database.transaction() as session:
            throttle.count(session, attempt, START + at)
    except TooManyTries as error:
        return error.seconds
    return 0


def test_an_account_from_one_place(database: Database) -> None:
    here = Attempt("student1", HERE)
    assert [fail(database, here) for _ in range(7)] == [0, 0, 0, 0, 0, 180, 180]
    assert fail(database, here, timedelta(minutes=2)) == 60
    assert fail(database, here, timedelta(minutes=3)) == 0
    assert fail(database, here, timedelta(minutes=3)) == 180
    assert fail(database, Attempt("student1", ELSEWHERE)) == 0
    assert fail(database, Attempt("student2", HERE)) == 0


def test_never_more_than_ten_in_a_quarter_of_an_hour(database: Database) -> None:
    here = Attempt("student1", HERE)
    tries = [timedelta(seconds=seconds) for seconds in range(0, 3600, 10)]
    looked_at = [at for at in tries if not fail(database, here, at)]
    for at in looked_at:
        assert sum(at <= other < at + timedelta(minutes=15) for other in looked_at) <= 10
    assert len(looked_at) > 20, "it is a pace, not a lock"


def test_an_account_from_everywhere_and_an_address_for_everybody(database: Database) -> None:
    many = [Attempt("student1", f"198.51.{n}.1") for n in range(120)]
    assert sum(not fail(database, attempt) for attempt in many) == 50
    assert fail(database, Attempt("student1", HERE, browser="known")) == 0, "its owner gets in"
    names = [Attempt(f"made-up-{n}", ELSEWHERE) for n in range(120)]
    assert sum(not fail(database, attempt) for attempt in names) == 50


def test_an_ipv6_network_is_one_party(database: Database) -> None:
    many = [Attempt(f"p{n}", f"2001:db8:0:7::{n:x}") for n in range(60)]
    assert sum(not fail(database, attempt) for attempt in many) == 50
    assert fail(database, Attempt("p1", "2001:db8:0:8::1")) == 0
    assert fail(database, Attempt("p1", "::ffff:198.51.100.1")) == 0


def test_a_success_is_no_failure(database: Database) -> None:
    here = Attempt("student1", HERE)
    for _ in range(60):
        assert fail(database, here) == 0
        with database.transaction() as session:
            throttle.forgive(session, here)


def test_made_up_names_do_not_fill_the_table(database: Database) -> None:
    for n in range(300):
        fail(database, Attempt(f"made-up-{n}" * 50, HERE))
    assert rows(database) <= 2 * 50 + 1
    with database.transaction() as session:
        assert throttle.sweep(session, START) == 0
        assert throttle.sweep(session, START + timedelta(minutes=4)) == 2 * 50
    with database.transaction() as session:
        assert throttle.sweep(session, START + timedelta(hours=2)) == 1
    assert rows(database) == 0


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The passwords that were looked at."""
    seen: list[str] = []
    verify = accounts.verify_password

    def verify_password(password: str, known: str | None) -> bool:
        seen.append(password)
        return verify(password, known)

    monkeypatch.setattr(accounts, "verify_password", verify_password)
    monkeypatch.setattr(accounts, "COST", 5)
    yield seen


async def outcome(logins: Logins, attempt: Attempt, password: str) -> str:
    try:
        return "in" if await logins.check(attempt, password) else "refused"
    except TooManyTries:
        return "wait"


@pytest.mark.parametrize("username", ["student1", "nosuchperson"])
async def test_two_hundred_wrong_tries(
    database: Database, hashed: list[str], username: str
) -> None:
    logins = Logins(database)
    tries = [outcome(logins, Attempt(username, HERE), f"wrong {n}") for n in range(200)]
    seen = await asyncio.gather(*tries)
    assert seen.count("wait") >= 190 and seen.count("wait") + len(hashed) == 200
    assert await outcome(logins, Attempt(username, HERE), PASSWORD) == "wait"
    expected = "in" if username == "student1" else "refused"
    assert await outcome(logins, Attempt(username, ELSEWHERE), PASSWORD) == expected


async def test_when_somebody_logged_in(database: Database, hashed: list[str]) -> None:
    logins = Logins(database)
    assert await outcome(logins, Attempt("student1", HERE), "wrong") == "refused"
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.last_login is None
    assert await outcome(logins, Attempt("student1", HERE), PASSWORD) == "in"
    with database.transaction() as session:
        user = User.get(session, "student1")
        assert user and user.last_login and utc_now() - user.last_login < timedelta(minutes=1)
        measure = session.scalars(select(LoginFailure)).all()
        assert len(measure) == 2, "the failure still counts for account and address"


async def test_fifty_at_once_keep_nobody_else_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "COST", 9)
    logins = Logins(database)
    lags: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            lags.append(loop.time() - before - 0.01)

    watching = asyncio.create_task(watch())
    people = [Attempt("student1", f"198.51.100.{n}") for n in range(25)]
    people += [Attempt("student2", f"198.51.100.{n}") for n in range(25)]
    seen = await asyncio.gather(*(outcome(logins, person, PASSWORD) for person in people))
    watching.cancel()
    assert seen == ["in"] * 50
    assert max(lags) < 0.5


async def test_a_class_behind_one_address_gets_in(database: Database, hashed: list[str]) -> None:
    logins = Logins(database)
    people = ["student1", "student2", "student3", "student4", "instructor1", "admin"]
    tries = [outcome(logins, Attempt(name, HERE), PASSWORD) for name in people * 15]
    assert await asyncio.gather(*tries) == ["in"] * 90


async def test_there_is_an_end_to_the_queue(database: Database, hashed: list[str]) -> None:
    logins = Logins(database)
    logins.queue = 3
    tries = [logins.check(Attempt("student1", f"198.51.100.{n}"), PASSWORD) for n in range(5)]
    seen = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(found, Busy) for found in seen) == 2
    assert await logins.check(Attempt("student1", HERE), PASSWORD)


def request(peer: str, own: str = "10.0.0.1", trusted: Any = (), **headers: str) -> Any:
    socket = SimpleNamespace(getsockname=lambda: (own, 8002))
    return SimpleNamespace(
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        remote_ip="192.0.2.66",
        connection=SimpleNamespace(
            context=SimpleNamespace(_orig_remote_ip=peer, trusted_downstream=trusted),
            stream=SimpleNamespace(socket=socket),
        ),
    )


def test_addresses() -> None:
    forged = {"X_Real_Ip": "1.1.1.1", "X_Forwarded_For": f"2.2.2.2, {HERE}"}
    assert find_address(request("10.0.0.1", **forged)) == HERE, "as our proxy saw it"
    assert find_address(request("10.0.0.7", **forged)) == "10.0.0.7", "a workspace, not our proxy"
    assert find_address(request("10.0.0.1")) == "10.0.0.1"
    behind = {"trusted": {HERE}, "X_Forwarded_For": f"2.2.2.2,{ELSEWHERE},{HERE}"}
    assert find_address(request("10.0.0.1", **behind)) == ELSEWHERE
    for none in ("x" * 1000, "fe80::1%" + "x" * 1000, f"{ELSEWHERE}:1234", ""):
        forged = {"X_Forwarded_For": f"2.2.2.2, {none}, 127.0.0.1"}
        assert find_address(request("127.0.0.1", **forged)) == "127.0.0.1", "of whom, nobody knows"
    mapped = {"X_Forwarded_For": "2001:DB8:0::1"}
    assert find_address(request("127.0.0.1", **mapped)) == "2001:db8::1"
