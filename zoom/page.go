package zoom

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"souk"
)

// Bounds of a page.
const (
	defaultSize = 30
	maxSize     = 300
)

// pageLife is how long a next_page_token opens.
const pageLife = 15 * time.Minute

// paging is which page of a list is wanted.
type paging struct {
	call  *call
	size  int
	after souk.Position
}

// page reads which page is wanted, of 30 rows and at most 300 unless the route
// says otherwise. It refuses sizes beyond and tokens that were not made for this
// query, or too long ago.
func (c *call) page() (paging, error) { return c.pageWithin(1, defaultSize, maxSize) }

// pageWithin is page with other bounds.
func (c *call) pageWithin(least, usual, most int) (paging, error) {
	p := paging{call: c, size: usual}
	if text := c.parameter("page_size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return paging{}, invalid("page_size", fmt.Sprintf("must be a number from %d to %d", least, most))
		}
		p.size = n
	}
	after, err := c.openPage(c.parameter("next_page_token"))
	if err != nil {
		return paging{}, err
	}
	p.after = after
	return p, nil
}

// ask is the page as the market is asked for it: one row more tells whether
// there is another page.
func (p paging) ask() souk.Page { return souk.Page{After: p.after, Size: p.size + 1} }

// bound names the list of a call and what it is filtered by: the token of a page
// opens for nothing else, and for nobody of another account.
func (c *call) bound() string {
	query := c.request.URL.Query()
	query.Del("next_page_token")
	return "zoom page\x00" + c.account.ID.String() + "\x00" + c.app.String() + "\x00" + c.request.URL.Path + "\x00" + query.Encode()
}

// sealPage is the token of the page after a row.
func (c *call) sealPage(after souk.Position) string {
	b := make([]byte, 16, 32)
	binary.BigEndian.PutUint64(b, uint64(c.now().Add(pageLife).UnixMicro()))
	binary.BigEndian.PutUint64(b[8:], uint64(after.At.UnixMicro()))
	b = append(b, after.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(c.market.Key.Seal(string(b), c.bound()))
}

// openPage reads what sealPage made for the same list; "" is its start.
func (c *call) openPage(token string) (after souk.Position, err error) {
	if token == "" {
		return after, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) == 0 {
		return after, badPageToken
	}
	text, err := c.market.Key.Open(sealed, c.bound())
	if err != nil || len(text) != 32 {
		return after, badPageToken
	}
	b := []byte(text)
	if c.now().After(time.UnixMicro(int64(binary.BigEndian.Uint64(b)))) {
		return after, badPageToken
	}
	after.At = time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:]))).UTC()
	copy(after.ID[:], b[16:])
	return after, nil
}

// listed cuts rows, which ask found, to the page, and answers the token of the
// next one: "" on the last. at tells where a row stands.
func listed[Row any](p paging, rows []Row, at func(Row) souk.Position) (page []Row, next string) {
	if len(rows) <= p.size {
		return rows, ""
	}
	rows = rows[:p.size]
	return rows, p.call.sealPage(at(rows[p.size-1]))
}

// each spells every one of rows; none are an empty list, never null.
func each[Row, T any](rows []Row, show func(Row) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = show(r)
	}
	return out
}
