"""Checks of `data/normalization`: two on rules alone, one on a server, one on a clinic's table."""

import decimal
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pymysql

from nexus import servers
from nexus.exercises import Hint, call, exercise, plain

if TYPE_CHECKING:
    import pandas

Columns = frozenset[str]
Rule = tuple[Columns, Columns]


def rules(text: str) -> list[Rule]:
    """The rules of "a b -> c; c -> d"."""
    pairs = (rule.split("->") for rule in text.split(";") if rule.strip())
    return [(frozenset(left.split()), frozenset(right.split())) for left, right in pairs]


def said(columns: Iterable[str]) -> str:
    return "{" + ", ".join(sorted(columns)) + "}"


def determined(columns: Iterable[str], known: list[Rule]) -> set[str]:
    """The closure of `columns`."""
    reached = set(columns)
    while more := {name for left, right in known if left <= reached for name in right - reached}:
        reached |= more
    return reached


def once(columns: Iterable[str], known: list[Rule]) -> set[str]:
    """What a closure finds that looks at each rule once only."""
    start = frozenset(columns)
    return set(start).union(*(right for left, right in known if left <= start))


def sets_of_names(value: Any, what: str) -> list[Columns]:
    """A collection of sets of names as frozensets; a Hint if it is anything else."""
    value = plain(value)
    if type(value) not in (list, tuple, frozenset):
        raise Hint(f"{what} is asked for")
    found = [frozenset(item.split()) if type(item) is str else item for item in value]
    if any(type(item) not in (list, tuple, frozenset) for item in found):
        raise Hint(f"{what} is asked for")
    if any(type(name) is not str for item in found for name in item):
        raise Hint(f"{what} is asked for, and names are texts")
    return [frozenset(item) for item in found]


def random_rules(chance: random.Random, names: str) -> list[Rule]:
    return [
        (frozenset(chance.sample(names, chance.randint(1, 2))), frozenset(chance.sample(names, 1)))
        for _ in range(chance.randint(1, len(names)))
    ]


# --- keys ----------------------------------------------------------------------------------------

TABLES = [
    ("a b c", "a -> b; b -> c"),
    ("a b c d", "a -> b; b -> c; c -> d; d -> a"),
    ("origin time_hour year month day hour temp", "origin time_hour -> temp; "
     "time_hour -> year month day hour; origin year month day hour -> time_hour"),
    ("street city zip", "street city -> zip; zip -> city"),
    ("a b c", ""),
    ("a b c d e", "a b -> c; c -> d; d -> a"),
    ("year flight day", "-> year"),
    ("a b", "-> a b"),
]  # fmt: skip


def keys_of(
    columns: Columns, known: list[Rule], reach: Callable[..., set[str]] = determined
) -> set[Columns]:
    every = [frozenset(c) for n in range(len(columns) + 1) for c in combinations(columns, n)]
    full = [one for one in every if reach(one, known) >= columns]
    return {one for one in full if not any(other < one for other in full)}


@exercise("data/normalization/keys")
def keys(answer: Any) -> str:
    """`candidate_keys(columns, fds)`: all minimal sets of columns that determine all of them."""
    chance = random.Random(13)
    cases = [(frozenset(names.split()), rules(text)) for names, text in TABLES]
    cases += [(frozenset("abcde"), random_rules(chance, "abcde")) for _ in range(30)]
    for columns, known in cases:
        got = sets_of_names(call(answer, set(columns), list(known)), "a set of frozensets of names")
        judge_keys(set(got), columns, known)
    return f"every key of {len(cases)} tables, and nothing that is more than a key"


def judge_keys(got: set[Columns], columns: Columns, known: list[Rule]) -> None:
    shown = "; ".join(f"{' '.join(sorted(x))} -> {' '.join(sorted(y))}" for x, y in known)
    where = f"columns {said(columns)}, rules {shown or 'none'}"
    for key in sorted(got, key=sorted):
        if key - columns:
            raise Hint(f"{said(key - columns)} is no column; {where}")
        if determined(key, known) < columns:
            lacks = said(columns - determined(key, known))
            raise Hint(f"{said(key)} is no key, it does not determine {lacks}; {where}")
    if got != keys_of(columns, known) and got == keys_of(columns, known, once):
        raise Hint(f"your closure stops before the second hop; {where}")
    for key in sorted(got, key=sorted):
        for name in sorted(key):
            if determined(key - {name}, known) >= columns:
                raise Hint(f"{said(key)} still works with {name!r} removed; {where}")
    if missing := keys_of(columns, known) - got:
        count = len(got) + len(missing)
        if not got:
            raise Hint(f"every table has a key, if need be all of its columns; {where}")
        raise Hint(f"there are {count} keys here, and you found {len(got)}; {where}")


