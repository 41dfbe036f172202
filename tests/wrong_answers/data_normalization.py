"""Answers that the checks of data/normalization must refuse, each with a part of its hint."""

from functools import reduce
from itertools import combinations
from typing import Any

from nexus.exercises import data_normalization as normalization
from nexus.exercises.data_normalization import determined, heath


def subsets(columns: Any) -> list[frozenset]:
    ordered = sorted(columns)
    return [frozenset(c) for n in range(len(ordered) + 1) for c in combinations(ordered, n)]


def superkeys(columns: Any, fds: Any) -> set[frozenset]:
    return {chosen for chosen in subsets(columns) if determined(chosen, fds) >= columns}


def one_pass(columns: Any, fds: Any) -> set[frozenset]:
    """A closure without a fixpoint."""

    def reached(chosen: frozenset) -> set[str]:
        return set(chosen).union(*(right for left, right in fds if left <= chosen))

    full = [chosen for chosen in subsets(columns) if reached(chosen) >= columns]
    return {one for one in full if not any(other < one for other in full)}


def never_the_empty_one(columns: Any, fds: Any) -> set[frozenset]:
    """Starts with one column, though an empty left side may rule everything."""
    full = {one for one in superkeys(columns, fds) if one}
    return {one for one in full if not any(other < one for other in full)}


def smallest_only(columns: Any, fds: Any) -> set[frozenset]:
    full = superkeys(columns, fds)
    least = min(map(len, full))
    return {one for one in full if len(one) == least}


def first_only(columns: Any, fds: Any) -> set[frozenset]:
    return {min(superkeys(columns, fds), key=lambda one: (len(one), sorted(one)))}


def left_sides(columns: Any, fds: Any) -> set[frozenset]:
    return {left for left, _ in fds} or {frozenset(columns)}


def shares_something(parts: Any, fds: Any) -> bool:
    return all(set(one) & set(two) for one, two in combinations(parts, 2))


def shares_a_key_of_all(parts: Any, fds: Any) -> bool:
    everything = set().union(*parts)
    return all(determined(set(a) & set(b), fds) >= everything for a, b in combinations(parts, 2))


def in_the_order_given(parts: Any, fds: Any) -> bool:
    """Joins the tables one after another, each step by Heath's criterion."""
    whole = frozenset(parts[0])
    for part in map(frozenset, parts[1:]):
        if not heath(whole, part, fds):
            return False
        whole |= part
    return True


def two_at_a_time(parts: Any, fds: Any) -> bool:
    return normalization.two_at_a_time([frozenset(part) for part in parts], fds)


def some_pair(parts: Any, fds: Any) -> bool:
    """One safe pair is taken for all of them."""
    tables = [frozenset(part) for part in parts]
    return len(tables) == 1 or any(heath(a, b, fds) for a, b in combinations(tables, 2))


def chased(passes: int) -> Any:
    """A chase that looks at each rule so many times only."""

    def lossless(parts: Any, fds: Any) -> bool:
        parts = [frozenset(part) for part in parts]
        return normalization.gives_back(normalization.chase(parts, fds, passes), parts)

    return lossless


AIRLINE = "CREATE TABLE airline (PRIMARY KEY (carrier)) SELECT DISTINCT carrier, airline FROM wide"
ENDS = """(SELECT origin faa, origin_name name, origin_lat lat, origin_lon lon FROM wide
    UNION SELECT dest, dest_name, dest_lat, dest_lon FROM wide) ends"""
AIRPORT = f"CREATE TABLE airport (PRIMARY KEY (faa)) SELECT * FROM {ENDS}"
PLANE = """CREATE TABLE plane (PRIMARY KEY (tailnum)) SELECT DISTINCT tailnum, manufacturer, model,
    seats FROM wide WHERE tailnum IS NOT NULL"""
LINKS = """FOREIGN KEY (carrier) REFERENCES airline (carrier),
    FOREIGN KEY (origin) REFERENCES airport (faa), FOREIGN KEY (dest) REFERENCES airport (faa),
    FOREIGN KEY (tailnum) REFERENCES plane (tailnum)"""
OWN = "id, time_hour, carrier, flight, tailnum, origin, dest, dep_delay, distance"
NAMED = "UNIQUE (carrier, flight, origin, time_hour)"
FLIGHT = f"CREATE TABLE flight (PRIMARY KEY (id), {NAMED}, {LINKS}) SELECT {OWN} FROM wide"
REBUILT = """CREATE VIEW rebuilt AS SELECT f.*, airline, o.name origin_name, o.lat origin_lat,
    o.lon origin_lon, d.name dest_name, d.lat dest_lat, d.lon dest_lon, manufacturer, model, seats
    FROM flight f JOIN airline USING (carrier) JOIN airport o ON o.faa = f.origin
    JOIN airport d ON d.faa = f.dest LEFT JOIN plane p ON p.tailnum = f.tailnum"""
