"""Pages of one's own account: its password, tokens for the REST API, and logging out."""

from typing import Any

from jupyterhub.services.auth import HubOAuthCallbackHandler
from wtforms import SelectField, StringField
from wtforms.validators import Length

from ..i18n import gettext
from ..i18n import mark as _
from ..tokens import DAYS, make_token
from .base import PageHandler
from .forms import FormData, PageForm

LOGIN_FAILED = _(
    "The login did not come to its end, or took too long. Go to your courses to try again."
)


class TokenForm(PageForm):
    """What a new token is for, and for how long."""

    purpose = StringField(
        _("What is it for?"),
        [Length(max=80)],
        description=_("So that you can tell your tokens apart, such as: my backup script"),
    )
    days = SelectField(
        _("For how many days shall it work?"),
        coerce=int,
        default=30,
        choices=[str(days) for days in DAYS],
    )


class TokensPage(PageHandler):
    """Makes tokens for the REST API."""

    def get(self) -> None:
        """Show the form."""
        self.write_page("tokens.html", form=TokenForm(), token="")

    async def post(self) -> None:
        """Make one and show it, this once."""
        names = self.request.body_arguments
        form = TokenForm(FormData({name: self.get_body_arguments(name) for name in names}))
        if not form.validate():
            self.set_status(400)
            self.write_page("tokens.html", form=form, token="")
            return
        token = await make_token(
            self.services.database,
            self.services.hub,
            self.settings["service_name"],
            self.person,
            form.days.data,
            form.purpose.data or "",
        )
        self.write_page("tokens.html", form=form, token=token)


class PasswordPage(PageHandler):
    """One's own password, which only the Hub can change: it ends the sessions."""

    def get(self) -> None:
        """Go there."""
        self.redirect(f"{self.services.hub_url}change-password")


class LoginCallback(HubOAuthCallbackHandler, PageHandler):
    """The way back from the Hub's login."""

    async def prepare(self) -> None:
        """Let everybody: who it is turns out here."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say what to do; which part of the login did not fit is in the log."""
        self.write_problem(status_code, gettext(LOGIN_FAILED))


class LogoutPage(PageHandler):
    """Ends the session here and at the Hub."""

    async def prepare(self) -> None:
        """Let everybody: whose session has ended already wants to log out too."""

    def get(self) -> None:
        """Forget the browser, and let the Hub do the same."""
        self.hub_auth.clear_cookie(self)
        self.redirect(f"{self.services.hub_url}logout")
