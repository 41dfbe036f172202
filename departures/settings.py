"""Settings of the departures service, all of them from the environment.

`departures/.env.example` lists what can be set. Every missing or malformed variable is named in
one message when the process starts, not one a restart.
"""

from datetime import UTC, datetime
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import Env, EnvValidationError, ValidationError, validate

from . import database

HERE = Path(__file__).resolve().parent
SQLITE = f"sqlite:///{HERE.parent / 'departures.sqlite3'}"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def moment(value: datetime) -> datetime:
    """An aware moment in UTC; one without an offset is taken as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_2013(value: datetime) -> None:
    if moment(value).year != 2013:
        raise ValidationError("Not in 2013, the year that is replayed.")


env = Env(eager=False)  # gathers the faults; seal() below reports them together
env.add_parser("database", database.settings)
env.read_env(HERE / ".env", recurse=False)  # the real environment wins over the file

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str(
    "SECRET_KEY",
    # Made anew at each start in development, so that nobody commits one.
    **({"default": get_random_secret_key()} if DEBUG else {}),
    validate=validate.Length(min=32),
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
DATABASES = {"default": env.database("DATABASE_URL", SQLITE)}
DATA_FOLDER = env.path("DATA_FOLDER", HERE.parent / "data")
REPLAY_START = env.datetime("REPLAY_START", datetime(2013, 1, 1, tzinfo=UTC), validate=in_2013)
REPLAY_SINCE = env.datetime("REPLAY_SINCE", datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC))
REPLAY_SPEED = env.float("REPLAY_SPEED", 1.0, validate=validate.Range(min=0))
LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LEVELS))

try:
    env.seal()
except EnvValidationError as error:
    faults = (f"  {name}: {' '.join(says)}" for name, says in error.error_messages.items())
    raise ImproperlyConfigured(
        "The environment is not complete (departures/.env.example explains each variable):\n"
        + "\n".join(faults)
    ) from None
REPLAY_START, REPLAY_SINCE = moment(REPLAY_START), moment(REPLAY_SINCE)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "departures",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
ROOT_URLCONF = "departures.urls"
WSGI_APPLICATION = "departures.wsgi.application"
ASGI_APPLICATION = "departures.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
