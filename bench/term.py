"""A whole term of a department, told in steps with their times: `make term`.

Starts the demo on the test engine, and does what its administrator, instructors and students do
from the first day to the last, by the product's own doors alone; a step that does not come out as
it should ends it with a failure. Nothing of it is left.
"""

import os
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from bench.opening import Bench
from coyotelab_spawner.lxd import Connection
from tests.conftest import sweep
from tests.term.beginning import tell_beginning
from tests.term.department import LARGE, SETTINGS, SMALL, Department
from tests.term.weeks import tell_weeks


def main() -> None:
    state = Path(os.environ["COYOTELAB_TEST_STATE"])
    size = SMALL if os.environ.get("TERM_SIZE") == "small" else LARGE
    began, bench = monotonic(), Bench(state)
    machine, site = bench.machine, bench.site
    connection = Connection(machine["url"], machine["project"], state / machine["credentials"])
    sweep(connection, state)
    (state / "config.py").write_text(SETTINGS)
    try:
        with TemporaryDirectory() as folder:
            site.start()
            term = Department(site, machine["base"], size, Path(folder))
            tell_beginning(term)
            tell_weeks(term)
    except BaseException:
        print(site.get_logs())
        raise
    finally:
        site.stop()
        sweep(connection, state)
    print(f"\n{machine['engine']}, {os.cpu_count()} cores, kernel {platform.release()}", end="; ")
    print(f"{size.courses} courses, {size.students} students\n")
    print(term.diary.make_table())
    print(f"\n{len(term.diary.steps)} steps in {term.diary.seconds:.0f} s;", end=" ")
    print(f"with start, stop and clean-up {monotonic() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
