"""Wrong answers to the exercises of `data/orm-sqlalchemy`: label -> (answer, part of its hint)."""

from typing import Any

from sqlalchemy import Engine, delete, distinct, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager, joinedload, lazyload, selectinload, subqueryload
from sqlalchemy.orm.attributes import set_committed_value

# --- load


def first(Flight: Any, n: int, *options: Any) -> Any:
    return select(Flight).order_by(Flight.id).limit(n).options(*options)


def parents(Flight: Any) -> tuple:
    return joinedload(Flight.airline), joinedload(Flight.plane)


def joins_both(session: Session, Flight: Any, n: int) -> list:
    both = joinedload(Flight.subscriptions), joinedload(Flight.notes)
    return session.scalars(first(Flight, n, *parents(Flight), *both)).unique().all()


def lazily(session: Session, Flight: Any, n: int) -> list:
    return session.scalars(first(Flight, n, *parents(Flight))).all()


def forgets_the_plane(session: Session, Flight: Any, n: int) -> list:
    many = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    return session.scalars(first(Flight, n, joinedload(Flight.airline), *many)).all()


def contains(session: Session, Flight: Any, n: int) -> list:
    options = contains_eager(Flight.subscriptions), selectinload(Flight.notes)
    query = first(Flight, n, *parents(Flight), *options).join(Flight.subscriptions)
    return session.scalars(query).unique().all()


