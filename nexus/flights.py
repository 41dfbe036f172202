"""The flights of New York in 2013 as the source has them: paths, frames, raw tables in a server.

`data/README.md` is the dictionary of the columns and of their dirt. Nothing is cleaned here.
"""

import lzma
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from departures.source import COLUMNS, MISSING, ROWS, TABLES, DataError, checksum, path, verify

if TYPE_CHECKING:
    import pandas
    import pymysql

__all__ = [
    "COLUMNS",
    "ROWS",
    "TABLES",
    "TYPES",
    "DataError",
    "checksum",
    "frame",
    "load_raw",
    "path",
    "verify",
]

# The type of each column in MariaDB. What looks like a number and is one is a number: a clock
# reading such as 517 or 2400 too. Nothing but "NA" is missing, and `time_hour` is in UTC.
TYPES = {
    "airlines": {"carrier": "CHAR(2) NOT NULL", "name": "VARCHAR(50) NOT NULL"},
    "airports": {
        "faa": "CHAR(3) NOT NULL",
        "name": "VARCHAR(60) NOT NULL",
        "lat": "DOUBLE NOT NULL",
        "lon": "DOUBLE NOT NULL",
        "alt": "SMALLINT NOT NULL",
        "tz": "TINYINT NOT NULL",
        "dst": "CHAR(1) NOT NULL",
        "tzone": "VARCHAR(30)",
    },
    "planes": {
        "tailnum": "CHAR(6) NOT NULL",
        "year": "SMALLINT",
        "type": "VARCHAR(30) NOT NULL",
        "manufacturer": "VARCHAR(30) NOT NULL",
        "model": "VARCHAR(20) NOT NULL",
        "engines": "TINYINT NOT NULL",
        "seats": "SMALLINT NOT NULL",
        "speed": "SMALLINT",
        "engine": "VARCHAR(20) NOT NULL",
    },
    "weather": {
        "origin": "CHAR(3) NOT NULL",
        "year": "SMALLINT NOT NULL",
        "month": "TINYINT NOT NULL",
        "day": "TINYINT NOT NULL",
        "hour": "TINYINT NOT NULL",
        "temp": "DOUBLE",
        "dewp": "DOUBLE",
        "humid": "DOUBLE",
        "wind_dir": "SMALLINT",
        "wind_speed": "DOUBLE",
        "wind_gust": "DOUBLE",
        "precip": "DOUBLE NOT NULL",
        "pressure": "DOUBLE",
        "visib": "DOUBLE NOT NULL",
        "time_hour": "DATETIME NOT NULL",
    },
    "flights": {
        "year": "SMALLINT NOT NULL",
        "month": "TINYINT NOT NULL",
        "day": "TINYINT NOT NULL",
        "dep_time": "SMALLINT",
        "sched_dep_time": "SMALLINT NOT NULL",
        "dep_delay": "SMALLINT",
        "arr_time": "SMALLINT",
        "sched_arr_time": "SMALLINT NOT NULL",
        "arr_delay": "SMALLINT",
        "carrier": "CHAR(2) NOT NULL",
        "flight": "SMALLINT NOT NULL",
        "tailnum": "CHAR(6)",
        "origin": "CHAR(3) NOT NULL",
        "dest": "CHAR(3) NOT NULL",
        "air_time": "SMALLINT",
        "distance": "SMALLINT NOT NULL",
        "hour": "TINYINT NOT NULL",
        "minute": "TINYINT NOT NULL",
        "time_hour": "DATETIME NOT NULL",
    },
}


def frame(table: str) -> "pandas.DataFrame":
    """The table as it stands, in the source's order, row labels from 0.

    Whole numbers are Int64 (nullable; clock readings such as 517 and 2400 too), other numbers
    Float64, all else str; `time_hour` stays the ISO text that it is. Only "NA" is missing.
    Raises DataError.
    """
    import pandas

    kinds = {"SMALLINT": "Int64", "TINYINT": "Int64", "DOUBLE": "Float64"}
    file = path(table)
    dtypes = {name: kinds.get(sql.split()[0], "str") for name, sql in TYPES[table].items()}
    try:
        return pandas.read_csv(file, dtype=dtypes, keep_default_na=False, na_values=[MISSING])
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        verify()  # says it in one line when the file is not the published one
        raise DataError(f"{file} cannot be read: {error}") from error


def load_raw(connection: "pymysql.Connection") -> None:
    """Make and fill the five raw tables in the connection's database: no keys, case-sensitive.

    TYPES documents the columns; "NA" becomes NULL and nothing else changes. The connection must
    allow LOCAL INFILE, and so must the server. Raises DataError before anything is made.
    """
    verify()
    with tempfile.TemporaryDirectory(prefix="nexus-") as folder, connection.cursor() as cursor:
        for table, types in TYPES.items():
            csv = Path(folder, f"{table}.csv")
            with lzma.open(path(table)) as packed, csv.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
            columns = ", ".join(f"`{name}` {sql}" for name, sql in types.items())
            cursor.execute(
                f"CREATE TABLE `{table}` ({columns}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            )
            cursor.execute(
                f"LOAD DATA LOCAL INFILE '{csv}' INTO TABLE `{table}` CHARACTER SET utf8mb4 "
                "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
                "LINES TERMINATED BY '\\n' IGNORE 1 LINES "
                f"({', '.join(f'@{name}' for name in types)}) "
                f"SET {', '.join(_value(name, sql) for name, sql in types.items())}"
            )
            csv.unlink()
            if cursor.rowcount != ROWS[table]:
                raise DataError(
                    f"The server took {cursor.rowcount} of {ROWS[table]} rows of {table}."
                )
    connection.commit()


def _value(name: str, sql: str) -> str:
    if sql.startswith("DATETIME"):  # the server's type has no place for the T and the Z
        return f"`{name}` = REPLACE(REPLACE(@{name}, 'T', ' '), 'Z', '')"
    return (
        f"`{name}` = @{name}" if sql.endswith("NOT NULL") else f"`{name}` = NULLIF(@{name}, 'NA')"
    )