# --- lossless ------------------------------------------------------------------------------------

SPLITS = [
    ("id carrier flight|carrier flight dest", "id -> carrier flight dest"),
    ("id dest|dest origin distance", "id -> dest origin distance; origin dest -> distance"),
    ("id origin dest|origin dest distance", "id -> origin dest; origin dest -> distance"),
    ("id dest|id origin", "id -> dest origin"),
    ("a b|c d", "a -> b; c -> d"),
    ("a b|b c", "b c -> a"),
    ("carrier origin|origin dest|carrier dest", ""),
    ("id carrier|carrier name|id tail|tail model", "id -> carrier tail; carrier -> name; "
     "tail -> model"),
    ("a b|c d|b c", "b -> c; c -> d"),
    ("a d|a b|b e|c d e|a e", "a -> c; b -> c; c -> d; d e -> c; c e -> a"),
    ("a b c", ""),
    ("a b|a b c", ""),
    ("a d|a b c", "b -> c; a -> b"),
    ("a e|a b c d", "c -> d; b -> c; a -> b"),
    ("a b|a c", "a -> h; h -> b"),
]  # fmt: skip


def chase(parts: list[Columns], known: list[Rule], passes: int = 0) -> list[dict[str, int]]:
    """The tableau: a row a part, 0 where the part has the column, equated by the rules.

    It has the columns of the rules too, which may lead over some that no part has. With `passes`
    it looks so often at each rule; without, until nothing changes.
    """
    columns = sorted(frozenset().union(*parts, *(left | right for left, right in known)))
    rows = [{c: 0 if c in part else n for c in columns} for n, part in enumerate(parts, 1)]
    for _ in range(passes) if passes else iter(int, 1):
        before = [dict(row) for row in rows]
        for left, right in known:
            for one, other in combinations(rows, 2):
                if all(one[c] == other[c] for c in left):
                    for name in right:
                        keep, drop = sorted((one[name], other[name]))
                        for row in rows:
                            row[name] = keep if row[name] == drop else row[name]
        if rows == before:
            break
    return rows


def gives_back(rows: list[dict[str, int]], parts: list[Columns]) -> bool:
    """Whether some row of a tableau is known in all columns of the parts."""
    wanted = frozenset().union(*parts)
    return any(not any(row[name] for name in wanted) for row in rows)


def joined(rows: list[dict[str, int]], parts: list[Columns]) -> set[tuple[tuple[str, int], ...]]:
    """The rows split into `parts` and joined back."""
    back: list[dict[str, int]] = [{}]
    for part in parts:
        pieces = {tuple((c, row[c]) for c in sorted(part)) for row in rows}
        back = [
            old | dict(piece)
            for old in back
            for piece in pieces
            if all(old.get(c, value) == value for c, value in piece)
        ]
    return {tuple(sorted(row.items())) for row in back}


@exercise("data/normalization/lossless")
def lossless(answer: Any) -> str:
    """`lossless(parts, fds)`: whether any number of tables join back to the rows they came from."""
    chance = random.Random(13)
    cases = [([frozenset(p.split()) for p in parts.split("|")], rules(r)) for parts, r in SPLITS]
    for _ in range(60):
        parts = [frozenset(chance.sample("abcd", chance.randint(1, 3))) for _ in range(3)]
        cases.append((parts, random_rules(chance, "abcd")))
    for parts, known in cases:
        tableau = chase(parts, known)
        truth = gives_back(tableau, parts)
        got = plain(call(answer, [set(part) for part in parts], list(known)))
        if type(got) is not bool:
            raise Hint("True or False is asked for")
        if got != truth:
            raise Hint(wrong_split(got, parts, known, tableau))
    return f"{len(cases)} splits, each as real rows decide it"


