"""The workspace's own pages speak the reader's language, in full."""

import ast
import html
import json
import re
from pathlib import Path

import pytest

import coyotelab_workspace
from coyotelab_workspace.language import choose_language, find_languages, read_catalog

from .conftest import PREFIX, Browser

PACKAGE = Path(coyotelab_workspace.__file__).parent
LANGUAGES = sorted(find_languages() - {"en"})


def find_sentences() -> set[str]:
    """Every sentence that the sources mark, or give to what shows it."""
    found: set[str] = set()
    for path in PACKAGE.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_":
                found.add(ast.literal_eval(call.args[0]))
    for path in PACKAGE.glob("templates/*.html"):
        found |= {one for _, one in re.findall(r"""\b_\((["'])(.+?)\1\)""", path.read_text())}
    tells = r'\b(?:tell|say|setState|note|showGone|tryLater)\("([^"]+)"|this\.state = "([^"]+)"'
    for path in PACKAGE.glob("static/*.mjs"):
        found |= {one or other for one, other in re.findall(tells, path.read_text())}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalog_is_whole(language: str) -> None:
    catalog = read_catalog(language)
    assert catalog.keys() == find_sentences()
    for sentence, told in catalog.items():
        assert told.strip()
        assert sorted(re.findall(r"{\w+}", told)) == sorted(re.findall(r"{\w+}", sentence))


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "es-MX,es;q=0.9", "es"),
        (None, "de,es;q=0.5,en;q=0.1", "es"),
        ("en", "es", "en"),
        ("es", "en", "es"),
        ("../../etc/passwd", "xx", "en"),
    ],
)
def test_the_language_is_chosen_or_the_browser_s(
    cookie: str | None, accepted: str, language: str
) -> None:
    assert choose_language(cookie, accepted) == language


async def test_the_pages_are_in_the_reader_s_language(browser: Browser) -> None:
    await browser.log_in()
    page = (await browser.fetch(PREFIX, headers={"Accept-Language": "es"})).body.decode()
    assert '<html lang="es">' in page and ">Restablecer</a>" in page
    texts = html.unescape(re.findall(r'data-texts="([^"]*)"', page)[0])
    assert json.loads(texts)["Connected"] == "Conectado"
    chosen = {"Accept-Language": "es", "Cookie": browser.headers()["Cookie"]}
    chosen["Cookie"] += "; coyotelab-language=en"
    page = (await browser.fetch(PREFIX, headers=chosen)).body.decode()
    assert '<html lang="en">' in page and 'data-texts="{}"' in page
    missing = await browser.fetch(f"{PREFIX}nothing", headers={"Accept-Language": "es"})
    assert missing.code == 404 and "No existe esa página" in missing.body.decode()
