"""The weeks of a term: machines, files, resets, visits, drops, a second list, the end of it."""

import csv
import io
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..hub import wait_for
from ..people import xsrf
from ..terminals import run_line, time_closing
from .beginning import read_counts, read_passwords, upload, write_line
from .department import ADMIN, ASSISTANT, OWNER, Department

FILE, WORDS = "term.txt", "my work of this term"
MARK = "/var/tmp/mark"  # outside the home directory
ACCESS_ENDS = 60.0  # seconds, at most


def tell_weeks(term: Department) -> None:
    """From the first machine to the end of the term."""
    urls = open_machines(term)
    work(term, urls)
    reset_and_undo(term)
    visit(term)
    drop_and_readd(term)
    second_list(term)
    write_to_all(term)
    look_as_admin(term)
    archive(term)


def open_machines(term: Department) -> Sequence[str]:
    """All who are followed open their machines at the same moment, as in a class."""
    slug, took = term.slugs[0], []

    def open_one(username: str) -> str:
        began = time.monotonic()
        url = term.open(username, slug, username)
        took.append(time.monotonic() - began)
        return url

    what = f"open their machines at once, {len(term.followed)} of them, for the first time"
    with term.diary.step("students", what) as step:
        with ThreadPoolExecutor(len(term.followed)) as pool:
            urls = list(pool.map(open_one, term.followed))
        step.found = f"first after {min(took):.1f} s, last after {max(took):.1f} s"
    return urls


def work(term: Department, urls: Sequence[str]) -> None:
    """A file is written in the terminal, downloaded, and still there after a restart."""
    slug = term.slugs[0]
    for username, url in zip(term.followed, urls, strict=True):
        with term.diary.step(username, "writes a file in the terminal"):
            printed = run_line(
                term.people[username], url, f"echo {WORDS} >{FILE}; touch {MARK}; cat {FILE}"
            )
            assert WORDS in printed, printed
    first = term.followed[0]
    person = term.people[first]
    with term.diary.step(first, "downloads the files as a ZIP") as step:
        archive = person.get(f"workspaces/{slug}/{first}/download")
        step.found = f"{len(archive.content)} bytes"
        files = zipfile.ZipFile(io.BytesIO(archive.content))
        names = [name for name in files.namelist() if name.endswith(FILE)]
        assert [files.read(name).decode().strip() for name in names] == [WORDS], files.namelist()
    with term.diary.step(first, "restarts the machine; the file is there"):
        person.submit(f"workspaces/{slug}/{first}/restart").raise_for_status()
        assert find_files(term, first) == (True, True)


def reset_and_undo(term: Department) -> None:
    """A reset that keeps the home directory, and its undoing."""
    slug, first = term.slugs[0], term.followed[0]
    person = term.people[first]
    with term.diary.step(first, "resets it and keeps the home directory") as step:
        began = time.monotonic()
        page = f"workspaces/{slug}/{first}/reset"
        person.submit(page, home="keep").raise_for_status()
        step.found = f"new machine after {time.monotonic() - began:.1f} s"
        assert find_files(term, first) == (True, False), "the home stays, the rest is new"
    with term.diary.step(first, "undoes the reset"):
        person.submit(f"workspaces/{slug}/{first}/undo", machine="").raise_for_status()
        assert find_files(term, first) == (True, True), "all is as it was"


def visit(term: Department) -> None:
    """Who teaches the course comes in, and the student can read that."""
    slug, first = term.slugs[0], term.followed[0]
    for visitor in (OWNER, ASSISTANT):
        with term.diary.step(visitor, f"enters {first}'s machine; {first} reads it in the log"):
            url = term.open(visitor, slug, first)
            assert WORDS in run_line(term.people[visitor], url, f"cat {FILE}")
            log = term.people[first].get(f"workspaces/{slug}/{first}/log").text
            assert f"{visitor} entered the workspace" in log, log
    other = term.people[term.followed[-1]]
    if other.username != first:
        assert other.get(f"workspaces/{slug}/{first}").status_code == 404
        assert other.get(url).status_code in (403, 404)


def drop_and_readd(term: Department) -> None:
    """A drop ends the access, an open terminal included; a re-add gives everything back."""
    slug, first = term.slugs[0], term.followed[0]
    student, page = term.people[first], f"courses/{slug}/students"

    def set_enabled(enabled: str) -> None:
        term.people[OWNER].submit(page, username=first, enabled=enabled).raise_for_status()

    url = term.open(first, slug, first)
    with term.diary.step(OWNER, f"drops {first}, who has a terminal open") as step:
        closed = time_closing(student, url, lambda: set_enabled("false"))
        began = time.monotonic()
        wait_for("the end of access", lambda: student.get(url).status_code != 200)
        ended = closed + time.monotonic() - began
        step.found = f"terminal closed after {closed:.1f} s, no access after {ended:.1f} s"
        assert ended < ACCESS_ENDS, step.found
        assert student.get(f"courses/{slug}").status_code == 404
        assert student.get(f"workspaces/{slug}/{first}").status_code == 404
    with term.diary.step(OWNER, f"takes {first} back; everything is there"):
        set_enabled("true")
        assert find_files(term, first) == (True, True)


