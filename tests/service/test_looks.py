"""Every page of the service in a real Chromium: both widths, both themes, axe, focus, no shifts."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from coyotelab_service import i18n
from coyotelab_service.routes import PAGES

from ..looks import (
    ARGUMENTS,
    CHROMIUM,
    FIND_FAULTS,
    FIND_UNFOCUSED,
    HEIGHTS,
    NARROW,
    NARROWEST,
    SCREENSHOTS,
    THEMES,
    WATCH_SHIFTS,
    WIDE,
    find_axe,
)
from .conftest import OWN_HOST, PREFIX, Site
from .looks_table import LOOKS, NOT_SEEN, NOT_SEEN_BELOW, Look
from .looks_term import fill

pytestmark = pytest.mark.browser


@asynccontextmanager
async def open_browser(site: Site) -> AsyncIterator[Browser]:
    """Give a Chromium for which the service's public host is where the service listens."""
    rule = f"MAP {OWN_HOST} 127.0.0.1:{urlsplit(site.url).port}"
    async with async_playwright() as playwright:
        own = [
            f"--host-resolver-rules={rule}",
            f"--unsafely-treat-insecure-origin-as-secure=http://{OWN_HOST}",
        ]
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *own]
        )
        yield browser
        await browser.close()


async def enter(browser: Browser, site: Site, person: str) -> BrowserContext:
    """Give the windows of somebody who is logged in."""
    session = site.browser(person)
    await session.get()
    context = await browser.new_context(reduced_motion="reduce", locale="en-US")
    url = f"http://{OWN_HOST}{PREFIX}"
    cookies = [{"name": n, "value": v, "url": url} for n, v in session.cookies.items()]
    await context.add_cookies(cookies)  # type: ignore[arg-type]
    await context.add_init_script(path=find_axe())
    await context.add_init_script(WATCH_SHIFTS)
    return context


