#!/usr/bin/env python
"""Django's command line for the departures service."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "departures.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # the reader needs the list of faults, not our stack
        sys.exit(str(error))


if __name__ == "__main__":
    main()
