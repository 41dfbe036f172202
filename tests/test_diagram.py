"""A diagram says what the server says: every table, key and reference, and nothing else."""

import pytest
from matplotlib.figure import Figure
from sqlalchemy import Engine, create_engine, text

from nexus import diagram, servers
from tests.machine import need

SHOP = """
    CREATE TABLE region (id INTEGER PRIMARY KEY, inside INT REFERENCES region (id));
    CREATE TABLE customer (email VARCHAR(80) PRIMARY KEY, name TEXT NOT NULL,
        region INT REFERENCES region (id));
    CREATE TABLE line (ordered INT, number INT, product TEXT, PRIMARY KEY (ordered, number));
    CREATE TABLE remark (id INTEGER PRIMARY KEY, ordered INT NOT NULL, number INT NOT NULL,
        FOREIGN KEY (ordered, number) REFERENCES line (ordered, number))
"""


def made(script: str) -> Engine:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        for statement in script.split(";"):
            connection.execute(text(statement))
    return engine


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.axes[0].texts]


def arrows(figure: Figure) -> int:
    return sum(hasattr(t, "arrow_patch") for t in figure.axes[0].texts)


def test_what_stands_in_the_schema_stands_in_the_figure() -> None:
    figure, alt = diagram.draw(made(SHOP))
    for word in ("region", "customer", "line", "remark", "email", "varchar(80)", "integer ?"):
        assert any(shown.startswith(word) for shown in texts(figure)), word
    assert arrows(figure) == 4  # two columns of a composite key, one parent, one self reference
    assert alt.startswith("Diagram of 4 tables. ")
    assert "line: 3 columns, primary key ordered, number;" in alt
    assert "foreign keys ordered to line.ordered, number to line.number" in alt


def test_a_wide_table_is_folded_and_keeps_its_keys() -> None:
    columns = ", ".join(f"c{n} INT" for n in range(30))
    engine = made(
        f"{SHOP}; CREATE TABLE wide ({columns}, id INTEGER PRIMARY KEY, "
        "buyer VARCHAR(80) REFERENCES customer (email))"
    )
    figure, alt = diagram.draw(engine, ["wide", "customer"], most=6)
    assert {"id", "buyer", "… and 27 more"} <= set(texts(figure))
    assert "c4" not in texts(figure)
    assert arrows(figure) == 1  # customer's region is not in the picture
    assert "wide: 32 columns" in alt


def test_tables_that_refer_to_each_other_are_drawn() -> None:
    figure, _ = diagram.draw(
        made(
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b (id));"
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a (id))"
        )
    )
    assert arrows(figure) == 2


def test_a_database_without_tables_is_refused() -> None:
    with pytest.raises(LookupError, match="no tables to draw"):
        diagram.draw(create_engine("sqlite://"))


def test_an_absent_table_is_named() -> None:
    with pytest.raises(LookupError, match="no table pilot; there are: customer, line"):
        diagram.draw(made(SHOP), ["pilot"])


def test_mariadb_says_the_same() -> None:
    need("mariadb")
    with servers.mariadb() as server, server.connect() as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE a (id INT UNSIGNED PRIMARY KEY) CHARACTER SET utf8mb4")
            cursor.execute(
                "CREATE TABLE b (a INT UNSIGNED, t VARCHAR(9) COLLATE utf8mb4_bin, "
                "FOREIGN KEY (a) REFERENCES a (id))"
            )
        schema = diagram.read(create_engine("mysql+pymysql://", creator=server.connect))
    assert schema["b"] == [
        diagram.Column("a", "INTEGER", True, False, "a.id"),
        diagram.Column("t", "VARCHAR(9)", True, False, None),
    ]
