"""The examples of the page about the REST API do what it says, as it writes them."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from .conftest import PREFIX, Site

PAGE = Path(__file__).parents[2] / "docs" / "admin" / "api.md"
EXAMPLES = [
    example
    for example in re.findall(r"^```[a-z]*\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if "curl " in example
]
# Examples fail where curl is refused, which it tells only when it is asked to.
SETUP = """
set -euo pipefail
API={api} AUTH="Authorization: token {token}"
curl() {{ command curl --fail --silent --show-error "$@"; }}
"""


def list_files(folder: Path) -> set[str]:
    """Return the names of what a folder holds."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.skipif(not shutil.which("curl"), reason="the examples use curl")
async def test_the_examples_work(site: Site, tmp_path: Path) -> None:
    site.hub.instant = True
    (tmp_path / "names.txt").write_text("student3\nstudent2\n")
    assert len(EXAMPLES) >= 8
    for example in EXAMPLES:
        person = "student1" if "/reset" in example else "instructor1"
        setup = SETUP.format(api=f"{site.url}{PREFIX}api", token=site.hub.token_for(person))
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", setup + example),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, f"{example}\n{output.decode()}"
        assert b"failed:" not in output and b"not added:" not in output, output.decode()
    assert {"cs101-student1.zip", "cs101-student2.zip"} <= list_files(tmp_path)
