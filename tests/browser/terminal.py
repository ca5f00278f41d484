"""A workspace's terminal as a person uses it: type, read what is on the screen."""

import re

from playwright.sync_api import Page, expect

PROMPT = re.compile(r"coyote@[\w-]+:~\S*\$")


class Terminal:
    """The terminal that fills the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.screen = page.locator(".xterm-rows:visible")

    def wait_for_prompt(self, seconds: float = 60) -> "Terminal":
        expect(self.screen).to_contain_text(PROMPT, timeout=seconds * 1000)
        return self

    def run(self, command: str, answer: str, seconds: float = 20) -> None:
        """Type a command; the answer must appear on the screen."""
        self.page.locator(".xterm:visible").click()
        self.page.keyboard.type(f"clear; {command}\n")
        # A space on the screen may be a non-breaking one, and the end of a line is no space at all.
        words = r"[\s\u00a0]*".join(re.escape(word) for word in answer.split())
        expect(self.screen).to_contain_text(re.compile(words), timeout=seconds * 1000)
