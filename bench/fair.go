package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	healthy     = 98
	fairRate    = 500 // events a second to the healthy
	fairTime    = time.Minute
	fairBadly   = 50 // one event of so many is for each of the two that are not
	fairLeast   = 490
	backlogRate = 50
	backlogSlow = 200 * time.Millisecond
)

// pit is a receiver that takes a connection, reads, and never answers.
type pit struct {
	net.Listener
	url string
}

func digPit() (*pit, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &pit{l, "http://" + l.Addr().String() + "/"}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // when the listener is closed
		}
	}()
	return p, nil
}

// refusal is an address at which nobody listens.
func refusal() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// fair measures how healthy endpoints fare beside one that hangs and one that
// refuses connections.
func (s *subject) fair(ctx context.Context, c course, say *sheet) error {
	tar, err := digPit()
	if err != nil {
		return err
	}
	defer tar.Close()
	refusing, err := refusal()
	if err != nil {
		return err
	}
	with := append(oneEach(healthy, s.sink.url), oneEach(1, tar.url)[0], oneEach(1, "http://"+refusing+"/")[0])
	e, err := s.found(ctx, with...)
	if err != nil {
		return err
	}
	if err := s.serve(ctx); err != nil {
		return err
	}
	bad := func(n int) bool { return n%fairBadly < 2 }
	among := func(n int) company { // the bad ones in their turn
		if bad(n) {
			return e.at[healthy+n%fairBadly]
		}
		return e.at[n%healthy]
	}
	alone := func(n int) company { return e.at[n%healthy] }
	good := func(n int) bool { return !bad(n) }
	n := c.events(fairTime, fairRate)
	if _, _, err := s.paced(ctx, e, fairRate, c.events(time.Second, fairRate), alone, everyone); err != nil {
		return err
	}
	without, took, err := s.paced(ctx, e, fairRate, n, alone, everyone)
	if err != nil {
		return err
	}
	beside, tookBeside, err := s.paced(ctx, e, fairRate*fairBadly/(fairBadly-2), n*fairBadly/(fairBadly-2), among, good)
	if err != nil {
		return err
	}
	base, with99 := without.since(without.sent, everyone), beside.since(beside.sent, good)
	rate, rateBeside := float64(len(base))/took.Seconds(), float64(len(with99))/tookBeside.Seconds()
	say.say("fair: the same without the two, per s", "%.0f", rate)
	say.say("fair: delivered/s to the healthy", "%.0f", rateBeside)
	before, after := percentile(base, 99), percentile(with99, 99)
	say.say("fair: sent to received, p50 and p99 without", "%s, %s", fine(percentile(base, 50)), fine(before))
	say.say("fair: sent to received, p50 and p99", "%s, %s", fine(percentile(with99, 50)), fine(after))
	say.say("fair: p99, of what it was without", "%.2f", after.Seconds()/before.Seconds())
	if min(rate, rateBeside) < fairLeast {
		err = fmt.Errorf("void: %.0f/s and %.0f/s went to the healthy", rate, rateBeside)
	}
	return errors.Join(err, tar.Close(), s.stop())
}

// backlog measures how one lane fares beside another in which very many wait.
func (s *subject) backlog(ctx context.Context, c course, say *sheet) error {
	if c.backlog == 0 {
		return nil
	}
	later, err := refusal()
	if err != nil {
		return err
	}
	e, err := s.found(ctx, oneEach(1, s.sink.url)[0], oneEach(1, "http://"+later+"/")[0])
	if err != nil {
		return err
	}
	measured := func() ([]time.Duration, error) {
		if err := s.serve(ctx); err != nil {
			return nil, err
		}
		place := func(int) company { return e.at[0] }
		if _, _, err := s.paced(ctx, e, backlogRate, c.events(time.Second, backlogRate), place, everyone); err != nil {
			return nil, err
		}
		w, _, err := s.paced(ctx, e, backlogRate, c.events(fairTime, backlogRate), place, everyone)
		if err != nil {
			return nil, err
		}
		return w.since(w.sent, everyone), nil
	}
	without, err := measured()
	if err != nil {
		return err
	}
	if err := s.leaveOne(ctx, e); err != nil {
		return err
	}
	slow, err := startSinkAt(later, backlogSlow)
	if err != nil {
		return err
	}
	defer slow.server.Close()
	began := time.Now()
	if err := s.fillLane(ctx, e.hooks[1].ID, c.backlog); err != nil {
		return err
	}
	say.say("backlog: deliveries in the other lane", "%d, written in %.0f s", c.backlog, time.Since(began).Seconds())
	began = time.Now()
	beside, err := measured()
	if err != nil {
		return err
	}
	before, after := percentile(without, 99), percentile(beside, 99)
	say.say("backlog: sent to received, p50 and p99 without", "%s, %s", fine(percentile(without, 50)), fine(before))
	say.say("backlog: sent to received, p50 and p99", "%s, %s", fine(percentile(beside, 50)), fine(after))
	say.say("backlog: p99, of what it was without", "%.2f", after.Seconds()/before.Seconds())
	_, most, err := s.server.memory()
	say.say("backlog: memory at most", "%d MiB", most)
	if drained := slow.received.Load(); drained >= int64(c.backlog) {
		err = errors.Join(err, fmt.Errorf("void: all %d went in %.0f s", drained, time.Since(began).Seconds()))
	}
	return errors.Join(err, s.kill()) // rather than wait for those in flight
}

// leaveOne stops the server with one delivery to the second company's webhook
// still to be made, since nobody listens there yet.
func (s *subject) leaveOne(ctx context.Context, e estate) error {
	client, done := newClient(1)
	defer done()
	if _, err := s.publish(ctx, client, e.operator, publication(e.at[1], 1_000_000_000, resourceBytes)); err != nil {
		return err
	}
	return s.stop()
}
