// Command noskip runs go test and holds it to what it promises: it fails when a
// test fails, when a test was skipped and when there was no test at all.
//
//	go run ./souktest/noskip -race ./...
//
// Its arguments are those of go test. It prints the line of each package, the
// output of every test that did not pass, and the sum.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	if err := run(".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "noskip:", err)
		os.Exit(1)
	}
}

// run tests the packages that args name in the module around dir.
func run(dir string, args []string, out io.Writer) error {
	test := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	test.Dir, test.Stderr = dir, os.Stderr
	events, err := test.StdoutPipe()
	if err != nil {
		return err
	}
	if err := test.Start(); err != nil {
		return err
	}
	r := report{out: out, packages: map[string]*pkg{}}
	readErr := r.read(events)
	testErr := test.Wait()
	if readErr != nil {
		return fmt.Errorf("read the events of go test: %w", readErr)
	}
	if err := r.sum(); err != nil {
		return err
	}
	if testErr != nil {
		return fmt.Errorf("go test: %w", testErr)
	}
	return nil
}
