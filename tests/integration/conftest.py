"""The people of the access table, for the tests of one file."""

from collections.abc import Iterator

import pytest

from ..site import Site
from .cast import Cast, gather


@pytest.fixture(scope="module")
def cast(site: Site) -> Iterator[Cast]:
    with gather(site) as cast:
        yield cast
