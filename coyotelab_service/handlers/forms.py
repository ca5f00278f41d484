"""Forms that speak the reader's language, and what browsers send to them."""

from typing import Any

from wtforms import Form
from wtforms.i18n import get_translations

from ..i18n import get_language, gettext


class FormData(dict[str, list[str]]):
    """The fields a browser sent, as WTForms wants them."""

    def getlist(self, name: str) -> list[str]:
        """Return the values of a field."""
        return self.get(name, [])


class PageForm(Form):
    """A form whose class has its labels, descriptions and choices in English, marked."""

    class Meta:
        """Where WTForms finds its own sentences: it has them in many languages."""

        def get_translations(self, form: Form) -> Any:
            """Return those of the reader's language."""
            return get_translations([get_language()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self:
            field.label.text = gettext(field.label.text)
            field.description = gettext(field.description)
