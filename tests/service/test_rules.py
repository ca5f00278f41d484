"""The rules are what docs/admin/access.md says: every combination of what can be asked."""

import itertools
import re
from pathlib import Path

from coyotelab_service.rules import ALLOWED, Action, Standing, Subject, may

PAGE = Path(__file__).resolve().parents[2] / "docs" / "admin" / "access.md"
HEADINGS = {
    "The site": Subject.SITE,
    "A course": Subject.COURSE,
    "One's own workspace": Subject.OWN,
    "A student's workspace": Subject.STUDENTS,
    "An instructor's workspace": Subject.INSTRUCTORS,
    "A workspace of nobody in the course": Subject.NOBODYS,
}
COLUMNS = {
    "administrator": Standing.ADMIN,
    "may create courses": Standing.MAKER,
    "instructor": Standing.INSTRUCTOR,
    "co-instructor": Standing.CO_INSTRUCTOR,
    "student": Standing.STUDENT,
    "dropped": Standing.DROPPED,
    "anybody else": Standing.STRANGER,
}
# What a cell says: (in a course that is taught, in one that has been put away).
CELLS = {"yes": (True, True), "not archived": (True, False), "no": (False, False)}


def read_page() -> dict[tuple[Subject, Action, Standing, bool], bool]:
    """Return what the page says of each standing alone; what has no row is not allowed."""
    said = dict.fromkeys(itertools.product(Subject, Action, Standing, (False, True)), False)
    for section in PAGE.read_text().split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)
        ]
        if heading not in HEADINGS or not rows:
            continue
        standings = [COLUMNS[name] for name in rows[0][1:]]
        for name, *cells in rows[2:]:
            action = Action[name.upper().replace(" ", "_")]
            for standing, cell in zip(standings, cells, strict=True):
                for archived, allowed in enumerate(CELLS[cell]):
                    said[HEADINGS[heading], action, standing, bool(archived)] = allowed
    return said


def test_the_rules_are_what_the_page_says() -> None:
    said, count, allowed = read_page(), 0, 0
    sizes = range(len(Standing) + 1)
    sets = [s for size in sizes for s in itertools.combinations(Standing, size)]
    for standings, subject, action, archived in itertools.product(
        sets, Subject, Action, (False, True)
    ):
        # Somebody of several standings may what one of them may.
        expected = any(said[subject, action, standing, archived] for standing in standings)
        asked = f"{[s.name for s in standings]} {action.name} {subject.name} archived={archived}"
        assert may(action, frozenset(standings), subject, archived) == expected, asked
        count, allowed = count + 1, allowed + expected
    print(f"rules: {count} combinations, {allowed} of them allowed")


def test_the_page_has_a_section_for_each_subject_and_a_row_for_each_action() -> None:
    text = PAGE.read_text()
    for heading in HEADINGS:
        assert f"\n## {heading}\n" in text
    told = {key[1] for key, allowed in read_page().items() if allowed}
    assert told == set(Action)
    # Nothing is allowed with a workspace of nobody in the course, and nothing to whom is nothing.
    assert not {Subject.NOBODYS} & {subject for _, subject in ALLOWED}
    assert not {Standing.DROPPED, Standing.STRANGER} & {standing for standing, _ in ALLOWED}
