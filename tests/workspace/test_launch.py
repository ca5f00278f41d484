"""The launcher's parts, and the launcher itself in name spaces of its own where that may be."""

import errno
import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coyotelab_workspace import account, launch, network, settings

ROOT = Path(__file__).resolve().parents[2]


def test_environment_is_kept_for_root_alone(tmp_path: Path):
    folder = tmp_path / "state"
    assert launch.get_saved_environment(folder) is None
    for value in ("one", "two"):
        launch.save_environment({"JUPYTERHUB_API_TOKEN": value}, folder)
    assert launch.get_saved_environment(folder) == {"JUPYTERHUB_API_TOKEN": "two"}
    mode = (folder / "environment.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "environment.json").write_text("[1")
    assert launch.get_saved_environment(folder) is None


def test_a_full_disk_does_not_keep_anybody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    launch.save_environment({"JUPYTERHUB_API_TOKEN": "old"}, tmp_path)

    def full(*_arguments: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(json, "dump", full)
    monkeypatch.setattr(Path, "write_text", full)
    launch.save_environment({"JUPYTERHUB_API_TOKEN": "new"}, tmp_path)
    assert launch.get_saved_environment(tmp_path) is None, "the old token is no good any more"
    network.ensure_resolver("10.0.0.1", tmp_path / "resolv.conf")


def test_the_machine_is_named_after_the_server(monkeypatch: pytest.MonkeyPatch):
    names: list[str] = []
    monkeypatch.setattr(socket, "sethostname", names.append)
    for name in ("cs101", "a-b", "", "CS", "1a", "a b", "a.b", "a\n", "a" * 64, "ä"):
        launch.set_host_name(name)
    assert names == ["cs101", "a-b"]


def test_older_servers_are_ended():
    name = f"clt-{os.getpid()}"
    program = (
        "import signal, sys, time; open('/proc/self/comm', 'w').write(sys.argv[1]);"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    stubborn = subprocess.Popen([sys.executable, "-c", program, name], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    assert launch.find_servers(name) == [stubborn.pid]
    begun = time.monotonic()
    launch.end_servers(name, patience=0.2)
    assert launch.find_servers(name) == [] and time.monotonic() - begun < 3
    assert stubborn.wait() == -9
    stubborn.stdout.close()


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "passwd").write_text(
        "root:x:0:0::/root:/bin/bash\nbroken line\nx:y\n"
        "coyote:x:1000:1001::/home/coyote:/usr/bin/fish\nbad:x:a:b::/:/bin/sh\n"
    )
    (tmp_path / "group").write_text("sudo:x:27:a,coyote\nadm:x:4:coyoteer\nusers:x:100:coyote\n")
    return tmp_path


def test_account(etc: Path):
    found = account.get_account("coyote", etc)
    groups = (27, 100, 1001)
    home = "/home/coyote"
    assert found == account.Account("coyote", 1000, 1001, groups, home, "/usr/bin/fish")
    assert account.get_account("bad", etc).name == "root"
    assert account.get_account("gone", etc).name == "root"
    assert account.get_account("coyote", etc / "nowhere").uid == 0


def test_shell_that_is_gone(etc: Path):
    found = account.get_account("coyote", etc)
    assert account.get_shell(found) == "/bin/bash"
    assert account.clean_environment(found)["SHELL"] == "/bin/bash"


def test_language(etc: Path):
    assert account.get_language(etc) == "C.UTF-8"
    (etc / "default").mkdir()
    (etc / "default/locale").write_text('#x\nLANGUAGE=de\nLANG="de_DE.UTF-8"\n')
    assert account.get_language(etc) == "de_DE.UTF-8"


def test_resolver_only_when_ours_or_absent(tmp_path: Path):
    path = tmp_path / "resolv.conf"
    network.ensure_resolver("10.0.0.1", path)
    assert "nameserver 10.0.0.1\n" in path.read_text()
    network.ensure_resolver("10.0.0.2", path)
    assert "nameserver 10.0.0.2\n" in path.read_text()
    path.write_text("nameserver 9.9.9.9\n")
    network.ensure_resolver("10.0.0.1", path)
    assert path.read_text() == "nameserver 9.9.9.9\n"
    path.unlink()
    path.symlink_to("/run/nowhere/resolv.conf")
    network.ensure_resolver("10.0.0.3", path)
    assert "10.0.0.3" in path.read_text() and not path.is_symlink()


@pytest.mark.parametrize("missing", ["JUPYTERHUB_API_TOKEN", "JUPYTERHUB_USER"])
def test_settings_need_the_hub(environment: dict[str, str], missing: str):
    del environment[missing]
    with pytest.raises(KeyError, match=missing):
        settings.from_environment(environment)


def test_settings(environment: dict[str, str]):
    found = settings.from_environment(environment)
    assert found.courses_url == "http://service/services/coyotelab/"
    environment |= {"COYOTELAB_PAGES_URL": "", "JUPYTERHUB_SERVICE_PREFIX": "/user/a b@c/x"}
    alone = settings.from_environment(environment)
    assert alone.courses_url.endswith("/hub/home") and alone.prefix == "/user/a%20b@c/x/"
    assert alone.callback_url == "/user/a b@c/x/oauth_callback"
    assert (
        found.cookie_secret
        != settings.from_environment(
            environment | {"JUPYTERHUB_API_TOKEN": "another"}
        ).cookie_secret
    )


INSIDE = """
import json, os, socket, subprocess, sys, time, urllib.request
def run(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout
run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
run("mount", "-t", "tmpfs", "none", "/var/lib")
run("mount", "-t", "tmpfs", "none", "/run")
sys.path[:0] = json.loads(sys.argv[1])
from coyotelab_workspace import launch
def start(*arguments):
    if not (pid := os.fork()):
        launch.main(list(arguments))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
url = "http://127.0.0.1:8899/user/student1/cs101/api"
seen = []
none_saved = start("--resume")
for arguments in ([], [], ["--resume"]):
    assert start(*arguments) == 0
    for _ in range(300):
        try:
            seen.append(json.load(urllib.request.urlopen(url, timeout=5))["started"])
            break
        except OSError:
            time.sleep(0.01)
servers = launch.find_servers()
state = open(f"/proc/{servers[0]}/status").read() if servers else ""
print(json.dumps({"none_saved": none_saved, "seen": seen, "servers": len(servers),
    "uid": state.partition("Uid:")[2].split()[0], "address": run("ip", "-4", "-o", "addr"),
    "route": run("ip", "route"), "host": socket.gethostname(),
    "log": open("/var/lib/coyotelab/server.log").read()}))
"""


def test_the_launcher_in_its_own_name_spaces(environment: dict[str, str]):
    spaces = ["unshare", "-m", "-n", "-u", "-p", "-f", "--mount-proc", "--kill-child"]
    if subprocess.run([*spaces, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let us make name spaces")
    open_to_all = all(folder.stat().st_mode & 5 == 5 for folder in (ROOT, *ROOT.parents))
    environment |= {
        "COYOTELAB_ADDRESS": "10.157.3.4/20",
        "COYOTELAB_GATEWAY": "10.157.0.1",
        "COYOTELAB_ACCOUNT": "nobody" if open_to_all else "root",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8899/user/student1/cs101/",
    }
    paths = json.dumps([str(ROOT), *(p for p in sys.path if p.endswith("site-packages"))])
    done = subprocess.run(
        [*spaces, sys.executable, "-c", INSIDE, paths],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["none_saved"] == 3
    assert len(set(found["seen"])) == 3 and found["servers"] == 1  # each replaced the one before
    assert (found["uid"] != "0") is open_to_all and found["log"] == ""
    assert "inet 10.157.3.4/20" in found["address"] and "inet 127.0.0.1/8" in found["address"]
    assert found["host"] == "cs101"
    assert "default via 10.157.0.1 dev eth0" in found["route"]
