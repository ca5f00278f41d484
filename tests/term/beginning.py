"""The beginning of a term: instructors, courses, the list of students, their first logins."""

import csv
import io
import re

import requests

from ..people import Person, xsrf
from ..site import PASSWORD
from .department import ADMIN, ASSISTANT, OWNER, SECOND, Department

HEADER = "username,name,email"


def tell_beginning(term: Department) -> None:
    """From an empty department to one in which everybody has logged in once."""
    make_instructors(term)
    make_courses(term)
    import_students(term)
    first_logins(term)


def make_instructors(term: Department) -> None:
    """The administrator makes them by the command line: one account, then a list."""
    with term.diary.step("admin", "makes an instructor: coyotelab user add"):
        words = ("user", "add", OWNER, "--role=instructor", "--password-stdin")
        assert OWNER in term.command(*words, stdin=f"{PASSWORD}\n")
    file, passwords = term.folder / "instructors.csv", term.folder / "instructors-passwords.csv"
    lines = [f"{name},Doctor {name.title()},{name}@example.edu" for name in (SECOND, ASSISTANT)]
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    with term.diary.step("admin", "makes two more from a list: coyotelab user import") as step:
        words = ("user", "import", str(file), "--role=instructor", "--yes")
        term.command(*words, f"--passwords={passwords}")
        term.temporary |= read_passwords(passwords.read_text())
        assert set(term.temporary) == {SECOND, ASSISTANT}
        step.found = f"{len(term.temporary)} accounts"
    with term.diary.step("staff", "log in; two choose their own password first"):
        for username in (ADMIN, OWNER, SECOND, ASSISTANT):
            term.enter(username)


def make_courses(term: Department) -> None:
    """Each by the form, with its own limits; the first two start from the base."""
    for number, slug in enumerate(term.slugs):
        teacher = (OWNER, SECOND)[number % 2]
        fields = {
            "name": f"Course {number + 1} of the term",
            "slug": slug,
            "description": "What we do **each week**.",
            "base": term.base if number < 2 else "",
            "cpu": str(1 + number % 2),
            "memory": str(512 + 128 * number),
            "memory_unit": "MiB",
            "disk": str(3 + number),
            "idle_minutes": str(30 + number),
        }
        with term.diary.step(teacher, f"makes the course {slug} by the form"):
            made = term.people[teacher].submit("courses/new", **fields)
            assert made.url.endswith(f"/courses/{slug}"), made.text
            kept = term.ask(teacher, "GET", f"courses/{slug}")
            assert kept["limits"]["memory"] == (512 + 128 * number) * 1024**2, kept
            assert kept["idle_minutes"] == 30 + number, kept
    slug = term.slugs[0]
    with term.diary.step(OWNER, f"takes a co-instructor for {slug}"):
        page = f"courses/{slug}/edit"
        form = term.people[OWNER].get(page).text
        fields = {"do": "add", "username": ASSISTANT, "_xsrf": xsrf(form)}
        term.people[OWNER].post(f"courses/{slug}/instructors", data=fields).raise_for_status()
        assert term.people[ASSISTANT].get(f"courses/{slug}/students").status_code == 200
        assert term.people[SECOND].get(f"courses/{slug}/students").status_code == 404


def import_students(term: Department) -> None:
    """The list is looked at, then added; the passwords are a file that is there once."""
    slug, owner = term.slugs[0], term.people[OWNER]
    lines = [write_line(username) for username in term.students]
    with term.diary.step(OWNER, f"gives a list of {len(lines)} students and looks at it") as step:
        preview = upload(owner, slug, lines)
        step.found = ", ".join(f"{word} {n}" for word, n in read_counts(preview).items())
        assert read_counts(preview) == {"New account": len(lines)}, step.found
        assert not term.ask(OWNER, "GET", f"courses/{slug}/enrollments"), "nothing is done yet"
    with term.diary.step(OWNER, "adds them") as step:
        page = owner.post(preview.url, data={"_xsrf": xsrf(preview.text)})
        assert "/students/passwords/" in page.url, page.text
        enrolled = term.ask(OWNER, "GET", f"courses/{slug}/enrollments")
        assert sorted(one["username"] for one in enrolled) == term.students
        step.found = f"{len(enrolled)} enrolled"
    with term.diary.step(OWNER, "downloads their passwords, once"):
        file = owner.post(page.url, data={"_xsrf": xsrf(page.text)})
        term.temporary |= read_passwords(file.content.decode("utf-8-sig"))
        assert set(term.students) <= set(term.temporary)
        again = owner.post(page.url, data={"_xsrf": xsrf(page.text)})
        assert term.temporary[term.students[0]] not in again.text, "they were there once"


def first_logins(term: Department) -> None:
    """A temporary password opens nothing but the page to choose another one."""
    for username in term.followed:
        with term.diary.step(username, "logs in for the first time and chooses a password"):
            person = term.enter(username)
            assert term.slugs[0] in person.get("").text
            assert person.get(f"courses/{term.slugs[0]}").status_code == 200
            assert person.get(f"courses/{term.slugs[0]}/students").status_code == 404


def write_line(username: str) -> str:
    """Return the line of a student in a list."""
    return f"{username},Student {username[3:]},{username}@example.edu"


def upload(person: Person, slug: str, lines: list[str]) -> requests.Response:
    """Give a list as a CSV file; returns the preview."""
    page = f"courses/{slug}/students/import"
    content = "\n".join([HEADER, *lines]) + "\n"
    fields = {"_xsrf": xsrf(person.get(page).text), "text": ""}
    answer = person.post(page, data=fields, files={"file": ("list.csv", content, "text/csv")})
    assert "/import/" in answer.url, answer.text
    return answer


def read_counts(preview: requests.Response) -> dict[str, int]:
    """Return how many people come to what, as a preview says it in its badges."""
    found = re.findall(r">\s*([A-Z][A-Za-z -]+): (\d+)\s*<", preview.text)
    return {word: int(count) for word, count in found}


def read_passwords(text: str) -> dict[str, str]:
    """Return the passwords by user name of a file of new accounts."""
    return {
        row["username"]: row["password"]
        for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    }
