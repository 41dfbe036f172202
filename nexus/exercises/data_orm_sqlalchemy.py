"""Checks of `data/orm-sqlalchemy`. All of them run on an SQLite in memory, which is gone after."""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    Engine,
    ForeignKey,
    Row,
    StaticPool,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    foreign,
    joinedload,
    lazyload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.orm.exc import DetachedInstanceError

from nexus.exercises import Hint, call, exercise, plain
from nexus.measure import reads


class Board(DeclarativeBase):
    """The tables of the board, as on the page."""


class Airline(Board):
    __tablename__ = "airline"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Plane(Board):
    __tablename__ = "plane"
    tail: Mapped[str] = mapped_column(primary_key=True)


class Subscription(Board):
    __tablename__ = "subscription"
    id: Mapped[int] = mapped_column(primary_key=True)
    flight_id: Mapped[int] = mapped_column(ForeignKey("flight.id"))


class Note(Board):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    flight_id: Mapped[int] = mapped_column(ForeignKey("flight.id"))
    body: Mapped[str]


class Flight(Board):
    __tablename__ = "flight"
    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(ForeignKey("airline.code"))
    tail: Mapped[str | None]
    airline: Mapped[Airline] = relationship()
    plane: Mapped[Plane | None] = relationship(
        primaryjoin=lambda: foreign(Flight.tail) == Plane.tail, viewonly=True
    )
    subscriptions: Mapped[list[Subscription]] = relationship()
    notes: Mapped[list[Note]] = relationship()


class Ward(DeclarativeBase):
    """The tables of a clinic, which the page does not show."""


class Doctor(Ward):
    __tablename__ = "doctor"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Visit(Ward):
    __tablename__ = "visit"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)


class Prescription(Ward):
    __tablename__ = "prescription"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)


class Patient(Ward):
    __tablename__ = "patient"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    doctor_id: Mapped[int | None]
    doctor: Mapped[Doctor | None] = relationship(
        primaryjoin=lambda: foreign(Patient.doctor_id) == Doctor.id, viewonly=True
    )
    visits: Mapped[list[Visit]] = relationship()
    prescriptions: Mapped[list[Prescription]] = relationship()


