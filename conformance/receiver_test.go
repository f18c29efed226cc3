package conformance

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// receiver is receiver.py while it runs: an app's server in Python.
type receiver struct {
	URL   string // its trigger URL
	in    *json.Encoder
	lines chan receipt
}

// receipt is a line that the receiver prints.
type receipt struct {
	URL       string            `json:"url"`
	Path      string            `json:"path"`
	Trigger   trigger           `json:"trigger"`
	Exchanged map[string]string `json:"exchanged"`
	Error     string            `json:"error"`
}

// trigger is what the receiver took from one.
type trigger struct {
	Type         string             `json:"type"`
	Claims       map[string]*string `json:"claims"`
	TokenExpires int64              `json:"token_expires"`
	RedirectURI  string             `json:"redirect_uri"`
	Exchanged    map[string]string  `json:"exchanged"`
}

// python is a Python 3 that has PyJWT: Debian's, unless the environment names
// another.
func python(t *testing.T) string {
	t.Helper()
	path := "/usr/bin/python3"
	if named := os.Getenv("SOUK_TEST_PYTHON"); named != "" {
		path = named
	}
	if said, err := exec.CommandContext(t.Context(), path, "-c", "import jwt").CombinedOutput(); err != nil {
		t.Fatalf("%s has no PyJWT; run: sudo apt-get install -y --no-install-recommends python3-jwt (or set SOUK_TEST_PYTHON): %v\n%s", path, err, said)
	}
	return path
}

// startReceiver runs a receiver until the test ends.
func startReceiver(t *testing.T) *receiver {
	t.Helper()
	process := exec.Command(python(t), "receiver.py")
	in, inErr := process.StdinPipe()
	out, outErr := process.StdoutPipe()
	var said strings.Builder
	process.Stderr = &said
	if err := errors.Join(inErr, outErr, process.Start()); err != nil {
		t.Fatal(err)
	}
	r := &receiver{in: json.NewEncoder(in), lines: make(chan receipt, 100)} // more than any test causes
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(r.read(out), process.Wait()) }()
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), <-ended); err != nil {
			t.Errorf("receiver.py: %v", err)
		}
		if said.Len() > 0 {
			t.Errorf("receiver.py said:\n%s", said.String())
		}
	})
	r.URL = r.next(t).URL
	return r
}

func (r *receiver) read(out io.Reader) error {
	defer close(r.lines)
	for d := json.NewDecoder(bufio.NewReader(out)); ; {
		var line receipt
		if err := d.Decode(&line); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		r.lines <- line
	}
}

// next is the next line that the receiver prints.
func (r *receiver) next(t *testing.T) receipt {
	t.Helper()
	select {
	case line, ok := <-r.lines:
		if !ok {
			t.Fatal("receiver.py ended")
		}
		return line
	case <-time.After(patience):
		t.Fatal("receiver.py says nothing")
	}
	panic("unreachable")
}

// serve tells the receiver whose app it is.
func (r *receiver) serve(t *testing.T, souk, app, secret string) {
	t.Helper()
	r.tell(t, map[string]string{"souk": souk, "app": app, "secret": secret})
}

func (r *receiver) tell(t *testing.T, line map[string]string) {
	t.Helper()
	if err := r.in.Encode(line); err != nil {
		t.Fatal(err)
	}
}

// The secret and the claims with which the dialect's page shows how a trigger's
// data is signed, and the signature that must come out.
const (
	vectorSecret = "0123456789abcdef0123456789abcdef01234567"
	vectorClaims = `{"sub":"souk.example.com","user_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be001",` +
		`"org_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be002","app_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be003",` +
		`"inst_id":"5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be004","app_user_id":null,"app_user_code":null,` +
		`"chat_id":"","visitor_id":"","room_id":null,"domain_host":null,"exp":4102444800}`
	vectorSignature = "MyLpV88lmU2lJa6XXurOiB5Z6fy3QiLvLfaNiF_ZFxU"
)

