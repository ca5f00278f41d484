"""The base's recipe and its build."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from coyotelab_setup import image
from coyotelab_setup.apt import get_base_sources


def copy_recipe(folder: Path) -> Path:
    for file in image.RECIPE.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_changed_recipe_is_another_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image.get_recipe()
    monkeypatch.setattr(image, "RECIPE", copy_recipe(tmp_path))
    assert image.get_recipe() == before
    (tmp_path / "packages").write_text("cowsay\n")
    assert image.get_recipe() != before


def find_builders(output: Path) -> str:
    found = subprocess.run(["pgrep", "-f", str(output)], capture_output=True, text=True)
    return found.stdout.strip()


def test_an_interrupted_build_leaves_nothing_running_and_no_image(
    test_state: Path, tmp_path: Path
) -> None:
    sources, output = tmp_path / "debian.sources", tmp_path / "base.tar"
    sources.write_text(get_base_sources())
    cache = test_state.parent / "cache" / "packages"
    command = [image.RECIPE / "build", sources, cache, output, "interrupted"]
    building = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root = output.with_name("base.tar.building") / "rootfs"
    end = time.monotonic() + 60
    while not (root / "usr").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert (root / "usr").exists(), "the build did not begin"
    building.send_signal(signal.SIGKILL)
    building.wait(10)
    while find_builders(output) and time.monotonic() < end:
        time.sleep(0.1)
    assert find_builders(output) == ""
    assert not output.exists()
    assert str(root) not in Path("/proc/self/mounts").read_text()
