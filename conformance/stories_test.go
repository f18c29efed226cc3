package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"souk/souktest"
)

// story is a Node script that runs against a server of its own.
type story struct {
	name   string
	script []string
	limits string   // of the server's rates
	checks []string // that the script must report, in this order
}

var stories = []story{
	{
		name: "client", script: []string{"client.mjs"}, limits: "off",
		checks: []string{
			"api.test echoes arguments",
			"api.test answers an empty post without a token",
			"api.test fails when asked to",
			"a Buffer makes the call multipart",
			"auth.test tells an org-level token",
			"auth.test tells a workspace-level token",
			"auth.test tells a bot token",
			"the token of a call wins over the client's",
			"tokens that do not answer",
			"scopes are told in response_metadata",
			"a missing scope is named",
			"messages say what is wrong and are logged as errors",
			"a method that is not served",
			"kinds of tokens that do not govern",
		},
	},
	{
		name: "govern", script: []string{"govern.mjs"}, limits: "off",
		checks: []string{
			"a request is listed with all its parts",
			"approving a request settles it and is listed",
			"approving again with scopes as arrays replaces them",
			"of two approvals at once one succeeds",
			"a restriction for the enterprise ends approvals below",
			"a resolution is cleared once",
			"restricting a request settles it",
			"a request is cancelled once",
			"a certified app is the enterprise's to approve",
			"a custom integration needs its request",
			"a decision names one thing at one level",
			"who is no admin decides nothing",
			"uninstalling says what stands in its way",
			"uninstalling ends the app's tokens and may be repeated",
		},
	},
	{
		name: "lists", script: []string{"lists.mjs"}, limits: "off",
		checks: []string{
			"paginate walks pending requests, newest first",
			"a row that leaves does not shift the walk",
			"paginate walks approved apps",
			"paginate walks restricted apps",
			"paginate stops where it is told",
			"the last page has an empty cursor",
			"a cursor opens only the list that it came with",
			"pages have 1 to 1000 rows",
			"a list needs one level",
		},
	},
	{
		name: "team", script: []string{"team.mjs"}, limits: "off",
		checks: []string{
			"methods without a team ignore it",
			"it is the level of a decision",
			"it is one level too many beside an enterprise",
			"the team of a call wins",
			"it is the target of uninstalling unless another is named",
		},
	},
	{
		name: "limits", script: []string{"limits.mjs"}, limits: "on",
		checks: []string{
			"a client that waits succeeds",
			"a client that does not wait is told how long it should",
			"other methods are not affected",
		},
	},
	{name: "bolt http", script: []string{"bolt.mjs", "http"}, limits: "on", checks: boltChecks},
	{name: "bolt express", script: []string{"bolt.mjs", "express"}, limits: "on", checks: boltChecks},
	{
		name: "bolt org", script: []string{"bolt-org.mjs"}, limits: "on",
		checks: []string{
			"the URL of an app without a token is verified",
			"authorize is asked for the org-wide installation",
			"the client that a listener gets approves in the workspace",
		},
	},
}

var boltChecks = []string{
	"a receiver with another secret is not verified",
	"the URL is verified when it is saved",
	"a request is heard and approved back",
	"the lists show it",
	"a request for the enterprise is approved there",
	"an approval has no event",
}

func TestNodeClients(t *testing.T) {
	hasModules(t)
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			souktest.EachAddress(t, func(t *testing.T, database string) {
				s.tell(t, startServer(t, database, "--rate-limits", s.limits))
			})
		})
	}
}

// hasModules holds a test up where the clients are not installed.
func hasModules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatalf("%v: run npm ci in conformance, or make test", err)
	}
}

// outcome is the line that a script prints for a check.
type outcome struct {
	Check   string   `json:"check"`
	Failure string   `json:"failure"`
	Told    []string `json:"told"`
}

// tell runs the script and makes a subtest of each of its checks. It answers with
// all that they told.
func (s story) tell(t *testing.T, on server) (told []string) {
	place, err := json.Marshal(on)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var out, said bytes.Buffer
	node := exec.CommandContext(ctx, "node", s.script...)
	node.Env = append(os.Environ(), "SOUK="+string(place))
	node.Stdout, node.Stderr = &out, &said
	if err := node.Run(); err != nil {
		t.Errorf("%v: %v", node.Args, err)
	}
	if said.Len() > 0 {
		t.Errorf("%v said:\n%s", node.Args, said.String())
	}

	var reported []string
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Errorf("%v printed %q: %v", node.Args, lines.Text(), err)
			continue
		}
		reported = append(reported, o.Check)
		told = append(told, o.Told...)
		t.Run(o.Check, func(t *testing.T) {
			if o.Failure != "" {
				t.Error(o.Failure)
			}
		})
	}
	if !slices.Equal(reported, s.checks) {
		t.Errorf("%v reported\n%q, not\n%q", node.Args, reported, s.checks)
	}
	return told
}