async def look_at(page: Page, look: Look) -> list[str]:
    """Keep pictures of a page and return what is wrong with it."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(f"script: {error}"))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    await page.set_viewport_size({"width": WIDE, "height": HEIGHTS[WIDE]})
    answer = await page.goto(f"http://{OWN_HOST}{PREFIX}{look.path}")
    assert answer and answer.status == look.status, f"{look.name}: {answer and answer.status}"
    for field, text in look.typed:
        await page.fill(field, text)
    if look.click:
        await page.click(look.click)
        await page.wait_for_load_state()
    assert look.lands in page.url, f"{look.name}: {page.url}"
    # What the browser says of the page itself: pictures are taken with styles that it refuses.
    failing = look.status != 200 or look.click  # a form that is shown again has status 400
    said = [line for line in said if not (failing and "status of" in line)]
    faults = [f"{look.name}: {line}" for line in said]
    for width in (WIDE, NARROW):
        await page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            where = f"{look.name}-{width}-{theme}"
            await page.screenshot(path=SCREENSHOTS / f"{where}.png", full_page=True)
            if theme == "dark" and width == NARROW:
                continue  # the colors of the one, the shape of the other
            rules = [] if theme == "light" else ["color-contrast"]
            faults += [f"{where}: {fault}" for fault in await page.evaluate(FIND_FAULTS, rules)]
    await page.set_viewport_size({"width": NARROWEST, "height": HEIGHTS[NARROWEST]})
    await page.keyboard.press("Tab")
    faults += [f"{look.name}: {fault}" for fault in await page.evaluate(FIND_UNFOCUSED)]
    return faults + [f"{look.name}: {fault}" for fault in await find_too_wide(page, look)]


async def find_too_wide(page: Page, look: Look) -> list[str]:
    """Look at the narrowest phone, and there in Spanish too, whose words are longer."""
    widths = {"en": await page.evaluate("document.documentElement.scrollWidth")}
    if not look.click:
        url = f"http://{OWN_HOST}{PREFIX}"
        spanish = {"name": i18n.COOKIE, "value": "es", "url": url}
        await page.context.add_cookies([spanish])  # type: ignore[list-item]
        await page.emulate_media(color_scheme="light")
        await page.goto(url + look.path)
        await page.screenshot(path=SCREENSHOTS / f"{look.name}-{NARROWEST}-es.png", full_page=True)
        widths["es"] = await page.evaluate("document.documentElement.scrollWidth")
        await page.context.clear_cookies(name=i18n.COOKIE)
    return [f"{width} pixels wide in {name}" for name, width in widths.items() if width > NARROWEST]


@pytest.mark.parametrize("person", sorted({look.person for look in LOOKS}))
async def test_every_page(site: Site, person: str) -> None:
    with site.database.transaction() as session:
        fill(session)
    SCREENSHOTS.mkdir(exist_ok=True)
    faults = []
    async with open_browser(site) as browser:
        context = await enter(browser, site, person)
        for look in LOOKS:
            if look.person == person:
                site.hub.servers.clear()
                site.lxd.usage.clear()
                site.hub.down = False
                if site.hub.silent:
                    site.hub.silent.set()
                    site.hub.silent = None
                site.services.running.forget()
                look.prepare(site)
                page = await context.new_page()
                faults += await look_at(page, look)
                await page.close()
    assert not faults, "\n".join(faults)


def test_every_route_with_a_page_is_in_the_table() -> None:
    paths = [look.path.partition("?")[0] for look in LOOKS]
    paths += [f"{look.lands}name" for look in LOOKS if look.lands]
    for route in PAGES:
        if route not in NOT_SEEN and not route.endswith(NOT_SEEN_BELOW):
            assert any(re.fullmatch(route, path) for path in paths), route


async def test_states_stay_true_and_nothing_moves(site: Site) -> None:
    with site.database.transaction() as session:
        fill(session)
    async with open_browser(site) as browser:
        context = await enter(browser, site, "student1")
        page = await context.new_page()
        await page.goto(f"http://{OWN_HOST}{PREFIX}")
        shown = page.locator('[data-state-of="cs101"]')
        assert await shown.text_content() == "Stopped"
        for state, word in [("spawn", "Starting"), ("ready", "Running"), ("stop", "Stopping")]:
            site.hub.server("student1", "cs101", state)
            await page.locator(f'[data-state-of="cs101"]:text("{word}")').wait_for(timeout=8000)
        news = await page.locator("#news").text_content()
        assert news == "Introduction to Systems Programming: Stopping"
        assert await page.evaluate("window.shifts") < 0.001


async def test_the_theme_follows_the_system_until_somebody_chooses(site: Site) -> None:
    async with open_browser(site) as browser:
        context = await enter(browser, site, "student1")
        page = await context.new_page()
        theme = "document.documentElement.dataset.bsTheme"
        await page.emulate_media(color_scheme="dark")
        await page.goto(f"http://{OWN_HOST}{PREFIX}")
        assert await page.evaluate(theme) == "dark"
        await page.click(".coyote-menu > summary")
        await page.click('[data-theme="light"]')
        assert await page.evaluate(theme) == "light"
        await page.keyboard.press("Escape")
        assert not await page.locator(".coyote-menu-panel").is_visible()
        await page.goto(f"http://{OWN_HOST}{PREFIX}account/tokens")
        assert await page.evaluate(theme) == "light"
        await page.click(".coyote-menu > summary")
        await page.click('[data-theme="auto"]')
        assert await page.evaluate(theme) == "dark"


async def test_without_scripts_the_pages_work(site: Site) -> None:
    async with open_browser(site) as browser:
        session = site.browser("student1")
        await session.get()
        context = await browser.new_context(java_script_enabled=False)
        url = f"http://{OWN_HOST}{PREFIX}"
        cookies = [{"name": n, "value": v, "url": url} for n, v in session.cookies.items()]
        await context.add_cookies(cookies)  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(url)
        await page.click(".coyote-menu > summary")
        await page.get_by_role("link", name="API tokens").click()
        await page.get_by_role("heading", name="API tokens").wait_for()
