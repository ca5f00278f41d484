"""How long the service takes for each page at 20,000 people, on SQLite and on PostgreSQL.

`make pages`. The service runs in this process beside a stand-in for the Hub; what counts is
the time from the request's arrival to the end of the answer, the Hub's part included.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import text

from coyotelab_service import machines, reconciler, visits
from coyotelab_service.database import Database, upgrade
from coyotelab_service.site import Site as Settings
from tests.large import COURSES, ENROLLMENTS, USERS, counting, fill
from tests.service.conftest import FakeLXD, Site, run_site
from tests.service.databases import open_databases
from tests.service.fake_hub import FakeHub
from tests.service.test_pages_at_scale import PATHS, ask, in_department

ROUNDS = int(os.environ.get("ROUNDS", "20"))
EVENTS = 200_000
KEYS = [(f"user{number}", "c0") for number in range(300)]
NAMES = [f"ws-1-{number}" for number in range(300)]
Work = Callable[[Any], object]
BACKGROUND: dict[str, Work] = {
    "reconciler: open visits (100)": visits.find_open,
    "reconciler: who may not run, of 300": lambda s: reconciler._find_forbidden(s, KEYS),
    "reconciler: 300 running machines": lambda s: machines.find_specs(s, Settings(), NAMES),
    "each minute: is anybody new?": machines.find_newest,
    "each 10 min: whose machine is missing": lambda s: machines.find_unprepared(s, Settings()),
}


async def measure_pages(database: Database) -> list[tuple[str, list[float], int]]:
    """Return for each page its name, milliseconds of the server, and queries."""
    rows, hub, took = [], FakeHub(), list[float]()
    hub.start()
    with pytest.MonkeyPatch.context() as environment, in_department(hub):
        async with run_site(hub, FakeLXD(), database, environment) as site:
            site.application.settings["log_function"] = lambda handler: took.append(
                1000 * handler.request.request_time()
            )
            for username, paths in PATHS.items():
                for path in paths:
                    rows.append(await measure_page(site, database, username, path, took))
    return rows


async def measure_page(
    site: Site, database: Database, username: str, path: str, took: list[float]
) -> tuple[str, list[float], int]:
    program = path.startswith("api/")
    browser, token = site.browser(username), username

    async def once() -> None:
        if program:
            assert await ask(site, token, path) == 200
        else:
            assert (await browser.get(path)).status == 200

    await once()  # logs in
    with counting(database) as statements:
        await once()
    found = []
    for _round in range(ROUNDS):
        took.clear()
        await once()
        found.append(took[-1])
    return f"{username}: /{path}", found, len(statements)


def measure_background(database: Database) -> list[tuple[str, list[float], int]]:
    rows = []
    for name, work in BACKGROUND.items():
        found = []
        for _round in range(ROUNDS):
            with counting(database) as statements, database.transaction() as session:
                began = time.perf_counter()
                work(session)
                session.rollback()
                found.append(1000 * (time.perf_counter() - began))
        rows.append((name, found, len(statements)))
    return rows


def measure(kind: str) -> dict[str, tuple[list[float], int]]:
    """Return milliseconds and queries by page, on one kind of database."""
    with TemporaryDirectory() as folder, open_databases(kind, Path(folder)) as databases:
        url = databases.make("large")
        upgrade(url)
        database = Database(url)
        with database.transaction() as session:
            fill(session, USERS, COURSES, ENROLLMENTS, EVENTS)
        if kind == "postgresql":
            with database.transaction() as session:  # as its autovacuum does within a minute
                session.execute(text("ANALYZE"))
        rows = [*asyncio.run(measure_pages(database)), *measure_background(database)]
        database.close()
    return {name: (found, queries) for name, found, queries in rows}


def show(found: list[float]) -> str:
    high = statistics.quantiles(found, n=20)[-1]
    return f"{min(found):.0f} / {statistics.median(found):.0f} / {high:.0f}"


def main() -> None:
    kinds = os.environ.get("DATABASES", "sqlite postgresql").split()
    results = {kind: measure(kind) for kind in kinds}
    size = f"{USERS} people, {COURSES} courses, {ENROLLMENTS} enrollments, {EVENTS} events"
    print(f"\n{size}; {os.cpu_count()} cores; least / median / p95 of {ROUNDS}, ms\n")
    print("| page | queries |", " | ".join(kinds), "|")
    print("|---|---|", "---|" * len(kinds), sep="")
    for name, (_found, queries) in results[kinds[0]].items():
        figures = " | ".join(show(results[kind][name][0]) for kind in kinds)
        print(f"| {name} | {queries} | {figures} |")


if __name__ == "__main__":
    sys.exit(main())
