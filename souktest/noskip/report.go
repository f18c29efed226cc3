package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of go test -json; "go doc test2json" says what it means.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// pkg is what was heard of a package that has not ended.
type pkg struct {
	tests  []string            // in the order they spoke first
	said   map[string][]string // by test; what no test said is said by ""
	ended  map[string]string   // how its tests ended, by name
	failed int
}

// report reads events and writes what a reader wants of them.
type report struct {
	out            io.Writer
	packages       map[string]*pkg // those that have not ended
	passed, failed int
	skipped        []string
}

// read takes all events of a run. What is no event, such as a complaint about
// the arguments, is passed on.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		text, err := lines.ReadString('\n')
		if text != "" {
			if err := r.take(text); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(text string) error {
	var e event
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return r.print(text)
	}
	if e.Action == "build-output" {
		return r.print(e.Output)
	}
	if e.Package == "" {
		return nil
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{said: map[string][]string{}, ended: map[string]string{}}
		r.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.say(e.Test, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			return r.end(e, p)
		}
		p.ended[e.Test] = e.Action
		switch e.Action {
		case "pass":
			r.passed++
		case "fail":
			r.failed++
			p.failed++
		case "skip":
			r.skipped = append(r.skipped, e.Package+" "+e.Test)
		}
	}
	return nil
}

// say keeps a line. That of a test's end goes before what the test said.
func (p *pkg) say(test, text string) {
	if _, spoke := p.said[test]; !spoke {
		p.said[test] = nil
		p.tests = append(p.tests, test)
	}
	switch {
	case strings.HasPrefix(text, "=== "), test == "" && text == "PASS\n":
	case strings.HasPrefix(strings.TrimLeft(text, " "), "--- "):
		p.said[test] = slices.Insert(p.said[test], 0, text)
	default:
		p.said[test] = append(p.said[test], text)
	}
}

// end writes what is worth knowing about a package that has ended: what tests
// said that did not pass, one without an end among them, and then its own lines.
func (r *report) end(e event, p *pkg) error {
	delete(r.packages, e.Package)
	if e.Action == "fail" && p.failed == 0 { // it does not build, or broke outside of a test
		r.failed++
	}
	for _, test := range p.tests {
		if test == "" || p.ended[test] == "pass" {
			continue
		}
		if err := r.print(p.said[test]...); err != nil {
			return err
		}
	}
	return r.print(p.said[""]...)
}

// sum closes the report and says what is wrong with the run, if anything is.
func (r *report) sum() error {
	for name := range r.packages {
		r.failed++
		if err := r.print(fmt.Sprintf("FAIL\t%s [did not end]\n", name)); err != nil {
			return err
		}
	}
	for _, test := range r.skipped {
		r.failed++
		if err := r.print(fmt.Sprintf("FAIL\t%s [skipped]\n", test)); err != nil {
			return err
		}
	}
	if err := r.print(fmt.Sprintf("%d passed, %d failed\n", r.passed, r.failed)); err != nil {
		return err
	}
	switch {
	case len(r.skipped) > 0:
		return errors.New("a test that is skipped proves nothing")
	case r.failed > 0:
		return errors.New("a test failed")
	case r.passed == 0:
		return errors.New("no test ran")
	}
	return nil
}

func (r *report) print(lines ...string) error {
	_, err := io.WriteString(r.out, strings.Join(lines, ""))
	return err
}