GOOD = (AIRLINE, AIRPORT, PLANE, FLIGHT, REBUILT)


def runs(*statements: str) -> Any:
    def design(connection: Any) -> None:
        for statement in statements:
            connection.cursor().execute(statement)

    return design


def but(*changes: tuple[str, str]) -> Any:
    """The good design with some of its text replaced."""
    return runs(*(reduce(lambda text, change: text.replace(*change), changes, s) for s in GOOD))


ROUTE = """CREATE TABLE route (PRIMARY KEY (origin, dest))
    SELECT origin, dest, MIN(distance) distance FROM wide GROUP BY origin, dest"""
BY_ROUTE = REBUILT.replace("f.*", "f.*, distance").replace(
    "JOIN airline", "JOIN route USING (origin, dest) JOIN airline"
)
shortest = runs(
    AIRLINE,
    AIRPORT,
    PLANE,
    ROUTE,
    FLIGHT.replace(", distance", ""),
    BY_ROUTE,
)
every_length = runs(
    AIRLINE,
    AIRPORT,
    PLANE,
    "CREATE TABLE route (PRIMARY KEY (origin, dest, distance)) "
    "SELECT DISTINCT origin, dest, distance FROM wide",
    FLIGHT.replace(", distance", ""),
    BY_ROUTE,
)
name_in_each_flight = runs(
    AIRPORT,
    PLANE,
    FLIGHT.replace("FOREIGN KEY (carrier) REFERENCES airline (carrier),", "").replace(
        OWN, f"{OWN}, airline"
    ),
    REBUILT.replace("f.*, airline", "f.*").replace("JOIN airline USING (carrier)", ""),
)
ends_apart = runs(
    AIRLINE,
    "CREATE TABLE source (PRIMARY KEY (faa)) SELECT DISTINCT origin faa, origin_name name, "
    "origin_lat lat, origin_lon lon FROM wide",
    "CREATE TABLE target (PRIMARY KEY (faa)) SELECT DISTINCT dest faa, dest_name name, "
    "dest_lat lat, dest_lon lon FROM wide",
    PLANE,
    FLIGHT.replace("(origin) REFERENCES airport", "(origin) REFERENCES source").replace(
        "airport", "target"
    ),
    REBUILT.replace("airport o", "source o").replace("airport d", "target d"),
)
airports_in_flights = runs(
    AIRLINE,
    PLANE,
    f"""CREATE TABLE flight (PRIMARY KEY (id), FOREIGN KEY (carrier) REFERENCES airline (carrier))
    SELECT {OWN}, origin_name, origin_lat, origin_lon, dest_name, dest_lat, dest_lon FROM wide""",
    """CREATE VIEW rebuilt AS SELECT f.*, airline, manufacturer, model, seats FROM flight f
    JOIN airline USING (carrier) LEFT JOIN plane p ON p.tailnum = f.tailnum""",
)
LOCAL_DAY = "DATE(time_hour - INTERVAL 5 HOUR)"
BY_DATE = f"""CREATE TABLE flight (PRIMARY KEY (id), UNIQUE (carrier, flight, day), {LINKS})
    SELECT {OWN}, {LOCAL_DAY} day FROM wide"""
OF_FLIGHT = "f." + OWN.replace(", ", ", f.")


def copied(columns: str) -> Any:
    """The good design, and beside it copies of what stands elsewhere."""
    return but((FLIGHT, FLIGHT.replace(OWN, f"{OWN}, {columns}")), ("f.*", OF_FLIGHT))


UNCHECKED = (FLIGHT, FLIGHT.replace(f", {NAMED}, {LINKS}", ""))
LATER = f"ALTER TABLE flight ADD {NAMED}, ADD {LINKS.replace(', FOREIGN', ', ADD FOREIGN')}"
LATER = LATER.replace(",\n    FOREIGN", ", ADD FOREIGN")
KNOWN = ("tailnum IS NOT NULL", "manufacturer IS NOT NULL")


def unchecked(*changes: tuple[str, str]) -> Any:
    """Only planes that are known, and foreign keys that were made with the checks off."""

    def design(connection: Any) -> None:
        but(KNOWN, UNCHECKED, *changes)(connection)
        runs("SET foreign_key_checks = 0", LATER)(connection)

    return design


CLINIC = "visit patient doctor day; patient born; doctor speciality; doctor day room; room phone"
CLINIC += "; visit drug dose; drug maker"


def clinic(text: str) -> list[set[str]]:
    return [set(table.split()) for table in text.split(";")]


def clinic_but(old: str, new: str) -> list[set[str]]:
    assert old in CLINIC
    return clinic(CLINIC.replace(old, new))


