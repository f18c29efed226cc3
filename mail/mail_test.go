package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/mail"
	"souk/souktest/smtp"
)

// letter is one with what mails are bad at.
var letter = souk.Letter{
	To:      []string{"ann@acme.example", "bo@acme.example"},
	Subject: "Die Zustellung an „Käse & Co“ steht still",
	Text:    "Grüezi.\n\n.A line that begins with a dot.\n" + strings.Repeat("A long line. ", 100) + "\n",
}

// mailer sends to s, whatever host its address names.
func mailer(t *testing.T, s *smtp.Server, server string) *mail.Mailer {
	t.Helper()
	m, err := mail.New(mail.Options{Server: server, From: "Souk <souk@souk.example>", Roots: s.Roots, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	m.DialBy(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Addr)
	})
	return m
}

func TestSend(t *testing.T) {
	logins := smtp.Behaviour{Logins: []string{"PLAIN", "LOGIN"}, User: "souk@acme.example", Password: "p@ss/w:rd"}
	byLogin := logins
	byLogin.Logins = []string{"LOGIN"}
	with := func(b smtp.Behaviour, starts, tls bool) smtp.Behaviour {
		b.StartTLS, b.TLS = starts, tls
		return b
	}
	const us = "souk%40acme.example:p%40ss%2Fw%3Ard@"
	tests := []struct {
		name   string
		does   smtp.Behaviour
		server string
		secure bool
		user   string
	}{
		{"plain", smtp.Behaviour{}, "smtp+plain://example.com", false, ""},
		{"on loopback", smtp.Behaviour{}, "smtp://127.0.0.1:25", false, ""},
		{"on loopback with a password", logins, "smtp://" + us + "localhost", false, logins.User},
		{"plain on loopback by LOGIN", byLogin, "smtp+plain://" + us + "127.0.0.2", false, logins.User},
		{"STARTTLS", with(smtp.Behaviour{}, true, false), "smtp://example.com", true, ""},
		{"STARTTLS with a password", with(logins, true, false), "smtp://" + us + "example.com", true, logins.User},
		{"STARTTLS by LOGIN", with(byLogin, true, false), "smtp://" + us + "example.com:587/", true, logins.User},
		{"TLS", with(smtp.Behaviour{}, false, true), "smtps://example.com", true, ""},
		{"TLS with a password", with(logins, false, true), "smtps://" + us + "example.com:465", true, logins.User},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := smtp.Listen(t, tt.does)
			if err := mailer(t, s, tt.server).Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			mails := s.Mails()
			if len(mails) != len(letter.To) {
				t.Fatalf("%d mails, want one for each of %d", len(mails), len(letter.To))
			}
			for i, m := range mails {
				if m.From != "souk@souk.example" || len(m.To) != 1 || m.To[0] != letter.To[i] || m.Secure != tt.secure || m.User != tt.user {
					t.Errorf("mail from %s to %s, secure %t, by %q", m.From, m.To, m.Secure, m.User)
				}
				read(t, m.Text, letter.To[i])
			}
			if mails[0].Text == mails[1].Text {
				t.Error("two mails are one")
			}
		})
	}
}

