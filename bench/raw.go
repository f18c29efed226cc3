package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"souk"
)

// rawVariable has this program be the bare poster: "connections time URL".
const rawVariable = "SOUK_BENCH_POST"

const (
	rawRuns  = 3
	rawBytes = 1024 // of a body
)

// limit is what a bare loop of signed posts reaches: the best of some runs.
type limit struct {
	perSecond float64
	cpu       time.Duration // of the poster, for one
}

// measureRaw posts to the sink from a process of its own, as the server does, on
// as many connections.
func (s *sink) measureRaw(ctx context.Context, connections int, each time.Duration) (best limit, err error) {
	self, err := os.Executable()
	if err != nil {
		return best, err
	}
	for range rawRuns {
		c := exec.CommandContext(ctx, self)
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s", rawVariable, connections, each, s.url))
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			return best, fmt.Errorf("the bare poster: %w", err)
		}
		var posted int
		var took time.Duration
		var seconds float64
		if _, err := fmt.Sscan(string(out), &posted, &seconds); err != nil || posted == 0 {
			return best, errors.Join(fmt.Errorf("the bare poster said %q", out), err)
		}
		took = time.Duration(seconds * float64(time.Second))
		if rate := float64(posted) / took.Seconds(); rate > best.perSecond {
			used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
			best = limit{rate, used / time.Duration(posted)}
		}
	}
	return best, nil
}

// postRaw is the bare poster, if this process is to be it.
func postRaw() (done bool, err error) {
	text := os.Getenv(rawVariable)
	if text == "" {
		return false, nil
	}
	var connections int
	var each, url string
	if _, err := fmt.Sscan(text, &connections, &each, &url); err != nil {
		return true, err
	}
	length, err := time.ParseDuration(each)
	if err != nil {
		return true, err
	}
	client, idle := newClient(connections)
	defer idle()
	var posted atomic.Int64
	var failed atomic.Pointer[error]
	var wait sync.WaitGroup
	key, body := make([]byte, 24), bytes.Repeat([]byte("x"), rawBytes)
	rand.Read(key) // never fails
	began := time.Now()
	for range connections {
		wait.Go(func() {
			for time.Since(began) < length {
				if err := postSigned(client, url, key, body); err != nil {
					failed.Store(&err)
					return
				}
				posted.Add(1)
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return true, *err
	}
	_, err = fmt.Println(posted.Load(), time.Since(began).Seconds())
	return true, err
}

// postSigned makes one post as the native dialect does.
func postSigned(client *http.Client, url string, key, body []byte) error {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	id, at := souk.NewID().String(), strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Souk-Events/1.0"}, "Webhook-Id": {id}, "Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s answered %d", url, answer.StatusCode)
	}
	return nil
}