def second_list(term: Department) -> None:
    """A later list: some are new, some are gone from it, most are in the course already."""
    slug, owner = term.slugs[0], term.people[OWNER]
    new = [f"new{number:03}" for number in range(1, 6)]
    gone, dropped = term.students[-1], term.students[-2]
    term.ask(OWNER, "PATCH", f"courses/{slug}/enrollments/{dropped}", {"enabled": False})
    lines = [write_line(name) for name in [*term.students, *new] if name != gone]
    with term.diary.step(OWNER, "gives a second list: five new, one re-added, one gone") as step:
        preview = upload(owner, slug, lines)
        counts = read_counts(preview)
        step.found = ", ".join(f"{word} {n}" for word, n in counts.items())
        already = len(lines) - len(new) - 1
        assert counts == {"New account": 5, "Re-add": 1, "Already in": already}, step.found
        page = owner.post(preview.url, data={"_xsrf": xsrf(preview.text)})
        file = owner.post(page.url, data={"_xsrf": xsrf(page.text)})
        assert set(read_passwords(file.content.decode("utf-8-sig"))) == set(new)
        enrolled = term.ask(OWNER, "GET", f"courses/{slug}/enrollments")
        active = {one["username"] for one in enrolled if one["enabled"]}
        assert active == {*term.students, *new}, "a list drops nobody"


def write_to_all(term: Department) -> None:
    """E-mail to everybody, and the roster as a file."""
    slug, owner, count = term.slugs[0], term.people[OWNER], term.size.students + 5
    with term.diary.step(OWNER, "writes to all of them") as step:
        page = owner.get(f"courses/{slug}/students/email").text
        step.found = f"{page.count('mailto:')} links, {count} addresses"
        assert "mailto:" in page
        assert all(f"{name}@example.edu" in page for name in term.students)
    with term.diary.step(OWNER, "exports the roster") as step:
        file = owner.get(f"courses/{slug}/students/export").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(file)))
        step.found = f"{len(rows)} rows"
        assert len(rows) == count, step.found


def look_as_admin(term: Department) -> None:
    """What runs, and what was done by whom."""
    slug, admin, first = term.slugs[0], term.people[ADMIN], term.followed[0]
    with term.diary.step("admin", "looks at the running workspaces"):
        page = admin.get("admin/workspaces")
        assert page.status_code == 200
        assert all(name in page.text for name in term.followed)
        assert term.people[OWNER].get("admin/workspaces").status_code == 404
    with term.diary.step("admin", "reads the log, and takes it as a file") as step:
        assert admin.get(f"admin/audit?course={slug}&person={first}").status_code == 200
        file = admin.get(f"admin/audit.csv?course={slug}").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(file)))
        step.found = f"{len(rows)} events"
        mine = {row["what"] for row in rows if row["whose"] == first}
        expected = {"enroll", "open", "download", "restart", "reset", "undo", "enter", "drop"}
        assert expected <= mine, sorted(mine)


def archive(term: Department) -> None:
    """The end of the term: the course is put away, and its machines with it."""
    slug, student = term.slugs[0], term.people[term.followed[-1]]
    api = f"courses/{slug}/workspaces/{student.username}"
    term.open(student.username, slug, student.username)
    with term.diary.step(OWNER, f"archives {slug}; its machines stop"):
        term.people[OWNER].submit(f"courses/{slug}/archive", archived="true").raise_for_status()
        assert slug not in student.get("").text
        assert student.get(f"workspaces/{slug}/{student.username}").status_code == 404
        wait_for("the stop", lambda: term.ask(ADMIN, "GET", api)["state"] == "stopped")
    with term.diary.step(OWNER, f"takes {slug} back; nothing is lost"):
        term.people[OWNER].submit(f"courses/{slug}/archive", archived="false").raise_for_status()
        assert find_files(term, student.username) == (True, True)


def find_files(term: Department, username: str) -> tuple[bool, bool]:
    """Open somebody's machine, as they do; tell whether their file and the mark are there."""
    url = term.open(username, term.slugs[0], username)
    printed = run_line(term.people[username], url, f"cat {FILE}; ls {MARK} && echo mar''ked")
    return WORDS in printed, "marked" in printed