def joins_and_repeats(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    query = first(Flight, n, *parents(Flight), *options).join(Flight.subscriptions)
    return session.scalars(query).all()


def touches_in_the_loop(session: Session, Flight: Any, n: int) -> list:
    flights = session.scalars(first(Flight, n)).all()
    for flight in flights:
        _ = flight.airline, flight.plane, flight.subscriptions, flight.notes
    return flights


def drops_the_null(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    query = first(Flight, n, *parents(Flight), *options).join(Flight.plane)
    return session.scalars(query).all()


def commits(session: Session, Flight: Any, n: int) -> list:
    flights = forgets_the_plane(session, Flight, n)
    session.commit()
    return flights


def loads_all(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    return session.scalars(first(Flight, None, *parents(Flight), *options)).all()


def narrowed(session: Session, Flight: Any, n: int) -> list:
    some = Flight.notes.and_(Flight.notes.property.mapper.class_.body < "note 5")
    options = selectinload(Flight.subscriptions), selectinload(some)
    return session.scalars(first(Flight, n, *parents(Flight), *options)).all()


def all_but_the_order(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    query = select(Flight).limit(n).options(*parents(Flight), *options)
    return session.scalars(query).all()


def by_counting_ids(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    query = first(Flight, None, *parents(Flight), *options).where(Flight.id <= n)
    return session.scalars(query).all()


def cut_too_late(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    return session.scalars(first(Flight, None, *parents(Flight), *options)).all()[:n]


def silenced(session: Session, Flight: Any, n: int) -> list:
    many = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    flights = session.scalars(first(Flight, n, joinedload(Flight.plane), *many)).all()
    for flight in flights:
        set_committed_value(flight, "airline", None)
    return flights


def swapped(session: Session, Flight: Any, n: int) -> list:
    options = selectinload(Flight.subscriptions), selectinload(Flight.notes)
    flights = session.scalars(first(Flight, n, *parents(Flight), *options)).all()
    one, other = [flight for flight in flights if flight.subscriptions][:2]
    mine, yours = list(one.subscriptions), list(other.subscriptions)
    set_committed_value(one, "subscriptions", yours)
    set_committed_value(other, "subscriptions", mine)
    return flights


# --- queries


def queries(keys: list, known: set, loader: str) -> int:
    asked = [key for key in keys if key is not None]
    return {
        "lazy": 1 + len(set(asked) & known) + sum(key not in known for key in asked),
        "joined": 1,
        "selectin": 1 + -(-len(set(asked)) // 500),
        "one by one": len(keys) + len(asked),
    }[loader]


def queries_but(name: str, wrong: Any) -> Any:
    """`queries`, with another idea of one loader."""

    def answer(keys: list, known: set, loader: str) -> Any:
        return wrong(keys, known) if loader == name else queries(keys, known, loader)

    return answer


def only_what_is_shown(keys: list, known: set, loader: str) -> int:
    return queries(keys, known, loader) if len(keys) in (0, 3, 4, 5, 6, 501, 1001) else 7


# --- save


def commit_each(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        for row in rows:
            session.add(Note(**row))
            session.commit()


def flush_each(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        for row in rows:
            session.add(Note(**row))
            session.flush()
        session.commit()


def core_each(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(Note).values(**row))


def add_all(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        session.add_all(Note(**row) for row in rows)
        session.commit()


def no_commit(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        session.execute(insert(Note), rows)


def in_portions(engine: Engine, Note: Any, rows: list) -> None:
    for start in range(0, len(rows), 500):
        with engine.begin() as connection:
            connection.execute(insert(Note), rows[start : start + 500])


INSERT = "INSERT INTO note (flight_id, body) VALUES (:flight_id, :body)"


def replace_each(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(text(INSERT.replace("INSERT", "REPLACE")), row)


def hidden_each(engine: Engine, Note: Any, rows: list) -> None:
    raw = engine.raw_connection()
    for row in rows[1:]:
        raw.cursor().execute(f"/**/{INSERT}", row)
    raw.commit()
    raw.close()
    if rows:
        replace_each(engine, Note, rows[:1])


def autocommit(engine: Engine, Note: Any, rows: list) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for start in range(0, len(rows), 200):
            connection.execute(insert(Note), rows[start : start + 200])
        connection.commit()


def commits_come_what_may(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        try:
            for start in range(0, len(rows), 200):
                session.execute(insert(Note).values(rows[start : start + 200]))
        finally:
            session.commit()


def swallows(engine: Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        try:
            session.execute(insert(Note), rows)
            session.commit()
        except IntegrityError:
            session.rollback()


def ignores(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Note).prefix_with("OR IGNORE"), rows)


def skips_portions(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        for start in range(0, len(rows), 500):
            try:
                with connection.begin_nested():
                    connection.execute(insert(Note), rows[start : start + 500])
            except IntegrityError:
                pass


def empties_first(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        connection.execute(delete(Note))
        connection.execute(insert(Note), rows)


def only_once(engine: Engine, Note: Any, rows: list) -> None:
    different = {(row["flight_id"], row["body"]): row for row in rows}
    with engine.begin() as connection:
        connection.execute(insert(Note), list(different.values()))


def tidies(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        unique = {(row["flight_id"], row["body"]): row for row in rows if row["body"]}
        connection.execute(insert(Note), list(unique.values()))


def some(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Note), rows[:1000])


def empty_list(engine: Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Note), rows)


# --- report


def rows_of(session: Session, clinic: Any, visits: Any, prescriptions: Any, **join: Any) -> list:
    Patient = clinic.Patient
    query = (
        select(Patient.name, clinic.Doctor.name, visits, prescriptions)
        .join(Patient.doctor, **join)
        .outerjoin(Patient.visits)
        .outerjoin(Patient.prescriptions)
        .group_by(Patient.id)
        .order_by(Patient.id)
    )
    return [tuple(row) for row in session.execute(query)]


def double_join(session: Session, clinic: Any) -> list:
    counts = func.count(clinic.Visit.id), func.count(clinic.Prescription.id)
    return rows_of(session, clinic, *counts, isouter=True)


def inner_join(session: Session, clinic: Any) -> list:
    visits, prescriptions = distinct(clinic.Visit.id), distinct(clinic.Prescription.id)
    return rows_of(session, clinic, func.count(visits), func.count(prescriptions))


def by_loading(*options: Any) -> Any:
    """A report by len() of the collections, loaded by these loaders of attributes."""

    def answer(session: Session, clinic: Any) -> list:
        Patient = clinic.Patient
        names = "doctor", "visits", "prescriptions"
        load = [o(getattr(Patient, name)) for o, name in zip(options, names, strict=True)]
        found = session.scalars(select(Patient).order_by(Patient.id).options(*load))
        return [
            (p.name, p.doctor and p.doctor.name, len(p.visits), len(p.prescriptions)) for p in found
        ]

    return answer


def six_queries(session: Session, clinic: Any) -> list:
    for _ in range(5):
        session.execute(select(func.count(clinic.Visit.id)))
    visits, prescriptions = distinct(clinic.Visit.id), distinct(clinic.Prescription.id)
    counts = func.count(visits), func.count(prescriptions)
    return rows_of(session, clinic, *counts, isouter=True)


def only_with_visits(session: Session, clinic: Any) -> list:
    rows = by_loading(joinedload, selectinload, selectinload)(session, clinic)
    return [row for row in rows if row[2]]


def by_name(session: Session, clinic: Any) -> list:
    return list({row[0]: row for row in by_loading(*[selectinload] * 3)(session, clinic)}.values())


def nameless(session: Session, clinic: Any) -> list:
    rows = by_loading(*[selectinload] * 3)(session, clinic)
    return [(name, doctor or "", *counts) for name, doctor, *counts in rows]


def unordered(session: Session, clinic: Any) -> list:
    def count(table: Any) -> Any:
        mine = select(func.count()).where(table.patient_id == clinic.Patient.id)
        return mine.scalar_subquery()

    counts = count(clinic.Visit), count(clinic.Prescription)
    query = select(clinic.Patient.name, clinic.Doctor.name, *counts)
    return session.execute(query.outerjoin(clinic.Patient.doctor)).all()


def pairs_in_the_database(session: Session, clinic: Any) -> list:
    visits, prescriptions = distinct(clinic.Visit.id), distinct(clinic.Prescription.id)
    counts = func.count(visits), func.count(prescriptions)
    return rows_of(session, clinic, *counts, isouter=True)


def around_the_tape(session: Session, clinic: Any) -> list:
    cursor, rows = session.connection().connection.cursor(), []
    patients = cursor.execute("SELECT id, name, doctor_id FROM patient ORDER BY id").fetchall()
    visits = "SELECT COUNT(*) FROM visit WHERE patient_id = ?"
    for patient, name, doctor in patients:
        its = cursor.execute("SELECT name FROM doctor WHERE id = ?", (doctor,)).fetchone()
        counts = [
            cursor.execute(query, (patient,)).fetchone()[0]
            for query in (visits, visits.replace("visit", "prescription"))
        ]
        rows.append((name, its and its[0], *counts))
    return rows


EXERCISES = {
    "load": {
        "joinedload on both": (joins_both, "two collections in one join multiply"),
        "lazy": (lazily, "DetachedInstanceError on flight.subscriptions"),
        "no plane": (forgets_the_plane, "DetachedInstanceError on flight.plane"),
        "contains_eager with limit": (contains, "you returned 2 flights, 30 were asked for"),
        "a join that repeats": (joins_and_repeats, "flight 2 comes 20 times"),
        "touched in a loop": (touches_in_the_loop, "queries for 30 flights; 5 are enough"),
        "an inner join": (drops_the_null, "you returned 15 flights"),
        "a commit": (commits, "what does a commit do to objects?"),
        "all flights": (loads_all, "you returned 30 flights, 10 were asked for"),
        "some of the notes": (narrowed, "flight 2 has 30 notes, yours shows"),
        "no order": (all_but_the_order, "the first flights by id are asked for"),
        "ids are no count": (by_counting_ids, "you returned 13 flights"),
        "a slice": (cut_too_late, "who was loaded that nobody asked for?"),
        "no airline": (silenced, "the airline of flight 2 is not the one of its carrier"),
        "another's children": (swapped, "the subscriptions of flight 2 are not its own"),
        "the result": (lambda s, f, n: s.scalars(first(f, n)), "a list of Flight objects"),
    },
    "queries": {
        "1 + n": (queries_but("lazy", lambda k, p: 1 + len(k)), "share one object"),
        "a null costs a query": (
            queries_but("lazy", lambda k, p: queries(k, p, "lazy") + k.count(None)),
            "a null key asks nothing",
        ),
        "1 + distinct": (
            queries_but("lazy", lambda k, p: 1 + len(set(k) - {None})),
            "a plane that is not there is asked for again: +2",
        ),
        "missing ones are free": (
            queries_but("lazy", lambda k, p: 1 + len(set(k) & p)),
            "to learn that a plane is not there is a query, too",
        ),
        "always 2": (queries_but("selectin", lambda k, p: 2), "an IN list has its length"),
        "by flights": (
            queries_but("selectin", lambda k, p: 1 + -(-len(k) // 500)),
            "keys are sent, not flights",
        ),
        "the map keeps them": (
            queries_but("one by one", lambda k, p: len(k) + len(set(k) - {None})),
            "nobody holds the plane",
        ),
        "one query for all flights": (
            queries_but("one by one", lambda k, p: queries(k, p, "lazy")),
            "each flight is a query of its own here",
        ),
        "two a flight": (
            queries_but("one by one", lambda k, p: 2 * len(k)),
            "8 queries, not 10: a null key asks nothing",
        ),
        "select-in in one": (
            queries_but("selectin", lambda k, p: 1),
            "2 queries, not 1: the planes come in a query of their own",
        ),
        "joined in two": (
            queries_but("joined", lambda k, p: 2),
            "1 query, not 2: the planes come in the same query",
        ),
        "the cases seen": (only_what_is_shown, ", not 7"),
        "a text": (lambda keys, known, loader: "1 + N", "as an int"),
    },
    "save": {
        "commit in the loop": (commit_each, "2,000 statements and 2,000 commits"),
        "flush in the loop": (
            flush_each,
            "2,000 statements and 1 commit: INSERT for each row",
        ),
        "add_all": (add_all, "2,000 statements and 1 commit: each id is asked for"),
        "other words": (replace_each, "2,000 statements and 1 commit: REPLACE for each row"),
        "around SQLAlchemy": (hidden_each, "2,000 statements and 2 commits"),
        "no commit": (no_commit, "what ends the transaction?"),
        "a commit for each portion": (in_portions, "and 1,500 others stay: all or nothing"),
        "autocommit": (autocommit, "and 1,998 others stay: all or nothing"),
        "a commit in finally": (commits_come_what_may, "and 1,800 others stay: all or nothing"),
        "swallows the error": (swallows, "nobody is told; 0 others were written"),
        "INSERT OR IGNORE": (ignores, "nobody is told; 1,999 others were written"),
        "skips what fails": (skips_portions, "nobody is told; 1,500 others were written"),
        "the table emptied first": (empties_first, "3 notes of before are gone"),
        "each but once": (only_once, "1,999 rows were added to the table, 2,000 were given"),
        "tidied": (tidies, "1,998 rows were added to the table, 2,000 were given"),
        "some rows": (some, "1,000 rows were added to the table, 2,000 were given"),
        "an empty list": (empty_list, "an empty list of parameters is no list"),
    },
    "report": {
        "double join": (double_join, "(6, 6) for (2, 3)"),
        "inner join to the doctor": (inner_join, "those without a known doctor"),
        "lazy": (by_loading(*[lazyload] * 3), "which of them repeats?"),
        "len() of loaded rows": (by_loading(*[selectinload] * 3), "let the database count"),
        "len() by subqueries": (by_loading(joinedload, selectinload, subqueryload), "were fetched"),
        "no order": (unordered, "in an order that nobody asked for"),
        "COUNT(DISTINCT)": (pairs_in_the_database, "count them apart"),
        "around SQLAlchemy": (around_the_tape, "121 queries for 40 patients"),
        "too many queries": (six_queries, "for any number of patients; 4 are enough"),
        "no visits, no row": (only_with_visits, "who joins nothing is lost"),
        "keyed by name": (by_name, "two of them have one name"),
        "a text for None": (nameless, "it should be"),
        "not a list": (lambda session, clinic: {}, "a list of tuples is asked for"),
    },
}
