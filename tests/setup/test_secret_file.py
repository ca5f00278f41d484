"""Secrets are there whole or not at all, and never through a link."""

from coyotelab_setup.secret_file import get_secret, write_secret


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
