"""The source tables in `data/`: where they lie, whether they are whole, their rows as they stand.

Needs no Django: the notebooks' library reads them through this module as well.
"""

import csv
import hashlib
import lzma
from collections.abc import Iterator
from pathlib import Path

COLUMNS = {
    table: tuple(names.split())
    for table, names in {
        "airlines": "carrier name",
        "airports": "faa name lat lon alt tz dst tzone",
        "planes": "tailnum year type manufacturer model engines seats speed engine",
        "weather": "origin year month day hour temp dewp humid wind_dir wind_speed wind_gust "
        "precip pressure visib time_hour",
        "flights": "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time "
        "arr_delay carrier flight tailnum origin dest air_time distance hour minute time_hour",
    }.items()
}
TABLES = tuple(COLUMNS)
ROWS = {"airlines": 16, "airports": 1_458, "planes": 3_322, "weather": 26_115, "flights": 336_776}
FOLDER = Path(__file__).resolve().parent.parent / "data"
SUMS = "SHA256SUMS"
MISSING = "NA"
_ADVICE = "restore it with `git checkout -- data`, or remake it with tools/fetch_data.py."


class DataError(Exception):
    """A data file is missing or damaged; the message is one line that says what to do."""


def path(table: str, folder: Path = FOLDER) -> Path:
    """Where the compressed CSV of `table` lies. Raises DataError for a table there is not."""
    if table not in TABLES:
        raise DataError(f"There is no table {table!r}; there are {', '.join(TABLES)}.")
    return folder / f"{table}.csv.xz"


def verify(folder: Path = FOLDER) -> None:
    """Compare each file with SHA256SUMS (GNU format). Raises DataError, naming the first fault."""
    published = _published(folder)
    for table in TABLES:
        file = path(table, folder)
        try:
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{file} cannot be read ({error.strerror}); {_ADVICE}") from error
        if found != published.get(file.name):
            raise DataError(f"{file} is damaged (its SHA-256 is not the one in {SUMS}); {_ADVICE}")


def checksum(folder: Path = FOLDER) -> str:
    """One digest over the published checksums: a key for what is made from the data, 64 hex digits.

    Two clones with the same data agree on it. It does not read the files: `verify` does.
    """
    lines = sorted(f"{digest} {name}" for name, digest in _published(folder).items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def rows(table: str, folder: Path = FOLDER) -> Iterator[list[str]]:
    """The rows of `table` in the source's order: text in the order of COLUMNS, "NA" as it stands.

    Raises DataError when the file is not a whole CSV with those columns.
    """
    file = path(table, folder)
    try:
        with lzma.open(file, "rt", encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            if tuple(next(reader, ())) != COLUMNS[table]:
                raise DataError(f"{file} has other columns than {table} should; {_ADVICE}")
            yield from reader
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file} is damaged ({error}); {_ADVICE}") from error


def _published(folder: Path) -> dict[str, str]:
    file = folder / SUMS
    try:
        lines = file.read_text(encoding="ascii").split("\n")
        pairs = (line.split() for line in lines if line)
        return {name: digest for digest, name in pairs}
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); {_ADVICE}") from error
