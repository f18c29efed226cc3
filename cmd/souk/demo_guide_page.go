package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// guidePath is where the demo's third app has its trigger URL.
const guidePath = "/guide"

// trustGuide tells the inbox what the data of Guide's triggers is signed with.
func (i *inbox) trustGuide(secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.guideSecret = secret
}

// triggered is what Guide's server makes of a call of its trigger URL.
type triggered struct {
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	HasToken bool            `json:"has_token"`
	Redirect string          `json:"redirect_uri"`
}

// guide is Guide's own page: it reads who came from what Souk signed, and sends
// them back where Souk says.
func (i *inbox) guide(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	i.mu.Lock()
	secret := i.guideSecret
	i.mu.Unlock()
	claims, err := readJWT(query.Get("data"), secret)
	seen := triggered{query.Get("type"), claims, query.Has("token"), query.Get("redirect_uri")}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		seen.Data = nil
	}
	body, bad := json.Marshal(seen)
	if bad != nil {
		http.Error(w, bad.Error(), http.StatusBadRequest)
		return
	}
	i.hear(notice{method: req.Method, path: guidePath, body: body, err: err})
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err := guidePage.Execute(w, seen); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

var guidePage = template.Must(template.New("guide").Parse(`<!doctype html>
<html lang="en"><title>Guide</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<h1>This is Guide, an app</h1>
<p>Souk sent you here with a signed <code>{{.Type}}</code>.</p>
{{with .Redirect}}<p><a href="{{.}}">Go on</a></p>{{end}}
</html>
`))

// readJWT verifies a token that was signed by HMAC-SHA256 with the text of
// secret and returns its claims: as any app would, without Souk's own code.
func readJWT(token, secret string) (json.RawMessage, error) {
	dot := max(strings.LastIndexByte(token, '.'), 0)
	signed, signature := token[:dot], strings.TrimPrefix(token[dot:], ".")
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(signed))
	if secret == "" || !hmac.Equal([]byte(base64.RawURLEncoding.EncodeToString(m.Sum(nil))), []byte(signature)) {
		return nil, errSignature
	}
	_, payload, _ := strings.Cut(signed, ".")
	return base64.RawURLEncoding.DecodeString(payload)
}