class Tape:
    """What a database did: `statements`, `rows` fetched, `commits`.

    It listens at the driver, where an answer that goes around SQLAlchemy is heard as well.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.statements: list[str] = []
        self.rows = self.commits = 0

    def written(self) -> list[str]:
        """The statements that may write: not those that read, set, or begin and end."""
        harmless = ("SELECT", "PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE", "COMMIT", "ROLLBACK")
        return [s for s in self.statements if not s.lstrip().upper().startswith(harmless)]

    def connection(self) -> type[sqlite3.Connection]:
        """A kind of connection that writes on this tape."""
        tape = self

        class Cursor(sqlite3.Cursor):
            def execute(self, statement: str, *values: Any) -> Any:
                tape.statements.append(statement)
                return super().execute(statement, *values)

            def executemany(self, statement: str, *values: Any) -> Any:
                tape.statements.append(statement)
                return super().executemany(statement, *values)

            def executescript(self, script: str) -> Any:
                tape.statements += [part for part in script.split(";") if part.strip()]
                return super().executescript(script)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:
                return super().cursor(factory)

            def commit(self) -> None:
                tape.commits += 1
                super().commit()

        return Connection


@contextmanager
def database(base: type[DeclarativeBase]) -> Iterator[tuple[Engine, Tape]]:
    """A new database with the tables of `base`, and the tape that runs along."""
    tape = Tape()
    options = {"factory": tape.connection()}
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args=options)

    def row(cursor: Any, values: tuple) -> tuple:
        tape.rows += 1
        return values

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        # Rows in no particular order come backwards: who needs an order has to say so.
        connection.execute("PRAGMA reverse_unordered_selects = ON")
        connection.row_factory = row  # the driver itself cannot say how many rows it has fetched

    base.metadata.create_all(engine)
    tape.clear()
    try:
        yield engine, tape
    finally:
        engine.dispose()


def driver(engine: Engine) -> sqlite3.Connection:
    """The one connection of the engine, without what was not committed on it."""
    with closing(engine.raw_connection()) as connection:
        connection.rollback()
        return connection.driver_connection


def fill(engine: Engine, tape: Tape, *tables: tuple[type, list[dict]]) -> None:
    """Insert the rows of each table; the tape forgets it."""
    with engine.begin() as connection:
        for table, rows in tables:
            if rows:
                connection.execute(insert(table), rows)
    tape.clear()


def number(count: int, noun: str) -> str:
    """`count` and its noun, in the plural where that is due."""
    plural = {"query": "queries"}.get(noun, f"{noun}s")
    return f"{count:,} {noun if count == 1 else plural}"


# --- load ----------------------------------------------------------------------------------------

FLIGHTS, SUBSCRIPTIONS, NOTES = 30, 20, 30
IDS = [i + 4 * (i // 3) for i in range(2, FLIGHTS + 2)]  # not from 1, and with gaps
TAILS = {"N1": "N1", "N2": "N2"}  # the tail numbers that there are planes for
TOUCHED = ("airline", "plane", "subscriptions", "notes")
MOST = 5  # queries: one for the flights, one for each of the four


def sizes(flight: int) -> tuple[int, int]:
    """How many subscriptions and notes the flight has; every fifth has none of them."""
    return (0, 0) if flight % 5 == 4 else (SUBSCRIPTIONS, NOTES)


def fill_board(engine: Engine, tape: Tape) -> None:
    ids = IDS
    tails = [None, *TAILS, "lost"]
    fill(
        engine,
        tape,
        (Airline, [{"code": c, "name": f"Air {c}"} for c in ("AA", "BB", "CC")]),
        (Plane, [{"tail": tail} for tail in TAILS]),
        (
            Flight,
            [{"id": i, "carrier": ("AA", "BB", "CC")[i % 3], "tail": tails[i % 4]} for i in ids],
        ),
        (Subscription, [{"flight_id": i} for i in ids for _ in range(sizes(i)[0])]),
        (Note, [{"flight_id": i, "body": f"note {n}"} for i in ids for n in range(sizes(i)[1])]),
    )


@exercise("data/orm-sqlalchemy/load")
def load(answer: Any) -> str:
    """`load(session, Flight, n)`: the first n flights; all is touched after the session's end."""
    for n in (FLIGHTS, 10):
        with database(Board) as (engine, tape):
            fill_board(engine, tape)
            with Session(engine) as session:
                flights = call(answer, session, Flight, n)
            compare_flights(flights, n)
            children = sum(sum(sizes(i)) for i in IDS[:n])
            enough = 2 * n + children  # a row for each flight and child, and the parents
            if tape.rows > 1.2 * enough:
                # With fewer flights than there are, too many rows are no product any more.
                reason = "two collections in one join multiply"
                reason = reason if n == FLIGHTS else "who was loaded that nobody asked for?"
                raise Hint(
                    f"{tape.rows:,} rows for {n} flights with {children:,} subscriptions and "
                    f"notes: {reason}"
                )
            if len(tape.statements) > MOST:
                raise Hint(
                    f"{len(tape.statements)} queries for {n} flights; {MOST} are enough, "
                    "for any number of flights"
                )
            told = number(len(tape.statements), "query")
            if n == FLIGHTS:
                full = f"{told} and {tape.rows:,} rows for {n} flights with everything on them"
    return full


def compare_flights(flights: Any, n: int) -> None:
    """Raise the Hint that names the first thing that is wrong with the flights or on one."""
    if type(flights) not in (list, tuple) or any(type(f) is not Flight for f in flights):
        raise Hint("a list of Flight objects is asked for")
    try:
        ids = [flight.id for flight in flights]
    except DetachedInstanceError:
        raise Hint("even flight.id cannot be read: what does a commit do to objects?") from None
    if again := [i for i, times in Counter(ids).items() if times > 1]:
        raise Hint(f"flight {again[0]} comes {Counter(ids)[again[0]]} times")
    if len(ids) != n:
        raise Hint(f"you returned {number(len(ids), 'flight')}, {n} were asked for")
    if ids != IDS[:n]:
        raise Hint("the first flights by id are asked for, in that order")
    for name in TOUCHED:
        for flight in flights:
            compare_attribute(flight, name)


def compare_attribute(flight: Flight, name: str) -> None:
    try:
        value = getattr(flight, name)
        if name in ("subscriptions", "notes"):
            compare_children(flight, name, value)
        elif name == "airline" and (value is None or value.code != flight.carrier):
            raise Hint(f"the airline of flight {flight.id} is not the one of its carrier")
        elif name == "plane" and (value and value.tail) != TAILS.get(flight.tail):
            raise Hint(f"the plane of flight {flight.id} is not the one that its tail number names")
    except Hint:
        raise
    except DetachedInstanceError:
        raise Hint(
            f"DetachedInstanceError on flight.{name}: "
            "when it is touched, the session that could load it is closed"
        ) from None
    except Exception as error:
        raise Hint(f"{type(error).__name__} on flight.{name}") from None


