"""The choice of a language."""

from urllib.parse import urlsplit

from .. import i18n
from ..errors import Invalid, Refused
from .base import PageHandler

YEAR = 365  # days


class LanguagePage(PageHandler):
    """Remembers the language in which somebody wants to read, and goes back to their page."""

    async def prepare(self) -> None:
        """Let everybody: the pages for those who are nobody yet have languages too."""

    def get(self) -> None:
        """Remember it, for our own pages only: a link elsewhere changes nothing here."""
        if self.request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Refused
        code = self.get_query_argument("to", "")
        if code not in i18n.find_languages():
            raise Invalid
        self.set_cookie(
            i18n.COOKIE,
            code,
            domain=self.services.cookie_domain or None,
            expires_days=YEAR,
            samesite="Lax",
            secure=urlsplit(self.services.public_url).scheme == "https",
        )
        self.redirect(self._find_way_back())

    def _find_way_back(self) -> str:
        """Return the page they came from if it is one of ours, else the first one."""
        back = urlsplit(self.get_query_argument("back", ""))
        inside = not back.scheme and not back.netloc and back.path.startswith(self.services.prefix)
        plain = back.geturl().isprintable() and "\\" not in back.geturl()
        return back.geturl() if inside and plain else self.services.prefix
