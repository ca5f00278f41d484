"""Other apt sources are derived from the machine's own, whatever its format."""

from pathlib import Path

import pytest

from coyotelab_setup import apt
from coyotelab_setup.errors import SetupError

DEB822 = """\
# A comment, and a source that is switched off
Types: deb
URIs: http://mirror.example/off
Suites: bookworm
Components: main
Enabled: no

Types: deb deb-src
# snapshot of the day
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb-src http://mirror.example/debian trixie main
deb [arch=amd64 signed-by=/etc/k.gpg] http://mirror.example/debian trixie main non-free # main
deb http://mirror.example/debian-security trixie-security main
deb http://elsewhere.example/tool stable tool
"""


def make_apt(folder: Path, main: str = "", deb822: str = "") -> Path:
    (folder / "sources.list.d").mkdir()
    if main:
        (folder / "sources.list").write_text(main)
    if deb822:
        (folder / "sources.list.d" / "debian.sources").write_text(deb822)
        (folder / "sources.list.d" / "other.sources.off").write_text(deb822)
    return folder


def test_deb822_sources_are_read() -> None:
    main, security = apt.parse_deb822(DEB822)
    assert main.uri == "http://mirror.example/debian"
    assert main.suites == ("bookworm", "bookworm-updates")
    assert main.components == ("main", "contrib")
    assert main.signed_by.endswith("debian-archive-keyring.gpg")
    assert security.suites == ("bookworm-security",)


def test_one_line_sources_are_read() -> None:
    main, security, tool = apt.parse_one_line(ONE_LINE)
    expected = apt.Source(
        "http://mirror.example/debian", ("trixie",), ("main", "non-free"), "/etc/k.gpg"
    )
    assert main == expected
    assert security.signed_by == ""
    assert tool.uri == "http://elsewhere.example/tool"


@pytest.mark.parametrize("form", [{"main": ONE_LINE}, {"deb822": DEB822}])
def test_the_base_has_the_machines_mirror(tmp_path: Path, form: dict[str, str]) -> None:
    text = apt.get_base_sources(make_apt(tmp_path, **form))
    main, security = apt.parse_deb822(text)
    assert main.uri == "http://mirror.example/debian"
    assert main.suites == ("bookworm", "bookworm-updates")
    assert security.uri == "http://mirror.example/debian-security"
    assert security.suites == ("bookworm-security",)
    assert main.signed_by == security.signed_by == apt.KEYRING


def test_backports_come_from_the_same_mirror(tmp_path: Path) -> None:
    sources = apt.find_sources(make_apt(tmp_path, deb822=DEB822))
    (backports,) = apt.parse_deb822(apt.get_backports(sources, "bookworm"))
    assert backports.uri == "http://mirror.example/debian"
    assert backports.suites == ("bookworm-backports",)


def test_no_debian_source_is_said_with_a_mend(tmp_path: Path) -> None:
    folder = make_apt(tmp_path, main="deb http://archive.example/ubuntu noble main\n")
    with pytest.raises(SetupError, match="no source of Debian's main archive") as caught:
        apt.get_base_sources(folder)
    assert "/etc/apt/sources.list" in caught.value.mend


def test_a_cloud_image_s_list_of_mirrors_is_read(tmp_path):
    mirrors = tmp_path / "debian.list"
    mirrors.write_text("# ours\nhttp://mirror.example/debian\nhttp://other.example/debian\n")
    stanza = f"Types: deb\nURIs: mirror+file://{mirrors}\nSuites: bookworm\nComponents: main\n"
    assert apt.parse_deb822(stanza)[0].uri == "http://mirror.example/debian"
    assert apt.parse_one_line(f"deb mirror+file:{mirrors} bookworm main")[0].uri == (
        "http://mirror.example/debian"
    )
