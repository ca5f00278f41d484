"""A small term, told from its beginning to its end; `make term` tells a large one."""

from pathlib import Path
from typing import Any

import pytest

from ..site import Site
from ..term.beginning import tell_beginning
from ..term.department import SMALL, Department
from ..term.weeks import tell_weeks

pytestmark = [pytest.mark.engine, pytest.mark.once]


def test_a_term(site: Site, machine: dict[str, Any], tmp_path: Path) -> None:
    term = Department(site, machine["base"], SMALL, tmp_path)
    tell_beginning(term)
    tell_weeks(term)
    assert term.diary.steps
