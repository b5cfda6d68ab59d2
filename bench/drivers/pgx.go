// pgx with its cache of prepared statements, batches in a pipeline, COPY and portals. The last line is the driver's version.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

func work(n int) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "sslmode=disable")
	check(err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "SET search_path = 'public'")
	check(err)
	who := fmt.Sprintf("pgx %d", n)
	transactions(ctx, conn, who)
	batches(ctx, conn)
	rows := [][]any{}
	for i := 0; i < 1000; i++ {
		rows = append(rows, []any{who + " copied", int32(i), "é€"})
	}
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"driver_rows"}, []string{"who", "n", "value"}, pgx.CopyFromRows(rows))
	check(err)
	equal(copied, 1000)
	modes := []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	}
	for _, mode := range modes {
		var count int
		text := "SELECT count(*) FROM driver_rows WHERE who = $1"
		check(conn.QueryRow(ctx, text, mode, who).Scan(&count))
		equal(count, 15)
		check(conn.QueryRow(ctx, text, mode, "broken").Scan(&count))
		equal(count, 0)
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
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/jackc/pgx/v5" {
			fmt.Fprintln(os.Stdout, module.Version[1:])
		}
	}
}
