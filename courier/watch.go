package courier

import (
	"context"
	"time"

	"souk"
)

// Watch is told what attempts come to. Its functions may be nil; they are called
// from many goroutines and must not block.
type Watch struct {
	// Begin is called before a request is made and answers with a context for it
	// and the traceparent to send, "" for none.
	Begin func(ctx context.Context, d souk.Delivery) (context.Context, string)
	// End is called when it is over, with the context of Begin. then is what
	// became of the delivery.
	End func(ctx context.Context, d souk.Delivery, a souk.Attempt, then souk.DeliveryStatus)
	// Recorded is called after each transaction of the recorder.
	Recorded func(outcomes int, took time.Duration, err error)
}
