"""CSV that spreadsheets open as text and nothing else."""

import csv
import io
from collections.abc import Iterable

# A spreadsheet reads a cell that begins so as a formula, and some skip white space before it.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%")


def make_cell(text: str) -> str:
    """Return the text as a cell that no spreadsheet computes: an apostrophe before a formula."""
    if text.lstrip().startswith(_FORMULA) or text[:1] in ("\t", "\r", "\n"):
        return f"'{text}"
    return text


def make_csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """Return a file in UTF-8 with a byte order mark, without which some programs guess wrongly."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([make_cell(cell) for cell in row] for row in rows)
    return file.getvalue().encode("utf-8-sig")
