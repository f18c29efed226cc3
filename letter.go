package souk

// Letter is a mail from Souk to people, in plain text. It never holds a token,
// a code or a password: where mail is not set up, the log takes its place.
type Letter struct {
	To      []string // addresses; each gets a mail of its own and sees no other
	Subject string   // one line
	Text    string
}
