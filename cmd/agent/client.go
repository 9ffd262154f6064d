package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// client talks to a running agent by its API.
type client struct {
	URL string `env:"KEEPLIT_URL" placeholder:"URL" help:"Address of the running agent's page; where it is not given, that of the keeplit.yaml in this folder or in /etc/keeplit, and else http://localhost:8080."`
}

// usualPage is where the page is by default.
const usualPage = "http://localhost:8080"

// AfterApply finds the page where no address of it is given.
func (c *client) AfterApply() error {
	if c.URL != "" {
		return nil
	}
	c.URL = usualPage
	for _, name := range []string{"keeplit.yaml", systemConfig + "/keeplit/keeplit.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// Only where the page listens is of matter: no secret is read, and what is wrong is for "agent check".
		cfg, _ := config.Parse(data, ".", config.Secrets{
			Getenv:   func(string) string { return "" },
			ReadFile: func(string) ([]byte, error) { return nil, errors.New("not read") },
		}, drivers.All())
		if page, ok := pageOf(cfg.Web.Listen); ok {
			c.URL = page
		}
		break
	}
	return nil
}

// pageOf is the page of an agent on this machine that listens there.  The PIN may be sent to it, and so an
// address that is not this machine's own is none.
func pageOf(listen string) (string, bool) {
	here := web.Here(listen)
	host, port, err := net.SplitHostPort(here)
	if err != nil || port == "" || port == "0" {
		return "", false
	}
	return "http://" + here, host == "localhost" || ours(net.ParseIP(host))
}

// ours tells whether an address is one of this machine's.
func ours(ip net.IP) bool {
	all, err := net.InterfaceAddrs()
	return ip.IsLoopback() || err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
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
	text := a.Message + a.Error.Message
	for _, f := range a.Faults { // of the configuration
		text += "\n" + fault.Fault{Path: f.Key, Problem: f.Problem, Remedy: f.Remedy, Line: f.Line}.String()
	}
	return text
}
