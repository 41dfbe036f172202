"""gunicorn -c departures/gunicorn.conf.py: one process with threads; more by WEB_CONCURRENCY."""

wsgi_app = "departures.wsgi"
bind = "127.0.0.1:8000"
worker_class = "gthread"
threads = 8
limit_request_line = 8190  # bytes; what is longer gets a 414 of gunicorn's own
keepalive = 30  # seconds; clients that come back keep their connection
control_socket_disable = True  # two services of one user would share it
graceful_timeout = 10  # seconds
