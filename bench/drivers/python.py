# One driver per call: psycopg2, psycopg, sqlalchemy or asyncpg. The last line is its version.
import os
import sys
import threading

host, port = os.environ["PGHOST"], os.environ["PGPORT"]
user, password, database = os.environ["PGUSER"], os.environ["PGPASSWORD"], os.environ["PGDATABASE"]
dsn = f"host={host} port={port} user={user} password={password} dbname={database}"
failures = []


def everybody(work):
    def guarded(n):
        try:
            work(n)
        except BaseException as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(1, 5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if failures:
        sys.exit("\n".join(failures))


def equal(left, right):
    if left != right:
        raise AssertionError(f"{left!r} is not {right!r}")


def of_psycopg2():
    import io
    import psycopg2

    def work(n):
        who = f"psycopg2 {n}"
        connection = psycopg2.connect(dsn)
        for i in range(20):
            with connection.cursor() as cursor:
                cursor.execute("SELECT %s + 1", (i,))
                equal(cursor.fetchone()[0], i + 1)
                cursor.execute("INSERT INTO driver_rows VALUES (%s, %s, %s)", (who, i, "é€"))
            connection.rollback() if i % 4 == 3 else connection.commit()
            with connection.cursor() as cursor:
                try:
                    cursor.execute("SELECT 1/0")
                except psycopg2.errors.DivisionByZero:
                    connection.rollback()
        with connection.cursor() as cursor:
            cursor.copy_from(io.StringIO(f"{who} copied\t1\tx\n{who} copied\t2\ty\n"), "driver_rows")
        connection.commit()
        with connection.cursor(name="many") as cursor:
            cursor.execute("SELECT generate_series(1, 5000)")
            equal(sum(1 for _ in cursor), 5000)
        connection.commit()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM driver_rows WHERE who LIKE %s", (f"{who}%",))
            equal(cursor.fetchone()[0], 17)
        connection.close()

    everybody(work)
    return psycopg2.__version__.split()[0]


def of_psycopg():
    import psycopg

    def work(n):
        who = f"psycopg {n}"
        with psycopg.connect(dsn, prepare_threshold=2) as connection:
            for i in range(20):
                equal(connection.execute("SELECT %s::int + 1", (i,)).fetchone()[0], i + 1)
                connection.execute("INSERT INTO driver_rows VALUES (%s, %s, %s)", (who, i, "é€"))
                connection.rollback() if i % 4 == 3 else connection.commit()
                try:
                    connection.execute("SELECT 1/%s::int", (0,))
                except psycopg.errors.DivisionByZero:
                    connection.rollback()
            if psycopg.Pipeline.is_supported():
                with connection.pipeline():
                    answers = [connection.execute("SELECT %s::int", (i,)) for i in range(50)]
                    equal([answer.fetchone()[0] for answer in answers], list(range(50)))
                try:
                    with connection.pipeline() as pipeline:
                        connection.execute("SELECT nothing")
                        connection.execute("SELECT 1")
                        pipeline.sync()
                except psycopg.errors.UndefinedColumn:
                    connection.rollback()
            with connection.cursor().copy("COPY driver_rows FROM STDIN") as copy:
                for i in range(100):
                    copy.write_row((f"{who} copied", i, "x"))
            connection.commit()
            count = connection.execute("SELECT count(*) FROM driver_rows WHERE who LIKE %s", (f"{who}%",))
            equal(count.fetchone()[0], 115)

    everybody(work)
    return psycopg.__version__


def of_sqlalchemy():
    import sqlalchemy
    from sqlalchemy import text

    url = f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"
    engine = sqlalchemy.create_engine(url, pool_size=4, pool_pre_ping=True)
    isolated = engine.execution_options(isolation_level="SERIALIZABLE")

    def work(n):
        who = f"sqlalchemy {n}"
        for i in range(20):
            with engine.connect() as connection:
                transaction = connection.begin()
                insert = text("INSERT INTO driver_rows VALUES (:who, :n, :value)")
                connection.execute(insert, [{"who": who, "n": i, "value": "é€"}])
                nested = connection.begin_nested()
                connection.execute(insert, [{"who": who, "n": -1, "value": ""}])
                nested.rollback()
                transaction.rollback() if i % 4 == 3 else transaction.commit()
        with isolated.connect() as connection:
            level = connection.execute(text("SHOW transaction_isolation")).scalar()
            equal(level, "serializable")
            equal(connection.execute(text("SELECT count(*) FROM driver_rows WHERE who = :who"), {"who": who}).scalar(), 15)

    everybody(work)
    table = sqlalchemy.Table("driver_rows", sqlalchemy.MetaData(), autoload_with=engine)
    equal([column.name for column in table.columns], ["who", "n", "value"])
    engine.dispose()
    return sqlalchemy.__version__


def of_asyncpg():
    import asyncio
    import asyncpg

    async def work(n):
        who = f"asyncpg {n}"
        connection = await asyncpg.connect(host=host, port=int(port), user=user, password=password, database=database)
        for i in range(20):
            equal(await connection.fetchval("SELECT $1::int + 1", i), i + 1)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("INSERT INTO driver_rows VALUES ($1, $2, $3)", who, i, "é€")
            await (transaction.rollback() if i % 4 == 3 else transaction.commit())
            try:
                await connection.fetchval("SELECT 1/$1::int", 0)
            except asyncpg.DivisionByZeroError:
                pass
        await connection.executemany("INSERT INTO driver_rows VALUES ($1, $2, '')", [(who, i) for i in range(50)])
        async with connection.transaction():
            equal(len([row async for row in connection.cursor("SELECT generate_series(1, 500)")]), 500)
        equal(await connection.fetchval("SELECT count(*) FROM driver_rows WHERE who = $1", who), 65)
        await connection.close()

    async def all_of_them():
        await asyncio.gather(*[work(n) for n in range(1, 5)])

    asyncio.run(all_of_them())
    return asyncpg.__version__


print({"psycopg2": of_psycopg2, "psycopg": of_psycopg, "sqlalchemy": of_sqlalchemy, "asyncpg": of_asyncpg}[sys.argv[1]]())
