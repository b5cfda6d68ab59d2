# psycopg 3 in the middle of everything when `middle` is printed; it goes on once a line has been read.
import sys
import psycopg


def equal(left, right):
    if left != right:
        raise AssertionError(f"{left!r} is not {right!r}")


def ask(n):
    equal(prepared.execute("SELECT %s::int + 1", (n,), prepare=True).fetchone()[0], n + 1)


prepared, cursors, copier = (psycopg.connect("") for _ in range(3))
listener, other = (psycopg.connect("", autocommit=True) for _ in range(2))
ask(1)
prepared.execute("INSERT INTO middle VALUES ('psycopg transaction', 1)")
cursor = cursors.cursor(name="many")
cursor.execute("SELECT generate_series(1, 1000)")
equal(len(cursor.fetchmany(400)), 400)
listener.execute("LISTEN psycopg_middle")
with copier.cursor() as into:
    with into.copy("COPY middle FROM STDIN") as copy:
        copy.write("psycopg copy\t1\n")
        print("middle", flush=True)
        sys.stdin.readline()
        copy.write("psycopg copy\t2\n")
copier.commit()
ask(2)
prepared.commit()
ask(3)
rows = cursor.fetchall()
equal((len(rows), rows[0][0]), (600, 401))
cursors.commit()
other.execute("NOTIFY psycopg_middle, 'still there'")
equal(next(listener.notifies()).payload, "still there")
equal(other.execute("SELECT count(*) FROM middle WHERE who LIKE 'psycopg %'").fetchone()[0], 3)
other.execute("DELETE FROM middle WHERE who LIKE 'psycopg %'")
