"""What root writes into the state folder is root's, and coyotelab reads no more than it must."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from coyotelab_setup import certificate, clean, data, serving
from coyotelab_setup.plan import Plan, make_plan

GROUP = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


class Engine:
    """Says what its certificate is, as LXD does."""

    def get(self, path: str) -> Any:
        return {"environment": {"certificate": "the engine's\n"}}


def ensure_certificate(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "get_group", lambda: GROUP)
    monkeypatch.setattr(certificate, "_ensure_trusted", lambda api, plan, file: "there")
    certificate.ensure_certificate(Engine(), plan)  # type: ignore[arg-type]


def get_rights(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@needs_root
def test_root_follows_no_link_in_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, target = make_plan(tmp_path), tmp_path / "target"
    target.write_text("somebody else's")
    rights = get_rights(target)
    plan.credentials.mkdir()
    os.chown(plan.credentials, 12346, 12346)
    names = ("client.crt", "client.key", "server.crt")
    for name in (*names, "other"):
        (plan.credentials / name).symlink_to(target)
    ensure_certificate(plan, monkeypatch)
    assert (target.read_text(), get_rights(target)) == ("somebody else's", rights)
    assert get_rights(plan.credentials) == (0, GROUP, 0o750)
    assert {get_rights(plan.credentials / name) for name in names} == {(0, GROUP, 0o640)}


@needs_root
def test_a_whole_pair_stays_and_half_a_pair_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(tmp_path)
    key = plan.credentials / "client.key"
    ensure_certificate(plan, monkeypatch)
    first = key.read_text()
    ensure_certificate(plan, monkeypatch)
    assert key.read_text() == first
    key.write_text("")
    ensure_certificate(plan, monkeypatch)
    assert key.read_text() not in ("", first)


def test_a_killed_set_up_leaves_no_key_beside_a_new_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(file: Path, text: str) -> None:
        raise KeyboardInterrupt

    key = tmp_path / "client.key"
    key.write_text("of an older certificate")
    monkeypatch.setattr(certificate, "write_secret", die)
    with pytest.raises(KeyboardInterrupt):
        certificate.make_certificate(tmp_path / "client.crt", key)
    assert not key.exists()


def test_the_proxys_token_is_kept_as_roots_and_cleaned(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    plan, file = make_plan(state), state / "proxy-token"
    file.touch()
    token = serving.get_proxy_token(plan)
    assert len(token) == 64 and serving.get_proxy_token(plan) == token
    assert get_rights(file) == (os.geteuid(), file.stat().st_gid, 0o600)
    for name in ("proxy-token.new", data.URL_FILE):
        (state / name).touch()
    clean.remove_state(state)
    assert not state.exists()


def test_coyotelab_passes_through_a_folder_that_was_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.chown", lambda *words: None)
    tmp_path.chmod(0o700)
    data.ensure_folders(make_plan(tmp_path))
    assert get_rights(tmp_path)[2] == 0o711
    assert get_rights(tmp_path / "hub")[2] == 0o700


def test_commands_of_another_shell_find_the_site_s_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nightly back-up that looks elsewhere would save nothing, and say that it had."""
    plan, url = make_plan(tmp_path), "postgresql+psycopg://somebody:secret@db/x"
    monkeypatch.setenv("COYOTELAB_DB", url)
    data.remember_database(plan)
    monkeypatch.delenv("COYOTELAB_DB")
    assert data.get_database_url(plan) == url
    assert get_rights(tmp_path / data.URL_FILE)[2] == 0o600
    data.remember_database(plan)  # it has run with SQLite since
    assert data.get_database_url(plan).startswith("sqlite:")
