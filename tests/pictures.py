"""The pictures in the docs, chosen from what the tests of the pages saw."""

import shutil
import sys

from .looks import CHECKOUT, SCREENSHOTS

IMAGES = CHECKOUT / "docs" / "images"
MOST = 150 * 1024  # bytes of one picture
CHOSEN = {
    "login": "hub-login-1280-light",
    "courses": "courses-1280-light",
    "course": "course-1280-light",
    "terminal": "terminal-1280",
    "students": "students-1280-light",
    "preview": "students-preview-1280-light",
    "admin": "admin-1280-light",
}


def main() -> None:
    """Take over those that can be; end with 1 when one cannot."""
    faults = []
    for name, source in CHOSEN.items():
        path = SCREENSHOTS / f"{source}.png"
        if not path.exists():
            faults.append(f"There is no {path.name}: run the tests of the pages first.")
        elif path.stat().st_size > MOST:
            faults.append(f"{path.name} has more than {MOST // 1024} KiB.")
        else:
            shutil.copyfile(path, IMAGES / f"{name}.png")
    sys.exit("\n".join(faults) or None)


if __name__ == "__main__":
    main()
