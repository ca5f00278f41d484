"""The Hub's own templates in the reader's language, for c.JupyterHub.jinja_environment_options."""

from typing import Any

from jinja2 import Environment, pass_context
from jinja2.ext import InternationalizationExtension
from jinja2.runtime import Context

from . import i18n


class ReaderLanguage(InternationalizationExtension):
    """`_()` and `{% trans %}` in every page that the Hub fills, in the language of its reader.

    Most of these pages are filled by handlers that are not ours and know of no language. But each
    gives its template its own `static_url`, through which the request can be seen.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.policies["ext.i18n.trimmed"] = True
        environment.globals |= {"reader_language": _get_language, "languages": i18n.find_names}
        # Jinja gives them its context first, which their types cannot say.
        self._install_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[arg-type]

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Let the Hub's own outer template, which says that it is in English, tell the truth."""
        return source.replace('<html lang="en">', '<html lang="{{ reader_language() }}">')


def use_reader_language(handler: Any) -> None:
    """Show what this request of the Hub shows in its reader's language."""
    accepted = handler.request.headers.get("Accept-Language", "")
    i18n.use_language(i18n.choose_language(handler.get_cookie(i18n.COOKIE), accepted))


@pass_context
def _gettext(context: Context, message: str) -> str:
    _find_language(context)
    return i18n.gettext(message)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    _find_language(context)
    return i18n.ngettext(one, many, count)


@pass_context
def _get_language(context: Context) -> str:
    _find_language(context)
    return i18n.get_language()


def _find_language(context: Context) -> None:
    handler = getattr(context.get("static_url"), "__self__", None)
    if handler is not None:
        use_reader_language(handler)
