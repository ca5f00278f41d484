"""How the command line prints lists: as a table for people, as CSV for spreadsheets, as JSON."""

import json
from collections.abc import Sequence
from typing import Any

import click

from coyotelab_service.spreadsheets import make_csv

Rows = Sequence[dict[str, Any]]


def print_table(rows: Rows, columns: Sequence[str]) -> None:
    """Print rows under the names of their columns; names from outside cannot steer a terminal."""
    cells = [[column.replace("_", " ") for column in columns]]
    cells += [[_show(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def make_list(rows: Rows, columns: Sequence[str]) -> str:
    """Return rows as CSV whose cells no spreadsheet computes."""
    return make_csv(columns, ([_show(row[column]) for column in columns] for row in rows)).decode()


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
