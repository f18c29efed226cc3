// Package mail sends letters to people: by an SMTP server that the operator names,
// or into the log where none is named. What a letter says is the market's business.
//
// Letters go out one by one: each person gets one of their own, and an address
// that is refused keeps nobody else from theirs. See docs/operations.md, "Mail".
package mail

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"souk"
)

// patience is how long a server may take to let us in, and then for each letter.
const patience = 10 * time.Second

// What a server is asked by, and where when its address names no port.
const (
	startTLS = "smtp"       // TLS is switched on in between; not on loopback
	fromTLS  = "smtps"      // TLS from the first byte on
	plain    = "smtp+plain" // no TLS, and no password but on loopback
)

var ports = map[string]string{startTLS: "587", fromTLS: "465", plain: "25"}

// Options say how letters leave.
type Options struct {
	// Server is the address of an SMTP server, smtp://user:password@host:port, or
	// with smtps or smtp+plain. "": letters go to Log instead.
	Server string
	// From is whom letters come from, an address or Name <address>. It is required
	// with a Server.
	From string
	// Roots vouch for the server's certificate; nil: the system's.
	Roots *x509.CertPool
	Log   *slog.Logger
}

// Mailer sends letters. It is safe for concurrent use and keeps no connection.
type Mailer struct {
	scheme, host   string // no host: letters go to the log
	address        string // of host, with its port
	user, password string
	from           *netmail.Address
	tls            *tls.Config
	log            *slog.Logger
	dial           func(ctx context.Context, network, address string) (net.Conn, error)
}

// New reads options. It asks no server for anything. Errors hold no password.
func New(o Options) (*Mailer, error) {
	m := &Mailer{log: o.Log, dial: (&net.Dialer{}).DialContext}
	if o.Server == "" {
		return m, nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || !isServer(u) { // the error of Parse would tell the password
		return nil, errors.New("the SMTP server must be smtp://user:password@host:port, or with smtps or smtp+plain")
	}
	m.scheme, m.host = u.Scheme, u.Hostname()
	m.address = net.JoinHostPort(m.host, cmp.Or(u.Port(), ports[u.Scheme]))
	m.user = u.User.Username()
	m.password, _ = u.User.Password()
	if m.user != "" && m.scheme == plain && !isLoopback(m.host) {
		return nil, errors.New("with smtp+plain everybody on the way could read the password: leave it out, or use smtp or smtps")
	}
	if m.from, err = netmail.ParseAddress(o.From); err != nil {
		return nil, errors.New("whom mail is from must be an address, or Name <address>")
	}
	m.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: m.host, RootCAs: o.Roots}
	return m, nil
}

// isServer reports whether u names an SMTP server and nothing else.
func isServer(u *url.URL) bool {
	_, err := strconv.ParseUint(cmp.Or(u.Port(), ports[u.Scheme]), 10, 16)
	return err == nil && u.Hostname() != "" && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// isLoopback reports whether nothing leaves the machine on the way to host.
func isLoopback(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.IsLoopback()
}

// Send sends l to each of its addresses and returns when the server has taken it.
// It takes 10 s at most to get through to the server and as long for each address,
// and ends with ctx. An error tells of each that failed why, as far as it can be
// told without naming anybody; all others have got theirs, so whoever would try
// again sends letters to one address each. A subject of more than one line would
// put more into a mail's head than it should, and is refused.
func (m *Mailer) Send(ctx context.Context, l souk.Letter) error {
	if l.Subject == "" || strings.ContainsFunc(l.Subject, unicode.IsControl) {
		return errors.New("mail: a subject must be one line")
	}
	if m.host == "" {
		m.log.InfoContext(ctx, "mail", "subject", l.Subject, "recipients", len(l.To), "text", l.Text)
		return nil
	}
	var failed []error
	mails := make(map[int]*gomail.Msg, len(l.To))
	for i, to := range l.To {
		if !isAddress(to) {
			failed = append(failed, fmt.Errorf("%d of %d: not an address", i+1, len(l.To)))
			continue
		}
		mails[i] = m.write(l, to)
	}
	if len(mails) > 0 {
		failed = append(failed, m.carry(ctx, mails, len(l.To)))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

// isAddress reports whether s is an address and nothing around it.
func isAddress(s string) bool {
	a, err := netmail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s
}

// write puts l into an envelope for somebody.
func (m *Mailer) write(l souk.Letter, to string) *gomail.Msg {
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	mail.FromMailAddress(m.from)
	mail.ToMailAddress(&netmail.Address{Address: to})
	mail.Subject(l.Subject)
	mail.SetDate()
	_, domain, _ := strings.Cut(m.from.Address, "@")
	mail.SetMessageIDWithValue(rand.Text() + "@" + domain)
	mail.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers from those on holiday
	mail.SetBodyString(gomail.TypeTextPlain, strings.ToValidUTF8(l.Text, "\uFFFD"))
	return mail
}