EXERCISES = {
    "keys": {
        "superkeys": (superkeys, "still works with 'b' removed"),
        "a closure of one pass": (one_pass, "your closure stops before the second hop"),
        "never the empty key": (never_the_empty_one, "{a} still works with 'a' removed"),
        "the smallest only": (smallest_only, "there are 2 keys here, and you found 1"),
        "the first only": (first_only, "there are 4 keys here, and you found 1"),
        "the left sides": (left_sides, "is no key, it does not determine"),
        "none": (lambda columns, fds: set(), "every table has a key"),
        "a column too many": (lambda columns, fds: {frozenset({"z"})}, "{z} is no column"),
        "one key, not a set of keys": (lambda columns, fds: [1, 2], "a set of frozensets"),
    },
    "lossless": {
        "any shared column": (shares_something, "2 rows that obey the rules went in and 4"),
        "a key of the whole": (shares_a_key_of_all, "need to determine one side only"),
        "in the order given": (in_the_order_given, "may have to be joined in another order"),
        "two at a time": (two_at_a_time, "no two of the tables can be joined first"),
        "a chase of one pass": (chased(1), "{a, d} and {a, b, c}, rules b -> c; a -> b: this is"),
        "a chase of two passes": (chased(2), "{a, e} and {a, b, c, d}, rules c -> d"),
        "one safe pair": (some_pair, "rows that obey the rules went in"),
        "a number": (lambda parts, fds: 1, "True or False is asked for"),
    },
    "design": {
        "nothing": (lambda connection: None, "a view `rebuilt` with the columns of wide"),
        "a view of wide": (runs("CREATE VIEW rebuilt AS SELECT * FROM wide"), "still reads `wide`"),
        "a copy of wide": (runs("CREATE TABLE rebuilt SELECT * FROM wide"), "one more copy"),
        "a copy of wide under another name": (
            runs(
                "CREATE TABLE other LIKE wide",
                "INSERT INTO other SELECT * FROM wide",
                "CREATE VIEW rebuilt AS SELECT * FROM other",
            ),
            "other.airline is no fact about a flight",
        ),
        "no keys": (
            but(
                ("(PRIMARY KEY (carrier)) ", ""),
                ("(PRIMARY KEY (faa)) ", ""),
                ("(PRIMARY KEY (tailnum)) ", ""),
                UNCHECKED,
                ("(PRIMARY KEY (id)) ", ""),
            ),
            "airline has no primary key",
        ),
        "the smallest distance": (shortest, "changed length: is what you split by"),
        "every distance": (every_length, "the join invents some"),
        "an inner join to planes": (
            but(("LEFT JOIN", "JOIN")),
            "all of them without a tail number",
        ),
        "only planes that are known": (but(KNOWN), "a parent is missing"),
        "an inner join to those": (
            unchecked(("LEFT JOIN", "JOIN")),
            "of which nobody knows the model",
        ),
        "orphans from the time without checks": (
            unchecked(),
            "what came in while the checks were off",
        ),
        "airports without a name dropped": (
            but((AIRPORT, f"{AIRPORT} WHERE name IS NOT NULL")),
            "a parent is missing; who has a flight and no row?: your code raised IntegrityError",
        ),
        "a plane that must be there": (
            but((FLIGHT, FLIGHT.replace("(PRIMARY", "(tailnum CHAR(6) NOT NULL, PRIMARY"))),
            "something that may be unknown must be there",
        ),
        "carrier, flight and date as the key": (but((FLIGHT, BY_DATE)), "look at WN 2269"),
        "the same, quietly": (
            but(
                (FLIGHT, BY_DATE.replace("SELECT", "IGNORE SELECT", 1)),
                ("f.*", OF_FLIGHT),
            ),
            "all of them WN 2269: what names a flight?",
        ),
        "the name in each flight": (name_in_each_flight, "flight.airline is no fact"),
        "the name once more": (copied("airline AS shown"), "flight.shown is no fact"),
        "the model once more": (copied("wide.model AS type"), "flight.type is no fact"),
        "the seats once more": (copied("seats AS places"), "flight.places is no fact"),
        "the hour, stored": (copied("HOUR(time_hour) AS hour"), "flight.hour is no fact"),
        "airports in each flight": (airports_in_flights, "flight.origin_name is no fact"),
        "a list of copies": (
            runs(
                *GOOD,
                "CREATE TABLE copy (PRIMARY KEY (i)) SELECT id i, airline a, model m FROM wide",
            ),
            "rows and no `id`",
        ),
        "the name twice": (
            but(("carrier, airline FROM", "carrier, airline, airline AS shown FROM")),
            "airline.shown repeats airline.airline",
        ),
        "the name and a longer one": (
            but(("carrier, airline FROM", "carrier, airline, CONCAT(airline, ' (US)') AS b FROM")),
            "renaming United changes 2 rows",
        ),
        "origins and destinations apart": (ends_apart, "La Guardia, stands in 2 rows"),
        "no foreign keys": (but((LINKS, "KEY (carrier)")), "carrier ZZ was taken"),
        "airlines only referred to": (but((LINKS, LINKS.split(",")[0])), "origin ZZZ was taken"),
        "planes not referred to": (
            but((LINKS, LINKS.rpartition(",")[0])),
            "tailnum ZZZZZZ was taken",
        ),
        "nothing but an id names a flight": (
            but((f"{NAMED}, ", "")),
            "the same flight was taken a second time",
        ),
    },
    "clinic": {
        "the table as it is": (
            clinic("visit day patient born doctor speciality room phone drug maker dose"),
            "alone determines",
        ),
        "a room for each doctor": (
            clinic_but("doctor speciality; doctor day room", "doctor speciality room"),
            "next week Abara sits in R2",
        ),
        "a dose for each drug": (
            clinic_but("visit drug dose; drug maker", "visit drug; drug maker dose"),
            "half the dose of the same drug",
        ),
        "no drugs with the visit": (
            clinic_but("visit drug dose", "drug dose visit patient"),
            "alone determines {patient}",
        ),
        "visits not tied to drugs": (
            clinic_but("visit drug dose; drug", "dose; drug"),
            "43 rows went in and 270 come back",
        ),
        "no maker": (clinic_but("; drug maker", ""), "no table has {maker}"),
        "a column that is not there": (clinic_but("maker", "maker price"), "no column {price}"),
        "the same twice": (clinic(CLINIC + "; room phone"), "stands in another table already"),
        "doctor and patient apart": (
            clinic_but("visit patient doctor day", "visit patient; doctor patient day"),
            "rows went in and",
        ),
        "a room for each visit": (
            clinic_but("doctor day room", "visit room"),
            "no table of yours can check what they said of {day, doctor, room}",
        ),
        "a room for each phone": (
            clinic_but("doctor day room", "doctor day phone"),
            "if {phone} determines {room}, and nobody said so",
        ),
        "the birth with the visit as well": (
            clinic(CLINIC + "; visit born"),
            "{born, visit}: the other tables say all of this already",
        ),
        "all pairs as well": (
            [*clinic(CLINIC), *map(set, combinations(["born", "phone", "maker"], 2))],
            "{born, phone}: the other tables say all of this already",
        ),
        "texts that are no sets": (42, "a list of tables"),
    },
}


