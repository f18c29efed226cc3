package main

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// idle measures what is delivered while somebody's transaction on PostgreSQL reads
// something and then does nothing, for as long: what ends meanwhile cannot be
// vacuumed away. As the log grows all along, half of what it is compared with is
// measured before and half afterwards.
func (s *subject) idle(ctx context.Context, c course, say *sheet) error {
	if s.engine != "postgres" {
		say.say("idle: of what it was without", "—") // nothing is vacuumed there
		return nil
	}
	e, err := s.listened(ctx, c)
	if err != nil {
		return err
	}
	f := &flow{subject: s, estate: e}
	var without, took float64
	half := func() error {
		rate, err := f.stretch(ctx, c.each/2)
		without, took = without+rate*(c.each/2).Seconds(), took+(c.each/2).Seconds()
		return err
	}
	if err := half(); err != nil {
		return err
	}
	var with float64
	var left int
	if err := s.directly(ctx, func(d *direct) error {
		aside, err := d.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return err
		}
		defer aside.Rollback()
		var before, after int
		const look = "SELECT count(*) FROM events"
		if err := aside.QueryRowContext(ctx, look).Scan(&before); err != nil {
			return err
		}
		if with, err = f.stretch(ctx, c.each); err != nil {
			return err
		}
		if err := aside.QueryRowContext(ctx, look).Scan(&after); err != nil {
			return err
		}
		if before != after {
			return errors.New("void: the idle transaction sees what came later")
		}
		const dead = "SELECT n_dead_tup FROM pg_stat_all_tables WHERE relname = 'deliveries'"
		return aside.QueryRowContext(ctx, dead).Scan(&left)
	}); err != nil {
		return err
	}
	if err := half(); err != nil {
		return err
	}
	say.say("idle: delivered/s without", "%.0f", without/took)
	say.say("idle: delivered/s", "%.0f, with %d dead rows in the outbox at the end", with, left)
	say.say("idle: of what it was without", "%.2f", with*took/without)
	return nil
}

// stretch serves for a time, and tells what was delivered in a second of it. Before,
// the database has settled; afterwards nothing is to be delivered.
func (f *flow) stretch(ctx context.Context, each time.Duration) (rate float64, err error) {
	if err := f.directly(ctx, func(d *direct) error { return d.rest(ctx) }); err != nil {
		return 0, err
	}
	if err := f.serve(ctx); err != nil {
		return 0, err
	}
	if err := f.once(ctx); err != nil {
		return 0, err
	}
	if err := f.sustain(ctx, each); err != nil {
		return 0, err
	}
	if _, err := f.drained(ctx, f.told.Load()); err != nil {
		return 0, err
	}
	return f.delivered / f.took.Seconds(), f.stop()
}
