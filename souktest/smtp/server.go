// Package smtp is an SMTP server for tests: it takes mail with or without TLS and
// a password, refuses what a test wants refused, and hangs where one wants it to.
package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Host is whom the server's certificate is for.
const Host = "example.com"

// Hang as an answer is none, until the client has gone.
const Hang = "hang"

// Behaviour is what a Server does. The zero value takes everything, in plain text.
type Behaviour struct {
	StartTLS bool // offered and then required
	TLS      bool // from the first byte on
	// Logins are the mechanisms offered, of PLAIN and LOGIN; with any, nothing is
	// taken from who has not given User and Password.
	Logins         []string
	User, Password string
	// Answers are given in place of the server's own, to commands that begin so. "" is
	// somebody who connects, "." the end of a mail, which is not taken then.
	Answers map[string]string
}

// Mail is one that the server took.
type Mail struct {
	From   string
	To     []string
	Text   string // head and body, with bare newlines
	Secure bool   // came by TLS
	User   string // who had logged in, or ""
}

// Server takes mail on Addr, on loopback.
type Server struct {
	Addr  string
	Roots *x509.CertPool // vouch for its certificate

	does Behaviour
	keys *tls.Config

	mu    sync.Mutex
	mails []Mail
	lines []string
}

// New makes a server that nobody can reach but by Serve.
func New(does Behaviour) *Server {
	s := &Server{does: does, Roots: x509.NewCertPool()}
	lender := httptest.NewTLSServer(nil) // has a certificate for Host
	s.keys = &tls.Config{Certificates: lender.TLS.Certificates}
	s.Roots.AddCert(lender.Certificate())
	lender.Close()
	return s
}

// Listen starts a server that ends with the test.
func Listen(t *testing.T, does Behaviour) *Server {
	t.Helper()
	s := New(does)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	var open sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.Serve(c) })
		}
	})
	return s
}

// Mails are those that were taken so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Lines are what clients said so far: commands with all that belongs to them.
func (s *Server) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// Serve talks to one client until it goes.
func (s *Server) Serve(c net.Conn) {
	defer c.Close()
	if s.does.TLS {
		c = tls.Server(c, s.keys)
	}
	t := &talk{Server: s, conn: c, text: textproto.NewConn(c), secure: s.does.TLS}
	if !t.say("", "220 souk.test ESMTP") {
		return
	}
	for t.next() {
	}
}

// talk is one client's.
type talk struct {
	*Server
	conn   net.Conn
	text   *textproto.Conn
	secure bool
	user   string
	mail   Mail
}

// say answers a command, as told or as it would by itself. It reports whether
// there is more to say.
func (t *talk) say(command, answer string) bool {
	for begins, told := range t.does.Answers {
		if (begins == "") == (command == "") && strings.HasPrefix(strings.ToUpper(command), strings.ToUpper(begins)) {
			answer = told
		}
	}
	if answer == Hang {
		_, _ = io.Copy(io.Discard, t.conn)
		return false
	}
	return t.text.PrintfLine("%s", strings.ReplaceAll(answer, "\n", "\r\n")) == nil && !strings.HasPrefix(answer, "221") && !strings.HasPrefix(answer, "421")
}

// next takes one command and reports whether there may be another.
func (t *talk) next() bool {
	line, err := t.text.ReadLine()
	if err != nil {
		return false
	}
	t.mu.Lock()
	t.lines = append(t.lines, line)
	t.mu.Unlock()
	command, argument, _ := strings.Cut(line, " ")
	switch command = strings.ToUpper(command); {
	case command == "EHLO":
		return t.say(line, t.greeting())
	case command == "STARTTLS" && t.does.StartTLS && !t.secure:
		return t.switchOn(line)
	case command == "AUTH":
		return t.login(line, argument)
	case command == "NOOP", command == "RSET":
		t.mail = Mail{}
		return t.say(line, "250 fine")
	case command == "QUIT":
		return t.say(line, "221 goodbye")
	case t.does.StartTLS && !t.secure:
		return t.say(line, "530 5.7.0 STARTTLS first")
	case len(t.does.Logins) > 0 && t.user == "":
		return t.say(line, "530 5.7.0 log in first")
	case command == "MAIL":
		t.mail = Mail{From: bare(argument), Secure: t.secure, User: t.user}
		return t.say(line, "250 fine")
	case command == "RCPT":
		t.mail.To = append(t.mail.To, bare(argument))
		return t.say(line, "250 fine")
	case command == "DATA":
		return t.take(line)
	}
	return t.say(line, "502 5.5.1 what?")
}

func (t *talk) greeting() string {
	offers := []string{"souk.test", "ENHANCEDSTATUSCODES"}
	if t.does.StartTLS && !t.secure {
		offers = append(offers, "STARTTLS")
	}
	if len(t.does.Logins) > 0 {
		offers = append(offers, "AUTH "+strings.Join(t.does.Logins, " "))
	}
	last := len(offers) - 1
	return "250-" + strings.Join(offers[:last], "\n250-") + "\n250 " + offers[last]
}

func (t *talk) switchOn(line string) bool {
	if !t.say(line, "220 go on") {
		return false
	}
	t.conn, t.secure = tls.Server(t.conn, t.keys), true
	t.text = textproto.NewConn(t.conn)
	return true
}

// login knows PLAIN with its answer at once, and LOGIN.
func (t *talk) login(line, argument string) bool {
	mechanism, first, _ := strings.Cut(argument, " ")
	var user, password string
	switch {
	case !slices.Contains(t.does.Logins, mechanism):
		return t.say(line, "504 5.5.4 not by that")
	case mechanism == "PLAIN":
		parts := strings.Split(decoded(first), "\x00")
		if len(parts) != 3 {
			return t.say(line, "501 5.5.2 what?")
		}
		user, password = parts[1], parts[2]
	default:
		if !t.ask("Username:", &user) || !t.ask("Password:", &password) {
			return false
		}
	}
	if user != t.does.User || password != t.does.Password {
		return t.say(line, "535 5.7.8 no")
	}
	t.user = user
	return t.say(line, "235 2.7.0 welcome")
}

func (t *talk) ask(question string, answer *string) bool {
	if t.text.PrintfLine("334 %s", base64.StdEncoding.EncodeToString([]byte(question))) != nil {
		return false
	}
	line, err := t.text.ReadLine()
	*answer = decoded(line)
	return err == nil
}

func (t *talk) take(line string) bool {
	if _, told := t.does.Answers["DATA"]; told {
		return t.say(line, "")
	}
	if t.text.PrintfLine("354 go on") != nil {
		return false
	}
	text, err := t.text.ReadDotBytes()
	if err != nil {
		return false
	}
	t.mail.Text = string(text)
	if _, refused := t.does.Answers["."]; !refused {
		t.mu.Lock()
		t.mails = append(t.mails, t.mail)
		t.mu.Unlock()
	}
	return t.say(".", "250 2.0.0 taken")
}

// bare is the address in FROM:<address> and what may follow it.
func bare(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

func decoded(s string) string {
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return fmt.Sprintf("no base64: %v", err)
	}
	return string(text)
}
