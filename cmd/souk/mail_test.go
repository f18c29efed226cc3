package main

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"souk"
	"souk/souktest/smtp"
)

func TestMailFlags(t *testing.T) {
	s := smtp.Listen(t, smtp.Behaviour{})
	m, err := mailFlags{SMTP: "smtp://" + s.Addr, MailFrom: "Souk <souk@souk.example>"}.mailer(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), souk.Letter{To: []string{"ann@acme.example"}, Subject: "Hello", Text: "It works."}); err != nil || len(s.Mails()) != 1 {
		t.Errorf("%v, %d mails", err, len(s.Mails()))
	}
	var usage badText
	if _, err := (mailFlags{SMTP: "smtp://mail.example"}).mailer(nil, nil); !errors.As(err, &usage) || !strings.Contains(err.Error(), "from") {
		t.Errorf("a server and nobody to send from: %v", err)
	}
}
