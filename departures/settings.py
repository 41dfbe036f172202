"""Settings of the departures service, all of them from the environment.

`departures/.env.example` lists what can be set. Every missing or malformed variable is named in
one message when the process starts, not one a restart.
"""

from datetime import UTC, datetime, timedelta
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
JWT_KEY = env.str(  # not SECRET_KEY: a key has one use, and is replaced without the other
    "JWT_KEY",
    **({"default": get_random_secret_key()} if DEBUG else {}),
    validate=validate.Length(min=32),
)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
DATABASES = {"default": env.database("DATABASE_URL", SQLITE)}
DATA_FOLDER = env.path("DATA_FOLDER", HERE.parent / "data")
REPLAY_START = env.datetime("REPLAY_START", datetime(2013, 1, 1, tzinfo=UTC), validate=in_2013)
REPLAY_SINCE = env.datetime("REPLAY_SINCE", datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC))
REPLAY_SPEED = env.float("REPLAY_SPEED", 1.0, validate=validate.Range(min=0))
THROTTLE = env.bool("THROTTLE", True)
PROXIES = env.int("PROXIES", 0, validate=validate.Range(min=0))
CACHES = {"default": env.dj_cache_url("CACHE_URL", "locmem://")}
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
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_yasg",
    "departures",
]
# No sessions and no cookies: who asks shows a token, so there is nothing for a forged form to use.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "departures.middleware.content_security",
    "departures.middleware.limit_body",
]
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages: there is nothing to collect
ROOT_URLCONF = "departures.urls"
WSGI_APPLICATION = "departures.wsgi.application"
ASGI_APPLICATION = "departures.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ),
    "DEFAULT_PERMISSION_CLASSES": ("rest_framework.permissions.AllowAny",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
    "DEFAULT_PARSER_CLASSES": ("departures.api.parsers.JSONParser",),
    "DEFAULT_PAGINATION_CLASS": "departures.api.pagination.Cursor",
    "DEFAULT_FILTER_BACKENDS": ("departures.api.filters.Strict",),
    "DEFAULT_THROTTLE_CLASSES": (
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ),
    # Counted in the cache, so together by all processes once CACHE_URL names a shared one.
    "DEFAULT_THROTTLE_RATES": {"anon": "120/min", "user": "600/min", "sign-in": "10/min"}
    if THROTTLE
    else {"anon": None, "user": None, "sign-in": None},
    "NUM_PROXIES": PROXIES,
    "EXCEPTION_HANDLER": "departures.problems.handler",
    "DEFAULT_METADATA_CLASS": None,
}
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends what the old one signed in
}
SWAGGER_USE_COMPAT_RENDERERS = False
SWAGGER_SETTINGS = {
    "DEFAULT_AUTO_SCHEMA_CLASS": "departures.api.schema.Schema",
    "SECURITY_DEFINITIONS": {"Bearer": {"type": "apiKey", "name": "Authorization", "in": "header"}},
    "USE_SESSION_AUTH": False,
    "VALIDATOR_URL": None,  # the default asks a public server
}

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    # The level of the handler, for the logger `django` has a level of its own.
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "level": LOG_LEVEL}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
