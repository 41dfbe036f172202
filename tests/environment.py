"""What must stand in the environment before pytest-django sets the service up."""

import os
import secrets

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
# The browser of the book's tests leaves an event loop in this thread; Django would refuse to run.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
