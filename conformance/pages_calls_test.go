package conformance

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The lines on the pages do in a shell what the buttons do.
func TestPagesTellCalls(t *testing.T) {
	visit(t, func(t *testing.T, v *visitor) {
		v.signIn("solveig@solo.example")
		v.Go(v.URL("/console/account"))
		v.Unfold("New token")
		v.Fill("What is it for?", "Calls")
		v.Press("Make token")
		secret := v.Value("Secret of the token")
		v.Unfold("Try it by API")
		if said := v.run(secret); !strings.Contains(said, "solveig@solo.example") {
			t.Errorf("the token speaks for %s", said)
		}

		v.Go(v.install("deploybot"))
		v.Unfold("The same by API")
		v.look("install-call", dark, phone)
		v.run(secret)
		v.Go(v.install("deploybot"))
		v.Says("Deploybot is installed")

		v.Follow("See what it may do")
		v.Unfold("The same by API")
		v.run(secret)
		v.Follow("Uninstall")
		v.Unfold("The same by API")
		v.look("uninstall-call")
		v.run(secret)
		v.meets("uninstall")
		v.Go(v.URL("/console/orgs/" + v.Orgs["solo"].ID + "/apps"))
		v.Lacks("Deploybot")
	})
}

// run runs the line for a shell that the page shows, with a token in the
// environment, and answers with what it says.
func (v *visitor) run(token string) string {
	v.t.Helper()
	_, rest, ok := strings.Cut("\n"+v.Text(), "\ncurl ")
	if !ok {
		v.t.Fatalf("the page shows no line for a shell:\n%s", v.Text())
	}
	script := "curl --silent --show-error --fail-with-body "
	for line := range strings.Lines(rest) {
		script += line
		if !strings.HasSuffix(strings.TrimSpace(line), `\`) {
			break
		}
	}
	shell := exec.CommandContext(v.t.Context(), "sh", "-c", script)
	shell.Env = append(os.Environ(), "SOUK_TOKEN="+token)
	said, err := shell.CombinedOutput()
	if err != nil {
		v.t.Fatalf("%s\n%v: %s", script, err, said)
	}
	return string(said)
}
