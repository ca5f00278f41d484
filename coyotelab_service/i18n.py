"""The reader's language: text is written in English and looked up when it is shown (gettext).

Catalogs are locale/<language>/LC_MESSAGES/messages.po, read as they are; `make text` brings them
up to date with the sources.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "locale"
SOURCE = "en"
COOKIE = "coyotelab-language"

_language: ContextVar[str] = ContextVar("language", default=SOURCE)


@lru_cache
def find_languages() -> tuple[str, ...]:
    """Return the languages there are, the one of the sources first."""
    return (SOURCE, *sorted(path.parent.parent.name for path in LOCALES.glob("*/*/messages.po")))


@lru_cache
def find_names() -> Mapping[str, str]:
    """Return what each language calls itself, by its code."""
    return {code: str(Locale.parse(code).display_name).title() for code in find_languages()}


def choose_language(cookie: str | None, accepted: str) -> str:
    """Return the language for a reader.

    Args:
        cookie: the one they chose on a page; None when they never did.
        accepted: what their browser says (Accept-Language).
    """
    if cookie in find_languages():
        return cookie
    wanted = [part.partition(";")[0].strip().replace("-", "_") for part in accepted.split(",")]
    return negotiate_locale(wanted[:20], find_languages()) or SOURCE


def use_language(language: str) -> None:
    """Show what this task shows from here on in that language."""
    _language.set(language)


def get_language() -> str:
    """Return the language in use."""
    return _language.get()


def gettext(message: str) -> str:
    """Return a sentence in the reader's language."""
    return _read_catalog(get_language()).gettext(message) if message else ""


def ngettext(one: str, many: str, count: int) -> str:
    """Return one of two sentences, by a count, in the reader's language."""
    return _read_catalog(get_language()).ngettext(one, many, count)


def mark(message: str) -> str:
    """Mark a sentence for translation that is looked up later; returns it as it is."""
    return message


@lru_cache
def _read_catalog(language: str) -> NullTranslations:
    path = LOCALES / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        catalog = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
