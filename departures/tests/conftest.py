"""A slice of the source, 20 flights chosen for what is odd about them, in the source's own form."""

import hashlib
import lzma
from pathlib import Path

import pytest

from departures import loading, source

SLICE = Path(__file__).parent / "slice"


def pack(folder: Path, tables: dict[str, bytes]) -> Path:
    """Write the tables and their SHA256SUMS into `folder` as `data/` has them."""
    sums = []
    for table, csv in tables.items():
        packed = lzma.compress(csv, preset=0)
        source.path(table, folder).write_bytes(packed)
        sums.append(f"{hashlib.sha256(packed).hexdigest()}  {table}.csv.xz\n")
    (folder / source.SUMS).write_text("".join(sums))
    return folder


@pytest.fixture(scope="session")
def tables() -> dict[str, bytes]:
    return {table: (SLICE / f"{table}.csv").read_bytes() for table in source.TABLES}


@pytest.fixture
def folder(tables: dict[str, bytes], tmp_path: Path) -> Path:
    return pack(tmp_path, tables)


@pytest.fixture
def loaded(db: None, folder: Path) -> dict[str, int]:
    """The slice, loaded; the number of rows by table name."""
    return loading.load("default", folder)