def compare_children(flight: Flight, name: str, children: Any) -> None:
    wanted = sizes(flight.id)[name == "notes"]
    if len(children) != wanted:
        raise Hint(f"flight {flight.id} has {wanted} {name}, yours shows {len(children)}")
    own = {child.id for child in children if child.flight_id == flight.id}
    if len(own) != wanted:
        raise Hint(f"the {name} of flight {flight.id} are not its own")


# --- queries -------------------------------------------------------------------------------------


def loop(loader: Callable) -> Callable[[Session, int], Any]:
    """A loop over n flights that touches the plane of each, with all flights held."""

    def touch(session: Session, n: int) -> list[Plane | None]:
        query = select(Flight).order_by(Flight.id).options(loader(Flight.plane))
        return [flight.plane for flight in session.scalars(query).all()]

    return touch


def one_by_one(session: Session, n: int) -> None:
    for i in range(1, n + 1):
        session.get(Flight, i).plane  # noqa: B018 (held by nobody, so gone at once)


LOOPS: dict[str, Callable[[Session, int], Any]] = {
    "lazy": loop(lazyload),
    "joined": loop(joinedload),
    "selectin": loop(selectinload),
    "one by one": one_by_one,
}
Case = tuple[list[str | None], set[str]]


def cases() -> Iterator[Case]:
    """(keys of the flights, keys that there are planes for), from the plain to the strange."""
    yield ["A"] * 6, {"A"}
    yield ["A", "B", "A", "C"], {"A", "B", "C", "D"}
    yield ["A", None, None, "B", "A"], {"A", "B"}
    yield ["A", "X", "X", "X", "B"], {"A", "B"}
    yield [], {"A"}
    yield ["X", "Y", "X"], set()
    yield [f"N{i}" for i in range(501)], {f"N{i}" for i in range(501)}
    yield [f"N{i % 7}" for i in range(1001)], {f"N{i}" for i in range(9)}
    yield [None] * 4, {"A"}
    draw = random.Random()  # a new one each time: the cases above could be learnt by heart
    tails = [f"N{i}" for i in range(30)]
    yield draw.choices([*tails, None], k=draw.randint(40, 70)), set(draw.sample(tails, 20))


def measured(loader: str, keys: Sequence[str | None], known: set[str]) -> int:
    """How many queries the loop sends on a database with these keys."""
    with database(Board) as (engine, tape):
        rows = [{"id": i, "carrier": "AA", "tail": key} for i, key in enumerate(keys, 1)]
        fill(engine, tape, (Plane, [{"tail": tail} for tail in sorted(known)]), (Flight, rows))
        with Session(engine) as session:
            LOOPS[loader](session, len(keys))
        return len(tape.statements)


@exercise("data/orm-sqlalchemy/queries")
def queries(answer: Any) -> str:
    """`queries(keys, known, loader)`: predicted; the judge runs each loop and compares."""
    count = 0
    for keys, known in cases():
        for loader in LOOPS:
            guess = plain(call(answer, list(keys), set(known), loader))
            if type(guess) is not int:
                raise Hint(
                    f"a number of queries is asked for, as an int; {loader!r} gave {guess!r}"
                )
            real = measured(loader, keys, known)
            if guess != real:
                what = f"{loader}, {described(keys, known)}: {number(real, 'query')}"
                raise Hint(f"{what}, not {guess}{why(loader, guess, keys, known)}")
            count += 1
    return f"{count} loops, each predicted exactly"


def described(keys: Sequence[str | None], known: set[str]) -> str:
    asked = [key for key in keys if key is not None]
    parts = [number(len(keys), "flight"), f"{number(len(set(asked) & known), 'plane')} found"]
    if missing := sum(key not in known for key in asked):
        parts.append(f"{missing} missing")
    if nulls := len(keys) - len(asked):
        parts.append(f"{nulls} without a key")
    return ", ".join(parts)


