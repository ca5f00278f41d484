"""The ZIP of a workspace's files, as it comes from the workspace: for pages and REST alike."""

from .api import ApiHandler
from .base import Handler, PageHandler


async def send_archive(handler: Handler, slug: str, username: str) -> None:
    """Stream the files as an attachment, no faster than they are read; raises ServiceError."""
    archive = handler.services.workspaces.archive(handler.person, slug, username)
    async with archive as chunks:
        handler.set_header("Content-Type", "application/zip")
        handler.set_header("Content-Disposition", f'attachment; filename="{slug}-{username}.zip"')
        handler.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        async for chunk in chunks:
            handler.write(chunk)
            await handler.flush()


class DownloadPage(PageHandler):
    """The link on the pages."""

    async def get(self, slug: str, username: str | None) -> None:
        """Send the files."""
        await send_archive(self, slug, username or self.person.username)


class ArchiveApi(ApiHandler):
    """The same for programs."""

    heads = False  # to say how long it is, the machine would have to be started and read

    async def get(self, slug: str, username: str) -> None:
        """Send the files."""
        await send_archive(self, slug, username)
