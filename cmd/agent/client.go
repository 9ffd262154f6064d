package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

// client talks to a running agent by its API.
type client struct {
	URL string `default:"http://localhost:8080" env:"KEEPLIT_URL" help:"Address of the running agent's page."`
}

// answerLimit bounds what is read of an answer.
const answerLimit = 1 << 20

// call does one request; pin may be empty.  It answers the status and the body.
// A page that turns out to be served over TLS is asked again so.
func (c client) call(ctx context.Context, method, path, pin string, body any) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	status, text, err := c.once(ctx, method, path, pin, body)
	if rest, plain := strings.CutPrefix(c.URL, "http://"); plain && status == http.StatusBadRequest && bytes.Contains(text, []byte("HTTP request to an HTTPS server")) {
		c.URL = "https://" + rest
		return c.once(ctx, method, path, pin, body)
	}
	return status, text, err
}

// transport trusts whatever answers on this machine: the agent's own certificate
// is vouched for by nobody, and nobody stands in between.
func (c client) transport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if u, err := url.Parse(c.URL); err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
		}
	}
	return t
}

func (c client) once(ctx context.Context, method, path, pin string, body any) (int, []byte, error) {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, payload)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if pin != "" {
		r.Header.Set("Authorization", "Bearer "+pin)
	}
	answer, err := (&http.Client{Transport: c.transport()}).Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("no agent answers at %s: %w; is it running (agent run), and is --url right?", c.URL, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	return answer.StatusCode, text, err
}

// message is the words of an answer of the API.
func message(body []byte) string {
	var a struct {
		api.TopUp
		api.Problem
	}
	if json.Unmarshal(body, &a) != nil || a.Message == "" && a.Error.Message == "" {
		return strings.TrimSpace(string(body))
	}
	return a.Message + a.Error.Message
}
