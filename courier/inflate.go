package courier

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// inflated is a body as it was before a receiver compressed it. It reads no more
// of it from the wire than of any other.
type inflated struct {
	from io.Reader
	zip  *gzip.Reader
}

// plain is the body of an answer without the compression that we asked for.
func plain(asked http.Header, a *http.Response) io.Reader {
	if a.Body == http.NoBody || asked.Get("Accept-Encoding") != "gzip" || !strings.EqualFold(a.Header.Get("Content-Encoding"), "gzip") {
		return a.Body
	}
	return &inflated{from: io.LimitReader(a.Body, maxRead)}
}

// Read reads what was compressed.
func (z *inflated) Read(p []byte) (int, error) {
	if z.zip == nil {
		zip, err := gzip.NewReader(z.from)
		if err != nil {
			return 0, err
		}
		z.zip = zip
	}
	return z.zip.Read(p)
}
