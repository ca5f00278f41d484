"""Looking for a piece of text in columns, whatever its case, without a call for every row."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

LENGTH = 100  # letters of what is looked for that count


class _PlainlyLike(FunctionElement[bool]):
    """`column LIKE pattern`, the letters of English in any case: what SQLite does by itself."""

    type = Boolean()
    inherit_cache = True


@compiles(_PlainlyLike)
def _compile_other(element: _PlainlyLike, compiler: SQLCompiler, **more: Any) -> str:
    column, pattern = element.clauses
    return compiler.process(column.ilike(pattern, escape="/"), **more)


@compiles(_PlainlyLike, "sqlite")
def _compile_sqlite(element: _PlainlyLike, compiler: SQLCompiler, **more: Any) -> str:
    column, pattern = element.clauses
    return compiler.process(column.like(pattern, escape="/"), **more)


def contains(text: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that one of the columns has the text in it, whatever its case."""
    wanted = text.strip()[:LENGTH]
    if not wanted.isascii():  # our own lower(), by which SQLite knows other letters; slower
        return or_(*(column.icontains(wanted, autoescape=True) for column in columns))
    escaped = wanted.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return or_(*(_PlainlyLike(column, f"%{escaped}%") for column in columns))
