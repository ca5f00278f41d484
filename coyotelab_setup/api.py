"""The REST API of LXD and Incus as root has it: over the local socket, each request waited for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from pylxd.client import get_session_for_url

from .engines import EngineKind
from .errors import EngineError

JSON = dict[str, Any]


class EngineAPI:
    """One engine's API, seen from one project.

    Paths are relative to /1.0. A request that starts an operation returns when the operation has
    ended. Raises `EngineError`.
    """

    def __init__(self, kind: EngineKind, project: str = "default", deadline: float = 300) -> None:
        self.kind = kind
        self.project = project
        self._deadline = deadline
        self._root = f"http+unix://{quote(str(kind.socket), safe='')}/1.0"
        self._session: requests.Session = get_session_for_url(self._root)
        self._session.trust_env = False

    def in_project(self, project: str) -> "EngineAPI":
        """Return the same API seen from another project."""
        return EngineAPI(self.kind, project, self._deadline)

    def get(self, path: str, **query: str) -> Any:
        """Return what is at `path`, or None when nothing is."""
        try:
            return self._request("GET", path, query=query)
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def exists(self, path: str) -> bool:
        """Tell whether there is something at `path`."""
        return self.get(path) is not None

    def list(self, path: str, **query: str) -> list[JSON]:
        """Return the objects at `path`, in full."""
        return list(self.get(path, recursion="1", **query) or [])

    def post(self, path: str, body: JSON, **query: str) -> JSON:
        """Create or act; returns the finished operation's or the answer's metadata."""
        return self._request("POST", path, body, query) or {}

    def put(self, path: str, body: JSON) -> None:
        """Replace what is at `path`."""
        self._request("PUT", path, body)

    def patch(self, path: str, body: JSON) -> None:
        """Change part of what is at `path`."""
        self._request("PATCH", path, body)

    def delete(self, path: str) -> bool:
        """Delete what is at `path`; returns whether there was something."""
        try:
            self._request("DELETE", path)
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    def upload(self, path: str, file: Path, headers: dict[str, str]) -> JSON:
        """Post a file's bytes; returns the finished operation's metadata."""
        with self._translated(), file.open("rb") as body:
            answer = self._session.post(
                self._url(path),
                params={"project": self.project},
                data=body,
                headers={"Content-Type": "application/octet-stream", **headers},
                timeout=self._deadline,
            )
        return self._result(answer) or {}

    def recover(self, pool: JSON) -> None:
        """Make instances again of what lies in a pool and is not in the engine's database.

        What `lxd recover` and `incus admin recover` ask for.
        """
        known = {name: pool[name] for name in ("name", "driver", "config")}
        with self._translated():
            answer = self._session.post(
                f"{self._root.removesuffix('/1.0')}/internal/recover/import",
                data=json.dumps({"pools": [known]}),
                timeout=self._deadline,
            )
        self._result(answer)

    def read_log(self, path: str) -> str:
        """Return what a command run with recorded output printed; `path` as the engine gave it."""
        with self._translated():
            answer = self._session.get(
                self._url(path.removeprefix("/1.0/")),
                params={"project": self.project},
                timeout=self._deadline,
            )
        return answer.text.strip() if answer.ok else ""

    def _url(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _request(
        self,
        method: str,
        path: str,
        body: JSON | None = None,
        query: dict[str, str] | None = None,
    ) -> Any:
        params = query or {}
        if "all-projects" not in params:
            params = {"project": self.project, **params}
        with self._translated():
            answer = self._session.request(
                method,
                self._url(path),
                params=params,
                data=None if body is None else json.dumps(body),
                timeout=self._deadline,
            )
        return self._result(answer)

    def _result(self, answer: requests.Response) -> Any:
        try:
            content = answer.json()
        except ValueError:
            content = {"type": "error", "error": answer.text.strip() or answer.reason}
        if content["type"] == "error":
            raise EngineError(f"{self.kind.title} says: {content['error']}", answer.status_code)
        if content["type"] == "sync":
            return content["metadata"]
        return self._wait(content["metadata"]["id"])

    def _wait(self, operation: str) -> JSON:
        done: JSON = self._request("GET", f"operations/{operation}/wait")
        if done["status_code"] != 200:
            raise EngineError(f"{self.kind.title} says: {done['err']}", done["status_code"])
        return done.get("metadata") or {}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except requests.RequestException as error:
            raise EngineError(
                f"{self.kind.title} does not answer on {self.kind.socket}.",
                mend=f"Look at {self.kind.log}; `coyotelab setup` starts the daemon.",
            ) from error
