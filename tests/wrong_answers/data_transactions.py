"""Answers that the checks of data/transactions must refuse, each with a part of its hint."""

import functools

import pymysql

from nexus.sessions import ask
from tests.taught import taught

AGAIN = (1213, 1205, 1020)


# --- book ----------------------------------------------------------------------------------------


def reads_checks_writes(connection, flight):
    [(n,)] = ask(connection, "SELECT n FROM free WHERE flight = %s", flight)
    if n > 0:
        ask(connection, "UPDATE free SET n = %s WHERE flight = %s", n - 1, flight)
    connection.commit()
    return n > 0


def below_zero(connection, flight):
    [(n,)] = ask(connection, "SELECT n FROM free WHERE flight = %s", flight)
    if n > 0:
        ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s", flight)
    connection.commit()
    return n > 0


def ignores_the_count(connection, flight):
    [(n,)] = ask(connection, "SELECT n FROM free WHERE flight = %s", flight)
    ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s AND n > 0", flight)
    connection.commit()
    return n > 0


def no_commit(connection, flight):
    return ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s AND n > 0", flight) == 1


def commits_what_it_sold(connection, flight):
    """Whoever gets no seat goes away with the row locked."""
    found = ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s AND n > 0", flight)
    if found:
        connection.commit()
    return found == 1


def every_flight(connection, flight):
    found = ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s AND n > 0", flight)
    ask(connection, "UPDATE free SET n = n - 1 WHERE flight <> %s", flight)
    connection.commit()
    return found == 1


def an_int(connection, flight):
    found = ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s AND n > 0", flight)
    connection.commit()
    return found


def shared_then_written(connection, flight):
    """Both hold a shared lock and both want to write: a deadlock."""
    sql = "SELECT n FROM free WHERE flight = %s LOCK IN SHARE MODE"
    [(n,)] = ask(connection, sql, flight)
    if n > 0:
        ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s", flight)
    connection.commit()
    return n > 0


def gives_up_at_once(connection, flight):
    """Sends people away when somebody else books at the same moment."""
    sql = "SELECT n FROM free WHERE flight = %s FOR UPDATE SKIP LOCKED"
    rows = ask(connection, sql, flight)
    if rows and rows[0][0] > 0:
        ask(connection, "UPDATE free SET n = n - 1 WHERE flight = %s", flight)
    connection.commit()
    return bool(rows and rows[0][0] > 0)


def only_asks_python(connection, flight):
    return True


def for_ever(connection, flight):
    """An optimist who reads again in one transaction."""
    while True:
        [(n,)] = ask(connection, "SELECT n FROM free WHERE flight = %s", flight)
        if n == 0:
            return False
        sql = "UPDATE free SET n = n - 1 WHERE flight = %s AND n = %s"
        if ask(connection, sql, flight, n):
            connection.commit()
            return True


# --- transfer ------------------------------------------------------------------------------------

SQL = "UPDATE accounts SET balance = balance + %s WHERE id = %s"


def unit(connection, source, target, amount):
    for account, change in sorted([(source, -amount), (target, amount)]):
        ask(connection, SQL, change, account)
    connection.commit()


def retries(connection, *args, attempts=10, again=AGAIN, rollback=AGAIN, last=None):
    for attempt in range(attempts):
        try:
            return unit(connection, *args)
        except pymysql.MySQLError as error:
            if error.args[0] in rollback:
                connection.rollback()
            if error.args[0] not in again:
                raise
            if attempt == attempts - 1 and last is None:
                raise
    if last:
        raise last
    return None


def statement_again(connection, source, target, amount):
    for account, change in ((source, -amount), (target, amount)):
        for attempt in range(10):
            try:
                ask(connection, SQL, change, account)
                break
            except pymysql.MySQLError:
                if attempt == 9:
                    raise
    connection.commit()


def commits_what_there_is(connection, source, target, amount):
    """Knows of deadlocks, and takes a timeout for the end of it."""
    for _ in range(10):
        try:
            for account, change in ((source, -amount), (target, amount)):
                ask(connection, SQL, change, account)
            return connection.commit()
        except pymysql.MySQLError as error:
            if error.args[0] == 1205:
                return connection.commit()
            connection.rollback()
    return None


def complains_half_way(connection, source, target, amount):
    """Looks at the counts, and leaves the first half open."""
    for attempt in range(10):
        try:
            for account, change in sorted([(source, -amount), (target, amount)]):
                if not ask(connection, SQL, change, account):
                    raise LookupError(account)
            return connection.commit()
        except pymysql.MySQLError as error:
            connection.rollback()
            if attempt == 9 or error.args[0] not in AGAIN:
                raise
    return None


