"""Lists of students as people have them: what is understood, and what is said of the rest."""

import codecs
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coyotelab_service.errors import Invalid
from coyotelab_service.links import is_mail_address, mail_link
from coyotelab_service.mailing import LINK_LENGTH, make_links
from coyotelab_service.roster_file import MAX_BYTES, MAX_ROWS, Line, parse
from coyotelab_service.spreadsheets import make_cell, make_csv

Person = tuple[int, str, str, str]


def read(text: str | bytes) -> list[Person]:
    """Return (line, user name, name, address) of each person; none of them has a problem."""
    lines = parse(text.encode() if isinstance(text, str) else text)
    assert not [str(line.problem) for line in lines if line.problem]
    return [(line.number, line.username, line.name, line.email) for line in lines]


def problems(text: str) -> dict[int, str]:
    return {line.number: str(line.problem) for line in parse(text.encode()) if line.problem}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_table(delimiter: str, end: str, mark: bytes) -> None:
    rows = [("username", "name", "email"), ("jdoe", "Jane Doe", "j@x.edu"), ("özil", "", "")]
    rows[2] = ("mlee", "Özil Ümit", "m@x.edu")
    text = end.join(delimiter.join(row) for row in rows)
    assert read(mark + text.encode()) == [
        (2, "jdoe", "Jane Doe", "j@x.edu"),
        (3, "mlee", "Özil Ümit", "m@x.edu"),
    ]


@pytest.mark.parametrize(
    ("header", "row", "person"),
    [
        ("User,Mail", "JDoe,J@x.edu", ("jdoe", "", "J@x.edu")),
        ("LOGIN", " jdoe ", ("jdoe", "", "")),
        ("E-Mail;Last name;First_Name", "j@x.edu;Doe;Jane", ("", "Jane Doe", "j@x.edu")),
        (
            "id\tSurname\tGiven name\tEmail address",
            "7\tDoe\tJane\tj@x.edu",
            ("", "Jane Doe", "j@x.edu"),
        ),
        ('"user name","full name"', '"jdoe","Doe, Jane"', ("jdoe", "Doe, Jane", "")),
        ("username,name,remark", "jdoe,  Jane\u00a0 Doe", ("jdoe", "Jane Doe", "")),
    ],
)
def test_column_names(header: str, row: str, person: tuple[str, str, str]) -> None:
    assert read(f"{header}\n\n{row}\n") == [(3, *person)]


def test_one_a_line() -> None:
    text = (
        'jdoe\n\n min.lee@x.edu \nSam Saito <sam@x.edu>,\n"Stone, Simon" <simon@x.edu>; \n<z@x.edu>'
    )
    assert read(text) == [
        (1, "jdoe", "", ""),
        (3, "", "", "min.lee@x.edu"),
        (4, "", "Sam Saito", "sam@x.edu"),
        (5, "", "Stone, Simon", "simon@x.edu"),
        (6, "", "", "z@x.edu"),
    ]


