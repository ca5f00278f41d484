"""The pages speak the reader's language, and the catalogs are what the sources say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.pofile import read_po

from coyotelab_service import i18n, spawner_sentences
from coyotelab_spawner import errors, spawner

from .conftest import Site

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SOURCES = ("spawner.py", "workspaces.py", "clones.py")
# Languages that are being translated just now: their catalogs may lack sentences.
UNFINISHED: set[str] = set()


def read(language: str) -> Catalog:
    path = i18n.LOCALES / language / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as source:
        return read_po(source, locale=language)


def extract() -> Iterator[str]:
    """Every sentence in the sources that is shown to people, found as `make text` finds it."""
    with (CHECKOUT / "babel.cfg").open() as source:
        methods, options = parse_mapping_cfg(source)
    keywords = DEFAULT_KEYWORDS | parse_keywords(["_", "mark", "gettext", "ngettext:1,2"])
    for _, _, message, _, _ in extract_from_dir(CHECKOUT, methods, options, keywords):
        yield message if isinstance(message, str) else message[0]


def find_holes(text: str) -> list[str]:
    """What stands for a value or for HTML in a sentence, in a fixed order."""
    return sorted(re.findall(r"%\(\w+\)s|\{\w*\}|[<>\"]", text))


@pytest.mark.parametrize("language", i18n.find_languages()[1:])
def test_a_catalog_is_right(language: str) -> None:
    catalog = read(language)
    for message in catalog:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert not message.fuzzy, message.id
        for string in filter(None, strings):
            # A singular may leave its number out.
            assert find_holes(string) in [find_holes(one) for one in ids], message.id
        assert language in UNFINISHED or all(strings), f"not translated: {message.id}"


@pytest.mark.parametrize("language", i18n.find_languages()[1:])
def test_a_catalog_is_current(language: str) -> None:
    known = {m.id if isinstance(m.id, str) else m.id[0] for m in read(language) if m.id}
    found = set(extract())
    assert len(found) > 100
    assert language in UNFINISHED or known == found, "run `make text`"


def test_what_the_spawner_says_is_known() -> None:
    marked = {*spawner_sentences.STAGES, *spawner_sentences.FAILURES}
    package = Path(spawner.__file__).parent
    stages = {
        stage
        for name in SOURCES
        for stage in re.findall(r'report\(\s*"([^"]+)"', (package / name).read_text())
    }
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    failures = {kind.message for kind in kinds if hasattr(kind, "message")}
    assert stages and failures
    assert stages | failures | {spawner.NOT_STARTED} <= marked


async def test_a_reader_chooses_a_language_and_comes_back(site: Site) -> None:
    browser = site.browser("student1")
    assert ">Courses</h1>" in (await browser.get()).text
    answer = await browser.get("language?to=es&back=%2Fservices%2Fcoyotelab%2Fcourses%2Fcs101")
    assert (answer.status, answer.location) == (302, "/services/coyotelab/courses/cs101")
    page = await browser.get()
    assert '<html lang="es">' in page.text and ">Cursos</h1>" in page.text
    states = (await browser.request("GET", "states", mode="navigate")).json()
    assert states["cs101"] == {"state": "stopped", "label": "Detenido"}
    missing = await browser.get("courses/nothing")
    assert missing.status == 404 and "Aquí no hay nada" in missing.text


async def test_forms_and_what_is_wrong_with_them_are_in_the_reader_s_language(site: Site) -> None:
    admin = site.browser("admin")
    await admin.get("language?to=es")
    page = await admin.submit("admin/users/new", username="", name="n" * 300)
    assert page.status == 400 and ">Nombre de usuario</label>" in page.text
    assert "Este campo es obligatorio." in page.text  # one of WTForms' own
    page = await admin.get("admin/users")
    assert ">Todas las cuentas</option>" in page.text
    assert "What is it for?" in (await site.browser("student1").get("account/tokens")).text


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "/hub/logout", "", "/\\evil.example"]
)
async def test_the_way_back_stays_with_us(site: Site, back: str) -> None:
    answer = await site.browser("student1").get(f"language?to=es&back={back}")
    assert (answer.status, answer.location) == (302, "/services/coyotelab/")


async def test_a_language_is_chosen_on_our_own_pages_only(site: Site) -> None:
    browser = site.browser("student1")
    assert (await browser.get("language?to=es", site="same-site")).status == 403
    assert (await browser.get("language?to=xx")).status == 400
    assert i18n.COOKIE not in browser.cookies
