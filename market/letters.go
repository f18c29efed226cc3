package market

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"souk"
	"souk/store"
)

// maxRecipients is how many people get a letter about one thing.
const maxRecipients = 10

// sending is how long whoever took up a letter has to send it before another
// node may. A letter that is not taken waits; after the last pause it is dropped.
const sending = time.Minute

var letterPauses = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}

// SendLetters sends the mail that waits longest, if there is one and Mail is
// set, and tells whether there may be more. A letter goes out five times at
// most, and more than once only when whoever takes it said no or a node stopped
// at that moment. An error names the letter, and says so when it was the last
// try.
func (m *Market) SendLetters(ctx context.Context) (more bool, err error) {
	if m.Mail == nil {
		return false, nil
	}
	var l store.Letter
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) (err error) {
		l, err = tx.TakeLetter(m.now(), m.now().Add(sending))
		return err
	})
	if err != nil {
		return false, ignoreMissing(err)
	}
	failed := m.Mail(ctx, l.Letter)
	err = m.DB.Write(ctx, nil, func(tx *store.Tx) error {
		if failed != nil && l.Tries <= len(letterPauses) {
			return tx.PostponeLetter(l.ID, m.now().Add(letterPauses[l.Tries-1]))
		}
		return tx.RemoveLetter(l.ID)
	})
	if failed != nil {
		what := "was not taken"
		if l.Tries > len(letterPauses) {
			what = "was not taken, and is dropped"
		}
		err = errors.Join(fmt.Errorf("the letter %s of %s %s in try %d: %w", l.ID, l.CreatedAt.Format(time.RFC3339), what, l.Tries, failed), err)
	}
	return true, err
}

// post leaves a letter for each of those who look after an org, or where nobody
// does the enterprise above it. They go out after the commit, each for itself: an
// address that nobody has any more costs the others nothing.
func (tx *Tx) post(at place, l souk.Letter) error {
	if tx.market.Mail == nil {
		return nil
	}
	to, err := tx.Keepers(at.Org.ID, maxRecipients)
	if err == nil && len(to) == 0 && !at.Enterprise.ID.IsZero() {
		to, err = tx.Keepers(at.Enterprise.ID, maxRecipients)
	}
	if err != nil {
		return err
	}
	for _, one := range to {
		l.To = []string{one}
		if err := tx.PutLetter(store.Letter{ID: souk.NewID(), Letter: l, CreatedAt: tx.at}); err != nil {
			return err
		}
	}
	return nil
}

// warning says that a webhook is failing.
func warning(app souk.App, w souk.Webhook, f souk.Failing) souk.Letter {
	return souk.Letter{
		Subject: inLine(app.Name) + ": a webhook is failing",
		Text: described(app, w, f) + fmt.Sprintf(`
It is disabled on %s unless a delivery succeeds before.

What to do: look at its deliveries in Souk's API, which say what was tried and
what came back, and see that the address answers with a status of 2xx in time.
The first success ends this warning.
`, minute(f.Deadline)),
	}
}

// doubt says that the URL of a webhook does not answer as its app's any more.
func doubt(app souk.App, w souk.Webhook, f souk.Failing) souk.Letter {
	return souk.Letter{
		Subject: inLine(app.Name) + ": the URL of a webhook was not validated",
		Text: fmt.Sprintf(`Souk asks a webhook of the app %s every %d hours whether it is
still the app's, and it does not answer as it should.

    address   %s
    webhook   %s (%s)
    failing   since %s, in %d validations

It is disabled after %d failures in a row, which will be about %s.

What to do: see that the address answers the event endpoint.url_validation with
status 200 and the encrypted token, within 3 seconds. The first success ends this
warning. The webhook can be validated at any time in Souk's API.
`, inLine(app.Name), souk.CheckEvery/time.Hour, souk.PlainURL(w.URL), w.ID, w.Dialect, minute(f.Since), f.Failures,
			souk.MostCheckFailures, minute(f.Deadline)),
	}
}

// farewell says that a webhook was disabled.
func farewell(app souk.App, w souk.Webhook, f souk.Failing) souk.Letter {
	meanwhile := "What happens meanwhile is held for it."
	if !souk.DisableRules[w.Dialect].Holds {
		meanwhile = "What happens meanwhile is skipped."
	}
	return souk.Letter{
		Subject: inLine(app.Name) + ": a webhook was disabled",
		Text: described(app, w, f) + fmt.Sprintf(`
Souk has disabled it, because %s. %s

What to do: see that the address answers, then enable the webhook in Souk's API.
You choose there whether what it missed is delivered now, skipped, or replayed
from a time that you name.
`, f.Why, meanwhile),
	}
}

// described begins a letter. A URL's query may hold what a receiver knows its sender
// by, so it stays out.
func described(app souk.App, w souk.Webhook, f souk.Failing) string {
	return fmt.Sprintf(`Souk does not get through to a webhook of the app %s.

    address   %s
    webhook   %s (%s)
    failing   since %s, in %d attempts
`, inLine(app.Name), souk.PlainURL(w.URL), w.ID, w.Dialect, minute(f.Since), f.Failures)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// inLine is a name that others wrote, on one line.
func inLine(name string) string { return strings.Join(strings.Fields(name), " ") }
