#!/bin/sh
# serve.sh BIN: the service on this machine, with the flights in an SQLite file beside it.
set -eu
echo "serve: preparing departures.sqlite3 (a minute the first time)"
"$1/python" manage.py migrate --verbosity=0
"$1/python" manage.py load --if-empty
echo "serve: http://127.0.0.1:8000 (stop with Ctrl-C)"
exec "$1/gunicorn" -c departures/gunicorn.conf.py
