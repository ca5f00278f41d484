"""What every page and call of the server shares: who asks, what they may, headers, plain errors."""

import json
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tornado.web import HTTPError, RequestHandler

from coyotelab_workspace.context import Context
from coyotelab_workspace.hub_auth import (
    HubUnreachable,
    LoginFailed,
    Viewer,
    get_header_token,
    is_embedded_elsewhere,
    is_same_origin,
)
from coyotelab_workspace.language import COOKIE, choose_language, read_catalog
from coyotelab_workspace.language import mark as _

log = logging.getLogger(__name__)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"
)
SENTENCES = {
    404: _("There is no such page in this workspace."),
    405: _("That cannot be done here."),
    500: _("Something went wrong in this workspace. Its log is /var/lib/coyotelab/server.log."),
    503: _("JupyterHub does not answer just now. Your files are safe; try again in a moment."),
}
OTHER = _("This did not work.")


class Refused(HTTPError):
    """A status for the program, a sentence for the person, with names of values in braces."""

    def __init__(self, status: int, sentence: str, **values: object) -> None:
        super().__init__(status)
        self.sentence, self.values = sentence, values


class Handler(RequestHandler):
    """A request that is let in only after the Hub has said who asks.

    `public` handlers ask nobody; `is_page` handlers send a browser to the Hub to log in.
    """

    public = False
    is_page = False
    counts = True  # as the activity of a person
    viewer: Viewer
    token: str

    @property
    def context(self) -> Context:
        """What all handlers work with."""
        found: Context = self.settings["context"]
        return found

    def set_default_headers(self) -> None:
        """Headers that every answer has."""
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Content-Security-Policy", CSP)
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    async def prepare(self) -> None:
        """Let in, send to log in, or refuse."""
        if self.public:
            return
        auth = self.context.auth
        token = self.get_sent_token()
        if token is None:
            token = auth.read_token(self.get_cookie(self.context.settings.cookie))
            if token is not None and self.is_foreign():
                raise Refused(403, _("Another site asked for this; it was not done."))
        viewer = await auth.identify(token) if token else None
        if viewer is None or token is None:
            self.ask_to_log_in()
            return
        if not viewer.may_enter:
            raise Refused(403, _("{name} may not open this workspace."), name=viewer.name)
        self.viewer, self.token = viewer, token
        if self.counts:
            self.context.activity.note()

    def get_sent_token(self) -> str | None:
        """A token the request itself brings; a cookie counts only without one."""
        return get_header_token(self.request)

    def is_foreign(self) -> bool:
        """Whether another site makes the browser ask for more than a page of its own."""
        if self.must_be_same_origin():
            return not is_same_origin(self.request)
        return is_embedded_elsewhere(self.request)

    def must_be_same_origin(self) -> bool:
        """Whether a cookie alone is not enough: it changes something, or opens a socket."""
        upgrade = self.request.headers.get("Upgrade", "").lower()
        return self.request.method not in SAFE_METHODS or upgrade == "websocket"

    def ask_to_log_in(self) -> None:
        """A browser that opens a page goes to the Hub; anything else is refused."""
        mode = self.request.headers.get("Sec-Fetch-Mode", "navigate")
        if not self.is_page or self.request.method != "GET" or mode != "navigate":
            raise Refused(403, _("Log in through JupyterHub first."))
        login = self.context.auth.begin_login(self.request.uri or "")
        self.put_cookie(login.cookie_name, login.cookie_value, max_age=600)
        self.redirect(login.url)

    def put_cookie(self, name: str, value: str, **options: Any) -> None:
        """Set a cookie that only this server reads and only the browser's own pages send."""
        settings = self.context.settings
        secure = settings.host_cookies or self.request.protocol == "https"
        options |= {"path": settings.cookie_path, "httponly": True, "samesite": "Lax"}
        self.set_cookie(name, value, secure=secure, **options)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A sentence: as JSON for a program, on a small page for a person."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, HubUnreachable):
            status_code = 503
            self.set_status(503)
        if isinstance(error, Refused):
            message = self.tell(error.sentence).format(**error.values)
        else:
            message = self.tell(SENTENCES.get(status_code, OTHER))
        if self.is_page and "text/html" in self.request.headers.get("Accept", "text/html"):
            self.render("error.html", message=message, status=status_code)
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps({"message": message, "reason": None}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """An absent Hub is one line in the log, not a traceback."""
        if isinstance(value, HubUnreachable):
            log.warning("The Hub does not answer: %s", value)
        else:
            super().log_exception(typ, value, tb)

    def find_language(self) -> str:
        """The reader's language: as they chose it, else as their browser says."""
        accepted = self.request.headers.get("Accept-Language", "")
        return choose_language(self.get_cookie(COOKIE), accepted)

    def tell(self, sentence: str) -> str:
        """A sentence in the reader's language."""
        return read_catalog(self.find_language()).get(sentence, sentence)

    def get_template_namespace(self) -> dict[str, Any]:
        """Every page knows the settings and where the static files are."""
        return {
            **super().get_template_namespace(),
            "_": self.tell,
            "language": self.find_language(),
            "settings": self.context.settings,
            "static": f"{self.context.settings.prefix}static/{self.context.version}/",
        }


class CallbackHandler(Handler):
    """The way back from the Hub."""

    public = True
    is_page = True

    async def get(self) -> None:
        """Check the state, take the token, remember it in a cookie, go where the person wanted."""
        auth = self.context.auth
        if self.get_argument("error", ""):
            raise Refused(403, _("JupyterHub did not let you in to this workspace."))
        state = self.get_argument("state", "")
        name = auth.login_cookie(state)
        code = self.get_argument("code", "")
        try:
            token, next_url = await auth.finish_login(code, state, self.get_cookie(name))
        except LoginFailed as e:
            raise Refused(403, str(e)) from None
        viewer = await auth.identify(token)
        if viewer is None or not viewer.may_enter:
            raise Refused(403, _("You may not open this workspace."))
        for cookie in self.request.cookies:
            if cookie.startswith(auth.login_cookie("")[:-8]):
                self.put_cookie(cookie, "", expires=LONG_AGO)
        self.put_cookie(self.context.settings.cookie, auth.sign_token(token), expires_days=14)
        self.redirect(next_url)


class ReadinessHandler(Handler):
    """GET api: the server is here. No authentication, nothing secret."""

    public = True

    def get(self) -> None:
        """`{"version": str, "started": ISO time in UTC}`."""
        self.write({"version": self.context.version, "started": self.context.started})


class NotFoundHandler(Handler):
    """Any other path below the prefix, and a redirect for those above."""

    public = True
    is_page = True

    async def prepare(self) -> None:
        """Nothing is asked of anybody."""
        if urlsplit(self.request.uri or "").path == self.context.settings.prefix.rstrip("/"):
            self.redirect(self.context.settings.prefix)
            return
        raise HTTPError(404)
