"""What one OpenID provider says of a person: discovery, and an ID token that proves to be its."""

import hmac
import json
import re
from typing import Any
from urllib.parse import urlsplit

import jwt
from jupyterhub.utils import url_path_join
from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Dict, Enum, List, TraitError, Unicode, default, validate

from .campus import EMAIL_LENGTH, KEY_LENGTH, Identity, Newcomers, NotAdmitted
from .errors import Refused, Unavailable
from .i18n import mark as _

WELL_KNOWN = "/.well-known/openid-configuration"
# Signatures by a key that the provider alone has; "none" and shared secrets are not among them.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
REQUIRED = ("iss", "sub", "aud", "exp", "iat")
LEEWAY = 60  # seconds that the provider's clock may differ from ours
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TRUE = (True, "true", "1")  # how providers write that they have verified an address


class ProviderFault(Unavailable):
    """The identity provider does not answer, or not what it should."""

    message = _(
        "The campus login does not answer as it should. Please try again in a minute; if it stays"
        " so, tell the people who run this site."
    )


class LoginNotProven(Refused):
    """What came back does not prove who somebody is."""

    message = _("The campus login could not be completed. Please log in again.")


class NotOpenToThem(NotAdmitted):
    """The provider's people are let in, but not this one."""

    message = _(
        "Your campus login works, but this site is not open to your account there. If you think"
        " it should be, ask the people who run this site."
    )


class CampusLogin(GenericOAuthenticator):
    """One OpenID provider beside, or instead of, local accounts; one button on the login page."""

    issuer = Unicode(
        config=True,
        help="""The provider's issuer address, exactly as it writes it, such as
        https://login.example.edu/realms/campus. Everything else about it is read from
        <issuer>/.well-known/openid-configuration.""",
    )
    newcomers = Enum(
        [kind.value for kind in Newcomers],
        Newcomers.INVITED.value,
        config=True,
        help="""Who gets an account at the first campus login: "everyone" of the provider,
        "invited" (whoever's verified e-mail address has been invited to a course), or "nobody"
        (only people whose account has been connected before).""",
    )
    email_domains = List(
        Unicode(),
        config=True,
        help="""Domains of verified e-mail addresses that may log in, such as ["example.edu"]; a
        domain below one is another domain. Empty: any address, and people without one.""",
    )
    required_claims = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        config=True,
        help="""Claims that a person needs to log in, each with its possible values, such as
        {"eduperson_affiliation": ["student", "staff"]}. A claim that is a list needs one of
        them.""",
    )
    verified_claim = Unicode(
        "email_verified",
        config=True,
        help="""The claim by which the provider says that it has verified the e-mail address. An
        address without it counts as none.""",
    )

    def __init__(self, key: str = "", **settings: Any) -> None:
        self.key = key  # part of the addresses of its pages
        self._keys: jwt.PyJWKSet | None = None
        self._jwks_url = ""
        super().__init__(**settings)

    @default("scope")
    def _default_scope(self) -> list[str]:
        return ["openid", "profile", "email"]

    @default("username_claim")
    def _default_username_claim(self) -> str:
        return "preferred_username"

    @default("login_service")
    def _default_login_service(self) -> str:
        return self.key

    @default("http_request_kwargs")
    def _default_http_request_kwargs(self) -> dict[str, float]:
        # Seconds. Not to where a provider sends us on: that need not be an https address.
        return {"connect_timeout": 5.0, "request_timeout": 10.0, "follow_redirects": False}

    @validate("issuer")
    def _validate_issuer(self, proposal: Any) -> str:
        if not is_confidential(proposal.value):
            raise TraitError(f"the issuer has to be an https address: {proposal.value!r}")
        return str(proposal.value)

    def login_url(self, base_url: str) -> str:
        """Return where a login starts, below the Hub's base address."""
        return str(url_path_join(base_url, "campus", self.key, "login"))

    def get_callback_url(self, handler: Any = None) -> str:
        """Return the address to register at the provider, for the host people come to."""
        path = url_path_join(handler.hub.base_url, "campus", self.key, "callback")
        asked = f"{handler.request.protocol}://{handler.request.host}{path}"
        return self.oauth_callback_url or asked

    async def discover(self) -> None:
        """Learn the provider's addresses, once.

        Raises:
            ProviderFault: it does not answer, or is not the one it was said to be.
        """
        if self._jwks_url:
            return
        facts = await self._ask(self.issuer.rstrip("/") + WELL_KNOWN)
        if facts.get("issuer") != self.issuer:
            self.log.error("%s calls itself %.200r", self.issuer, facts.get("issuer"))
            raise ProviderFault
        found = [facts.get(f"{name}_endpoint", "") for name in ("authorization", "token")]
        found += [facts.get("jwks_uri", ""), facts.get("userinfo_endpoint", self.issuer)]
        if not all(isinstance(url, str) and is_confidential(url) for url in found):
            self.log.error("%s has an address without https among %s", self.issuer, found)
            raise ProviderFault
        self.authorize_url, self.token_url = found[:2]
        self.userdata_url = facts.get("userinfo_endpoint", "")
        self._jwks_url = found[2]

    async def identify(self, handler: Any, nonce: str) -> Identity:
        """Return who came back from the provider.

        Args:
            handler: of the callback; it has the code, and the cookie with PKCE's verifier.
            nonce: what the ID token has to repeat.

        Raises:
            ProviderFault: the provider does not answer, or not what it should.
            LoginNotProven: the code or the token is not right.
            NotOpenToThem: this person is none of those who may log in.
        """
        await self.discover()
        try:
            answer = await self.get_token_info(
                handler, self.build_access_tokens_request_params(handler)
            )
            claims = await self._verify(answer["id_token"], nonce)
            if self.userdata_url:
                more = await self.token_to_user(answer)
                if more["sub"] != claims["sub"]:
                    raise LoginNotProven
                claims = {**more, **claims}
        except HTTPClientError as error:
            raise (LoginNotProven if 400 <= error.code < 500 else ProviderFault) from error
        except (HTTPError, jwt.PyJWTError) as error:
            self.log.warning("A login by %s was refused: %s", self.key, error)
            raise LoginNotProven from error
        except (OSError, ValueError, LookupError, TypeError) as error:
            self.log.error("%s answered something else: %r", self.issuer, error)
            raise ProviderFault from error
        return self.make_identity(claims)

    def make_identity(self, claims: dict[str, Any]) -> Identity:
        """Return who it is, from claims that have been verified.

        Raises:
            LoginNotProven: a key that the database cannot keep whole.
            NotOpenToThem: this person is none of those who may log in.
        """
        subject = str(claims["sub"])
        if not subject or len(subject) > KEY_LENGTH or not subject.isprintable():
            raise LoginNotProven
        email = find_verified_email(claims, self.verified_claim)
        if self.email_domains and email.rpartition("@")[2] not in self.email_domains:
            raise NotOpenToThem
        for name, wanted in self.required_claims.items():
            given = claims.get(name)
            if not set(wanted) & set(map(str, given if isinstance(given, list) else [given])):
                raise NotOpenToThem
        return Identity(
            issuer=self.issuer,
            subject=subject,
            username=_read_text(claims, self.username_claim),
            name=_read_text(claims, "name"),
            email=email,
        )

    async def _verify(self, token: str, nonce: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            await self._find_key(jwt.get_unverified_header(token).get("kid")),
            algorithms=ALGORITHMS,
            audience=self.client_id,
            issuer=self.issuer,
            leeway=LEEWAY,
            options={"require": [*REQUIRED]},
        )
        shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if shared and claims.get("azp") != self.client_id:
            raise jwt.InvalidAudienceError("the token was made for another client (azp)")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise jwt.InvalidTokenError("the token belongs to another login (nonce)")
        return claims

    async def _find_key(self, kid: str | None) -> jwt.PyJWK:
        """Return the provider's key of that name; it is asked again when there is none."""
        for again in (False, True):
            if again or self._keys is None:
                self._keys = jwt.PyJWKSet.from_dict(await self._ask(self._jwks_url))
            usable = [key for key in self._keys.keys if key.public_key_use in (None, "sig")]
            if kid is None and len(usable) == 1:
                return usable[0]
            for key in usable:
                if kid is not None and key.key_id == kid:
                    return key
        raise jwt.InvalidTokenError("the provider has no key of that name")

    async def _ask(self, url: str) -> dict[str, Any]:
        try:
            answer = await self.httpfetch(url, validate_cert=self.validate_server_cert)
        except (HTTPClientError, OSError, json.JSONDecodeError) as error:
            self.log.error("%s does not answer: %s", url, error)
            raise ProviderFault from error
        if not isinstance(answer, dict):
            raise ProviderFault
        return answer


