"""What must stand in the environment before pytest-django sets the service up."""

import os
import secrets

for key in ("SECRET_KEY", "JWT_KEY"):
    os.environ.setdefault(key, secrets.token_urlsafe(50))
# The browser of the book's tests leaves an event loop in this thread; Django would refuse to run.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
