package courier

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk"
	"souk/souktest"
	"souk/store"
)

// world is a database with an app that is installed in one organization.
type world struct {
	t       testing.TB
	address string
	db      *store.DB
	app     souk.App
	in      souk.Installation
}

// bubble runs test on both databases in virtual time.
func bubble(t *testing.T, test func(t *testing.T, w world)) {
	t.Helper()
	souktest.EachAddress(t, func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			db, err := store.Open(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, newWorld(t, db, address))
		})
	})
}

// key seals the secrets of every world.
var key = souk.NewKey([souk.KeySize]byte{1})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newWorld(t testing.TB, db *store.DB, address string) world {
	now := time.Now().UTC().Truncate(time.Microsecond)
	org := souk.Org{ID: souk.NewID(), Kind: souk.Workspace, Name: "Acme", Domain: "acme", Switches: souk.DefaultSwitches, CreatedAt: now}
	org.HasActiveSubscription = true
	user := souk.User{ID: souk.NewID(), Org: org.ID, Email: "jane@example.com", CreatedAt: now}
	app := souk.App{ID: souk.NewID(), Owner: org.ID, Name: "Listener", Kind: souk.ThirdParty, Listing: souk.Draft, CreatedAt: now, UpdatedAt: now}
	in := souk.Installation{
		ID: souk.NewID(), App: app.ID, Org: org.ID, Kind: souk.OnWorkspace, Status: souk.InstallationActive,
		InstalledBy: user.ID, CreatedAt: now, UpdatedAt: now,
	}
	w := world{t, address, db, app, in}
	w.write(func(tx *store.Tx) error {
		for _, err := range []error{
			tx.PutOrg(org), tx.PutUser(user, org.ID), tx.PutApp(app), tx.PutInstallation(in),
			tx.PutCredentials(store.SealCredentials(key, souk.Credentials{
				App: app.ID, SlackClientID: app.ID.String(), SlackSigningSecret: "signing secret", ZoomClientID: app.ID.Zoom(),
			})),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func (w world) write(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.db.Write(context.Background(), nil, fn); err != nil {
		w.t.Fatal(err)
	}
}

// hook makes a webhook whose URL is on the host name.
func (w world) hook(name string, dialect souk.Dialect) souk.Webhook {
	w.t.Helper()
	return w.hookAt("http://"+name+".example/hook", dialect)
}

func (w world) hookAt(url string, dialect souk.Dialect) souk.Webhook {
	w.t.Helper()
	hook := souk.Webhook{
		ID: souk.NewID(), App: w.app.ID, Dialect: dialect, URL: url,
		Status: souk.WebhookActive, Secret: "webhook secret", CreatedAt: w.in.CreatedAt, UpdatedAt: w.in.CreatedAt,
	}
	w.write(func(tx *store.Tx) error { return tx.PutWebhook(store.SealWebhook(key, hook)) })
	return hook
}

// draft is a delivery for hook that is due now.
func (w world) draft(hook souk.Webhook) souk.Delivery {
	now := time.Now().UTC().Truncate(time.Microsecond)
	id := souk.NewID()
	return souk.Delivery{
		ID: id, Event: souk.NewID(), Webhook: hook.ID, App: w.app.ID, Installation: w.in.ID, Dialect: hook.Dialect,
		Body: fmt.Appendf(nil, `{"delivery":%q}`, id), Status: souk.DeliveryPending, NextAt: now, CreatedAt: now,
		Entry: souk.NewID(), EntryAt: now,
	}
}

// put puts deliveries into the outbox.
func (w world) put(all ...souk.Delivery) {
	w.t.Helper()
	for some := range slices.Chunk(all, 50) {
		w.write(func(tx *store.Tx) error {
			_, err := tx.InsertDeliveries(some)
			return err
		})
	}
}

// deliveries puts n deliveries for hook into the outbox.
func (w world) deliveries(hook souk.Webhook, n int) []souk.Delivery {
	w.t.Helper()
	all := make([]souk.Delivery, n)
	for i := range all {
		all[i] = w.draft(hook)
	}
	w.put(all...)
	return all
}

// delivery reads a delivery and its attempts.
func (w world) delivery(id souk.ID) (d souk.Delivery, attempts []souk.Attempt) {
	w.t.Helper()
	err := w.db.Read(context.Background(), func(tx *store.Tx) (err error) {
		if d, err = tx.Delivery(id); err == nil {
			attempts, err = tx.Attempts(id)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return d, attempts
}

// count counts deliveries by status.
func (w world) count(all []souk.Delivery) map[souk.DeliveryStatus]int {
	counts := map[souk.DeliveryStatus]int{}
	for _, d := range all {
		now, _ := w.delivery(d.ID)
		counts[now.Status]++
	}
	return counts
}

// courier connects a courier on the world's database to a receiver.
func (w world) courier(h http.Handler) *Courier { return w.courierTo(serve(w.t, h)) }

func (w world) courierTo(client *Client) *Courier {
	return New(Config{
		DB:      w.db,
		Client:  client,
		Prepare: map[souk.Dialect]Prepare{souk.Slack: prepare, souk.Native: prepare, souk.Giosg: prepare, souk.Zoom: prepare},
		Key:     key,
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// prepare is a dialect that signs with both secrets and the time.
func prepare(o souk.Outgoing) (souk.Prepared, error) {
	return souk.Prepared{Body: o.Delivery.Body, Header: map[string]string{
		"X-Signature": fmt.Sprintf("%s, %s, %d", o.Webhook.Secret, o.Credentials.SlackSigningSecret, o.At.Unix()),
		"X-Number":    fmt.Sprint(o.Number),
		"X-Reason":    string(o.Delivery.LastOutcome),
	}}, nil
}

// start runs c; the function it returns stops it and answers what Run did.
func start(c *Courier) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// inbox is a receiver that remembers, by delivery body.
type inbox struct {
	mu   sync.Mutex
	seen map[string]int
}

func (b *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body := must(io.ReadAll(r.Body))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = map[string]int{}
	}
	b.seen[string(body)]++
}

func (b *inbox) received() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.seen)
}

// second opens a connection of the test's own beside the world's: to the same
// file, or to the same server.
func (w world) second() (db *sql.DB, name string) {
	w.t.Helper()
	if !strings.HasPrefix(w.address, "postgres") {
		return must(sql.Open("sqlite", w.address+"?_pragma=busy_timeout(10000)")), ""
	}
	u := must(url.Parse(w.address))
	name = strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	return must(sql.Open("pgx", u.String())), name
}

// breakDatabase makes the database refuse to record anything, until mend: a
// table is missing on SQLite, and PostgreSQL lets nobody connect.
func (w world) breakDatabase() (mend func()) {
	db, name := w.second()
	broken, mended := []string{"ALTER TABLE attempts_1 RENAME TO lost"}, "ALTER TABLE lost RENAME TO attempts_1"
	if name != "" {
		broken = []string{
			"ALTER DATABASE " + name + " ALLOW_CONNECTIONS false",
			"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '" + name + "'",
		}
		mended = "ALTER DATABASE " + name + " ALLOW_CONNECTIONS true"
	}
	for _, statement := range broken {
		must(db.Exec(statement))
	}
	return func() {
		must(db.Exec(mended))
		if err := db.Close(); err != nil {
			panic(err)
		}
	}
}

// hide makes a table that cannot be read, until restore.
func (w world) hide(table string) (restore func()) {
	w.exec("ALTER TABLE " + table + " RENAME TO hidden_" + table)
	return func() { w.exec("ALTER TABLE hidden_" + table + " RENAME TO " + table) }
}

// refuse has the database refuse the health of an endpoint, until allow.
func (w world) refuse(endpoint souk.ID) (allow func()) {
	if w.db.Leased() {
		w.exec(fmt.Sprintf(`ALTER TABLE lanes ADD CONSTRAINT refused CHECK (endpoint_id <> '\x%x') NOT VALID`, endpoint[:]))
		return func() { w.exec(`ALTER TABLE lanes DROP CONSTRAINT refused`) }
	}
	w.exec(fmt.Sprintf(`CREATE TRIGGER refused BEFORE INSERT ON lanes WHEN NEW.endpoint_id = x'%x' BEGIN SELECT RAISE(ABORT, 'refused'); END`, endpoint[:]))
	return func() { w.exec(`DROP TRIGGER refused`) }
}

// exec runs a statement on a connection of its own.
func (w world) exec(statement string) {
	db, name := w.second()
	if name != "" {
		if err := db.Close(); err != nil {
			panic(err)
		}
		db = must(sql.Open("pgx", w.address))
	}
	must(db.Exec(statement))
	if err := db.Close(); err != nil {
		panic(err)
	}
}

// transactions counts those that are open: all on PostgreSQL, those that write
// on SQLite.
func (w world) transactions() (n int) {
	db, name := w.second()
	defer db.Close()
	if name == "" {
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
			return 1
		}
		must(db.Exec("ROLLBACK"))
		return 0
	}
	err := db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND xact_start IS NOT NULL", name).Scan(&n)
	if err != nil {
		panic(err)
	}
	return n
}
