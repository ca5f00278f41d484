"""Resets and their undoing: one machine put in the place of another, which is kept for days."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from coyotelab_spawner.errors import Foreign, LXDError
from coyotelab_spawner.spec import WorkspaceSpec
from coyotelab_spawner.workspaces import Workspaces

from . import audit, kept, machines
from .access import Person, Place, find_place
from .database import Database
from .errors import Conflict, Unavailable
from .i18n import mark as _
from .orm import Course, Machine, User
from .rules import Action
from .site import Site

log = logging.getLogger(__name__)

AT_ONCE = 5  # kept machines that are deleted in one round
AT_WORK = _("This workspace is just being reset. Please try again in a minute.")
UNCHANGED = _("{reason} Nothing was changed: your machine is as it was.")
UNKNOWN = _("{reason} Your machine will be put in order as soon as the machine room answers.")


@dataclass(frozen=True)
class Swap:
    """The intent to put `new` in the place of `old`: the same workspace, another instance."""

    old: WorkspaceSpec
    new: WorkspaceSpec  # its `former` is the old one


class Resets:
    """Carries out what people want, and settles what was cut short.

    The intent is in the database before LXD is asked. Until it is settled both instances are the
    workspace, whichever is there.
    """

    def __init__(
        self,
        database: Database,
        lxd: Workspaces,
        site: Site,
        stop: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._lxd = lxd
        self._site = site
        self._stop = stop
        self._busy: set[str] = set()
        self._told: set[str] = set()

    async def reset(
        self, person: Person, slug: str, username: str, keep_home: bool = False
    ) -> None:
        """Give the workspace the course's base; the present machine is kept.

        Raises:
            NotFound: this person may not.
            Conflict: it is at work already.
            Unavailable: it could not be done.
        """
        await self._database.run(_ensure_room, person, slug, username, self._site)

        def begin(session: Session) -> Swap:
            place = find_place(session, person, slug, username, Action.RESET)
            return _begin_reset(session, person, place, self._site, keep_home)

        async def act(swap: Swap) -> None:
            await self._lxd.reset(swap.old, swap.new, keep_home)

        await self._replace(slug, username, begin, act)

    async def undo(self, person: Person, slug: str, username: str, name: str = "") -> None:
        """Put a kept machine back; the present one is kept in its turn.

        Args:
            name: of the kept machine; the one put aside last when it is "".

        Raises:
            NotFound: this person may not.
            Conflict: it is at work already, or there is no such machine any more.
            Unavailable: it could not be done.
        """

        await self._database.run(_ensure_kept, person, slug, username, name)

        def begin(session: Session) -> Swap:
            place = find_place(session, person, slug, username, Action.UNDO)
            return _begin_undo(session, person, place, self._site, name)

        await self._replace(slug, username, begin, lambda swap: self._lxd.undo(swap.old, swap.new))

    def is_busy(self, spec: WorkspaceSpec) -> bool:
        """Tell whether somebody waits for this workspace's reset or undo right now."""
        return f"{spec.user}/{spec.course}" in self._busy

    def ensure_quiet(self, username: str, slug: str) -> None:
        """Raise Conflict while somebody waits for this workspace's reset or undo.

        A machine that is started meanwhile would be stopped again under whoever is in it.
        """
        if f"{username}/{slug}" in self._busy:
            raise Conflict(AT_WORK)

    async def settle(self) -> list[str]:
        """Finish what nobody waits for any more; return the uuids that are still to come."""
        waiting = []
        for swap in await self._database.run(_find_unsettled, self._site):
            waiting.append(swap.new.uuid)
            if not self.is_busy(swap.new):
                try:
                    await self._settle(swap)
                except LXDError as error:
                    log.warning("The reset of %s is not settled: %s", swap.new.name, error.detail)
        return waiting

    async def look_after_kept(self) -> None:
        """Delete kept machines whose days are over; tell the log once of those nobody knows."""
        for expired in await self._database.run(kept.find_expired, AT_ONCE):
            try:
                deleted = await self._lxd.kept.delete(expired.name, expired.uuid)
            except LXDError as error:  # it keeps none of the others
                log.warning("%s is not deleted yet: %s", expired.name, error.detail)
                continue
            await self._database.run(kept.forget, expired, deleted=deleted)
            log.log(
                logging.INFO if deleted else logging.ERROR,
                "%s (%s), kept after a reset: %s",
                expired.name,
                expired.uuid,
                "deleted" if deleted else "another machine has its name, and was left alone",
            )
        known = await self._database.run(kept.list_known)
        for name in await self._lxd.kept.review(known):
            if name not in self._told:
                log.warning("%s is kept and not in the database; it is left alone", name)
                self._told.add(name)

    async def _replace(
        self,
        slug: str,
        username: str,
        begin: Callable[[Session], Swap],
        act: Callable[[Swap], Awaitable[None]],
    ) -> None:
        with self._only_once(f"{username}/{slug}"):
            await self._stop(username, slug)
            await self._settle_earlier(slug, username)
            swap = await self._database.run(begin)
            try:
                await act(swap)
            except LXDError as error:
                log.exception("%s is not %s: %s", swap.new.name, swap.new.uuid, error.detail)
                await self._tell_apart(swap, error)
            with suppress(LXDError):  # then the reconciler does it
                await self._settle(swap)

    async def _tell_apart(self, swap: Swap, error: LXDError) -> None:
        """Find out how it ended, and raise unless it was done all the same."""
        try:
            done = await self._settle(swap)
        except LXDError:
            raise Unavailable(UNKNOWN, reason=error) from error
        if not done:
            raise Unavailable(UNCHANGED, reason=error) from error

    async def _settle_earlier(self, slug: str, username: str) -> None:
        try:
            for swap in await self._database.run(_find_unsettled, self._site, slug, username):
                await self._settle(swap)
        except LXDError as error:
            raise Unavailable(UNKNOWN, reason=error) from error

    async def _settle(self, swap: Swap) -> bool:
        """See which of the two is there, finishing the rest; tell whether it is the new one."""
        workspace = await self._lxd.ensure_created(swap.new)
        if workspace.uuid not in (swap.old.uuid, swap.new.uuid):
            raise Foreign(f"{swap.new.name} is {workspace.uuid}")
        done = workspace.uuid == swap.new.uuid
        aside = done and await self._lxd.kept.find(swap.old) is not None
        await self._database.run(_settle, swap, self._site, done=done, aside=aside)
        return done

    @contextmanager
    def _only_once(self, workspace: str) -> Iterator[None]:
        if workspace in self._busy:
            raise Conflict(AT_WORK)
        self._busy.add(workspace)
        try:
            yield
        finally:
            self._busy.remove(workspace)


