"""Build the site, strictly (a warning of Sphinx fails it), and say where it is."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(source: Path = ROOT, output: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the book of `source` into `output`/_build/html; code 0 when nothing is amiss."""
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(source)]
    command += ["--path-output", str(output), "-W", "-n", "--keep-going"]
    return subprocess.run(command, capture_output=True, text=True, cwd=source, check=False)


if __name__ == "__main__":
    started = time.monotonic()
    entries = sorted(ROOT.glob("notebooks/*/*.ipynb"))
    print(f"book: building the site from {len(entries)} entries", flush=True)
    result = build()
    if result.returncode:
        log = result.stdout + result.stderr
        faults = [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line]
        print("\n".join(faults or log.splitlines()[-40:]))
        sys.exit(f"book: {len(faults)} faults, the site is not to be used")
    size = sum(path.stat().st_size for path in (ROOT / "_build/html").rglob("*") if path.is_file())
    seconds = time.monotonic() - started
    print(f"book: built in {seconds:.0f} s, {size / 1e6:.1f} MB")
    print(f"book: open {ROOT / '_build/html/index.html'}")
