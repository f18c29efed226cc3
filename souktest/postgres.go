package souktest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"

	"souk"
	"souk/store"
)

// PostgresVariable names the environment variable with the postgres:// URL of
// a server on which tests may make databases.
const PostgresVariable = "SOUK_TEST_POSTGRES"

// Cluster is a PostgreSQL server of our own in a temporary directory. It is
// reached over a Unix socket only.
type Cluster struct {
	// Address is the postgres:// URL of its maintenance database.
	Address string

	keeper *exec.Cmd
	life   io.WriteCloser // the keeper's standard input
	says   *bufio.Reader
}

// keep runs the server until its standard input ends, which happens however
// the process that holds the other end does, and leaves nothing behind. A line
// there has the server crash, or run again, and is answered with another.
// Arguments: the directory of the binaries, our directory, on or off for fsync, and
// two sizes: of the buffers, and of the WAL between checkpoints.
const keep = `
run() {
	"$1/pg_ctl" -D "$2/data" -l "$2/server.log" -w -t 60 -o "-k '$2' -c listen_addresses='' -c max_connections=300 \
		-c shared_buffers=$4 -c max_wal_size=$5 -c fsync=$3 -c full_page_writes=$3" start
}
{
	"$1/initdb" -D "$2/data" -A trust -U souk -E UTF8 --locale=C --no-sync && run "$@"
} >"$2/keeper.log" 2>&1 </dev/null || { cat "$2"/*.log; rm -rf "$2"; exit 1; }
echo done
exec 3>&1 >>"$2/keeper.log" 2>&1
while read -r word; do
	case $word in
	halt) "$1/pg_ctl" -D "$2/data" -m immediate -w stop </dev/null 3>&- ;;
	resume) run "$@" </dev/null 3>&- ;;
	esac && echo done >&3 || echo failed >&3
done
if "$1/pg_ctl" -D "$2/data" status; then "$1/pg_ctl" -D "$2/data" -m immediate -w stop || exit 1; fi
rm -rf "$2"
`

// StartPostgres starts a cluster from the installed server binaries. durable
// has it sync its files and gives it the memory that a server of its own would have,
// which measurements want and tests do not.
func StartPostgres(durable bool) (*Cluster, error) {
	bin, err := serverBinaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "souk-postgres-")
	if err != nil {
		return nil, err
	}
	settings := []string{"off", "64MB", "1GB"}
	if durable {
		settings = []string{"on", "1GB", "8GB"}
	}
	c := &Cluster{keeper: exec.Command("/bin/sh", append([]string{"-c", keep, "keep", bin, dir}, settings...)...)}
	c.keeper.Dir = dir
	c.Address = (&url.URL{Scheme: "postgres", User: url.User("souk"), Path: "/postgres",
		RawQuery: url.Values{"host": {dir}}.Encode()}).String()
	// A session of its own: what interrupts us must not end the keeper first.
	c.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() == 0 { // the server refuses to run as root
		if c.keeper.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
	}
	if c.life, err = c.keeper.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.keeper.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.keeper.Start(); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	c.says = bufio.NewReader(out)
	if line, err := c.says.ReadString('\n'); err != nil || line != done {
		rest, _ := io.ReadAll(c.says) // whatever it said is all that we have
		return nil, errors.Join(fmt.Errorf("souktest: postgres did not start: %s%s", line, rest), c.Stop())
	}
	return c, nil
}

// done is what a keeper says when it did what it was told.
const done = "done\n"

// Halt ends the server as a crash does. What it wrote is there when it is
// resumed.
func (c *Cluster) Halt() error { return c.command("halt") }

// Resume starts the server again that was halted, at the same address.
func (c *Cluster) Resume() error { return c.command("resume") }

func (c *Cluster) command(word string) error {
	if _, err := fmt.Fprintln(c.life, word); err != nil {
		return err
	}
	if line, err := c.says.ReadString('\n'); err != nil || line != done {
		return fmt.Errorf("souktest: postgres could not %s: %q (%w)", word, line, err)
	}
	return nil
}

// Stop ends the server and removes its files.
func (c *Cluster) Stop() error {
	return errors.Join(c.life.Close(), c.keeper.Wait())
}

// serverBinaries answers with the directory of PostgreSQL's newest installed
// server. As root on a system with apt it installs one.
func serverBinaries() (string, error) {
	if dir, ok := findServer(); ok {
		return dir, nil
	}
	const install = "apt-get install -y --no-install-recommends postgresql"
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		return "", fmt.Errorf("souktest: no PostgreSQL server is installed; run: sudo %s (or set %s)", install, PostgresVariable)
	}
	for _, args := range [][]string{{"update"}, strings.Fields(install)[1:]} {
		cmd := exec.Command(apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("souktest: apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	if dir, ok := findServer(); ok {
		return dir, nil
	}
	return "", fmt.Errorf("souktest: %s left no server behind", install)
}

func findServer() (string, bool) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), true
	}
	path, err := exec.LookPath("initdb")
	return filepath.Dir(path), err == nil
}

// version is 15 for /usr/lib/postgresql/15/bin/initdb, 0 for odd names.
func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// unprivileged is who runs the server for root. dir becomes theirs.
func unprivileged(dir string) (*syscall.Credential, error) {
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// server is the one that this process's tests use. One that they start ends
// with the process: when the pipe to its keeper is closed, and so not before
// this variable lets go of it.
var server = sync.OnceValues(func() (*Cluster, error) {
	if address := os.Getenv(PostgresVariable); address != "" {
		return &Cluster{Address: address}, nil
	}
	return StartPostgres(false)
})

// template is a migrated database to copy. Processes that share a server
// share it too; it is made under a lock and gets its name when it is ready.
var template = sync.OnceValues(func() (string, error) {
	schema, err := store.Schema()
	if err != nil {
		return "", err
	}
	name := "souk_template_" + schema
	err = maintain(func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(7310579613)"); err != nil {
			return err // the lock goes with the connection
		}
		var there bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
			return err
		}
		draft := newName()
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+draft); err != nil {
			return err
		}
		address, err := addressOf(draft)
		if err != nil {
			return err
		}
		db, err := store.Open(ctx, address)
		if err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
		return err
	})
	return name, err
})

// createDatabase makes a copy of a database and answers with its address and how
// to drop it, whoever is still connected.
func createDatabase(from string) (address string, drop func() error, err error) {
	name := newName()
	if address, err = addressOf(name); err != nil {
		return "", nil, err
	}
	statement := func(s string) func() error {
		return func() error {
			return maintain(func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, s)
				return err
			})
		}
	}
	drop = statement("DROP DATABASE " + name + " WITH (FORCE)")
	return address, drop, statement("CREATE DATABASE " + name + " TEMPLATE " + from)()
}

func newName() string { return "souk_" + strings.ReplaceAll(souk.NewID().String(), "-", "") }

// addressOf is the server's address with another database.
func addressOf(name string) (string, error) {
	s, err := server()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s.Address)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// maintain runs fn on a connection to the maintenance database.
func maintain(fn func(context.Context, *pgx.Conn) error) error {
	s, err := server()
	if err != nil {
		return err
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.Address)
	if err != nil {
		return err
	}
	return errors.Join(fn(ctx, conn), conn.Close(ctx))
}