def why(loader: str, guess: int, keys: Sequence[str | None], known: set[str]) -> str:
    """The reason that belongs to a typical wrong prediction, after a colon."""
    n, asked = len(keys), [key for key in keys if key is not None]
    found, lost = set(asked) & known, [key for key in asked if key not in known]
    again = len(lost) - len(set(lost))
    reasons = {
        "lazy": {
            1 + len(found) + len(lost) + n - len(asked): "a null key asks nothing",
            1 + n: "two flights of one plane share one object",
            1 + len(set(asked)): f"a plane that is not there is asked for again: +{again}",
            1 + len(found): "to learn that a plane is not there is a query, too",
            1: "each touch of what is not in the map is a query",
        },
        "joined": {
            2: "the planes come in the same query",
            1 + len(found) + len(lost): "the planes come in the same query",
        },
        "selectin": {
            1 + -(-n // 500): f"keys are sent, not flights: {len(set(asked))} distinct ones",
            2: "an IN list has its length, and none at all is sent for no key",
            1: "the planes come in a query of their own",
        },
        "one by one": {
            n + len(found) + len(lost): "nobody holds the plane, so the map forgets it",
            1 + len(found) + len(lost): "each flight is a query of its own here",
            2 * n: "a null key asks nothing",
        },
    }
    reason = reasons.get(loader, {}).get(guess)
    return f": {reason}" if reason else ""


# --- save ----------------------------------------------------------------------------------------

ROWS, STATEMENTS = 2_000, 10
BEFORE = [{"flight_id": 7, "body": f"of yesterday, {i}"} for i in range(3)]


@exercise("data/orm-sqlalchemy/save")
def save(answer: Any) -> str:
    """`save(engine, Note, rows)`: all rows or none, in few statements."""
    rows = [{"flight_id": 1 + i % 7, "body": f"note {i}"} for i in range(ROWS)]
    again = [*rows[:-2], rows[0], rows[1] | {"body": ""}]  # one twice, one without a text
    with database(Board) as (engine, tape):
        fill(engine, tape, (Note, BEFORE))
        call(answer, engine, Note, copies(again))
        written, commits = tape.written(), tape.commits
        compare_saved(engine, again)
        if len(written) > STATEMENTS:
            told = f"{len(written):,} statements and {number(commits, 'commit')}"
            raise Hint(f"{told}{repeated(written, commits)}")
    all_or_nothing(answer, rows)
    with database(Board) as (engine, tape):
        fill(engine, tape, (Note, BEFORE))
        try:
            call(answer, engine, Note, [])
        except Hint as hint:
            raise Hint(f"without any rows {hint}; an empty list of parameters is no list") from None
        compare_saved(engine, [])
    told = number(len(written), "statement")
    return f"{ROWS:,} rows in {told}; none when one is refused, and none for none"


def all_or_nothing(answer: Any, rows: list[dict]) -> None:
    """The last note but one is there already, in a table where each text may stand but once."""
    with database(Board) as (engine, tape):
        fill(engine, tape, (Note, [*BEFORE, rows[-2]]))
        with engine.begin() as connection:
            connection.execute(text("CREATE UNIQUE INDEX once ON note (body)"))
        told = False
        try:
            call(answer, engine, Note, copies(rows))
        except Hint:
            told = True
        stayed = (stored(engine) - counts([*BEFORE, rows[-2]])).total()
        lost = (counts([*BEFORE, rows[-2]]) - stored(engine)).total()
    refused = f"the database refuses one of {len(rows):,} notes"
    if not told:
        raise Hint(f"{refused}, and nobody is told; {stayed:,} others were written")
    if stayed or lost:
        raise Hint(f"{refused}, and {stayed:,} others stay: all or nothing was asked for")


def copies(rows: list[dict]) -> list[dict]:
    return [dict(row) for row in rows]


def repeated(statements: list[str], commits: int) -> str:
    """What it may mean that there were so many statements."""
    if commits > 1:
        return ": one transaction for each note"
    if any("RETURNING" in statement for statement in statements):
        return ": each id is asked for as its row is written; who needs them?"
    return f": {statements[-1].split()[0][:20].upper()} for each row"


def counts(rows: list[dict]) -> Counter:
    return Counter((row["flight_id"], row["body"]) for row in rows)


def stored(engine: Engine) -> Counter:
    """The notes that are committed."""
    driver(engine)
    with Session(engine) as session:
        return Counter(map(tuple, session.execute(select(Note.flight_id, Note.body))))


def compare_saved(engine: Engine, rows: list[dict]) -> None:
    have, before, want = stored(engine), counts(BEFORE), counts(rows)
    if lost := before - have:
        raise Hint(f"{number(lost.total(), 'note')} of before are gone: who asked for that?")
    have -= before
    if not have and want:
        raise Hint("no note was added to the table: what ends the transaction?")
    if have != want:
        raise Hint(
            f"{have.total():,} rows were added to the table, {want.total():,} were given; "
            f"{(want - have).total():,} of those are missing"
        )


# --- report --------------------------------------------------------------------------------------

clinic = SimpleNamespace(Doctor=Doctor, Patient=Patient, Visit=Visit, Prescription=Prescription)
QUERIES = 4
FEW, MANY = 5, 40  # patients
CHRONIC = 200  # visits of one of the many, and prescriptions
STEPS = 200  # of SQLite's machine for each row that there is, far above what counting takes


def patients(count: int) -> list[dict]:
    """Patients: two of one name, some without a doctor, some whose doctor is unknown."""
    doctors = [None, 1, 2, 9]
    return [
        {"id": i, "name": "Kim" if i in (1, 5) else f"P{i}", "doctor_id": doctors[i % 4]}
        for i in range(1, count + 1)
    ]


def events(patient: int) -> tuple[int, int]:
    """How many visits and prescriptions the patient has; the first three have (2, 3) and less."""
    if patient == MANY:
        return CHRONIC, CHRONIC
    return ((2, 3), (0, 2), (1, 0))[patient - 1] if patient < 4 else (patient % 9, patient % 6)


@exercise("data/orm-sqlalchemy/report")
def report(answer: Any) -> str:
    """`report(session, clinic)`: (name, doctor or None, visits, prescriptions) of each patient."""
    sent = {}
    for count in (FEW, MANY):
        with database(Ward) as (engine, tape):
            people = patients(count)
            fill(
                engine,
                tape,
                (Doctor, [{"id": 1, "name": "Dr. One"}, {"id": 2, "name": "Dr. Two"}]),
                (Patient, people),
                *(
                    (table, [{"patient_id": p["id"]} for p in people for _ in range(times(p))])
                    for table, times in (
                        (Visit, lambda p: events(p["id"])[0]),
                        (Prescription, lambda p: events(p["id"])[1]),
                    )
                ),
            )
            with reads(driver(engine)) as read, Session(engine) as session:
                rows = call(answer, session, clinic)
            if type(rows) is list:
                rows = [tuple(row) if isinstance(row, Row) else row for row in rows]
            compare_report(plain(rows), people)
            sent[count] = len(tape.statements)
            fetched = tape.rows
    few, many = sent[FEW], sent[MANY]
    if many > few:
        told = f"{many} queries for {MANY} patients, {few} for {FEW}"
        raise Hint(f"{told}: which of them repeats?")
    if many > QUERIES:
        raise Hint(f"{many} queries, for any number of patients; {QUERIES} are enough")
    if fetched > QUERIES * MANY:
        told = f"{fetched} rows were fetched to count for {MANY} patients"
        raise Hint(f"{told}: let the database count")
    if read.steps > STEPS * (MANY + sum(sum(events(p["id"])) for p in people)):
        raise Hint(
            "right, and few rows come back; but inside the database each visit still meets each "
            "prescription: count them apart"
        )
    return f"{MANY} patients in {number(many, 'query')}, {fetched} rows fetched"


def compare_report(rows: Any, people: list[dict]) -> None:
    names = {1: "Dr. One", 2: "Dr. Two"}
    want = [(p["name"], names.get(p["doctor_id"]), *events(p["id"])) for p in people]
    if type(rows) is not list or any(type(row) is not tuple or len(row) != 4 for row in rows):
        raise Hint("a list of tuples is asked for: (name, doctor, visits, prescriptions)")
    if len(rows) < len(want):
        lost = [row for row in want if row not in rows]
        if {row[0] for row in want} == {row[0] for row in rows}:
            reason = "two of them have one name"
        elif lost[0][1] is None:
            reason = "those without a known doctor"
        else:
            reason = "who joins nothing is lost"
        missing = f"{len(want) - len(rows)} of {len(want)} patients are not in the report"
        raise Hint(f"{missing}: {reason}")
    if rows != want and Counter(rows) == Counter(want):
        raise Hint("the right rows, in an order that nobody asked for: by id")
    for have, right in zip(rows, want, strict=False):
        if have == right:
            continue
        visits, prescriptions = right[2:]
        if have[:2] == right[:2] and have[2] == have[3] == visits * prescriptions > 0:
            raise Hint(
                f"{have[2:]} for {right[2:]}: "
                "each visit was counted once for each prescription, and the other way round"
            )
        raise Hint(f"{have!r}, it should be {right!r}")
    if len(rows) > len(want):
        raise Hint(f"{len(rows)} rows for {len(want)} patients")
