"""The documentation holds together: links lead somewhere, examples are the files they show."""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def find_anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in find_anchors(target.read_text()), link


def test_the_spawner_s_page_shows_the_example_that_is_tested() -> None:
    page = (CHECKOUT / "docs" / "spawner.md").read_text()
    shown = re.search(r"```python\n# docs/examples/spawner_alone\.py\n(.*?)```", page, re.DOTALL)
    assert shown, "docs/spawner.md shows docs/examples/spawner_alone.py"
    tested = (CHECKOUT / "docs" / "examples" / "spawner_alone.py").read_text()
    assert find_settings(shown[1]) == find_settings(tested)


def find_settings(source: str) -> list[str]:
    """Return the lines that set something on `c`, however they are wrapped and commented."""
    lines = [ast.unparse(statement) for statement in ast.parse(source).body]
    return [line for line in lines if line.startswith("c.")]
