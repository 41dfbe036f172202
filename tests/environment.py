"""What must stand in the environment before pytest-django reads the service's settings."""

import os
import secrets

os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
