"""System checks: what must be true of the database before tables are made in it."""

from collections.abc import Sequence

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections


@register(Tags.database)
def case_sensitive(databases: Sequence[str] | None = None, **kwargs: object) -> list[CheckMessage]:
    """Airport codes and tail numbers are case-sensitive; MySQL's default collations are not."""
    faults: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@collation_database")
            (collation,) = cursor.fetchone()
        if not collation.endswith(("_bin", "_cs")):
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            faults.append(
                Error(
                    f"Database {name} has the collation {collation}, which ignores case.",
                    hint=f"ALTER DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                    id="departures.E001",
                )
            )
    return faults
