package store

import (
	"context"
	"database/sql"
)

// Watched is db whose statements are told of before they run: by their text, in
// which there are no values, so that two questions can be compared by what they
// cost. tell is called by whoever runs a transaction, several of them at once
// perhaps. Closing it closes db.
func (db *DB) Watched(tell func(statement string)) *DB {
	return &DB{engine: watched{db.engine, tell}, clock: db.clock}
}

// watched is an engine of whose statements somebody is told.
type watched struct {
	engine
	tell func(string)
}

func (w watched) read(ctx context.Context, fn func(*Tx) error) error {
	return w.engine.read(ctx, func(tx *Tx) error { return fn(w.watch(tx)) })
}

func (w watched) write(ctx context.Context, find func(*Tx) (Locks, error), fn func(*Tx) error) error {
	look := find
	if find != nil {
		look = func(tx *Tx) (Locks, error) { return find(w.watch(tx)) }
	}
	return w.engine.write(ctx, look, func(tx *Tx) error { return fn(w.watch(tx)) })
}

func (w watched) shared(ctx context.Context, fn func(*Tx) error) error {
	return w.engine.shared(ctx, func(tx *Tx) error { return fn(w.watch(tx)) })
}

func (w watched) record(ctx context.Context, fn func(*Tx) error) error {
	return w.engine.record(ctx, func(tx *Tx) error { return fn(w.watch(tx)) })
}

// watch has a transaction tell, once: finding locks and what follows share one.
func (w watched) watch(tx *Tx) *Tx {
	if _, already := tx.on.(telling); !already {
		tx.on = telling{tx.on, w.tell}
	}
	return tx
}

// telling tells of statements and runs them.
type telling struct {
	statements
	tell func(string)
}

func (s telling) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s.tell(query)
	return s.statements.ExecContext(ctx, query, args...)
}

func (s telling) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.tell(query)
	return s.statements.QueryContext(ctx, query, args...)
}