def wrong_split(
    got: bool, parts: list[Columns], known: list[Rule], tableau: list[dict[str, int]]
) -> str:
    where = " and ".join(map(said, parts))
    if got:
        wanted = frozenset().union(*parts)
        distinct = {tuple(row[name] for name in sorted(wanted)) for row in tableau}
        more = len(joined(tableau, parts))
        return (
            f"{where}: {len(distinct)} rows that obey the rules went in and {more} came back; what "
            "they share must determine one of the tables"
        )
    shown = "; ".join(f"{' '.join(sorted(x))} -> {' '.join(sorted(y))}" for x, y in known)
    if not gives_back(chase(parts, known, passes=1), parts):
        return (
            f"{where}, rules {shown}: this is lossless; after each step a rule that was of no use "
            "before may be"
        )
    if len(parts) == 1:
        return f"{where}: one table, not split at all, cannot lose anything"
    if len(parts) == 2:
        return f"{where}: this is lossless; the shared columns need to determine one side only"
    if two_at_a_time(parts, known):
        return f"{where}: this is lossless; the tables may have to be joined in another order"
    return f"{where}: this is lossless, though no two of the tables can be joined first"


def heath(one: Columns, other: Columns, known: list[Rule]) -> bool:
    reached = determined(one & other, known)
    return reached >= one or reached >= other


def two_at_a_time(parts: list[Columns], known: list[Rule]) -> bool:
    """Whether joining some two by Heath's criterion, again and again, leaves one table."""
    tables = list(parts)
    while len(tables) > 1:
        safe = (pair for pair in combinations(tables, 2) if heath(*pair, known))
        if (pair := next(safe, None)) is None:
            return False
        for table in pair:
            tables.remove(table)
        tables.append(pair[0] | pair[1])
    return True


# --- design --------------------------------------------------------------------------------------

TRAPS = """tailnum IS NULL AND day = 1 OR origin = 'EWR' AND dest = 'LGA'
    OR dest = 'EGE' OR dest = 'LEX' OR carrier = 'WN' AND flight = 2269
    OR dest IN ('SJU', 'PSE') AND day = 2 OR month = 1 AND day = 1"""


@cache
def server() -> tuple[servers.Server, pymysql.Connection]:
    """A server of the check's own and a connection to it; it has a small wide table."""
    private = servers.mariadb("flights")
    connection = private.connect(autocommit=True)
    run(connection, "ALTER TABLE planes ADD PRIMARY KEY (tailnum)")
    run(connection, "ALTER TABLE airports ADD PRIMARY KEY (faa)")
    run(
        connection,
        f"""CREATE TABLE wide (id INT PRIMARY KEY AUTO_INCREMENT) AS
        SELECT f.time_hour, f.carrier, f.flight, f.tailnum, f.origin, f.dest, f.dep_delay,
               f.distance, l.name airline, o.name origin_name, o.lat origin_lat, o.lon origin_lon,
               d.name dest_name, d.lat dest_lat, d.lon dest_lon, p.manufacturer, p.model, p.seats
        FROM (SELECT * FROM flights WHERE {TRAPS}) f JOIN airlines l USING (carrier)
        LEFT JOIN airports o ON o.faa = f.origin LEFT JOIN airports d ON d.faa = f.dest
        LEFT JOIN planes p USING (tailnum)""",
    )
    return private, connection


def run(connection: pymysql.Connection, statement: str, *args: Any) -> Any:
    """The rows of a query as dicts, or the number of rows that a statement touched."""
    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        touched = cursor.execute(statement, args or None)
        return cursor.fetchall() if cursor.description else touched


