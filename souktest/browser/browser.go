// Package browser drives Debian's Chromium through the console as a person
// would: by the labels, buttons and links that are to be seen.
//
//	b := browser.Open(t)
//	b.Go(base + "/console/signin")
//	b.Fill("E-mail", "ada@acme.example")
//	b.Fill("Password", "correct horse battery")
//	b.Press("Sign in")
//
// The process that runs a package's tests has one Chromium, which starts with
// the first tab and ends with the process, however that ends. Nothing sleeps:
// a step is over when what it set off has loaded, and fails its test when that
// takes longer than a minute. So does what the browser itself finds wrong with a
// page: a breach of its Content-Security-Policy, an exception in its scripts.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

// Variable names the environment variable with the path of the Chromium to
// use, where it is not in PATH.
const Variable = "SOUK_TEST_CHROMIUM"

// patience is how long a step may take. A page takes milliseconds; machines
// that do other things as well get the rest.
const patience = time.Minute

// keep runs Chromium and then removes its profile. Chromium ends when the pipe
// to whoever drives it does, and its helpers write into the profile for a moment
// longer. Arguments: the directory of the profile, and the command.
const keep = `
dir=$1
shift
"$@"
for n in 1 2 3 4 5; do rm -rf "$dir" && exit; sleep 0.2; done 2>/dev/null
`

// chromium is this process's browser: the context whose children are its tabs.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "souk-chromium-")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], // among them headless, and no-sandbox for root
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.Args = append([]string{"sh", "-c", keep, "keep", profile, cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
			// A session of its own: what interrupts us must not end the keeper first.
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}),
	)
	ctx, _ := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(ctx)
	if err := launch(ctx, end); err != nil {
		return nil, errors.Join(fmt.Errorf("browser: start %s: %w", path, err), os.RemoveAll(profile))
	}
	return ctx, nil
})

// find answers with the path of Chromium.
func find() (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		return "", fmt.Errorf("browser: Chromium is not installed; run: sudo apt-get install -y --no-install-recommends chromium (or set %s)", Variable)
	}
	return path, nil
}

// launch makes what ctx stands for: a browser or a tab, which live as long as
// the context they were made with. So that has no deadline, and is ended instead.
func launch(ctx context.Context, end context.CancelFunc) error {
	late := time.AfterFunc(patience, end)
	defer late.Stop()
	return chromedp.Do(ctx)
}

// moduleFile is the path of a file of this module, from wherever below it the
// tests run.
func moduleFile(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, filepath.FromSlash(name)), nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("browser: no go.mod above the working directory")
		}
		dir = above
	}
}
