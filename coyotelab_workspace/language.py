"""The reader's language: text is written in English and looked up in locale/<language>.json."""

import json
from functools import lru_cache
from pathlib import Path

LOCALES = Path(__file__).parent / "locale"
SOURCE = "en"
COOKIE = "coyotelab-language"  # set on CoyoteLab's own pages, for all of its hosts


@lru_cache
def find_languages() -> frozenset[str]:
    """Return the languages there are."""
    return frozenset({SOURCE, *(path.stem for path in LOCALES.glob("*.json"))})


@lru_cache
def read_catalog(language: str) -> dict[str, str]:
    """Return the sentences of a language by the English ones; none for English itself."""
    if language == SOURCE:
        return {}
    catalog: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text("utf-8"))
    return catalog


def choose_language(cookie: str | None, accepted: str) -> str:
    """Return the one somebody chose, else the first of their browser's that there is."""
    if cookie in find_languages():
        return cookie
    for part in accepted.split(",")[:20]:
        code = part.partition(";")[0].strip().lower().partition("-")[0]
        if code in find_languages():
            return code
    return SOURCE


def mark(sentence: str) -> str:
    """Mark a sentence that is looked up later; returns it as it is."""
    return sentence