def make_logins(configured: dict[str, dict[str, Any]], parent: Any) -> list[CampusLogin]:
    """Return the campus logins of a configuration, in its order.

    Raises:
        TraitError: a name or a setting is not possible, or one that is needed is missing.
    """
    known = CampusLogin.class_trait_names(config=True)
    for key, settings in configured.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", key) or key == "disconnect":
            raise TraitError(f"a campus login cannot be named {key!r}: letters, digits, hyphens")
        if wrong := sorted(set(settings) - set(known)):
            raise TraitError(f"the campus login {key} has unknown settings: {', '.join(wrong)}")
        if missing := sorted({"issuer", "client_id"} - set(settings)):
            raise TraitError(f"the campus login {key} needs {' and '.join(missing)}")
    return [CampusLogin(key, parent=parent, **configured[key]) for key in configured]


def is_confidential(url: str) -> bool:
    """Tell whether nobody between us and this address can read along or answer for it."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def find_verified_email(claims: dict[str, Any], verified_claim: str) -> str:
    """Return the address that the provider has verified, in lower case; "" without one."""
    email = claims.get("email")
    if claims.get(verified_claim) not in TRUE or not isinstance(email, str):
        return ""
    # Letters outside ASCII become others in lower case (U+212A is a k then): another's address.
    whole = email.isascii() and email.isprintable() and email.count("@") == 1
    return email.strip().lower() if whole and len(email) <= EMAIL_LENGTH else ""


def _read_text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return "".join(filter(str.isprintable, value)).strip() if isinstance(value, str) else ""
