"""Adding people to a course: look at what it comes to, do it, hand over the new passwords once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from . import roster_import, temporary
from .access import Person
from .database import Database
from .errors import Conflict, NotFound, ServiceError
from .held import Held
from .i18n import mark as _
from .roster_file import Line, make_line, parse
from .roster_import import Done, NewAccount, Outcome, Step, pick
from .site import Site

PREVIEW_SECONDS = 30 * 60
PASSWORD_SECONDS = 10 * 60

EXPIRED = _("This list has been added already, or was left for too long. Please give it again.")
CHANGED = _("Something has changed since you looked. Please look again before you add them.")


@dataclass(frozen=True)
class Preview:
    """A list that somebody is about to add to a course, and what they were told of it."""

    slug: str
    steps: list[Step]
    changed: bool = False

    @property
    def errors(self) -> list[Step]:
        """Return the steps that keep all of it from being done."""
        return pick(self.steps, Outcome.ERROR)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many people come to what."""
        return {outcome.value: len(pick(self.steps, outcome)) for outcome in Outcome}


@dataclass(frozen=True)
class NewPasswords:
    """Passwords to hand over; they are nowhere else."""

    slug: str
    accounts: list[NewAccount]


class Intake:
    """What is between two steps of somebody who adds people: lists looked at, passwords unread."""

    def __init__(self) -> None:
        self._previews: Held[Preview] = Held(PREVIEW_SECONDS, each=3, total=60)
        self._passwords: Held[NewPasswords] = Held(PASSWORD_SECONDS, each=50, total=1_000)

    async def look_at(
        self, database: Database, person: Person, slug: str, data: bytes, site: Site
    ) -> str:
        """Read a list and hold what it comes to; returns the name to ask for it by.

        Raises:
            NotFound: this person may not.
            Invalid: the list as a whole cannot be read.
        """
        await database.run(roster_import.plan, person, slug, [], site)  # first: may they at all?
        lines = await asyncio.to_thread(parse, data)
        steps = await database.run(roster_import.plan, person, slug, lines, site)
        return self._previews.put(person.username, Preview(slug, steps))

    def get_preview(self, person: Person, slug: str, name: str) -> Preview:
        """Return what was looked at; raises NotFound when that was somebody else, or long ago."""
        preview = self._previews.get(person.username, name)
        if preview is None or preview.slug != slug:
            raise NotFound(EXPIRED)
        return preview

    async def add_list(
        self, database: Database, person: Person, slug: str, name: str, site: Site
    ) -> tuple[Done, str]:
        """Add the people of a preview, all or none; returns a name for the passwords, or "".

        When it would not come to what was shown, nothing is done: the name is of a new preview.

        Raises:
            NotFound: this person may not, or the preview has been used, or is too old.
        """
        preview = self.get_preview(person, slug, name)
        self._previews.take(person.username, name)  # so that two clicks add once
        try:
            done = await _add(database, person, slug, preview.steps, site)
        except ServiceError:
            self._previews.put(person.username, preview, name)  # nothing was done: try again
            raise
        if done.changed:
            preview = Preview(slug, done.steps, changed=True)
            return done, self._previews.put(person.username, preview)
        return done, self._hold(person, slug, done)

    async def add_one(
        self, database: Database, person: Person, slug: str, line: Line, site: Site
    ) -> Done:
        """Add one person.

        Raises:
            NotFound: this person may not, or there is no such account.
            ServiceError: why this one cannot be added.
        """
        line = make_line(line.number, line.username, line.name, line.email)
        steps = await database.run(roster_import.plan, person, slug, [line], site)
        done = await _add(database, person, slug, steps, site)
        if done.changed:
            raise Conflict(CHANGED)
        return done

    async def add_and_hold(
        self, database: Database, person: Person, slug: str, line: Line, site: Site
    ) -> tuple[Done, str]:
        """Add one person like `add_one`; returns a name for the password too, or ""."""
        done = await self.add_one(database, person, slug, line, site)
        return done, self._hold(person, slug, done)

    def get_passwords(self, person: Person, slug: str, name: str) -> NewPasswords | None:
        """Return passwords that nobody has read yet; None when they have been, or it is late."""
        passwords = self._passwords.get(person.username, name)
        return passwords if passwords and passwords.slug == slug else None

    def find_passwords(self, person: Person, slug: str) -> list[str]:
        """Return the names of passwords nobody has read: who lost the way to them finds it."""
        held = self._passwords.list_all(person.username)
        return [name for name, passwords in held.items() if passwords.slug == slug]

    def forget_passwords(self, person: Person, name: str) -> None:
        """They have been handed over: from here on they are nowhere."""
        self._passwords.take(person.username, name)

    def _hold(self, person: Person, slug: str, done: Done) -> str:
        if not done.accounts:
            return ""
        return self._passwords.put(person.username, NewPasswords(slug, done.accounts))


async def _add(
    database: Database, person: Person, slug: str, steps: Sequence[Step], site: Site
) -> Done:
    # Hashed before the transaction, so that nobody waits for it who wants to write.
    count = len(pick(steps, Outcome.CREATE))
    passwords = await asyncio.to_thread(temporary.draw, count, site)
    return await database.run(roster_import.commit, person, slug, steps, passwords, site)
