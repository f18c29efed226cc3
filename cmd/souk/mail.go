package main

import (
	"crypto/x509"
	"log/slog"

	"souk/mail"
)

// mailFlags say how letters reach people.
type mailFlags struct {
	SMTP     string `name:"smtp" env:"SOUK_SMTP" help:"SMTP server for mail: smtp://user:password@host:port, smtps://… or smtp+plain://…; default: the log has what would be sent."`
	MailFrom string `env:"SOUK_MAIL_FROM" help:"Whom mail is from: an address, or Name <address>."`
}

// mailer sends letters by the server that the flags name, or into the log. roots
// vouch for the server, nil: the system's.
func (f mailFlags) mailer(roots *x509.CertPool, log *slog.Logger) (*mail.Mailer, error) {
	m, err := mail.New(mail.Options{Server: f.SMTP, From: f.MailFrom, Roots: roots, Log: log})
	if err != nil {
		return nil, badText{err}
	}
	return m, nil
}