# --- leave ---------------------------------------------------------------------------------------

OTHERS = (
    "SELECT doctor FROM shifts WHERE on_call = 1 AND doctor <> %s "
    "AND ward = (SELECT ward FROM shifts WHERE doctor = %s)"
)
OFF = "UPDATE shifts SET on_call = 0 WHERE doctor = %s"


def counts_then_leaves(connection, doctor):
    may = bool(ask(connection, OTHERS, doctor, doctor))
    if may:
        ask(connection, OFF, doctor)
    connection.commit()
    return may


def locks_its_own_row(connection, doctor):
    ask(connection, "SELECT * FROM shifts WHERE doctor = %s FOR UPDATE", doctor)
    return counts_then_leaves(connection, doctor)


def serializable_without_retry(connection, doctor):
    ask(connection, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    return counts_then_leaves(connection, doctor)


def an_error_is_a_no(connection, doctor):
    """A deadlock is answered as if nobody else were on call."""
    try:
        may = bool(ask(connection, f"{OTHERS} LOCK IN SHARE MODE", doctor, doctor))
        if may:
            ask(connection, OFF, doctor)
    except pymysql.MySQLError:
        connection.rollback()
        return False
    connection.commit()
    return may


def locks_then_looks_back(connection, doctor):
    """Locks the right rows, and decides by a view from before."""
    [(ward,)] = ask(connection, "SELECT ward FROM shifts WHERE doctor = %s", doctor)
    ask(connection, "SELECT doctor FROM shifts WHERE ward = %s FOR UPDATE", ward)
    return counts_then_leaves(connection, doctor)


def commits_when_it_leaves(connection, doctor):
    may = bool(ask(connection, f"{OTHERS} FOR UPDATE", doctor, doctor))
    if may:
        ask(connection, OFF, doctor)
        connection.commit()
    return may


def never(connection, doctor):
    ask(connection, "SELECT 1")
    return False


def always(connection, doctor):
    ask(connection, OFF, doctor)
    connection.commit()
    return True


def one_for_the_hospital(connection, doctor):
    """Counts the doctors of all wards."""
    team = ask(connection, "SELECT doctor FROM shifts WHERE on_call = 1 FOR UPDATE")
    may = len(team) > 1
    if may:
        ask(connection, OFF, doctor)
    connection.commit()
    return may


def only_says_so(connection, doctor):
    return len(ask(connection, OTHERS, doctor, doctor)) > 0


def resigns(connection, doctor):
    ask(connection, "DELETE FROM shifts WHERE doctor = %s", doctor)
    connection.commit()
    return True


def too_polite(connection, doctor):
    """Leaves only if nobody else is busy with the table."""
    sql = "SELECT doctor, ward FROM shifts WHERE on_call = 1 FOR UPDATE NOWAIT"
    try:
        team = dict(ask(connection, sql))
    except pymysql.MySQLError:
        connection.rollback()
        return False
    may = list(team.values()).count(team[doctor]) > 1
    if may:
        ask(connection, OFF, doctor)
    connection.commit()
    return may


# --- name_it -------------------------------------------------------------------------------------


def counts_writes(history):
    """Two writes of one row are a lost update; whoever read, and however it ended."""
    written = [row for _, action, row, _ in history if action == "write"]
    return "lost update" if len(set(written)) < len(written) else "nothing"


def rolled_back_means_aborted(history):
    """Any rollback is an aborted read."""
    if any(action == "rollback" for _, action, *_ in history):
        return "aborted read"
    return "nothing"


def by_the_rows(history):
    """Knows what is dirty, and tells the rest by how many rows were written."""
    writes = {value: (who, row) for who, action, row, value in history if action == "write"}
    for i, (who, action, row, value) in enumerate(history):
        if action == "read" and value in writes and writes[value][0] != who:
            writer = writes[value][0]
            if (writer, "rollback", None, None) in history:
                return "aborted read"
            if any(step[:3] == (writer, "write", row) for step in history[i:]):
                return "intermediate read"
    if len({row for _, row in writes.values()}) == 2 and len(dict(writes.values())) == 2:
        return "write skew"
    return "lost update" if len(writes) == 2 else "nothing"


def by_the_clock(history):
    """One read a row before the other wrote it: an old version that is read late is not seen."""
    ends = {who: action for who, action, *_ in history if action in ("commit", "rollback")}
    saw, before, over = set(), set(), set()
    for i, (a, first, x, value) in enumerate(history):
        for b, then, y, other in history[i + 1 :]:
            if a == b or x != y or x is None:
                continue
            if (first, then) == ("write", "read") and value == other and ends[b] == "commit":
                saw.add((b, a, x))
                if ends[a] == "rollback":
                    return "aborted read"
                if [s for s in history if s[:3] == (a, "write", x)][-1][3] != value:
                    return "intermediate read"
            if "rollback" not in (ends[a], ends[b]) and then == "write":
                (before if first == "read" else over).add((a, b, x))
    if any((b, a, x) in over for a, b, x in before):
        return "lost update"
    if any((b, a) == other[:2] and x != other[2] for a, b, x in before for other in before):
        return "write skew"
    return "read skew" if any(s[:2] == r[:2] for s in saw for r in before) else "nothing"


def reads_of_those_who_fail(history):
    """A dirty read counts, whatever becomes of the one who has read."""
    ends = {who: action for who, action, *_ in history if action in ("commit", "rollback")}
    written = {(row, value): who for who, action, row, value in history if action == "write"}
    for who, action, row, value in history:
        author = written.get((row, value), who)
        if action == "read" and author != who and ends[author] == "rollback":
            return "aborted read"
    return taught("data/transactions")["name_it"](history)


EXERCISES = {
    "book": {
        "read, check, write": (reads_checks_writes, "2 bookings, 1 seat gone"),
        "decrement without AND n > 0": (below_zero, "seats fell to -1"),
        "rowcount ignored": (ignores_the_count, "ask how many rows the UPDATE found"),
        "no commit": (no_commit, "it returned True with its transaction open"),
        "a commit when it sold": (commits_what_it_sold, "it returned False with its transaction"),
        "every flight": (every_flight, "nobody booked it"),
        "an int": (an_int, "True or False is asked for, not int"),
        "a shared lock": (shared_then_written, "error 1213 came out of your function"),
        "SKIP LOCKED": (gives_up_at_once, "somebody was sent away"),
        "no statement": (only_asks_python, "sends no statement"),
        "an optimist in one transaction": (for_ever, "does not come to an end"),
    },
    "transfer": {
        "the last statement again": (statement_again, "the first half is gone"),
        "1205 committed": (commits_what_there_is, "half a transfer was committed"),
        "no bound": (functools.partial(retries, attempts=10**9), "you had not given up"),
        "no retry": (unit, "one more try would do"),
        "1205 without rollback": (
            functools.partial(retries, rollback=(1213, 1020)),
            "it undoes one statement, and what came before was done again",
        ),
        "1020 not known": (functools.partial(retries, again=(1213, 1205)), "error 1020"),
        "every error again": (functools.partial(retries, again=(*AGAIN, 1064)), "1064"),
        "an error of its own": (
            functools.partial(retries, last=RuntimeError("busy")),
            "it got RuntimeError",
        ),
        "nobody to give to": (
            functools.partial(retries, rollback=range(9999)),
            "ask how many rows each UPDATE found",
        ),
        "a complaint half way": (complains_half_way, "half a transfer is still open"),
        "silence": (functools.partial(retries, last=False), "says nothing of it"),
    },
    "leave": {
        "count then update": (counts_then_leaves, "each counted two, and changed another row"),
        "FOR UPDATE on its own row": (locks_its_own_row, "each locked a row, and not the rows"),
        "SERIALIZABLE, no retry": (serializable_without_retry, "error 1213"),
        "never": (never, "two are on call: Adler may leave"),
        "always": (always, "the last one of all wards: nobody is on call"),
        "the whole hospital": (one_for_the_hospital, "the last one of the ward"),
        "only says so": (only_says_so, "is it committed?"),
        "deletes the row": (resigns, "a row of the table is gone"),
        "an error is a no": (an_error_is_a_no, "two of three at once: "),
        "locks, then looks back": (locks_then_looks_back, "decided by a plain read"),
        "a commit when it leaves": (commits_when_it_leaves, "what it locked stays locked"),
        "NOWAIT": (too_polite, "two wards: "),
    },
    "name_it": {
        "two writes": (counts_writes, "called 'nothing'; look: a value was read"),
        "a rollback": (rolled_back_means_aborted, "a value was read that its writer had not"),
        "two rows": (by_the_rows, "is called 'lost update'"),
        "by the clock": (by_the_clock, "had read the version that the other replaced"),
        "the reader fails too": (reads_of_those_who_fail, "is called 'aborted read'; look: the"),
        "a guess": (lambda history: "phantom", "one of these is asked for"),
        "always a lost update": (lambda history: "lost update", "nobody ever committed"),
    },
}
