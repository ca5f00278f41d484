"""The pages of the Hub and of a workspace, on the whole product; the others: tests/service."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from ..looks import (
    FIND_FAULTS,
    FIND_UNFOCUSED,
    HEIGHTS,
    NARROW,
    NARROWEST,
    SCREENSHOTS,
    THEMES,
    WIDE,
    find_axe,
)
from ..site import Site
from .conftest import Enter
from .terminal import Terminal

pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.once]


@dataclass(frozen=True)
class Look:
    """One page; `url` has the site's port to fill in."""

    name: str
    url: str
    person: str = ""
    theirs: bool = False  # what is in our frame is JupyterHub's own: only its size is ours


HUB, OWN = "http://coyote.localhost:{port}/hub/", "http://student1.coyote.localhost:{port}/"
LOOKS = [
    Look("hub-login", HUB + "login"),
    Look("hub-not-found", HUB + "nothing", "student1"),
    Look("hub-not-running", HUB + "user/student1/cs101", "student1"),
    Look("hub-admin", HUB + "admin", "admin", theirs=True),
    Look("workspace-not-found", OWN + "user/student1/cs101/nothing", "student1"),
    Look("workspace", OWN + "user/student1/cs101/", "student1"),
]


def look_at(page: Page, look: Look) -> list[str]:
    """Keep pictures of a page and return what is wrong with it."""
    faults, name = [], look.name
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            where = f"{name}-{width}-{theme}"
            page.screenshot(path=SCREENSHOTS / f"{where}.png")
            if look.theirs:
                continue
            rules = [] if theme == "light" else ["color-contrast"]
            faults += [f"{where}: {fault}" for fault in page.evaluate(FIND_FAULTS, rules)]
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHTS[NARROWEST]})
    width = page.evaluate("document.documentElement.scrollWidth")
    faults += [f"{name}: {width} pixels wide"] if width > NARROWEST else []
    if look.theirs:
        return faults
    page.keyboard.press("Tab")
    return faults + [f"{name}: {fault}" for fault in page.evaluate(FIND_UNFOCUSED)]


def test_every_page_of_hub_and_workspace(enter: Enter, site: Site) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    faults: list[str] = []
    pages: dict[str, Page] = {}
    for look in LOOKS:
        if look.person not in pages:
            first = enter(look.person or "student3")
            first.context.add_init_script(path=find_axe())
            if not look.person:
                first.context.clear_cookies()
            pages[look.person] = first
        page = pages[look.person]
        if look.name.startswith("workspace"):
            page.goto(site.url)
            page.get_by_role("link", name="Open workspace").first.click()
            page.wait_for_url("**/user/*/cs101/**", timeout=60_000)
            Terminal(page).wait_for_prompt()
        page.goto(look.url.format(port=site.port))
        page.wait_for_load_state("networkidle")
        faults += look_at(page, look)
    assert not faults, "\n".join(faults)


def test_a_language_chosen_at_the_hub_is_that_of_every_page(enter: Enter, site: Site) -> None:
    page = enter("student1")
    page.goto(f"{HUB.format(port=site.port)}nothing")
    page.locator(".coyote-menu > summary").click()
    page.get_by_role("button", name="Español").click()
    page.get_by_role("heading", name="No se encontró").wait_for()
    page.goto(site.url)
    page.get_by_role("link", name="Abrir espacio de trabajo").first.click()
    page.wait_for_url("**/user/*/cs101/**", timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("Conectado", timeout=60_000)
    menu, reader = page.get_by_role("button", name="Menú"), page.get_by_text("Lector de pantalla")
    menu.click()
    expect(reader).to_be_visible()
    menu.press("Escape")
    expect(reader).to_be_hidden()
    expect(menu).to_be_focused()