def _ensure_room(session: Session, person: Person, slug: str, username: str, site: Site) -> None:
    """Raise Conflict before anything is stopped in vain."""
    place = find_place(session, person, slug, username, Action.RESET)
    kept.ensure_room(session, machines.get_workspace(session, place), site.kept_most)


def _begin_reset(
    session: Session, person: Person, place: Place, site: Site, keep_home: bool
) -> Swap:
    machine = machines.get_workspace(session, place)
    assert machine.base is not None  # workspace_is_whole
    base = place.course.base or machine.base
    audit.note(session, person, "reset", place, detail="home kept" if keep_home else "")
    kept.begin(session, machine, str(uuid4()), base, site.kept_days)
    return _swap(machine, site)


def _ensure_kept(session: Session, person: Person, slug: str, username: str, name: str) -> None:
    """Raise Conflict before anything is stopped in vain."""
    place = find_place(session, person, slug, username, Action.UNDO)
    machine = machines.get_workspace(session, place)
    if machine.previous_uuid is None:  # else that is known only when the one before is settled
        kept.choose(session, machine, name)


def _begin_undo(session: Session, person: Person, place: Place, site: Site, name: str) -> Swap:
    machine = machines.get_workspace(session, place)
    row = kept.choose(session, machine, name)
    audit.note(session, person, "undo", place, detail=row.name)
    kept.begin(session, machine, row.uuid, row.base, site.kept_days)
    return _swap(machine, site)


def _find_unsettled(session: Session, site: Site, slug: str = "", username: str = "") -> list[Swap]:
    query = select(Machine).where(Machine.previous_uuid.is_not(None))
    if slug:
        query = query.join(Machine.course).join(Machine.user)
        query = query.where(Course.slug == slug, User.username == username)
    return [_swap(machine, site) for machine in session.scalars(query)]


def _settle(session: Session, swap: Swap, site: Site, *, done: bool, aside: bool) -> None:
    machine = session.scalars(select(Machine).where(Machine.name == swap.new.name)).one()
    if machine.uuid == swap.new.uuid and machine.previous_uuid == swap.old.uuid:
        kept.settle(session, machine, site.kept_most, done=done, kept=aside)


def _swap(machine: Machine, site: Site) -> Swap:
    new = machines.describe(machine, site)
    assert new is not None and machine.previous_uuid is not None
    return Swap(old=new.replace_uuid(machine.previous_uuid), new=new)
