"""What every request goes through: who asks, from where, and how an error is answered."""

import logging
from typing import Any
from urllib.parse import quote, urlsplit

from jupyterhub.services.auth import HubOAuthenticated, UserNotAllowed
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import Finish, HTTPError, RequestHandler

from .. import i18n
from ..access import Person
from ..addresses import find_address
from ..errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    ServiceError,
    TooLarge,
    Unavailable,
    WrongType,
)
from ..hub_api import HubUnavailable
from ..services import Services

log = logging.getLogger(__name__)

STATUSES: dict[type[ServiceError], int] = {
    NotFound: 404,
    TooLarge: 413,
    WrongType: 415,
    Invalid: 400,
    Conflict: 409,
    Refused: 403,
    Unavailable: 503,
    ServiceError: 500,
}
PLAIN = {
    400: Invalid.message,
    403: Refused.message,
    404: NotFound.message,
    405: i18n.mark("That cannot be done here."),
}

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Bootstrap draws some of its marks as data: images
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


class Handler(HubOAuthenticated, RequestHandler):
    """One request of a person the Hub knows."""

    person: Person

    @property
    def services(self) -> Services:
        """The parts to work with."""
        services: Services = self.settings["services"]
        return services

    def initialize(self) -> None:
        """Answer in the reader's language, errors of the first lines included."""
        accepted = self.request.headers.get("Accept-Language", "")
        i18n.use_language(i18n.choose_language(self.get_cookie(i18n.COOKIE), accepted))

    def set_default_headers(self) -> None:
        """Say what a browser may do with any answer of ours."""
        # A form may end at a workspace, which has a host of its own beside ours, by way of the
        # Hub, to log in there.
        beside = urlsplit(self.services.public_url).netloc.partition(".")[2]
        targets = f"'self' {beside} *.{beside}" if beside else "'self'"
        policy = POLICY | {"form-action": targets}
        self.set_header("Content-Security-Policy", "; ".join(map(" ".join, policy.items())))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Return a part of the address or a field as text; no database takes a NUL."""
        text = super().decode_argument(value, name)
        if "\0" in (text or ""):  # None for a part that is optional
            raise HTTPError(400)
        return text

    async def identify(self) -> Person | None:
        """Return who asks, by token or cookie; None when that is nobody the Hub lets in here."""
        try:
            model = await self.hub_auth.get_user(self, sync=False)
        except HTTPError as error:
            raise HubUnavailable from error
        try:
            model = model and self.check_hub_user(model)
        except UserNotAllowed:
            model = None
        self._hub_auth_user_cache = model  # what current_user is from here on
        if not model or model.get("kind") != "user":
            return None
        return Person(model["name"], bool(model.get("admin")), find_address(self.request))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with an error page; when half an answer is out already, cut the connection.

        Finishing it would make a truncated file look whole.
        """
        if self._headers_written:
            log.warning("%s was cut short: %r", self.request.path, kwargs.get("exc_info"))
            self.detach().close()
            return
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a plain sentence, whatever went wrong; the rest is for the log."""
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, ServiceError):
            status_code = find_status(error)
            message = error.tell()
        else:
            message = i18n.gettext(PLAIN.get(status_code, ServiceError.message))
        self.set_status(status_code)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.list_methods()))
        self.write_problem(status_code, message)

    @classmethod
    def list_methods(cls) -> list[str]:
        """Return the methods that are answered."""
        missing = RequestHandler._unimplemented_method
        return [name for name in cls.SUPPORTED_METHODS if getattr(cls, name.lower()) is not missing]

    def write_problem(self, status: int, message: str) -> None:
        """Write the answer for an error."""
        raise NotImplementedError

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is a fault of ours; what people asked wrongly is no news."""
        if isinstance(value, StreamClosedError):
            log.info("%s %s: the reader went away", self.request.method, self.request.path)
        elif isinstance(value, ServiceError):
            log.info("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)


class PageHandler(Handler):
    """One request of a browser; the Hub is asked to log in whoever is nobody yet."""

    async def prepare(self) -> None:
        """Find out who asks; send them to our own host, or to the login, if need be."""
        if not self.services.is_own_host(self.request.host):
            self.redirect(self.services.find_own_url(self.request.uri or "/"))
            raise Finish
        if is_embedded_elsewhere(self.request):
            raise Refused
        person = await self.identify()
        if person is None:
            if self.request.method not in ("GET", "HEAD"):
                raise Refused
            self.redirect(self.get_login_url())
            raise Finish
        self.person = person
        self.hub_auth.check_xsrf_cookie(self)

    def write_page(self, template: str, **values: Any) -> None:
        """Write a page from its template."""
        person = getattr(self, "person", None)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.write(
            self.services.templates.get_template(template).render(
                person=person,
                language=i18n.get_language(),
                languages=i18n.find_names(),
                cookie_domain=self.services.cookie_domain,
                has_campus=self.services.site.campus_login,
                back=self.request.uri if self.request.method == "GET" else self.services.prefix,
                prefix=self.services.prefix,
                hub_url=self.services.hub_url,
                static_url=self.static_url,
                xsrf=self.xsrf_token.decode() if person else "",
                **values,
            )
        )

    def write_problem(self, status: int, message: str) -> None:
        """Write the page for an error."""
        self.write_page("error.html", status=status, message=message)

    def page(self, *parts: str) -> str:
        """Return the path of one of our pages, from its parts."""
        return self.services.prefix + "/".join(map(quote, parts))


class MissingPage(PageHandler):
    """Whatever is not there."""

    async def prepare(self) -> None:
        """Answer every method alike, to everybody."""
        if not self.services.is_own_host(self.request.host):
            self.redirect(self.services.find_own_url(self.request.uri or "/"))
            raise Finish
        raise NotFound


def is_embedded_elsewhere(request: HTTPServerRequest) -> bool:
    """Tell whether another host's page asks for an image, a frame or data, not for a page.

    Students write such pages, on hosts beside ours, and opening a workspace is a GET.
    """
    site = request.headers.get("Sec-Fetch-Site", "none")
    wanted = request.headers.get("Sec-Fetch-Dest", "document")
    return site not in ("same-origin", "none") and wanted != "document"


def find_status(error: ServiceError) -> int:
    """Return the HTTP status of one of our errors."""
    return next(status for kind, status in STATUSES.items() if isinstance(error, kind))
