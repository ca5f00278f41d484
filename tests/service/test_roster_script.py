"""The students page in a real browser: searching while typing, states that stay true, dropping."""

import shutil
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright, expect

from .conftest import OWN_HOST, PREFIX, Site
from .test_roster import STUDENTS, enroll

pytestmark = pytest.mark.browser


async def test_search_states_and_drop(site: Site) -> None:
    enroll(site.database, 60)
    teacher = site.browser("instructor1")
    await teacher.get(STUDENTS)
    address = f"--host-resolver-rules=MAP {OWN_HOST} 127.0.0.1:{urlsplit(site.url).port}"
    home = f"http://{OWN_HOST}{PREFIX}"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", address]
        )
        context = await chromium.new_context(viewport={"width": 1280, "height": 900})
        for name, value in teacher.cookies.items():
            await context.add_cookies([{"name": name, "value": value, "url": home}])
        page = await context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(home + STUDENTS)
        await page.fill("#q", "person 01")
        await expect(page.locator("tbody tr")).to_have_count(22)
        await expect(page.locator("#news")).to_have_text("22 students")
        assert page.url.endswith("?q=person+01")
        before = await page.locator("tbody tr").first.bounding_box()
        first = page.locator("tbody tr").first.locator(".state")
        await expect(first).to_have_text("Stopped")
        username = await first.get_attribute("data-state-of")
        site.hub.server(str(username), "cs101", "ready")
        await expect(first).to_have_text("Running", timeout=15_000)
        assert await page.locator("tbody tr").first.bounding_box() == before, "nothing moves"
        await page.locator("tbody tr").first.get_by_role("button").click()
        await expect(page.locator(".alert-success")).to_contain_text("has been dropped.")
        assert page.url.endswith(f"?q=person+01&changed={username}")
        await page.locator(".alert-success").get_by_role("button").click()
        await expect(page.locator(".alert-success")).to_contain_text("is in the course.")
        await context.clear_cookies()
        told = page.locator(".alert-warning")
        await expect(told).to_have_text(
            "You are logged out. Load this page again to log in.", timeout=15_000
        )
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await page.wait_for_timeout(1000)
        assert await told.count() == 1
        await chromium.close()
    assert not faults
