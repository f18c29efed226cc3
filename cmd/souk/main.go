// Command souk is the app marketplace and app governance server that a company
// runs itself. See README.md, or run souk --help.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
