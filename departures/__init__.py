"""The flight departures service that the notebooks study: one Django project and app."""
