"""The GraphQL endpoint: its schema, its limits, its view."""
