"""What `data/orm-sqlalchemy` teaches holds for any data, not only for the flights of its page."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import orm
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from nexus import servers
from nexus.exercises import judge
from nexus.measure import reads
from tests.machine import need
from tests.taught import taught

TAUGHT = taught("data/orm-sqlalchemy")
counted: Callable = TAUGHT["counted"]
quick = settings(max_examples=40, deadline=None)
KEYS = st.lists(st.none() | st.sampled_from("ABCDEFGH"), max_size=25)


class Base(orm.DeclarativeBase):
    pass


class Parent(Base):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str | None] = mapped_column(sa.String(1))
    thing: Mapped["Thing | None"] = relationship(
        primaryjoin=lambda: orm.foreign(Parent.key) == Thing.key, viewonly=True
    )
    lefts: Mapped[list["Left"]] = relationship()
    rights: Mapped[list["Right"]] = relationship()


class Thing(Base):
    __tablename__ = "thing"
    key: Mapped[str] = mapped_column(sa.String(1), primary_key=True)


class Left(Base):
    __tablename__ = "left_child"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(sa.ForeignKey("parent.id"))


class Right(Base):
    __tablename__ = "right_child"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(sa.ForeignKey("parent.id"))


TABLES = (Left, Right, Parent, Thing)


@pytest.fixture(scope="module")
def lite() -> Iterator[sa.Engine]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def mariadb() -> Iterator[sa.Engine]:
    need("mariadb")
    with servers.mariadb() as server:
        engine = sa.create_engine(sa.make_url(server.url).set(drivername="mysql+pymysql"))
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()


def refill(engine: sa.Engine, *tables: tuple[type, list[dict[str, Any]]]) -> None:
    """The tables hold these rows and nothing else."""
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.delete(table))
        for table, rows in tables:
            if rows:
                connection.execute(sa.insert(table), rows)


def keyed(engine: sa.Engine, keys: list[str | None], known: set[str]) -> None:
    parents = [{"id": number, "key": key} for number, key in enumerate(keys, 1)]
    refill(engine, (Thing, [{"key": key} for key in sorted(known)]), (Parent, parents))


def families(engine: sa.Engine, sizes: list[tuple[int, int]]) -> None:
    def children(which: int) -> list[dict[str, Any]]:
        return [
            {"parent_id": number}
            for number, pair in enumerate(sizes, 1)
            for _ in range(pair[which])
        ]

    parents = [{"id": number} for number in range(1, len(sizes) + 1)]
    refill(engine, (Parent, parents), (Left, children(0)), (Right, children(1)))


def load(engine: sa.Engine, names: tuple[str, ...], *options: Any) -> Any:
    """What was counted while the attributes `names` of all parents were touched."""
    with Session(engine) as session, counted(engine) as sent:
        found = session.scalars(sa.select(Parent).options(*options)).unique().all()
        for parent in found:
            for name in names:
                getattr(parent, name)
    return sent


@given(keys=KEYS, known=st.sets(st.sampled_from("ABCDEFGH")))
@quick
def test_the_law_of_lazy_loading(lite: sa.Engine, keys: list[str | None], known: set[str]) -> None:
    keyed(lite, keys, known)
    assert load(lite, ("thing",)).count == TAUGHT["lazy_queries"](keys, known)


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        ([], set()),
        ([None] * 9, {"A"}),
        (["A"] * 9, {"A"}),
        (["A"] * 9, set()),
        (["A", "B", None, "A", "C", "C"], {"A"}),
    ],
)
def test_the_law_of_lazy_loading_on_a_server(
    mariadb: sa.Engine, keys: list[str | None], known: set[str]
) -> None:
    keyed(mariadb, keys, known)
    assert load(mariadb, ("thing",)).count == TAUGHT["lazy_queries"](keys, known)


@given(keys=KEYS, known=st.sets(st.sampled_from("ABCDEFGH")))
@quick
def test_the_exercise_is_right_for_any_keys(
    lite: sa.Engine, keys: list[str | None], known: set[str]
) -> None:
    keyed(lite, keys, known)
    loaders = {"lazy": orm.lazyload, "joined": orm.joinedload, "selectin": orm.selectinload}
    for name, loader in loaders.items():
        sent = load(lite, ("thing",), loader(Parent.thing))
        assert sent.count == TAUGHT["queries"](keys, known, name), name


SIZES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8)


@given(sizes=SIZES)
@settings(max_examples=25, deadline=None)
def test_the_laws_of_two_collections(mariadb: sa.Engine, sizes: list[tuple[int, int]]) -> None:
    families(mariadb, sizes)
    names = "lefts", "rights"
    for loader, law in (("joinedload", "joined_rows"), ("selectinload", "selectin_rows")):
        load_with = getattr(orm, loader)
        sent = load(mariadb, names, load_with(Parent.lefts), load_with(Parent.rights))
        assert sent.rows == TAUGHT[law](sizes), loader


@given(sizes=st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=6))
def test_the_laws_of_rows_against_pairs_written_out(sizes: list[list[int]]) -> None:
    def pairs(collections: list[int]) -> int:
        rows = [()]
        for size in collections:
            rows = [(*row, child) for row in rows for child in (range(size) if size else [None])]
        return len(rows)

    assert TAUGHT["joined_rows"](sizes) == sum(map(pairs, sizes))
    assert TAUGHT["selectin_rows"](sizes) == len(sizes) + sum(map(sum, sizes))


@pytest.mark.parametrize("parents", [0, 1, 499, 500, 501, 1000, 1001])
def test_select_in_loading_climbs_in_steps(lite: sa.Engine, parents: int) -> None:
    families(lite, [(0, 0)] * parents)
    sent = load(lite, ("lefts",), orm.selectinload(Parent.lefts))
    assert sent.count == TAUGHT["selectin_queries"](parents)


@given(keys=KEYS, known=st.sets(st.sampled_from("ABCDEFGH")))
@settings(max_examples=15, deadline=None)
def test_the_counter_agrees_with_the_server(
    mariadb: sa.Engine, keys: list[str | None], known: set[str]
) -> None:
    keyed(mariadb, keys, known)
    with mariadb.connect() as connection, reads(connection) as read, counted(mariadb) as sent:
        session = Session(connection)
        parents = session.scalars(sa.select(Parent).order_by(Parent.id)).all()
        found = [parent.thing for parent in parents]
    assert sent.count == read.selects
    assert sent.rows == len(parents) + sum(key in known for key in set(keys))
    assert [thing is not None for thing in found] == [key in known for key in keys]


def test_the_counter_knows_what_it_does_not_know(lite: sa.Engine, mariadb: sa.Engine) -> None:
    for engine in (lite, mariadb):
        families(engine, [(1, 1)] * 5)
    with counted(lite) as on_lite, Session(lite) as session:
        session.scalars(sa.select(Parent)).all()
    assert math.isnan(on_lite.rows)
    stream = sa.select(Parent).execution_options(yield_per=2)
    with counted(mariadb) as streamed, Session(mariadb) as session:
        assert len(session.scalars(stream).all()) == 5
    assert math.isnan(streamed.rows)


def test_the_counter_lets_go(lite: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), counted(lite) as sent:
        raise ZeroDivisionError
    with counted(lite) as outer, Session(lite) as session:
        with counted(lite) as inner:
            session.scalars(sa.select(Parent)).all()
        session.scalars(sa.select(Thing)).all()
    assert (sent.count, inner.count, outer.count) == (0, 1, 2)
    other = sa.create_engine("sqlite://")
    with counted(lite) as sent, other.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert sent.count == 0


def test_the_counter_counts_rows_that_are_written(mariadb: sa.Engine) -> None:
    families(mariadb, [])
    with counted(mariadb) as sent, mariadb.begin() as connection:
        connection.execute(sa.insert(Thing), [{"key": key} for key in "ABC"])
        connection.execute(sa.delete(Thing).where(Thing.key < "C"))
    assert (sent.count, sent.rows) == (2, 5)


# --- what the page says and does not measure


class Cased(orm.DeclarativeBase):
    pass


class Owner(Cased):
    __tablename__ = "owner"
    key: Mapped[str] = mapped_column(sa.String(9, collation="NOCASE"), primary_key=True)


class Pet(Cased):
    __tablename__ = "pet"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(9, collation="NOCASE"))
    owner: Mapped[Owner | None] = relationship(
        primaryjoin=lambda: orm.foreign(Pet.key) == Owner.key, viewonly=True
    )


def test_select_in_loading_does_not_know_the_collation() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Cased.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(Owner), [{"key": "N1"}])
        connection.execute(sa.insert(Pet), [{"key": "n1"}])
    found = {}
    for loader in (orm.lazyload, orm.joinedload, orm.selectinload):
        with Session(engine) as session:
            pet = session.scalars(sa.select(Pet).options(loader(Pet.owner))).one()
            found[loader.__name__] = pet.owner is not None
    engine.dispose()
    assert found == {"lazyload": True, "joinedload": True, "selectinload": False}


@pytest.mark.parametrize("expire", [True, False])
def test_an_option_that_raises_is_lost_when_the_object_expires(
    lite: sa.Engine, expire: bool
) -> None:
    families(lite, [(1, 0)])
    with Session(lite, expire_on_commit=expire) as session:
        parent = session.scalars(sa.select(Parent).options(orm.raiseload("*"))).one()
        with pytest.raises(sa.exc.InvalidRequestError):
            _ = parent.lefts
        session.commit()
        if expire:
            assert len(parent.lefts) == 1
        else:
            with pytest.raises(sa.exc.InvalidRequestError):
                _ = parent.lefts


# --- right answers that are not the page's own


def read_first(engine: sa.Engine, Note: Any, rows: list) -> None:
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.count()).select_from(Note))
    with engine.begin() as connection:
        if rows:
            connection.execute(sa.insert(Note), rows)


def by_the_driver(engine: sa.Engine, Note: Any, rows: list) -> None:
    raw = engine.raw_connection()
    raw.cursor().executemany("INSERT INTO note (flight_id, body) VALUES (:flight_id, :body)", rows)
    raw.commit()
    raw.close()


def by_values(engine: sa.Engine, Note: Any, rows: list) -> None:
    if rows:
        with Session(engine) as session, session.begin():
            session.execute(sa.insert(Note).values(rows))


def by_portions(engine: sa.Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session, session.begin(), session.begin_nested():
        for start in range(0, len(rows), 200):
            session.execute(sa.insert(Note), rows[start : start + 200])


def by_mappings(engine: sa.Engine, Note: Any, rows: list) -> None:
    with Session(engine) as session:
        session.bulk_insert_mappings(Note, rows)
        session.commit()


def in_one_statement(engine: sa.Engine, Note: Any, rows: list) -> None:
    if rows:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.insert(Note).values(rows))


def load_by(*loaders: Any) -> Callable:
    def load(session: Session, Flight: Any, n: int) -> list:
        names = "airline", "plane", "subscriptions", "notes"
        load = [o(getattr(Flight, name)) for o, name in zip(loaders, names, strict=True)]
        query = sa.select(Flight).order_by(Flight.id).limit(n).options(*load)
        return session.scalars(query).unique().all()

    return load


def correlated(session: Session, clinic: Any) -> list:
    def count(table: Any) -> Any:
        mine = sa.select(sa.func.count()).where(table.patient_id == clinic.Patient.id)
        return mine.scalar_subquery()

    counts = count(clinic.Visit), count(clinic.Prescription)
    query = sa.select(clinic.Patient.name, clinic.Doctor.name, *counts)
    query = query.outerjoin(clinic.Patient.doctor).order_by(clinic.Patient.id)
    return session.execute(query).all()  # of Row, which is a tuple


def grouped(session: Session, clinic: Any) -> list:
    def count(table: Any) -> Any:
        each = sa.select(table.patient_id, sa.func.count().label("n"))
        return each.group_by(table.patient_id).subquery()

    visits, prescriptions = count(clinic.Visit), count(clinic.Prescription)
    counts = [sa.func.coalesce(table.c.n, 0) for table in (visits, prescriptions)]
    query = sa.select(clinic.Patient.name, clinic.Doctor.name, *counts)
    query = query.outerjoin(clinic.Patient.doctor).order_by(clinic.Patient.id)
    for table in (visits, prescriptions):
        query = query.outerjoin(table, table.c.patient_id == clinic.Patient.id)
    return [tuple(row) for row in session.execute(query)]


def in_four(session: Session, clinic: Any) -> list:
    def count(table: Any) -> dict:
        each = sa.select(table.patient_id, sa.func.count()).group_by(table.patient_id)
        return dict(session.execute(each).all())

    visits, prescriptions = count(clinic.Visit), count(clinic.Prescription)
    doctors = dict(session.execute(sa.select(clinic.Doctor.id, clinic.Doctor.name)).all())
    return [
        (p.name, doctors.get(p.doctor_id), visits.get(p.id, 0), prescriptions.get(p.id, 0))
        for p in session.scalars(sa.select(clinic.Patient).order_by(clinic.Patient.id))
    ]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        *(
            ("save", save)
            for save in (
                read_first,
                by_the_driver,
                by_values,
                by_portions,
                by_mappings,
                in_one_statement,
            )
        ),
        ("load", load_by(*[orm.selectinload] * 4)),
        ("load", load_by(*[orm.subqueryload] * 4)),
        ("load", load_by(*[orm.joinedload] * 3, orm.selectinload)),
        *(("report", report) for report in (correlated, grouped, in_four)),
    ],
)
def test_another_right_answer_is_accepted(name: str, answer: Callable) -> None:
    verdict = judge(f"data/orm-sqlalchemy/{name}", answer)
    assert verdict.accepted, verdict.message
