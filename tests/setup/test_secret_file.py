"""Secrets are there whole or not at all, and never through a link."""

import pytest

from coyotelab_setup.secret_file import copy_secret, get_secret, write_secret


def test_an_empty_file_of_a_killed_set_up_counts_as_none(tmp_path):
    file = tmp_path / "token"
    assert get_secret(file) == ""
    file.touch()
    assert get_secret(file) == ""
    write_secret(file, "abc\n")
    assert get_secret(file) == "abc"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_is_neither_read_nor_written_through(tmp_path):
    target, file = tmp_path / "target", tmp_path / "token"
    target.write_text("somebody else's")
    file.symlink_to(target)
    assert get_secret(file) == ""
    write_secret(file, "ours")
    assert target.read_text() == "somebody else's"
    assert get_secret(file) == "ours"


def test_a_copy_goes_through_no_link(tmp_path):
    """Root puts databases and secrets into folders of coyotelab, who may have laid links there."""
    foreign, target, source = (tmp_path / name for name in ("foreign", "target", "source"))
    foreign.write_text("root's")
    source.write_text("ours")
    for planted in (target, tmp_path / "target.new"):
        planted.symlink_to(foreign)
    copy_secret(source, target, "nobody")
    assert foreign.read_text() == "root's" and foreign.owner() == "root"
    assert (target.read_text(), target.owner()) == ("ours", "nobody")
    assert target.stat().st_mode & 0o777 == 0o600
    source.unlink()
    source.symlink_to(foreign)
    with pytest.raises(OSError):
        copy_secret(source, target)
    assert target.read_text() == "ours"
