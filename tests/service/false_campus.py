"""An OpenID provider of our own that checks PKCE, and lies as a test wants it to."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "coyotelab"


class FalseCampus:
    """Answers discovery, keys and tokens; `claims` and `header` change what a token says."""

    def __init__(self) -> None:
        self.url = ""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "first"
        self.be_honest()
        self.codes: dict[str, dict[str, str]] = {}
        self.requests: list[dict[str, str]] = []

    def be_honest(self) -> None:
        """Take back every lie."""
        self.claims: dict[str, Any] = {}
        self.sign_with: Any = self.key
        self.algorithm = "RS256"
        self.issuer = self.url
        self.down = False
        self.moved = ""  # the path of a page that is elsewhere

    def grant(self, query: dict[str, str], **claims: Any) -> str:
        """Return the code for somebody who was sent here with that query."""
        code = f"code-{len(self.codes)}"
        self.codes[code] = {**query, "claims": json.dumps(claims)}
        return code

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        if self.down:
            return 503, {"error": "down"}
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        if path == self.moved:
            return 302, f"{self.url}/elsewhere"
        if path in ("/keys", "/elsewhere"):
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return 200, {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}
        return self._give_token(form) if path == "/token" else (404, {})

    def _give_token(self, form: dict[str, str]) -> tuple[int, Any]:
        self.requests.append(form)
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": asked["nonce"],
            **json.loads(asked["claims"]),
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(claims, self.sign_with, self.algorithm, headers={"kid": self.kid})
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": token}


@contextmanager
def run_false_campus() -> Iterator[FalseCampus]:
    """Run one on loopback."""
    campus = FalseCampus()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._reply({name: values[0] for name, values in parse_qs(body).items()})

        def _reply(self, form: dict[str, str]) -> None:
            status, answer = campus.answer(self.path, form)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 302:
                self.send_header("Location", str(answer))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    campus.url = campus.issuer = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield campus
    finally:
        server.shutdown()
        server.server_close()
