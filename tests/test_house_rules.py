"""The house rules that a machine can check (docs/architecture.md, CONTRIBUTING.md)."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets import HasTraits

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("coyotelab_spawner", "coyotelab_service", "coyotelab_setup", "coyotelab_workspace")
FILE_LINES, FUNCTION_LINES, PUBLIC_METHODS = 300, 40, 12
EMPTY_NAMES = {"utils", "helpers", "common", "manager", "misc", "base_classes"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            if "versions" not in path.parts:  # migrations are history, not code to keep short
                yield path


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_file(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") < FILE_LINES, "split it by the things it knows"
    assert ast.get_docstring(tree), "say in one sentence what the module knows"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), "open questions go to issues"
    assert path.stem not in EMPTY_NAMES, "name it after the thing it knows"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"


def classes() -> Iterator[type]:
    for package in PACKAGES[:2]:
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if "alembic" in module.name or module.name.endswith("__main__"):
                continue
            for _, found in inspect.getmembers(
                importlib.import_module(module.name), inspect.isclass
            ):
                if found.__module__ == module.name:
                    yield found


def configurable() -> Iterator[tuple[type, str]]:
    for found in classes():
        if issubclass(found, HasTraits):
            for name, trait in found.class_own_traits(config=True).items():
                yield trait.this_class, name


@pytest.mark.parametrize(("owner", "name"), list(configurable()), ids=str)
def test_trait_has_help_and_is_in_the_docs(owner: type[HasTraits], name: str) -> None:
    assert owner.class_traits()[name].help, "tell the administrator what it does"
    docs = "\n".join(path.read_text() for path in (CHECKOUT / "docs").rglob("*.md"))
    assert f"{owner.__name__}.{name}" in docs, "docs/admin/configuration.md lists every trait"


@pytest.mark.parametrize("found", list(classes()), ids=lambda found: found.__name__)
def test_class_is_small(found: type) -> None:
    public = [n for n, v in vars(found).items() if inspect.isfunction(v) and not n.startswith("_")]
    assert len(public) <= PUBLIC_METHODS, f"{found.__name__} does too much: {public}"


def test_no_path_of_one_machine_in_the_tree() -> None:
    pattern = re.compile(r"(?<![\w./-])/(work|farm)/")
    for path in CHECKOUT.rglob("*"):
        inside = not {".git", ".coyotelab", "node_modules"} & set(path.relative_to(CHECKOUT).parts)
        if inside and path.suffix in {".py", ".md", ".cfg", ".toml", ".sh", ".json", ".html"}:
            assert not pattern.search(path.read_text()), path
