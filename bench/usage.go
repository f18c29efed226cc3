package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the kernel's unit of CPU time.
const tick = 10 * time.Millisecond

// stat is what the kernel tells of a process: its parent, the CPU time that it
// used, and that of its children which have ended.
type stat struct {
	parent    int
	own, dead time.Duration
}

func statOf(pid int) (s stat, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	// The name may hold anything but comes in parentheses.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 15 {
		return s, fmt.Errorf("/proc/%d/stat is short", pid)
	}
	number := func(field int) time.Duration {
		n, _ := strconv.Atoi(f[field-3]) // the kernel writes numbers
		return time.Duration(n)
	}
	return stat{int(number(4)), (number(14) + number(15)) * tick, (number(16) + number(17)) * tick}, nil
}

// cpu is what the server used so far, and the database where that is a server too.
func (s *subject) cpu() (server, database time.Duration, err error) {
	own, err := statOf(s.server.command.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	if s.engine == "postgres" {
		database, err = s.postgresCPU()
	}
	return own.own, database, err
}

// ownCPU is what this process used so far, who calls and who receives.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// spent is what was used in a while.
type spent struct{ server, database, own time.Duration }

// spent is what was used so far.
func (s *subject) spent() (all spent, err error) {
	if all.own, err = ownCPU(); err != nil {
		return all, err
	}
	all.server, all.database, err = s.cpu()
	return all, err
}

// each spells what was used since, for one of n.
func (s *subject) each(before, now spent, n int64) string {
	part := func(d time.Duration) int64 { return (d / time.Duration(n)).Microseconds() }
	text := fmt.Sprintf("%d µs", part(now.server-before.server))
	if s.engine == "postgres" {
		text += fmt.Sprintf(" and %d µs of the database's", part(now.database-before.database))
	}
	return text + fmt.Sprintf("; %d µs of who publishes and receives", part(now.own-before.own))
}

// postgresCPU is what PostgreSQL's processes used so far.
func (s *subject) postgresCPU() (time.Duration, error) {
	address, err := url.Parse(s.address)
	if err != nil {
		return 0, err
	}
	file, err := os.ReadFile(filepath.Join(address.Query().Get("host"), "data", "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // it runs somewhere else
	}
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(file), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return 0, err
	}
	top, err := statOf(postmaster)
	if err != nil {
		return 0, err
	}
	all := top.own + top.dead
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name)) // the pattern
		if child, err := statOf(pid); err == nil && child.parent == postmaster {
			all += child.own + child.dead
		}
	}
	return all, nil
}
