from django.apps import AppConfig


class DeparturesConfig(AppConfig):
    name = "departures"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers itself)
