"""Django's database settings from a URL, and what each server must be told explicitly."""

from typing import Any

import dj_database_url
import pymysql
from environs import ValidationError

# Django asks for mysqlclient, which has no wheel and needs a compiler; PyMySQL stands in for it.
pymysql.install_as_MySQLdb()

FORMS = "sqlite:///file or mysql://user:password@host:3306/name?unix_socket=/path"


def settings(url: str) -> dict[str, Any]:
    """The entry of DATABASES for `url`; raises ValidationError that says what is wrong with it.

    The URL itself is never quoted in the message: it may hold a password.
    """
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    except Exception as error:  # the parser has half a dozen ways to fail
        raise ValidationError(f"Not a database URL of the form {FORMS}.") from error
    options = parsed.setdefault("OPTIONS", {})
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        options |= {
            # Take the write lock at BEGIN: a transaction that reads first and writes later would
            # otherwise fail at once, without waiting, when another one has written in between.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "PRAGMA cache_size = -65536",  # KiB
        }
    elif parsed["ENGINE"] == "django.db.backends.mysql":
        options |= {
            "charset": "utf8mb4",
            # Codes are case-sensitive, and MariaDB's default collation takes 10c for 10C.
            "collation": "utf8mb4_bin",
            "isolation_level": "read committed",
            "init_command": "SET sql_mode = 'STRICT_TRANS_TABLES', time_zone = '+00:00'",
        }
        # To connect costs more than most queries; one that the server has closed is noticed.
        parsed |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}  # seconds
        parsed["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"}
    else:
        raise ValidationError(f"Not a database this service runs on; write {FORMS}.")
    parsed["CONN_MAX_AGE"] = (
        60  # seconds; a new connection for each request costs more than its query
    )
    parsed["CONN_HEALTH_CHECKS"] = True
    if not parsed["NAME"]:
        raise ValidationError(f"No database is named in the URL; write {FORMS}.")
    return parsed
