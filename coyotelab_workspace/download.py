"""GET archive: the account's home as one ZIP, sent as fast as the browser takes it."""

import asyncio
import ctypes
import logging
import re
from pathlib import Path

from tornado.iostream import StreamClosedError

from coyotelab_workspace.archive import Archiver
from coyotelab_workspace.handlers import Handler, Refused
from coyotelab_workspace.language import mark as _

log = logging.getLogger(__name__)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_memory() -> ctypes.CDLL:
    """Let malloc reuse pieces of 1 MiB instead of mapping each anew: twice as fast (measured)."""
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, 8 << 20)
    libc.mallopt(M_TRIM_THRESHOLD, 32 << 20)
    return libc


class ArchiveHandler(Handler):
    """Reading is done in a thread, one piece ahead of what the browser has taken."""

    is_page = True

    async def get(self) -> None:
        """Send the ZIP; an error half-way ends the connection, so no browser takes it for whole."""
        settings = self.context.settings
        name = re.sub(r"[^\w.-]", "_", f"{settings.user}-{settings.server or 'home'}", flags=re.A)
        pieces = Archiver(name).stream(Path(self.context.account.home))
        try:
            first = await asyncio.to_thread(next, pieces)
        except OSError as e:
            raise Refused(
                500, _("The home folder cannot be read: {reason}."), reason=e.strerror
            ) from e
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
        libc = keep_memory()
        ahead = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
        try:
            self.write(first)
            await self.flush()
            while (piece := await ahead) is not None:
                ahead = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
                self.context.activity.note()
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            log.info("A download was broken off by the browser.")
        except Exception:
            log.exception("A download failed half-way.")
            self.break_off()
        finally:
            await asyncio.wait([ahead])
            await asyncio.to_thread(pieces.close)
            libc.malloc_trim(0)

    def break_off(self) -> None:
        """Close the connection in the middle of the answer."""
        self._auto_finish = False
        self.detach().close()
