"""Downloads: whole or visibly broken, and never with a token that could do more."""

import aiohttp
import pytest

from .conftest import PREFIX, Site
from .fake_hub import SERVICE_TOKEN


async def test_the_files_come_as_an_attachment(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready").archive = bytes(range(256)) * 4096
    for person in ("student1", "instructor1"):
        answer = await site.browser(person).get("workspaces/cs101/student1/download")
        assert answer.content == bytes(range(256)) * 4096
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        disposition = answer.headers["Content-Disposition"]
        assert disposition == 'attachment; filename="cs101-student1.zip"'


async def test_a_stopped_workspace_is_started_for_it(site: Site) -> None:
    site.hub.instant = True
    answer = await site.browser("student1").get("workspaces/cs101/download")
    assert answer.content == b"PK-a-zip"


async def test_the_workspace_only_ever_sees_a_token_that_opens_itself(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready")
    await site.browser("instructor1").get("workspaces/cs101/student1/download")
    [token] = site.hub.archive_tokens
    assert token != SERVICE_TOKEN
    assert site.hub.tokens[token] == ("student1", ["access:servers!server=student1/cs101"])


async def test_a_broken_download_does_not_look_whole(site: Site) -> None:
    server = site.hub.server("student1", "cs101", "ready")
    server.archive, server.broken = b"x" * 1_000_000, True
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        await site.browser("student1").get("workspaces/cs101/student1/download")
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        await site.api("GET", "courses/cs101/workspaces/student1/archive", "student1")


async def test_a_reader_who_leaves_ends_it(site: Site) -> None:
    site.hub.server("student1", "cs101", "ready").archive = b"x" * 50_000_000
    headers = {"Authorization": f"token {site.hub.token_for('student1')}"}
    url = f"{site.url}{PREFIX}api/courses/cs101/workspaces/student1/archive"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
        await reply.content.read(1000)
    assert (await site.api("GET", "health")).status == 200
