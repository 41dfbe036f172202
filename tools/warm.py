"""Fill the caches that the entries start from: the loaded databases, the old libraries."""

from nexus import isolated, servers, service

if __name__ == "__main__":
    print("warm: the service's data in SQLite", flush=True)
    service.setup()
    if reason := servers.available("mariadb"):
        print(f"warm: {reason}")
    else:
        for data in ("flights", "departures"):
            print(f"warm: {data} in MariaDB", flush=True)
            servers.mariadb(data).stop()
    print("warm: old libraries that a page studies", flush=True)
    for requirement in isolated.pins():
        isolated.package(requirement)