// read holds a mail to the letter that it brought.
func read(t *testing.T, text, to string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	subject, err := (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != letter.Subject {
		t.Errorf("subject %q %v", subject, err)
	}
	for name, want := range map[string]string{
		"From": `"Souk" <souk@souk.example>`, "To": "<" + to + ">", "Auto-Submitted": "auto-generated",
		"Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": "quoted-printable", "User-Agent": "",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@souk.example>") {
		t.Errorf("Message-ID: %q", id)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || got != letter.Text {
		t.Errorf("text %q %v", got, err)
	}
}

func TestSendRefused(t *testing.T) {
	answers := func(a map[string]string) smtp.Behaviour { return smtp.Behaviour{Answers: a} }
	const ann = "RCPT TO:<ann@"
	tests := []struct {
		name   string
		does   smtp.Behaviour
		server string // "": smtp+plain
		says   string
		taken  int
	}{
		{"one address for good", answers(map[string]string{ann: "550 5.1.1 <ann@acme.example> is nobody"}), "", "1 of 2: sending SMTP RCPT TO command: 550 5.1.1", 1},
		{"one address for now", answers(map[string]string{ann: "451 4.7.1 <ann@acme.example> later"}), "", "1 of 2: sending SMTP RCPT TO command: 451 4.7.1", 1},
		{"the sender", answers(map[string]string{"MAIL": "553 5.7.1 not you"}), "", "2 of 2: sending SMTP MAIL FROM command: 553 5.7.1", 0},
		{"the text", answers(map[string]string{".": "554 5.7.1 smells"}), "", "2 of 2: closing SMTP DATA writer: 554 5.7.1", 0},
		{"a text at all", answers(map[string]string{"DATA": "452 4.3.1 full"}), "", "2 of 2: sending SMTP DATA command: 452 4.3.1", 0},
		{"everybody", answers(map[string]string{"": "554 5.3.2 closed"}), "", "not let us in: 554", 0},
		{"in the middle", answers(map[string]string{ann: "421 4.3.2 going down"}), "", "1 of 2", 0},
		{"a goodbye", answers(map[string]string{"QUIT": "500 no"}), "", "", 2},
		{"no STARTTLS", smtp.Behaviour{}, "smtp://example.com", "does not support STARTTLS", 0},
		{"STARTTLS for somebody else", smtp.Behaviour{StartTLS: true}, "smtp://mail.acme.test", "certificate", 0},
		{"TLS for somebody else", smtp.Behaviour{TLS: true}, "smtps://mail.acme.test", "certificate", 0},
		{"a wrong password", smtp.Behaviour{StartTLS: true, Logins: []string{"PLAIN"}, User: "souk", Password: "other"}, "smtp://souk:xyzzy@example.com", "535", 0},
		{"no passwords at all", smtp.Behaviour{StartTLS: true}, "smtp://souk:xyzzy@example.com", "does not support SMTP AUTH", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := smtp.Listen(t, tt.does)
			server := tt.server
			if server == "" {
				server = "smtp+plain://example.com"
			}
			err := mailer(t, s, server).Send(t.Context(), letter)
			switch {
			case (err == nil) != (tt.says == ""), err != nil && !strings.Contains(err.Error(), tt.says):
				t.Errorf("%v, want %q", err, tt.says)
			case err != nil && (strings.Contains(err.Error(), "ann@") || strings.Contains(err.Error(), "xyzzy")):
				t.Errorf("the error tells too much: %v", err)
			}
			if taken := s.Mails(); len(taken) != tt.taken {
				t.Errorf("%d mails were taken, want %d", len(taken), tt.taken)
			}
			if said := strings.Join(s.Lines(), "\n"); server == "smtp://example.com" && strings.Contains(said, "MAIL") {
				t.Errorf("without TLS it was told\n%s", said)
			}
		})
	}
}

// Nothing that a letter says gets into the head of a mail or the talk with the
// server.
func TestSendInjected(t *testing.T) {
	tests := []struct {
		name   string
		letter souk.Letter
		taken  int
	}{
		{"subject", souk.Letter{To: letter.To, Subject: "Hello\r\nBcc: all@acme.example", Text: "x"}, 0},
		{"half a newline", souk.Letter{To: letter.To, Subject: "Hello\nBcc: all@acme.example", Text: "x"}, 0},
		{"no subject", souk.Letter{To: letter.To, Text: "x"}, 0},
		{"address", souk.Letter{To: []string{"ann@acme.example>\r\nRCPT TO:<all@acme.example", "bo@acme.example"}, Subject: "x", Text: "x"}, 1},
		{"name", souk.Letter{To: []string{"Ann <ann@acme.example>", "bo@acme.example"}, Subject: "x", Text: "x"}, 1},
		{"two addresses in one", souk.Letter{To: []string{"ann@acme.example, all@acme.example"}, Subject: "x", Text: "x"}, 0},
		{"no address", souk.Letter{To: []string{""}, Subject: "x", Text: "x"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := smtp.Listen(t, smtp.Behaviour{})
			err := mailer(t, s, "smtp+plain://example.com").Send(t.Context(), tt.letter)
			if err == nil || len(s.Mails()) != tt.taken {
				t.Errorf("%d mails, %v", len(s.Mails()), err)
			}
			if said := strings.Join(s.Lines(), "\n"); strings.Contains(said, "all@") {
				t.Errorf("the server was told\n%s", said)
			}
		})
	}
}

func TestSendToNobody(t *testing.T) {
	s := smtp.Listen(t, smtp.Behaviour{})
	if err := mailer(t, s, "smtp+plain://example.com").Send(t.Context(), souk.Letter{Subject: "x", Text: "x"}); err != nil || len(s.Lines()) > 0 {
		t.Errorf("%v after %q", err, s.Lines())
	}
}

// A server that stops answering costs 10 s, wherever it does, and not for each
// letter.
func TestSendHangs(t *testing.T) {
	for _, at := range []string{"", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"} {
		t.Run("at "+at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := smtp.New(smtp.Behaviour{Answers: map[string]string{at: smtp.Hang}})
				m := piped(t, s)
				began := time.Now()
				err := m.Send(t.Context(), letter)
				if (err == nil) != (at == "QUIT") {
					t.Errorf("%v", err)
				}
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
		t.Run("until we leave at "+at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := smtp.New(smtp.Behaviour{Answers: map[string]string{at: smtp.Hang}})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				err := piped(t, s).Send(ctx, letter)
				if at != "QUIT" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				if took := time.Since(began); took != time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// piped reaches s by a pipe, on which time is the test's.
func piped(t *testing.T, s *smtp.Server) *mail.Mailer {
	m := mailer(t, s, "smtp+plain://example.com")
	m.DialBy(func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go s.Serve(theirs)
		return ours, nil
	})
	return m
}

func TestSendNowhere(t *testing.T) {
	var b bytes.Buffer
	m, err := mail.New(mail.Options{Log: slog.New(slog.NewTextHandler(&b, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), souk.Letter{To: letter.To, Subject: "Hello", Text: "It works."}); err != nil {
		t.Fatal(err)
	}
	if said := b.String(); !strings.Contains(said, `msg=mail subject=Hello recipients=2 text="It works."`) || strings.Contains(said, "ann") {
		t.Errorf("the log says %s", said)
	}
	if err := m.Send(t.Context(), souk.Letter{To: letter.To, Subject: "Two\nlines"}); err == nil {
		t.Error("a bad subject is logged")
	}
}

func TestNew(t *testing.T) {
	const from = "souk@souk.example"
	tests := []struct{ name, server, from, says string }{
		{"none", "", "", ""},
		{"a host", "smtp://mail.example", from, ""},
		{"an address of IPv6", "smtps://[2001:db8::1]:465", from, ""},
		{"a name before the address", "smtp://mail.example", "Our souk <souk@souk.example>", ""},
		{"a password on loopback", "smtp+plain://souk:xyzzy@[::1]:2525", from, ""},
		{"a password in plain text", "smtp+plain://souk:xyzzy@mail.example", from, "everybody on the way"},
		{"no scheme", "mail.example:25", from, "must be smtp://"},
		{"another scheme", "https://souk:xyzzy@mail.example", from, "must be smtp://"},
		{"no host", "smtp://:25", from, "must be smtp://"},
		{"no port", "smtp://mail.example:70000", from, "must be smtp://"},
		{"a path", "smtp://mail.example/mail", from, "must be smtp://"},
		{"a query", "smtp://mail.example?tls=no", from, "must be smtp://"},
		{"a password that is not escaped", "smtp://souk:xyzzy%@mail.example", from, "must be smtp://"},
		{"from nobody", "smtp://mail.example", "", "whom mail is from"},
		{"from no address", "smtp://mail.example", "souk", "whom mail is from"},
		{"from two lines", "smtp://mail.example", from + "\r\nBcc: all@acme.example", "whom mail is from"},
	}
	for _, tt := range tests {
		_, err := mail.New(mail.Options{Server: tt.server, From: tt.from})
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), "xyzzy") {
			t.Errorf("%s: the error tells the password", tt.name)
		}
	}
}