// signJWT signs claims as the dialect does, by hand.
func signJWT(key []byte, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// The receiver takes the vector, and is as strict as the helper that it stands
// for: what follows from its acceptance follows from that.
func TestReceiverIsStrict(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	r.serve(t, "http://127.0.0.1:0", "5b1f0c52-7d3e-4c6f-9a55-0d6f2a1be003", vectorSecret)

	vector := signJWT([]byte(vectorSecret), vectorClaims)
	if !strings.HasSuffix(vector, "."+vectorSignature) {
		t.Fatalf("the vector is signed %s", vector)
	}
	token := signJWT([]byte("a key of the server"), `{"exp":4102444800}`)
	without := func(claim string) string {
		var claims map[string]any
		if err := json.Unmarshal([]byte(vectorClaims), &claims); err != nil {
			t.Fatal(err)
		}
		delete(claims, claim)
		text, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return signJWT([]byte(vectorSecret), string(text))
	}
	with := func(claim string) string {
		return signJWT([]byte(vectorSecret), strings.TrimSuffix(vectorClaims, "}")+","+claim+"}")
	}

	tests := []struct {
		name  string
		query url.Values
		error string // how it begins; "" is accepted
	}{
		{"manual_nav", url.Values{"type": {"manual_nav"}, "data": {vector}, "token": {token}}, ""},
		{"install", url.Values{"type": {"install"}, "data": {vector}, "token": {token}, "redirect_uri": {"http://souk"}}, ""},
		{"uninstall", url.Values{"type": {"uninstall"}, "data": {vector}}, ""},
		{"no type", url.Values{"data": {vector}, "token": {token}}, "KeyError: 'type'"},
		{"no data", url.Values{"type": {"setup"}, "token": {token}}, "KeyError: 'data'"},
		{"no token", url.Values{"type": {"setup"}, "data": {vector}}, "KeyError: 'token'"},
		{"a token without exp", url.Values{"type": {"setup"}, "data": {vector}, "token": {signJWT(nil, `{}`)}}, "KeyError: 'exp'"},
		{"a token for nobody", url.Values{"type": {"uninstall"}, "data": {vector}, "token": {token}}, "ValueError"},
		{"an install that leads nowhere", url.Values{"type": {"install"}, "data": {vector}, "token": {token}}, "KeyError: 'redirect_uri'"},
		{"another secret", url.Values{"type": {"uninstall"}, "data": {signJWT([]byte("another"), vectorClaims)}}, "InvalidSignatureError"},
		{"for somebody", url.Values{"type": {"uninstall"}, "data": {with(`"aud":["app"]`)}}, "InvalidAudienceError"},
		{"of the future", url.Values{"type": {"uninstall"}, "data": {with(`"iat":4102444000`)}}, "ImmatureSignatureError"},
		{"expired", url.Values{"type": {"uninstall"}, "data": {signJWT([]byte(vectorSecret), strings.Replace(vectorClaims, "4102444800", "1102444800", 1))}}, "ExpiredSignatureError"},
	}
	for _, claim := range []string{"user_id", "org_id", "chat_id", "visitor_id", "inst_id", "app_id", "app_user_id", "app_user_code"} {
		tests = append(tests, struct {
			name  string
			query url.Values
			error string
		}{"without " + claim, url.Values{"type": {"uninstall"}, "data": {without(claim)}}, "KeyError: '" + claim + "'"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := http.Get(r.URL + "?" + tt.query.Encode())
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			got := r.next(t)
			if tt.error != "" {
				if !strings.HasPrefix(got.Error, tt.error) || answer.StatusCode != http.StatusBadRequest {
					t.Errorf("answered %s, error %q, want %q", answer.Status, got.Error, tt.error)
				}
				return
			}
			if got.Error != "" || got.Trigger.Type != tt.name || answer.StatusCode != http.StatusOK {
				t.Errorf("answered %s, error %q, type %q", answer.Status, got.Error, got.Trigger.Type)
			}
			if claims := slices.Sorted(maps.Keys(got.Trigger.Claims)); len(claims) != 8 {
				t.Errorf("the claims are %q", claims)
			}
		})
	}
}
