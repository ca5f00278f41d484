"""What every page has to be like, in a real Chromium: at every width and in both themes.

One table says which page is seen by whom; the tests of the service and of the whole site use it.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SCREENSHOTS = CHECKOUT / "tests" / "browser" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
# Without these, Debian's Chromium asks the Internet for updates, which a closed network refuses.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW, NARROWEST = 1280, 390, 360  # pixels
HEIGHTS = {WIDE: 800, NARROW: 844, NARROWEST: 740}
THEMES = ("light", "dark")

# What axe calls serious or critical, and what it does not look for.
FIND_FAULTS = """async (only) => {
  const faults = [];
  const rules = only.length ? { runOnly: only } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...rules });
  for (const { id, impact, nodes } of found.violations) {
    if (!["serious", "critical"].includes(impact)) continue;
    const what = nodes.map((n) => `${n.target.join(" ")} (${n.any[0]?.message ?? n.html})`);
    faults.push(`axe: ${id}: ${what.slice(0, 4).join("; ")}`);
  }
  const html = document.documentElement;
  if (html.scrollWidth > html.clientWidth) faults.push(`${html.scrollWidth} pixels wide`);
  if (!html.lang) faults.push("no language");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  return faults;
}"""
# After one press of Tab the browser shows every focus, also one that a script sets.
FIND_UNFOCUSED = """() => {
  const faults = [];
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary");
  for (const element of all) {
    if (!element.checkVisibility() || element.disabled || element.type === "hidden") continue;
    if (element.closest(".xterm")) continue; // a terminal shows by its cursor that it has the focus
    element.focus();
    if (document.activeElement !== element) continue;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) {
      faults.push(`focus is not seen on ${element.outerHTML.slice(0, 90)}`);
    }
  }
  return faults;
}"""
# Told to add up by WATCH_SHIFTS, before the page has loaded.
WATCH_SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifts += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
"""


def find_axe() -> Path:
    """Return axe's script, installed from npm as the lock file says when it is not there yet."""
    state = os.environ.get("COYOTELAB_TEST_STATE", CHECKOUT / ".coyotelab" / "test")
    folder = Path(state).resolve() / "axe"
    files = [CHECKOUT / name for name in ("package.json", "package-lock.json", ".npmrc")]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = folder / "stamp"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, folder / file.name)
        command = ["npm", "ci", "--prefix", str(folder), "--include=dev", "--no-progress"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        stamp.write_text(wanted)
    return folder / "node_modules" / "axe-core" / "axe.min.js"