def test_a_cell_of_two_lines_keeps_the_numbers_right() -> None:
    assert read('username,name\na,"Ann\nAble"\nb,Bob\n') == [
        (2, "a", "Ann Able", ""),
        (4, "b", "Bob", ""),
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"username,name\n", "empty"),
        ("username\nm\u00fcller\n".encode("latin-1"), "UTF-8"),
        ("username\nabc\n".encode("utf-16"), "UTF-8"),
        (b"user\x00name\n", "UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00", "UTF-8"),
        (b"a" * (MAX_BYTES + 1), "1 MiB"),
        (b"username|name|email\na|b|c\n", "name the columns"),
        (b"jdoe,Jane Doe,j@x.edu\n", "name the columns"),
        (b"name,phone\nJane,1\n", "name the columns"),
        (b"username,email,User\na,b@x.edu,c\n", 'column "User" is there twice'),
        (b'username,name\na,"Ann\nb,Bob\n', "Line 2: the quotation marks"),
        (b'username,name\na,"Ann" Able\n', "Line 2: the quotation marks"),
        (b"username\n" + b"a" * 140_000 + b"\n", "Line 2: a cell is too long"),
        (b"\n".join(b"u%d" % n for n in range(MAX_ROWS + 1)), "more than 5000"),
    ],
)
def test_lists_that_cannot_be_read(data: bytes, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(data)
    assert sentence in str(caught.value)


def test_what_is_wrong_with_a_line() -> None:
    found = problems(
        "username,name,email\n"
        "a,Ann,ann@x.edu\n"
        "9lives,Cat,cat@x.edu\n"
        "b,Bob,bob at x.edu\n"
        "A,Ann again,\n"
        "c,Cy,ANN@x.edu\n"
        ",Nobody,\n"
        "d,De\u202en,\n"
        f"e,{'n' * 201},\n"
        "f,Fay,fay@x.edu,extra\n"
        "reset,Word,\n"
    )
    sentences = {
        3: "A user name begins with a letter",
        4: '"bob at x.edu" is not an e-mail address',
        5: "Line 2 has the same user name",
        6: "Line 2 has the same e-mail address",
        7: "neither a user name nor an e-mail address",
        8: "characters that are not possible",
        9: "longer than 200",
        10: "more cells than columns",
        11: "reserved",
    }
    assert found.keys() == sentences.keys()
    for number, sentence in sentences.items():
        assert sentence in found[number]


def test_what_is_wrong_with_a_plain_line() -> None:
    found = problems("jdoe\nJane Doe\nx@\nEve <eve@x.edu\nJDOE\n")
    assert found.keys() == {2, 3, 4, 5}
    assert "neither a user name nor" in found[2] and "Line 1 has the same" in found[5]


@pytest.mark.parametrize("line", ["jdoe\n{}y", "jdoe\nx{}y", 'jdoe\n"x{}"y', "x{}y", "<{}<"])
def test_no_line_keeps_everybody_waiting(line: str) -> None:
    # A match holds the interpreter: the whole service would stand still.
    begun = time.monotonic()
    with suppress(Invalid):
        parse(line.format(" " * 100_000).encode())
    assert time.monotonic() - begun < 2


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    try:
        lines = parse(data)
    except Invalid as error:
        assert str(error)
        return
    check(lines)


WRITTEN = st.text(alphabet='abcAB9._-@,;\t\n\r"<> \u00e9\u202e|=', max_size=120)


@given(WRITTEN, st.sampled_from(["", "username,name,email\n", "login;mail\n", "name\temail\n"]))
def test_any_text_is_read_or_refused_in_words(text: str, header: str) -> None:
    try:
        lines = parse((header + text).encode())
    except Invalid as error:
        assert str(error)
        return
    check(lines)


def check(lines: list[Line]) -> None:
    """Whatever has no problem is fit for an account or an invitation, and there once."""
    good = [line for line in lines if not line.problem]
    for line in good:
        assert line.username or line.email
        assert not line.email or is_mail_address(line.email)
        assert "\n" not in line.name and len(line.name) <= 200
    usernames = [line.username for line in good if line.username]
    assert len(set(usernames)) == len(usernames)
    numbers = [line.number for line in lines]
    assert numbers == sorted(set(numbers))


USERNAMES = st.lists(
    st.from_regex(r"[a-z][a-z0-9._-]{0,20}[a-z0-9]", fullmatch=True), min_size=1, unique=True
)
NAMES = st.text(alphabet=st.characters(categories=["L", "P", "Nd"]), max_size=40)


@settings(max_examples=30)
@given(USERNAMES, NAMES)
def test_what_we_write_is_what_we_read(usernames: list[str], name: str) -> None:
    usernames = [one for one in usernames if one not in ("reset", "start", "stop", "restart")]
    rows = [(one, name, f"{one}@example.edu") for one in usernames if ".." not in one]
    if not rows:
        return
    read_again = parse(make_csv(("username", "name", "email"), rows))
    assert [line.username for line in read_again] == [row[0] for row in rows]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r\n=1", "\uff1d1", "%0"]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    assert make_cell(cell) == f"'{cell}"
    assert make_cell(f"a{cell}") == f"a{cell}"


@pytest.mark.parametrize(
    "text",
    [
        "a@x.edu\nBcc: b@x.edu",
        "a@x.edu,b@x.edu",
        "a@x.edu?bcc=b@x.edu",
        "a b@x.edu",
        "a@x",
        "<a@x.edu>",
        "a@x.edu ",
        f"{'a' * 65}@x.edu",
        "",
    ],
)
def test_what_is_no_address_is_in_no_link(text: str) -> None:
    assert not is_mail_address(text) and mail_link(text) == "" and make_links([text]) == []


def test_links_are_short_and_hold_everybody_once() -> None:
    addresses = [f"student.number{n}&cc=x%0a?@example.edu".replace("%0a?", "") for n in range(300)]
    links = make_links([*addresses, "no address"])
    assert len(links) > 1 and all(len(link.url) <= LINK_LENGTH for link in links)
    assert links[0].first == 1 and links[-1].last == 300
    sent = [one for link in links for one in link.url.removeprefix("mailto:?bcc=").split(",")]
    assert len(sent) == 300 and sent[0] == "student.number0%26cc%3Dx@example.edu"
    assert all("&" not in one and "=" not in one for one in sent)
