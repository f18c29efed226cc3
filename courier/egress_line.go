package courier

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// roomy is how large a body is written without reading at the same time. The
	// system takes that much off our hands at once; a receiver that answers
	// before it has read a larger one must not leave both waiting.
	roomy = 8 << 10

	// An answer that was sent before the receiver hung up on our writing may
	// still be on its way for so long.
	lastWords = time.Second

	// A connection that lay idle for longer is looked at before it is used.
	stale = time.Second

	maxFraming = 64 << 10 // bytes around and between those of a body
)

// Buffers of lines in use; idle lines have none.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 2*roomy) }}
)

// line is a connection to a receiver: of HTTP/1.1, one exchange at a time, or,
// when it has a shared one, of HTTP/2.
type line struct {
	net.Conn // speaks TLS where the place wants it
	raw      net.Conn
	place    place
	usedAt   time.Time
	left     int64 // bytes that may be read
	heard    bool  // a byte of the answer
	ended    bool  // by the receiver

	shared *http.ClientConn
}

// Read reads as far as the line's budget goes.
func (l *line) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.Conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	l.heard = l.heard || n > 0
	l.ended = l.ended || err != nil && lost(err)
	return n, err
}

// drop ends the connection without a farewell, which might block.
func (l *line) drop() {
	l.raw.Close()
	if l.shared != nil {
		l.shared.Close()
	}
}

// gone reports whether the receiver has closed an idle line, or spoken out of
// turn. It does not know of connections that are no sockets.
func (l *line) gone() bool {
	socket, ok := l.raw.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	alive := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err != nil || !alive
}

// send makes the exchange r, with a body of size bytes, on l. Errors are
// failures.
func (c *Client) send(ctx context.Context, until time.Time, l *line, r *http.Request, size int) (answer, error) {
	if l.shared != nil {
		return c.sendShared(ctx, until, l, r)
	}
	l.left, l.heard = maxHeader, false
	l.SetDeadline(until)
	calm := func() bool { return true }
	if ctx.Done() != nil {
		calm = context.AfterFunc(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	}
	var w writing
	if size <= roomy {
		w.err = l.write(r, until)
	} else {
		w.done = make(chan struct{})
		go func() { defer close(w.done); w.err = l.write(r, until) }()
	}
	in := readers.Get().(*bufio.Reader)
	in.Reset(l)
	res, err := l.receive(in, r)
	if err != nil {
		l.drop()
		calm()
		freeReader(in)
		return answer{}, w.failure(until, l.heard, err)
	}
	l.left = maxRead + maxFraming
	return answer{res, func(whole bool) {
		whole = whole && !res.Close && in.Buffered() == 0 && w.whole()
		freeReader(in)
		if calm() && whole {
			c.kept.keep(l)
			return
		}
		l.drop()
		w.wait()
	}}, nil
}

func freeReader(in *bufio.Reader) { in.Reset(nil); readers.Put(in) }

// write sends r. When the receiver hangs up on it, its last words are waited for
// a little.
func (l *line) write(r *http.Request, until time.Time) error {
	out := writers.Get().(*bufio.Writer)
	defer func() { out.Reset(nil); writers.Put(out) }()
	out.Reset(l.Conn)
	err := r.Write(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil && lost(err) {
		if soon := time.Now().Add(lastWords); soon.Before(until) {
			l.SetReadDeadline(soon)
		}
	}
	return err
}

// writing is how the writing of a request goes, beside the waiting for its
// answer or, when there is no done, before it.
type writing struct {
	done chan struct{}
	err  error // of what is done
}

func (w *writing) wait() {
	if w.done != nil {
		<-w.done
	}
}

// whole reports whether the request was written. Whoever has answered it may
// have taken the last of it from us before we know.
func (w *writing) whole() bool {
	if w.done == nil {
		return w.err == nil
	}
	select {
	case <-w.done:
		return w.err == nil
	case <-time.After(50 * time.Millisecond):
		return false
	}
}

// failure is err, for which no answer came on a dropped line. heard is whether
// some of it came.
func (w *writing) failure(until time.Time, heard bool, err error) error {
	w.wait()
	in := phaseAnswer
	if w.err != nil {
		in = phaseWrite
		if lost(w.err) && (lost(err) || errors.Is(err, os.ErrDeadlineExceeded)) {
			err = w.err // the answer's end tells less
		}
	}
	f := fail(in, until, err)
	f.silent = !heard
	f.over = f.silent && lost(err)
	return f
}

// receive reads the answer's header.
func (l *line) receive(in *bufio.Reader, r *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		res, err := http.ReadResponse(in, r)
		switch {
		case err != nil && l.ended && !lost(err):
			return nil, io.ErrUnexpectedEOF // not what it looks like: half a line
		case err != nil:
			return nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
	}
	return nil, errInterim
}