# What a check must take though the notebook's own solution is made otherwise.
RIGHT = {
    "design": {
        "the name of an airline in a column `name`": but(
            ("DISTINCT carrier, airline", "DISTINCT carrier, airline name"),
            ("f.*, airline,", "f.*, airline.name airline,"),
        ),
        "a key that the data does not refute": but((NAMED, "UNIQUE (time_hour, carrier, flight)")),
        "planes of flights apart, where they are known": runs(
            AIRLINE,
            AIRPORT,
            PLANE,
            FLIGHT.replace(", tailnum,", ",").replace(
                ",\n    FOREIGN KEY (tailnum) REFERENCES plane (tailnum)", ""
            ),
            """CREATE TABLE flown_by (PRIMARY KEY (id), FOREIGN KEY (id) REFERENCES flight (id),
            FOREIGN KEY (tailnum) REFERENCES plane (tailnum))
            SELECT id, tailnum FROM wide WHERE tailnum IS NOT NULL""",
            REBUILT.replace("f.*", "f.*, b.tailnum").replace(
                "LEFT JOIN plane p ON p.tailnum = f.tailnum",
                "LEFT JOIN flown_by b ON b.id = f.id LEFT JOIN plane p ON p.tailnum = b.tailnum",
            ),
        ),
        "a generated column": but(
            (FLIGHT, FLIGHT.replace("(PRIMARY", f"(day DATE AS ({'DATE(time_hour)'}), PRIMARY")),
            ("f.*", OF_FLIGHT),
        ),
        "models of their own": runs(
            AIRLINE,
            AIRPORT,
            """CREATE TABLE make (make INT PRIMARY KEY AUTO_INCREMENT)
            SELECT DISTINCT manufacturer, model, seats FROM wide WHERE model IS NOT NULL""",
            """CREATE TABLE plane (PRIMARY KEY (tailnum), FOREIGN KEY (make) REFERENCES make (make))
            SELECT DISTINCT tailnum, make FROM wide LEFT JOIN make
            USING (manufacturer, model, seats) WHERE tailnum IS NOT NULL""",
            FLIGHT,
            f"{REBUILT} LEFT JOIN make USING (make)",
        ),
    },
    "clinic": {
        "what a visit has, one by one": clinic_but(
            "visit patient doctor day", "visit patient; visit doctor; visit day"
        ),
    },
}
