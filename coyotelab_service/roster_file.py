"""What a pasted or uploaded list of students says, line by line; it knows no database."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .accounts import check_username, normalize_username
from .errors import Invalid, ServiceError
from .i18n import mark as _
from .links import is_mail_address

MAX_BYTES = 1024 * 1024
MAX_ROWS = 5_000
NAME_LENGTH = 200  # characters
DELIMITERS = ",;\t"

TOO_BIG = _("The list is larger than 1 MiB. Please split it.")
TOO_MANY = _("The list has more than {most} people. Please split it.")
NOT_TEXT = _(
    "This is not a text file in UTF-8. In a spreadsheet program, save the list as CSV with the"
    ' character set "UTF-8", not as a workbook.'
)
EMPTY = _("The list is empty.")
NO_COLUMN = _(
    "The first line has to name the columns, such as: username,name,email. They are separated by"
    " commas, semicolons or tabs, and one of them is username or email."
)
TWICE = _('The column "{column}" is there twice.')
BAD_QUOTES = _(
    "Line {line}: the quotation marks do not fit. A cell that begins with one has to end with one."
)
TOO_LONG_CELL = _("Line {line}: a cell is too long.")

MORE_CELLS = _("There are more cells than columns.")
NOBODY = _("There is neither a user name nor an e-mail address.")
NO_ADDRESS = _('"{text}" is not an e-mail address.')
NOT_ONE = _('"{text}" is neither a user name nor an e-mail address.')
LONG_NAME = _("The name is longer than {most} characters.")
BAD_NAME = _("The name has characters that are not possible in a name.")
SAME_USERNAME = _("Line {line} has the same user name.")
SAME_ADDRESS = _("Line {line} has the same e-mail address.")

_COLUMNS = {
    "username": {"username", "user", "login", "userid", "loginname", "account", "netid"},
    "email": {"email", "mail", "emailaddress", "mailaddress"},
    "name": {"name", "fullname", "displayname", "studentname"},
    "first": {"first", "firstname", "givenname", "forename"},
    "last": {"last", "lastname", "surname", "familyname"},
}
# Nothing in it gives back what it has taken, or a long line of blanks would take for ever.
_NAMED = re.compile(r'\s*+"?+([^"<>]*+)"?+\s*+<([^<>]*+)>[\s,;]*+')
# Joiners that names of some scripts need, though they show nothing themselves.
_JOINERS = str.maketrans("", "", "\u200c\u200d")


@dataclass(frozen=True)
class Line:
    """One person of the list, as it was written; `problem` is why it cannot be understood."""

    number: int = 1
    username: str = ""
    name: str = ""
    email: str = ""
    problem: ServiceError | None = None


def parse(data: bytes) -> list[Line]:
    """Return the people of a list, in CSV with a header, or one user name or address a line.

    Raises:
        Invalid: the list as a whole cannot be read; it says why.
    """
    if len(data) > MAX_BYTES:
        raise Invalid(TOO_BIG)
    text = _decode(data)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "").strip()
    delimiter = max(DELIMITERS, key=first.count)
    if _is_header(first, delimiter):
        lines = _parse_table(text, delimiter)
    elif any(map(first.count, (*DELIMITERS, "|"))) and not _NAMED.fullmatch(first):
        raise Invalid(NO_COLUMN)
    else:
        lines = _parse_plain(text)
    found = list(_take(lines))
    if not found:
        raise Invalid(EMPTY)
    return list(_mark_duplicates(found))


def make_line(number: int, username: str, name: str, email: str) -> Line:
    """Return one person, cleaned and checked."""
    username, name, email = normalize_username(username), _clean(name), email.strip()
    return Line(number, username, name, email, _find_problem(username, name, email))


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(NOT_TEXT) from error
    if "\0" in text or text.startswith("PK\x03\x04"):  # UTF-16, or a workbook
        raise Invalid(NOT_TEXT)
    return text


def _take(lines: Iterable[Line]) -> Iterator[Line]:
    for count, line in enumerate(lines, start=1):
        if count > MAX_ROWS:
            raise Invalid(TOO_MANY, most=MAX_ROWS)
        yield line


def _is_header(first: str, delimiter: str) -> bool:
    try:
        return any(map(_find_kind, next(csv.reader([first], delimiter=delimiter), [])))
    except csv.Error:
        return False


def _find_kind(cell: str) -> str:
    """Return which column this names, however it is written; "" for one that we do not need."""
    name = "".join(filter(str.isalnum, cell.casefold()))
    return next((kind for kind, known in _COLUMNS.items() if name in known), "")


def _read_header(cells: list[str]) -> list[str]:
    kinds = [_find_kind(cell) for cell in cells]
    for index, kind in enumerate(kinds):
        if kind and kind in kinds[:index]:
            raise Invalid(TWICE, column=_shorten(cells[index].strip()))
    if "username" not in kinds and "email" not in kinds:
        raise Invalid(NO_COLUMN)
    return kinds


def _parse_table(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    kinds: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            number, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if kinds is None:
                kinds = _read_header(cells)
            elif any(cell.strip() for cell in cells[len(kinds) :]):
                yield Line(number, problem=Invalid(MORE_CELLS))
            else:
                yield _from_cells(number, dict(zip(kinds, cells, strict=False)))
    except csv.Error as error:
        long = "field larger" in str(error)
        raise Invalid(TOO_LONG_CELL if long else BAD_QUOTES, line=start) from error


def _from_cells(number: int, cells: dict[str, str]) -> Line:
    parts = (cells.get("first", ""), cells.get("last", ""))
    name = cells.get("name", "").strip() or " ".join(parts)
    return make_line(number, cells.get("username", ""), name, cells.get("email", ""))


def _parse_plain(text: str) -> Iterator[Line]:
    for number, written in enumerate(io.StringIO(text, newline=None), start=1):
        if not written.strip():
            continue
        if named := _NAMED.fullmatch(written):
            yield make_line(number, "", named[1], named[2])
            continue
        word = written.strip()
        if "@" in word:
            yield make_line(number, "", "", word)
        elif any(map(str.isspace, word)) or not word.isprintable():
            yield Line(number, problem=Invalid(NOT_ONE, text=_shorten(word)))
        else:
            yield make_line(number, word, "", "")


def _clean(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _find_problem(username: str, name: str, email: str) -> ServiceError | None:
    if not username and not email:
        return Invalid(NOBODY)
    if username:
        try:
            check_username(username)
        except Invalid as error:
            return error
    if email and not is_mail_address(email):
        return Invalid(NO_ADDRESS, text=_shorten(email))
    if len(name) > NAME_LENGTH:
        return Invalid(LONG_NAME, most=NAME_LENGTH)
    if not name.translate(_JOINERS).isprintable():
        return Invalid(BAD_NAME)
    return None


def _mark_duplicates(lines: Iterable[Line]) -> Iterator[Line]:
    usernames: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for line in lines:
        problem = line.problem
        for seen, key, sentence in (
            (usernames, line.username, SAME_USERNAME),
            (addresses, line.email.lower(), SAME_ADDRESS),
        ):
            if key and seen.setdefault(key, line.number) != line.number:
                problem = problem or Invalid(sentence, line=seen[key])
        yield replace(line, problem=problem)


def _shorten(text: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in text[:61])
    return printable if len(text) <= 60 else f"{printable[:60]}…"