@contextmanager
def trial() -> Iterator[pymysql.Connection]:
    """A connection to a database that has the wide table and nothing else, gone after the block."""
    private, own = server()
    name = run(own, "SELECT CONCAT(DATABASE(), '_trial') AS name")[0]["name"]
    run(own, f"DROP DATABASE IF EXISTS {name}")
    run(own, f"CREATE DATABASE {name}")
    run(own, f"CREATE TABLE {name}.wide LIKE wide")
    run(own, f"INSERT INTO {name}.wide SELECT * FROM wide")
    connection = private.connect(database=name, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()
        run(own, f"DROP DATABASE IF EXISTS {name}")


OWN = ("id", "time_hour", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "distance")
"""The columns of wide that are facts about the flight itself, its references among them."""

Cells = dict[str, list[dict[str, Any]]]


@exercise("data/normalization/design", before=server)
def design(answer: Any) -> str:
    """`design(connection)` makes tables out of `wide`, and a view `rebuilt` with its columns."""
    truth = run(server()[1], "SELECT * FROM wide ORDER BY id")
    with trial() as connection:
        made(answer, connection)
        columns = stored(connection)
        run(connection, "SET foreign_key_checks = 0")
        run(connection, "DROP TABLE IF EXISTS wide")
        run(connection, "SET foreign_key_checks = 1")
        keyed(connection, columns)
        rebuilt(connection, truth)
        cells = {table: run(connection, f"SELECT * FROM `{table}`") for table in columns}
        flights_only(columns, cells, truth)
        facts_once(connection, columns, cells, truth)
        references(connection, columns, truth)
        forgets_nothing(connection, columns, truth)
    return (
        f"{len(truth):,} flights rebuilt, every fact stored once, unknown parents and a repeated "
        "flight refused, and Lexington is remembered"
    )


def stored(connection: pymysql.Connection) -> dict[str, list[str]]:
    """The tables but `wide`, with their columns except generated ones, which cannot go stale."""
    rows = run(
        connection,
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns "
        "JOIN information_schema.tables USING (table_schema, table_name) "
        "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name <> 'wide' "
        "AND extra NOT LIKE '%GENERATED%' ORDER BY table_name, ordinal_position",
    )
    columns: dict[str, list[str]] = {}
    for row in rows:
        columns.setdefault(row["t"], []).append(row["c"])
    return columns


def keyed(connection: pymysql.Connection, columns: dict[str, list[str]]) -> None:
    if "rebuilt" in columns:
        raise Hint("`rebuilt` is a table, one more copy; a view is asked for")
    rows = run(
        connection,
        "SELECT DISTINCT table_name AS t FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND index_name = 'PRIMARY'",
    )
    for table in columns:
        if table not in {row["t"] for row in rows}:
            raise Hint(f"{table} has no primary key: what names one of its rows?")


def made(answer: Any, connection: pymysql.Connection) -> None:
    if not callable(answer):
        raise Hint("a function is asked for, which makes the tables over the connection it gets")
    try:
        call(answer, connection)
    except Hint as hint:
        if "1062" in str(hint):
            raise Hint(f"flights were refused as duplicates; look at WN 2269: {hint}") from None
        if "1048" in str(hint) or "1364" in str(hint):
            raise Hint(f"something that may be unknown must be there: {hint}") from None
        if "1452" in str(hint):
            raise Hint(f"a parent is missing; who has a flight and no row?: {hint}") from None
        raise
    connection.ping()  # one that was closed is opened again
    run(connection, "ROLLBACK")


def rebuilt(connection: pymysql.Connection, truth: list[dict]) -> None:
    """Raise the Hint that says how `rebuilt` differs from what the wide table held."""
    names = ", ".join(truth[0])
    try:
        rows = run(connection, f"SELECT {names} FROM rebuilt ORDER BY id")
    except pymysql.MySQLError as error:
        if error.args[0] == 1356:
            raise Hint("`rebuilt` still reads `wide`, which is dropped before I look") from None
        raise Hint(f"a view `rebuilt` with the columns of wide is asked for: {error}") from None
    have = {row["id"]: row for row in rows}
    if len(have) < len(rows):
        raise Hint(
            f"{len(rows):,} rows come back for {len(truth):,} flights: the join invents some"
        )
    if lost := [row for row in truth if row["id"] not in have]:
        raise Hint(gone(lost))
    for name, what in (("distance", "changed length"), ("tailnum", "changed their plane")):
        if changed := [row["id"] for row in truth if have[row["id"]][name] != row[name]]:
            raise Hint(f"{len(changed)} flights {what}: is what you split by really a rule?")
    for row in truth:
        if differ := [name for name in row if have[row["id"]][name] != row[name]]:
            raise Hint(f"flight {row['id']} came back with another {differ[0]}")


def gone(lost: list[dict]) -> str:
    count = f"{len(lost)} flights are gone"
    if all(row["tailnum"] is None for row in lost):
        return f"{count}, all of them without a tail number: what does a join do with NULL?"
    if all(row["manufacturer"] is None for row in lost):
        return f"{count}, all of them by planes of which nobody knows the model"
    if all(row["dest_name"] is None for row in lost):
        return f"{count}, all of them to airports that nobody described"
    if all(row["manufacturer"] is None or row["dest_name"] is None for row in lost):
        return f"{count}: what they refer to was never described"
    if all((row["carrier"], row["flight"]) == ("WN", 2269) for row in lost):
        return f"{count}, all of them WN 2269: what names a flight?"
    return count


def flights_only(columns: dict[str, list[str]], cells: Cells, truth: list[dict]) -> None:
    """Tables of flights hold what is a fact about a flight, once, and the others are small."""
    planes = len({row["tailnum"] for row in truth})
    for table, names in columns.items():
        if "id" not in names:
            if len(cells[table]) > planes:
                rows = len(cells[table])
                raise Hint(f"{table} has {rows} rows and no `id`: what is it that it lists?")
            continue
        if more := [name for name in names if name not in OWN]:
            raise Hint(f"{table}.{more[0]} is no fact about a flight: what does it follow from?")
    for name in OWN[1:]:
        having = [table for table, names in columns.items() if {"id", name} <= set(names)]
        if len(having) != 1:
            raise Hint(f"a column {name!r} beside `id` belongs in one table; {len(having)} have it")
    for table, names in columns.items():
        for one, other in combinations(names, 2):
            if len(cells[table]) > 1 and all(row[one] == row[other] for row in cells[table]):
                raise Hint(f"{table}.{other} repeats {table}.{one}")


def facts_once(
    connection: pymysql.Connection, columns: dict[str, list[str]], cells: Cells, truth: list[dict]
) -> None:
    """A name that stands in several rows can be changed in some of them. Columns may be renamed."""
    old = "United Air Lines Inc."
    where = stands(cells, old)
    if len(where) != 1:
        raise Hint(f"renaming United changes {len(where)} rows, not 1")
    table, column = where[0]
    run(connection, f"UPDATE `{table}` SET `{column}` = 'United' WHERE `{column}` = %s", old)
    [row] = run(
        connection, "SELECT SUM(carrier = 'UA') ua, SUM(airline = 'United') renamed FROM rebuilt"
    )
    if row["ua"] != row["renamed"]:
        raise Hint(f"after the rename {row['renamed']} of {row['ua']} flights of UA show it")
    [place] = [row for row in truth if row["dest"] == "LGA"][:1]
    for name in ("dest_name", "dest_lat", "dest_lon"):
        if (times := len(stands(cells, place[name]))) > 1:
            raise Hint(
                f"{place[name]}, of La Guardia, stands in {times} rows: one airport, whether a "
                "flight leaves or lands"
            )


def stands(cells: Cells, value: Any) -> list[tuple[str, str]]:
    """The table and the column of each cell that holds a number, or has a text in it."""

    def holds(cell: Any) -> bool:
        if isinstance(value, str):
            return isinstance(cell, str) and value in cell
        return isinstance(cell, (int, float, decimal.Decimal)) and abs(float(cell) - value) < 1e-6

    return [
        (table, column)
        for table, rows in cells.items()
        for row in rows
        for column, cell in row.items()
        if holds(cell)
    ]


def references(
    connection: pymysql.Connection, columns: dict[str, list[str]], truth: list[dict]
) -> None:
    """Parents that are not there are refused, then and now, and so is a flight that comes twice."""
    where = {name: t for t, names in columns.items() if "id" in names for name in names}
    unknown = {"carrier": "ZZ", "origin": "ZZZ", "dest": "ZZZ", "tailnum": "ZZZZZZ"}
    for column, value in unknown.items():
        table = where[column]
        change = f"UPDATE `{table}` SET `{column}` = '{value}' WHERE `{column}` IS NOT NULL LIMIT 1"
        try:
            run(connection, change)
        except pymysql.MySQLError as error:
            if error.args[0] != 1452:
                raise Hint(f"{table}.{column} cannot be changed: {error}") from None
        else:
            raise Hint(f"{column} {value} was taken: nothing checks the reference")
    for link in links(connection):
        child, column, parent, key = link
        [row] = run(
            connection,
            f"SELECT COUNT(*) n FROM `{child}` c WHERE `{column}` IS NOT NULL AND NOT EXISTS "
            f"(SELECT 1 FROM `{parent}` p WHERE p.`{key}` = c.`{column}`)",
        )
        if row["n"]:
            raise Hint(
                f"{row['n']} rows of {child} have a {column} that {parent} lacks: a constraint "
                "says nothing of what came in while the checks were off"
            )
    table = where["carrier"]
    names = ", ".join(f"`{name}`" for name in columns[table])
    others = names.replace("`id`", "10000000")
    try:
        run(connection, f"INSERT INTO `{table}` ({names}) SELECT {others} FROM `{table}` LIMIT 1")
    except pymysql.MySQLError as error:
        if error.args[0] != 1062:
            raise Hint(f"a new flight cannot be stored: {error}") from None
    else:
        raise Hint("the same flight was taken a second time: what names a flight, besides its id?")


def links(connection: pymysql.Connection) -> list[tuple[str, str, str, str]]:
    """Each foreign key of one column: child, its column, parent, its column."""
    rows = run(
        connection,
        "SELECT table_name AS child, MIN(column_name) AS col, "
        "MIN(referenced_table_name) AS parent, MIN(referenced_column_name) AS ref "
        "FROM information_schema.key_column_usage "
        "WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL "
        "GROUP BY table_name, constraint_name HAVING COUNT(*) = 1",
    )
    return [(row["child"], row["col"], row["parent"], row["ref"]) for row in rows]


def forgets_nothing(
    connection: pymysql.Connection, columns: dict[str, list[str]], truth: list[dict]
) -> None:
    [gone] = [row["id"] for row in truth if row["dest"] == "LEX"]
    having = [table for table, names in columns.items() if "id" in names]
    for table in sorted(having, key=lambda table: "dest" in columns[table]):
        try:
            run(connection, f"DELETE FROM `{table}` WHERE id = {gone}")
        except pymysql.MySQLError as error:
            raise Hint(f"the flight to Lexington cannot be deleted: {error}") from None
    if not stands({t: run(connection, f"SELECT * FROM `{t}`") for t in columns}, "Blue Grass"):
        raise Hint("with its only flight, all that was known of Lexington is gone")


# --- clinic --------------------------------------------------------------------------------------

CLINIC = rules(
    "visit -> patient doctor day; patient -> born; doctor -> speciality; doctor day -> room; "
    "room day -> doctor; room -> phone; visit drug -> dose; drug -> maker"
)


@cache
def _visits() -> "pandas.DataFrame":
    import pandas

    chance = random.Random(13)
    doctors = {"Abara": ("eyes", "R1"), "Brandt": ("skin", "R2"), "Chen": ("eyes", "R3")}
    phones = {"R1": "201", "R2": "202", "R3": "203"}
    drugs = {"amoxicillin": ("Sandoz", "500 mg"), "ibuprofen": ("Hexal", "400 mg")}
    drugs["timolol"] = ("Santen", "1 drop")
    born = {f"P{n:02}": 1940 + chance.randrange(70) for n in range(1, 16)}
    rows = []
    for visit in range(1, 31):
        patient, doctor = chance.choice(list(born)), chance.choice(list(doctors))
        day = chance.choice(["Mon", "Tue", "Wed"])
        speciality, room = doctors[doctor]
        for drug in sorted(chance.sample(list(drugs), chance.randint(1, 2))):
            maker, dose = drugs[drug]
            rows.append(
                (visit, day, patient, born[patient], doctor, speciality, room, phones[room], drug,
                 maker, dose)
            )  # fmt: skip
    names = "visit day patient born doctor speciality room phone drug maker dose"
    return pandas.DataFrame(rows, columns=names.split())


def clinic_visits() -> "pandas.DataFrame":
    """The clinic's one table, three days of it: a row for each drug of each visit. Synthetic."""
    return _visits().copy()


@exercise("data/normalization/clinic")
def clinic(answer: Any) -> str:
    """Tables for the clinic, as a list of sets of columns."""
    visits = _visits()
    columns = frozenset(visits)
    parts = sets_of_names(answer, "a list of tables, each a set of names of columns,")
    if unknown := frozenset().union(*parts) - columns:
        raise Hint(f"the clinic has no column {said(unknown)}")
    if missing := columns - frozenset().union(*parts):
        raise Hint(f"no table has {said(missing)}")
    for part in parts:
        if any(part < other for other in parts) or parts.count(part) > 1:
            raise Hint(f"{said(part)} stands in another table already")
        for left, right in accidents():
            if left < part and right <= part and determined(left, CLINIC) < part:
                told = told_apart(part)
                if told:
                    raise Hint(told)
    if not gives_back(chase(parts, CLINIC), parts):
        raise Hint(lost_visits(visits, parts))
    for part in parts:
        if left := starts_below_a_key(part):
            extra = (determined(left, CLINIC) & part) - left
            raise Hint(
                f"{said(part)}: {said(left)} alone determines {said(extra)}, so that fact is "
                "stored again and again"
            )
    for left, right in CLINIC:
        if not right <= checkable(left, parts):
            raise Hint(
                f"no table of yours can check what they said of {said(left | right)}: two visits "
                "may tell two stories"
            )
    for part in parts:
        rest = [other for other in parts if other != part]
        kept = all(right <= checkable(left, rest) for left, right in CLINIC)
        whole = frozenset().union(*rest) == columns
        if kept and whole and gives_back(chase(rest, CLINIC), rest):
            raise Hint(f"{said(part)}: the other tables say all of this already")
    return (
        f"{len(parts)} tables in BCNF that give the visits back, and each rule can be checked in "
        "one of them"
    )


def checkable(left: Columns, parts: list[Columns]) -> set[str]:
    """What `left` determines by those rules that stand, with both sides, in one table each."""
    inside = [
        (x, frozenset({name}))
        for x, y in CLINIC
        for name in y
        if any(x | {name} <= p for p in parts)
    ]
    return determined(left, inside)


def accidents() -> list[Rule]:
    """What holds in the three days and is no rule."""
    return rules("doctor -> room; room -> doctor; drug -> dose")


def told_apart(part: Columns) -> str:
    """Why the part cannot hold what the next week may bring, or nothing when it can."""
    keyed = {
        frozenset({"doctor", "room"}): "next week Abara sits in R2 on one day and in R1 on another",
        frozenset({"drug", "dose"}): "the next patient gets half the dose of the same drug",
    }
    for pair, news in keyed.items():
        needed = {"day"} if "room" in pair else {"visit"}
        if pair <= part and not needed & part:
            return f"{said(part)}: {news}, and the table has no column that tells them apart"
    return ""


def starts_below_a_key(part: Columns) -> Columns:
    """A set of columns of the part that determines some of it and not all, or nothing."""
    for size in range(1, len(part)):
        for left in map(frozenset, combinations(sorted(part), size)):
            reached = determined(left, CLINIC) & part
            if left < reached < part:
                return left
    return frozenset()


def lost_visits(visits: "pandas.DataFrame", parts: list[Columns]) -> str:
    text = visits.astype(str)
    back = text[sorted(parts[0])].drop_duplicates()
    left = list(parts[1:])
    while left:  # next the one that shares most, so that the product stays small
        part = max(left, key=lambda p: len(p & set(back)))
        left.remove(part)
        piece = text[sorted(part)].drop_duplicates()
        shared = sorted(part & set(back))
        back = back.merge(piece, on=shared) if shared else back.merge(piece, how="cross")
        if len(back) > 200_000:
            break
    for left, right in CLINIC:
        if gives_back(chase(parts, [*CLINIC, (right, left)]), parts):
            return (
                f"this gives the visits back if {said(right)} determines {said(left)}, and nobody "
                "said so"
            )
    if len(back) == len(visits):
        return (
            "these three days happen to come back, but a table that obeys the rules need not: "
            "which of your tables has the key of the whole?"
        )
    return f"{len(visits)} rows went in and {len(back):,} come back when your tables are joined"
