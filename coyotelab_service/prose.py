"""What people write about a course: Markdown in, HTML out that is safe on anybody's page."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from .links import mail_link, web_link

LENGTH = 20_000  # characters of a description
CELLS = 10_000  # a table fills up its rows, so that a few characters can make a very long page

TAGS = {
    *("a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "s", "strong", "ul"),
    *("h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
# Links leave our page without telling where from, and lend our name to nobody.
REL = "noopener noreferrer nofollow"


@lru_cache(maxsize=256)
def render(text: str) -> Markup:
    """Return Markdown as HTML of few tags, without scripts, styles, images or ids."""
    lines = text[:LENGTH].split("\n")
    cells = len(lines) * max(line.count("|") for line in lines)
    html = _make_parser(tables=cells <= CELLS).render("\n".join(lines))
    return Markup(
        nh3.clean(
            html,
            tags=TAGS,
            attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
            attribute_filter=_filter,
            link_rel=REL,
            set_tag_attribute_values={"a": {"target": "_blank"}},
            url_schemes={"http", "https", "mailto"},
        )
    )


def _filter(tag: str, name: str, value: str) -> str | None:
    if name != "href":
        return value
    if value.startswith("mailto:"):
        return mail_link(unquote(value.removeprefix("mailto:"))) or None
    return web_link(value) or None  # nothing relative either: such a link would act on our pages


@lru_cache
def _make_parser(tables: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    if tables:
        parser.enable("table")
    parser.add_render_rule("heading_open", _render_heading)
    parser.add_render_rule("heading_close", _render_heading)
    parser.add_render_rule("image", _render_image)
    return parser


def _render_heading(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """The page's own heading is the first; what is below it begins at the second."""
    token = tokens[index]
    level = min(int(token.tag[1:]) + 1, 6)
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"


def _render_image(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Our pages load nothing from elsewhere, so that an image is a link to it."""
    link = Token("link_open", "a", 1, attrs={"href": tokens[index].attrs.get("src", "")})
    words = self.renderInlineAsText(tokens[index].children or [], options, env)
    return self.renderToken([link], 0, options, env) + escapeHtml(words) + "</a>"
