package openadr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
)

// notified hears the server's broker, where it has one, until ctx ends.  A message is nothing
// but the reason to ask the server at once: it is not signed, and what is in it counts for
// nothing.  Without it events come with the next poll.
func (v *VEN) notified(ctx context.Context, wake chan<- struct{}) {
	// A client of its own: the one that polls is used by one goroutine.
	c, err := newClient(v.cfg)
	if err != nil {
		return
	}
	id, program := v.id, v.program
	pause := backoff.Backoff{First: max(v.pace.first, time.Millisecond), Most: v.pace.most}
	for {
		began := time.Now()
		err := v.hear(ctx, c, id, program, func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNoBroker):
			v.cfg.Log.Info("openadr: the server's events come with polls alone", "reason", err)
			return
		}
		if time.Since(began) > v.pace.most {
			pause.Reset()
		}
		wait := pause.Next()
		v.cfg.Log.Info("openadr: the server's broker is not heard; events come with polls", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// errNoBroker says that there is no broker that could be heard.
var errNoBroker = errors.New("no broker")

func (v *VEN) hear(ctx context.Context, c *client, id, program string, heard func()) error {
	body, err := c.ask(ctx, http.MethodGet, c.base.JoinPath("notifiers").String(), nil)
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotImplemented) {
		return fmt.Errorf("%w: %w", errNoBroker, err)
	}
	if err != nil {
		return err
	}
	var n struct {
		MQTT *struct {
			URIs           []string `json:"URIS"`
			Authentication struct {
				Method   string `json:"method"`
				Username string `json:"username"`
			} `json:"authentication"`
		} `json:"MQTT"`
	}
	if json.Unmarshal(body, &n) != nil || n.MQTT == nil || len(n.MQTT.URIs) == 0 {
		return fmt.Errorf("%w: the server names none", errNoBroker)
	}
	username, password := "", ""
	switch a := n.MQTT.Authentication; a.Method {
	case "ANONYMOUS":
	case "OAUTH2_BEARER_TOKEN":
		username, password = strings.ReplaceAll(a.Username, "{clientID}", v.cfg.ClientID), c.token
	default:
		return fmt.Errorf("%w: it asks for %.40q, which is not known here", errNoBroker, a.Method)
	}
	at, err := c.broker(n.MQTT.URIs, password != "")
	if err != nil {
		return err
	}
	topics, err := c.topics(ctx, id, program)
	if err != nil {
		return err
	}
	return v.listen(ctx, at, username, password, topics, heard)
}

// broker is the address that may be called: over TLS, or on the server's own machine where
// that is called without; a token goes nowhere in the clear that the server's own does not.
func (c *client) broker(all []string, secret bool) (string, error) {
	for _, text := range all {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil {
			continue
		}
		own := u.Hostname() == c.base.Hostname() && c.base.Scheme == "http"
		switch u.Scheme {
		case "mqtts", "ssl", "tls":
			u.Scheme = "mqtts"
		case "mqtt", "tcp":
			if secret && !own || !own && !public(u.Hostname()) {
				continue
			}
			u.Scheme = "mqtt"
		default:
			continue
		}
		if u.Scheme == "mqtts" && u.Hostname() != c.base.Hostname() && !public(u.Hostname()) {
			continue
		}
		return u.Scheme + "://" + u.Host, nil
	}
	return "", fmt.Errorf("%w: none of its addresses may be called", errNoBroker)
}

// public tells whether a name is of no machine of the household's own network: a server has
// no business there.
func public(host string) bool {
	ip := net.ParseIP(host)
	if ip == nil {
		return strings.Contains(host, ".") && !strings.HasSuffix(host, ".local")
	}
	return !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified()
}

// topics are those of the events for this site: asked for, and never guessed.
func (c *client) topics(ctx context.Context, id, program string) ([]string, error) {
	paths := [][]string{{"events"}}
	if program != "" {
		paths = append([][]string{{"programs", program, "events"}}, paths...)
	}
	if id != "" {
		paths = append([][]string{{"vens", id, "events"}}, paths...)
	}
	for _, p := range paths {
		body, err := c.ask(ctx, http.MethodGet, c.base.JoinPath(append([]string{"notifiers", "mqtt", "topics"}, p...)...).String(), nil)
		if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusBadRequest) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var t struct {
			Topics map[string]string `json:"topics"`
		}
		if json.Unmarshal(body, &t) != nil {
			return nil, errors.New("the answer names no topics")
		}
		var out []string
		for _, name := range []string{"ALL", "CREATE", "UPDATE", "DELETE"} {
			if topic := t.Topics[name]; topic != "" && len(topic) <= 512 && !slices.Contains(out, topic) {
				out = append(out, topic)
			}
			if name == "ALL" && len(out) > 0 {
				break
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: the server names no topics for this site", errNoBroker)
}
