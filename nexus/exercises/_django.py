"""What the judges of the Django entries share: the models, and blocks that leave no trace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from nexus import service


@cache
def models() -> ModuleType:
    """The models of the service; they can be imported once Django is set up, and not before."""
    if not apps.ready:  # it is in a reader's kernel, and in the tests of what a page teaches
        service.setup()
    return import_module("departures.models")


@contextmanager
def untouched() -> Iterator[None]:
    """Whatever is written in the block is gone after it."""
    models()
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements of the block, also those that somebody inside it captures for himself."""
    statements: list[str] = []

    def note(execute: Callable, sql: str, *rest: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield statements
