"""Steps tell what they do; a failure names the step, the reason and the mend."""

import io
import threading
from pathlib import Path

import pytest

from coyotelab_setup import steps
from coyotelab_setup.errors import SetupError
from coyotelab_setup.steps import Step, StepFailed, get_outcome, run_steps, say_failure


def fail() -> str:
    raise SetupError("the disk is full.", "Make room.")


def test_each_step_is_one_line() -> None:
    output = io.StringIO()
    run_steps([Step("pool", lambda: "made"), Step("folders", lambda: "")], output)
    assert output.getvalue() == "[1/2] pool … made\n[2/2] folders … done\n"


def test_a_failure_stops_and_is_explained() -> None:
    output, done = io.StringIO(), []
    two = [Step("pool", fail), Step("network", lambda: str(done.append(1)))]
    with pytest.raises(StepFailed) as caught:
        run_steps(two, output)
    assert output.getvalue() == "[1/2] pool … FAILED\n"
    assert not done
    shown = io.StringIO()
    say_failure(caught.value, shown)
    assert "Step “pool” failed: the disk is full." in shown.getvalue()
    assert "What to do: Make room." in shown.getvalue()


def test_what_the_machine_refuses_is_a_failure_too(tmp_path: Path) -> None:
    step = Step("pool", lambda: (tmp_path / "none" / "file").read_text())
    with pytest.raises(StepFailed, match=r"Step “pool” failed: .*No such file") as caught:
        run_steps([step], io.StringIO())
    assert caught.value.mend


@pytest.mark.parametrize(
    ("result", "seconds", "line"),
    [
        ("made", 0.01, "made"),
        ("made", 1.26, "made, 1.3 s"),
        ("", 41.2, "41 s"),
        ("", 0.0, "done"),
    ],
)
def test_the_outcome_says_what_and_how_long(result: str, seconds: float, line: str) -> None:
    assert get_outcome(result, seconds) == line


def test_two_set_ups_do_not_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LOCK", tmp_path / "lock")
    first, second = io.StringIO(), io.StringIO()
    inside, let_go = threading.Event(), threading.Event()

    def hold() -> str:
        inside.set()
        let_go.wait(10)
        return "held"

    holder = threading.Thread(target=run_steps, args=([Step("pool", hold)], first))
    waiter = threading.Thread(target=run_steps, args=([Step("pool", str)], second))
    holder.start()
    assert inside.wait(10)
    waiter.start()
    waiter.join(0.3)
    assert second.getvalue() == "Waiting for another set-up on this machine …\n"
    let_go.set()
    holder.join(10)
    waiter.join(10)
    assert second.getvalue().endswith("[1/1] pool … done\n")
