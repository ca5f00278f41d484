"""Who is asking: the Hub's OAuth flow, its answers about tokens, and what our cookies hold.

Written by hand because importing JupyterHub costs half a second and 46 MB; the flow is the one of
jupyterhub.services.auth.HubOAuth (6.1): authorize with state and PKCE S256, code for token, token
for a user model, and the user's scopes against JUPYTERHUB_OAUTH_ACCESS_SCOPES.
"""

import base64
import hashlib
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPServerRequest
from tornado.web import create_signed_value, decode_signed_value

from coyotelab_workspace.language import mark as _
from coyotelab_workspace.settings import Settings

CACHE_SECONDS = 30.0
CACHE_ENTRIES = 256
LOGIN_SECONDS = 600.0
TOKEN_DAYS = 14.0  # the Hub's own default life of an OAuth token


class HubUnreachable(Exception):
    """The Hub gave no answer that says yes or no."""


class LoginFailed(Exception):
    """The way back from the Hub did not fit the way there; str is a sentence for the user."""


@dataclass(frozen=True)
class Viewer:
    """A person or service the Hub knows, and whether they may use this workspace."""

    name: str
    may_enter: bool


@dataclass(frozen=True)
class Login:
    """One way to the Hub: the state to send, the cookie to set, the URL to go to."""

    cookie_name: str
    cookie_value: str
    url: str


def may_access(required: Iterable[str], granted: Iterable[str]) -> bool:
    """Whether any required scope is granted, itself or without its filter (as admins have it)."""
    have = set(granted)
    return any(scope in have or scope.partition("!")[0] in have for scope in required)


def is_same_origin(request: HTTPServerRequest) -> bool:
    """Whether a browser says that a page of this very host made the request; no word is a no."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    return site == "same-origin"


def is_embedded_elsewhere(request: HTTPServerRequest) -> bool:
    """Whether another host's page asks for an image, script, frame or data, not for a page."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    wanted = request.headers.get("Sec-Fetch-Dest", "document")
    return site not in {"same-origin", "none"} and wanted != "document"


def get_header_token(request: HTTPServerRequest) -> str | None:
    """The token of `Authorization: token|Bearer ...`."""
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() in {"token", "bearer"} and token.strip() else None


def safe_next(prefix: str, url: str) -> str:
    """The URL when it is a path below the prefix, else the prefix."""
    bad = "\\" in url or "//" in url.partition("?")[0] or any(ord(c) < 33 for c in url)
    inside = url.startswith(prefix) and ".." not in url.partition("?")[0].split("/")
    return url if inside and not bad else prefix


class HubAuth:
    """Asks the Hub, and remembers its answers for at most 30 seconds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client = AsyncHTTPClient()
        self._cache: OrderedDict[str, tuple[float, Viewer | None]] = OrderedDict()

    def begin_login(self, next_url: str) -> Login:
        """Prepare a way to the Hub that only this browser can come back from."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.callback_url,
            "response_type": "code",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        name = self.login_cookie(state)
        kept = json.dumps([state, verifier, safe_next(self.settings.prefix, next_url)])
        value = create_signed_value(self.settings.cookie_secret, name, kept).decode()
        return Login(name, value, f"{self.settings.authorize_url}?{urlencode(query)}")

    def login_cookie(self, state: str) -> str:
        """Name of the cookie of one login; several tabs may log in at once."""
        return f"{self.settings.cookie}-login-{hashlib.sha256(state.encode()).hexdigest()[:8]}"

    async def finish_login(self, code: str, state: str, cookie: str | None) -> tuple[str, str]:
        """Exchange the code for a token; gives (token, next URL).

        Raises LoginFailed when state and cookie do not belong together or the Hub refuses the
        code, HubUnreachable when it does not answer.
        """
        name = self.login_cookie(state)
        kept = self._read(name, cookie, LOGIN_SECONDS / 86400)
        sent, verifier, next_url = json.loads(kept) if kept else ("", "", "")
        if not sent or not secrets.compare_digest(sent.encode(), state.encode()):
            raise LoginFailed(
                _(
                    "This login was not begun in this browser, or took too long."
                    " Open the workspace again."
                )
            )
        form = {
            "client_id": self.settings.client_id,
            "client_secret": self.settings.api_token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.callback_url,
            "code_verifier": verifier,
        }
        reply = await self._ask("/oauth2/token", self.settings.api_token, body=urlencode(form))
        if reply is None or not isinstance(token := reply.get("access_token"), str):
            raise LoginFailed(_("JupyterHub did not accept this login. Open the workspace again."))
        return token, safe_next(self.settings.prefix, next_url)

    def sign_token(self, token: str) -> str:
        """The login cookie's value."""
        signed = create_signed_value(self.settings.cookie_secret, self.settings.cookie, token)
        return signed.decode()

    def read_token(self, cookie: str | None) -> str | None:
        """The token in a login cookie, None when it is not ours or too old."""
        return self._read(self.settings.cookie, cookie, TOKEN_DAYS)

    def _read(self, name: str, value: str | None, days: float) -> str | None:
        secret = self.settings.cookie_secret
        plain = decode_signed_value(secret, name, value, max_age_days=days) if value else None
        return plain.decode() if plain else None

    async def identify(self, token: str, *, fresh: bool = False) -> Viewer | None:
        """Whose token this is, None when the Hub does not know it (any more).

        Raises HubUnreachable when there is no answer and none younger than 30 s is remembered.
        """
        key = hashlib.sha256(token.encode()).hexdigest()
        then, viewer = self._cache.get(key, (-CACHE_SECONDS, None))
        if not fresh and time.monotonic() - then < CACHE_SECONDS:
            return viewer
        model = await self._ask("/user", token)
        viewer = None
        if model is not None and isinstance(name := model.get("name"), str):
            scopes = model.get("scopes")
            granted = map(str, scopes) if isinstance(scopes, list) else ()
            viewer = Viewer(name, may_access(self.settings.access_scopes, granted))
        self._cache[key] = (time.monotonic(), viewer)
        self._cache.move_to_end(key)
        while len(self._cache) > CACHE_ENTRIES:
            self._cache.popitem(last=False)
        return viewer

    async def _ask(
        self, path: str, token: str, body: str | None = None
    ) -> dict[str, object] | None:
        """One request to the Hub's API: its JSON object, None when it says no (4xx)."""
        request = HTTPRequest(
            self.settings.api_url + path,
            method="GET" if body is None else "POST",
            headers={"Authorization": f"Bearer {token}"},
            body=body,
            request_timeout=10,
            connect_timeout=5,
            follow_redirects=False,
        )
        try:
            reply: HTTPResponse = await self._client.fetch(request)
            data = json.loads(reply.body)
        except HTTPClientError as e:
            if e.code in {400, 401, 403, 404}:
                return None
            raise HubUnreachable(f"{path}: {e}") from e
        except (OSError, ValueError) as e:
            raise HubUnreachable(f"{path}: {e}") from e
        if not isinstance(data, dict):
            raise HubUnreachable(f"{path}: not a JSON object")
        return data
