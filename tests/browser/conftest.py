"""A real Chromium, and pictures of what it saw."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from ..looks import ARGUMENTS, CHROMIUM, SCREENSHOTS
from ..site import PASSWORD, Site

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
Enter = Callable[[str], Page]


@pytest.fixture(scope="module")  # Playwright keeps the event loop that later tests need
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def enter(browser: Browser, site: Site) -> Iterator[Enter]:
    """Log somebody in, in a browser of their own, and give the page they land on."""
    contexts: list[BrowserContext] = []

    def log_in(username: str) -> Page:
        context = browser.new_context(viewport=WIDE, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.goto(site.url)
        look(page, "login")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Courses", exact=True).wait_for()
        return page

    yield log_in
    for context in contexts:
        context.close()


def look(page: Page, name: str) -> None:
    """Keep pictures of a page at both widths; fail when it is wider than a phone."""
    SCREENSHOTS.mkdir(exist_ok=True)
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.screenshot(path=SCREENSHOTS / f"{name}-{size['width']}.png")
        if size is NARROW:
            width = page.locator("html").evaluate("html => html.scrollWidth")
            assert width <= NARROW["width"], f"{name} is {width} pixels wide on a phone"
