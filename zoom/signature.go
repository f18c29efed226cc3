package zoom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// sign answers the two headers that prove to a receiver who sent body, and
// when (docs/dialects/zoom.md, "Requests we send"). The key is the text of the
// app's webhook secret token.
func sign(secret string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	return timestamp, "v0=" + keyed(secret, "v0:"+timestamp+":", body)
}

// encrypted is what Zoom calls the answer to a plain token: its HMAC.
func encrypted(secret, plain string) string { return keyed(secret, plain, nil) }

func keyed(secret, prefix string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(prefix))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
