"""The REST API is what its OpenAPI document says, looked for by schemathesis as several people."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from coyotelab_service.handlers.api import ApiHandler
from coyotelab_service.openapi import DOCUMENT
from coyotelab_service.routes import API

from .conftest import PREFIX, Site

SEED = 20261125
SECONDS = 180  # until a run is given up; each takes about ten when nothing else runs
EXCLUDED = {
    # Some of what fits the schema cannot be taken, for what no schema can say: a base that is not
    # there, a course that ends before it starts, an address that no e-mail can have.
    "positive_data_acceptance",
}
# What stands in an address, so that the runs get beyond "not found".
SETTINGS = """
[phases.stateful]
enabled = true

[parameters]
"path.slug" = "cs101"
"path.username" = "student1"
"""


def find_route(path: str) -> str:
    """Return which route answers a path of the document."""
    filled = f"api{path}".format(slug="cs101", username="student1")
    return next(route for route in API if re.fullmatch(route, filled))


def test_the_document_has_every_method_of_every_route() -> None:
    answered = set()
    for path, methods in DOCUMENT["paths"].items():
        route = find_route(path)
        handler = API[route]
        assert issubclass(handler, ApiHandler)
        known = {name.lower() for name in handler.list_methods()} - {"head", "options"}
        assert set(methods) == known, path
        assert path not in answered
        answered.add(path)
    assert {find_route(path) for path in answered} == set(API) - {"api(?:/.*)?"}
    for route in API:
        for choice in re.findall(r"\(([a-z|]+)\)", route):
            ends = {path.rpartition("/")[2] for path in answered if find_route(path) == route}
            assert ends == set(choice.split("|"))


async def run_schemathesis(site: Site, person: str, folder: Path, *options: str) -> None:
    """Look for faults as this person; fails with what schemathesis says of them."""
    settings = folder / "schemathesis.toml"
    settings.write_text(SETTINGS if "--deep" in options else "")
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run"),
        f"{site.url}{PREFIX}api/openapi.json",
        *("--header", f"Authorization: token {site.hub.token_for(person)}"),
        *("--checks", "all", "--exclude-checks", ",".join(EXCLUDED)),
        *("--seed", str(SEED), "--generation-deterministic"),
        *("--no-color", "--warnings", "off", "--no-shrink", "--continue-on-failure"),
        *(option for option in options if option != "--deep"),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    print(output.decode())
    assert process.returncode == 0, output.decode()


@pytest.mark.parametrize(
    ("person", "options"),
    [
        # Every value at and beside the limits of the schemas takes most of the time, so once.
        ("instructor1", ["--deep", "--max-examples", "4"]),
        ("student1", ["--deep", "--phases", "fuzzing,stateful", "--max-examples", "8"]),
        ("admin", ["--phases", "fuzzing", "--max-examples", "8"]),
    ],
)
async def test_schemathesis(site: Site, tmp_path: Path, person: str, options: list[str]) -> None:
    site.hub.instant = True
    await site.preparation.run_once()
    await run_schemathesis(site, person, tmp_path, *options)
