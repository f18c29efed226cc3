package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Explained runs fn and tells how the database went about each of its
// statements, a plan each.
func (tx *Tx) Explained(fn func(*Tx) error) ([]string, error) {
	e := &explaining{statements: tx.on, explain: "EXPLAIN "}
	if tx.skipLocked() == "" {
		e.explain = "EXPLAIN QUERY PLAN "
	}
	err := fn(&Tx{ctx: tx.ctx, on: e, dialect: tx.dialect})
	return e.plans, err
}

// Analyzed runs fn on PostgreSQL and tells how each of its statements went, and what
// it read. Each runs twice: once to be told of, which is undone, and once for good.
func (tx *Tx) Analyzed(fn func(*Tx) error) ([]string, error) {
	e := &explaining{statements: tx.on, explain: "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) ", undo: true}
	err := fn(&Tx{ctx: tx.ctx, on: e, dialect: tx.dialect})
	return e.plans, err
}

type explaining struct {
	statements
	explain string
	undo    bool
	plans   []string
}

func (e *explaining) ask(ctx context.Context, query string, args []any) (err error) {
	if e.undo {
		if _, err := e.statements.ExecContext(ctx, "SAVEPOINT explained"); err != nil {
			return err
		}
		defer func() {
			_, undone := e.statements.ExecContext(ctx, "ROLLBACK TO explained; RELEASE explained")
			err = errors.Join(err, undone)
		}()
	}
	rows, err := e.statements.QueryContext(ctx, e.explain+query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var plan strings.Builder
	for rows.Next() {
		into := make([]any, len(columns))
		var line string
		for i := range into {
			into[i] = new(any)
		}
		into[len(into)-1] = &line
		if err := rows.Scan(into...); err != nil {
			return err
		}
		plan.WriteString(line + "\n")
	}
	e.plans = append(e.plans, plan.String())
	return rows.Err()
}

func (e *explaining) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := e.ask(ctx, query, args); err != nil {
		return nil, err
	}
	return e.statements.ExecContext(ctx, query, args...)
}

func (e *explaining) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := e.ask(ctx, query, args); err != nil {
		return nil, err
	}
	return e.statements.QueryContext(ctx, query, args...)
}
