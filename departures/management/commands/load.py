"""`manage.py load`: fill the database from the files in `data/`, all or nothing."""

import time
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from tqdm import tqdm

from departures import loading
from departures.source import DataError


class Command(BaseCommand):
    help = "Load the flights of 2013 and the synthetic subscribers into a migrated database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))
        parser.add_argument("--folder", type=Path, default=settings.DATA_FOLDER)
        parser.add_argument("--replace", action="store_true", help="delete what is there first")
        parser.add_argument("--if-empty", action="store_true", help="leave what is there alone")
        parser.add_argument("--quiet", action="store_true", help="no progress bar, no summary")

    def handle(self, *args: Any, **options: Any) -> None:
        quiet = options["quiet"] or options["verbosity"] == 0

        def progress(rows: Iterable, name: str, total: int | None) -> Iterable:
            return tqdm(rows, desc=name, total=total, unit=" rows", disable=quiet)

        began = time.perf_counter()
        try:
            counts = loading.load(
                options["database"],
                options["folder"],
                replace=options["replace"],
                progress=progress,
            )
        except loading.NotEmpty:
            if options["if_empty"]:
                return
            raise CommandError("The database is not empty; --replace loads it anew.") from None
        except DataError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"Nothing was loaded: {_explained(error)}") from error
        if not quiet:
            rows = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            self.stdout.write(f"Loaded {rows} in {time.perf_counter() - began:.1f} s.")


def _explained(error: DatabaseError) -> str:
    said = str(error)
    if "no such table" in said or "doesn't exist" in said:
        return "the tables are not there yet; run `python manage.py migrate` first."
    if "disk is full" in said or "No space left" in said:
        return "the disk is full; free some space (about 300 MB) and load again."
    return said
