"""What the command line does in a database that others use too."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from coyotelab_service.database import TURNS, upgrade
from coyotelab_service.site import Site
from coyotelab_setup import work
from coyotelab_setup.errors import SetupError


@pytest.mark.parametrize("overtaken", [1, TURNS])
def test_who_is_overtaken_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overtaken: int
) -> None:
    url = f"sqlite:///{tmp_path}/x.sqlite"
    upgrade(url)
    tries = []

    def change(*_asked: object) -> str:
        tries.append(1)
        if len(tries) <= overtaken:
            reason = type("Overtaken", (Exception,), {"sqlstate": "40001"})("overtaken\nmore")
            raise OperationalError("", {}, reason)
        return "done"

    monkeypatch.setattr(work, "find_work", lambda _verb: change)
    monkeypatch.setattr(work, "read_site", lambda: Site())
    if overtaken == TURNS:
        with pytest.raises(SetupError, match=r"does not answer: overtaken\."):
            work.do("change", url, "root@here", {})
    else:
        assert work.do("change", url, "root@here", {}) == "done"
