// pgx with its caches of prepared and of described statements and without any, batches, COPY.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgconn/stmtcache"
	"github.com/jackc/pgx/v4"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal[T comparable](left, right T) {
	if left != right {
		panic(fmt.Sprintf("%v is not %v", left, right))
	}
}

func codeOf(err error) string {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code
	}
	return ""
}

func transactions(ctx context.Context, conn *pgx.Conn, who string) {
	for i := 0; i < 20; i++ {
		var sum int
		check(conn.QueryRow(ctx, fmt.Sprintf("SELECT $1::int + %d", i%3), i).Scan(&sum))
		equal(sum, i+i%3)
		tx, err := conn.Begin(ctx)
		check(err)
		_, err = tx.Exec(ctx, "INSERT INTO driver_rows VALUES ($1, $2, $3)", who, i, "é€")
		check(err)
		if i%4 == 3 {
			check(tx.Rollback(ctx))
		} else {
			check(tx.Commit(ctx))
		}
		_, err = conn.Exec(ctx, "SELECT 1/0")
		equal(codeOf(err), "22012")
	}
}

func batches(ctx context.Context, conn *pgx.Conn) {
	batch := &pgx.Batch{}
	for i := 0; i < 50; i++ {
		batch.Queue("SELECT $1::int * 2", i)
	}
	results := conn.SendBatch(ctx, batch)
	for i := 0; i < 50; i++ {
		var double int
		check(results.QueryRow().Scan(&double))
		equal(double, i*2)
	}
	check(results.Close())
	broken := &pgx.Batch{}
	broken.Queue("SELECT 1/0")
	broken.Queue("INSERT INTO driver_rows VALUES ('broken', 1, '')")
	equal(codeOf(conn.SendBatch(ctx, broken).Close()), "22012")
}

func open(ctx context.Context, mode int) *pgx.Conn {
	config, err := pgx.ParseConfig("sslmode=disable")
	check(err)
	config.BuildStatementCache = func(conn *pgconn.PgConn) stmtcache.Cache {
		return stmtcache.New(conn, mode, 32)
	}
	if mode < 0 {
		config.BuildStatementCache = nil
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	check(err)
	return conn
}

func work(n int) {
	ctx := context.Background()
	for _, mode := range []int{stmtcache.ModePrepare, stmtcache.ModeDescribe, -1} {
		conn := open(ctx, mode)
		_, err := conn.Exec(ctx, "SET search_path = 'public'")
		check(err)
		who := fmt.Sprintf("pgx %d %d", n, mode)
		transactions(ctx, conn, who)
		batches(ctx, conn)
		rows := [][]interface{}{}
		for i := 0; i < 1000; i++ {
			rows = append(rows, []interface{}{who + " copied", int32(i), "é€"})
		}
		names := []string{"who", "n", "value"}
		copied, err := conn.CopyFrom(ctx, pgx.Identifier{"driver_rows"}, names, pgx.CopyFromRows(rows))
		check(err)
		equal(copied, 1000)
		for _, isSimple := range []pgx.QuerySimpleProtocol{true, false} {
			var count int
			text := "SELECT count(*) FROM driver_rows WHERE who = $1"
			check(conn.QueryRow(ctx, text, isSimple, who).Scan(&count))
			equal(count, 15)
			check(conn.QueryRow(ctx, text, isSimple, "broken").Scan(&count))
			equal(count, 0)
		}
		check(conn.Close(ctx))
	}
}

func main() {
	var everybody sync.WaitGroup
	for i := 1; i <= 4; i++ {
		n := i
		everybody.Add(1)
		go func() {
			defer everybody.Done()
			work(n)
		}()
	}
	everybody.Wait()
}
