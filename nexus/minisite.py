"""A Django project that lives inside one kernel: no files, an empty SQLite database in memory."""

import logging
import os
import secrets
from collections.abc import Iterable
from typing import Any

CONTRIB = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


def setup(apps: Iterable[str] = (), **settings: Any) -> None:
    """Configure Django with users, sessions and `apps`, and create their tables.

    `settings` go to Django as they are; `ROOT_URLCONF=__name__` makes a notebook's own
    `urlpatterns` the site. Nothing is logged. A second call in the same kernel does nothing.
    """
    import django
    from django.conf import settings as django_settings
    from django.core.management import call_command

    if django_settings.configured:
        return
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # a kernel runs inside an event loop
    django_settings.configure(
        SECRET_KEY=secrets.token_urlsafe(48),
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[*CONTRIB, *apps],
        MIDDLEWARE=MIDDLEWARE,
        USE_TZ=True,
        USE_I18N=False,
        LOGGING_CONFIG=None,
        **settings,
    )
    logger = logging.getLogger("django")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    django.setup()
    call_command("migrate", verbosity=0)
