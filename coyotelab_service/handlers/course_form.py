"""Pages of those who teach: making a course, editing it, its instructors, putting it away."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from wtforms import HiddenField, SelectField, StringField, TextAreaField

from coyotelab_spawner.spec import GIB

from .. import course_editing, courses, instructors
from ..access import find_course
from ..course_editing import CourseDraft
from ..course_fields import MIB, suggest_slug
from ..errors import Conflict, Invalid, InvalidFields, NotFound
from ..i18n import gettext
from ..i18n import mark as _
from ..prose import render
from ..rules import Action
from .base import PageHandler
from .forms import FormData, PageForm

CHECK_SLUG = _("This one is made from the name. Look at it well: it cannot be changed later.")
NOT_SURE = _("Tick the box to say that you are sure.")
NOTHING_WRONG = {"do": "", "username": "", "error": ""}
UNITS = {"GiB": GIB, "MiB": MIB}
NUMBER = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,10})?")


class CourseForm(PageForm):
    """What is typed of a course, as text; `find_given` makes values of it."""

    name = StringField()
    slug = StringField()
    instructor = StringField()
    webpage = StringField()
    description = TextAreaField()
    start_date = StringField()
    end_date = StringField()
    base = SelectField(validate_choice=False)
    cpu = StringField()
    memory = StringField()
    memory_unit = SelectField(choices=list(UNITS), validate_choice=False)
    disk = StringField()
    idle_minutes = StringField()
    version = HiddenField()

    def find_given(self) -> dict[str, Any]:
        """Return the values by field; what is no number stays text, and is refused as that."""
        unit = UNITS.get(self.memory_unit.data or "", GIB)
        names = ("name", "webpage", "description", "base")
        return {name: self[name].data or "" for name in names} | {
            "start_date": self.start_date.data or None,
            "end_date": self.end_date.data or None,
            "cpu": _read_number(self.cpu.data, 1),
            "memory": _read_number(self.memory.data, unit),
            "disk": _read_number(self.disk.data, GIB),
            "idle_minutes": _read_number(self.idle_minutes.data, 1),
        }

    def show(self, errors: Mapping[str, str]) -> None:
        """Put each sentence beside its field."""
        for name, sentence in errors.items():
            self[name].errors = [sentence]


def _read_number(typed: str | None, unit: int) -> int | str | None:
    text = (typed or "").strip()
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        return text
    count = Decimal(text.replace(",", ".")) * unit
    return int(count) if count == int(count) else text


def _show_number(count: int | None, unit: int) -> str:
    return "" if count is None else f"{(Decimal(count) / unit).normalize():f}"


def fill_form(draft: CourseDraft) -> CourseForm:
    """Return the form as it is before anybody has typed."""
    course = draft.course
    if course is None:
        return CourseForm(data={"base": draft.bases[0] if draft.bases else ""})
    limits = course.limits
    whole = limits.memory is None or limits.memory % GIB == 0
    numbers = {
        "cpu": _show_number(limits.cpu, 1),
        "memory": _show_number(limits.memory, GIB if whole else MIB),
        "memory_unit": "GiB" if whole else "MiB",
        "disk": _show_number(limits.disk, GIB),
        "idle_minutes": _show_number(course.idle_minutes, 1),
    }
    return CourseForm(data={**asdict(course), **numbers, "version": draft.version})


class CoursePageHandler(PageHandler):
    """What the pages with the form have in common."""

    def read_form(self) -> CourseForm:
        """Return the form as it was sent."""
        names = self.request.body_arguments
        # tornado strips by default; what was typed is shown again as it was typed.
        return CourseForm(
            FormData({name: self.get_body_arguments(name, strip=False) for name in names})
        )

    async def write_form(
        self, draft: CourseDraft, form: CourseForm, status: int = 200, **more: Any
    ) -> None:
        """Show the form; with `preview`, the description as students will see it."""
        form.base.choices = [(name, name) for name in draft.bases]
        wanted = self.get_body_argument("preview", "")
        preview = await asyncio.to_thread(render, form.description.data or "") if wanted else None
        values = {"problem": "", "outdated": False, "appointing": NOTHING_WRONG, **more}
        self.set_status(status)
        self.write_page(
            "course_form.html",
            draft=draft,
            course=draft.course,
            form=form,
            site=self.services.site,
            preview=preview,
            **values,
        )


class NewCoursePage(CoursePageHandler):
    """Makes a course."""

    async def get(self) -> None:
        """Show the empty form."""
        draft = await self._start()
        await self.write_form(draft, fill_form(draft))

    async def post(self) -> None:
        """Make it and go there, or say what is wrong."""
        draft, form, services = await self._start(), self.read_form(), self.services
        if self.get_body_argument("preview", ""):
            await self.write_form(draft, form)
            return
        slug = (form.slug.data or "").strip()
        given = {**form.find_given(), "slug": slug}
        if draft.names_instructor:
            given["instructor"] = form.instructor.data
        try:
            course = await services.run(
                course_editing.create_course, self.person, services.site, given
            )
        except InvalidFields as error:
            form.show(error.tell_each())
            suggestion = suggest_slug(form.name.data or "")
            if not slug and suggestion:
                form.slug.data = suggestion
                form.slug.errors = [gettext(CHECK_SLUG)]
            await self.write_form(draft, form, 400, problem=error.tell())
            return
        services.reconciler.expect_newcomers()
        self.redirect(self.page("courses", course.slug), status=303)

    async def _start(self) -> CourseDraft:
        return await self.services.run(course_editing.start_draft, self.person, self.services.site)


class EditCoursePage(CoursePageHandler):
    """Changes what a course says about itself, and gives its workspaces."""

    async def get(self, slug: str) -> None:
        """Show the form as the course is."""
        draft = await self.services.run(course_editing.get_draft, self.person, slug)
        await self.write_form(draft, fill_form(draft))

    async def post(self, slug: str) -> None:
        """Save it, or say what is wrong."""
        services, form = self.services, self.read_form()
        draft = await services.run(course_editing.get_draft, self.person, slug)
        if self.get_body_argument("preview", ""):
            await self.write_form(draft, form)
            return
        given, version = form.find_given(), form.version.data or ""
        try:
            await services.run(
                course_editing.edit_course, self.person, services.site, slug, given, version
            )
        except InvalidFields as error:
            form.show(error.tell_each())
            await self.write_form(draft, form, 400, problem=error.tell())
            return
        except Conflict as error:
            form.version.data = draft.version
            await self.write_form(draft, form, 409, problem=error.tell(), outdated=True)
            return
        services.reconciler.expect_newcomers()
        self.redirect(self.page("courses", slug), status=303)


class InstructorsPage(CoursePageHandler):
    """Who teaches a course; its forms stand on the page that edits the course."""

    async def get(self, slug: str) -> None:
        """Go where the forms are."""
        await self.services.run(find_course, self.person, slug, Action.CHANGE_INSTRUCTORS)
        self.redirect(self.page("courses", slug, "edit") + "#instructors")

    async def post(self, slug: str) -> None:
        """Add or remove somebody, or hand the course over."""
        services, username = self.services, self.get_body_argument("username", "")
        do, stay = self.get_body_argument("do", ""), self.get_body_argument("stay", "") == "true"
        draft = await services.run(course_editing.get_draft, self.person, slug)
        if not draft.appoints:
            raise NotFound
        try:
            if do == "hand over":
                if not self.get_body_argument("sure", ""):
                    raise Invalid(NOT_SURE)
                await services.run(instructors.hand_over, self.person, slug, username, stay=stay)
            elif do == "remove":
                await services.run(instructors.remove_instructor, self.person, slug, username)
            else:
                await services.run(instructors.add_instructor, self.person, slug, username)
        except (Invalid, Conflict) as error:
            appointing = {"do": do, "username": username, "error": error.tell()}
            await self.write_form(draft, fill_form(draft), 400, appointing=appointing)
            return
        await services.reconciler.enforce_course(slug)
        gone = do == "hand over" and not (stay or self.person.admin)
        self.redirect(self.page("" if gone else f"courses/{slug}/edit"), status=303)


class ArchivePage(PageHandler):
    """Puts a course away, or takes it back."""

    async def get(self, slug: str) -> None:
        """Ask."""
        await self.services.run(find_course, self.person, slug, Action.EDIT_COURSE)
        course = await self.services.run(courses.get_course, self.person, slug)
        self.write_page("archive_course.html", course=course)

    async def post(self, slug: str) -> None:
        """Do what the button said, even when somebody else has done it meanwhile."""
        archived = self.get_body_argument("archived", "") == "true"
        await self.services.run(course_editing.set_archived, self.person, slug, archived)
        await self.services.reconciler.enforce_course(slug)
        self.redirect(self.page("courses", slug), status=303)
