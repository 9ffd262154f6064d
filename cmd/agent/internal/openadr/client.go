package openadr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/trust"
)

// Bounds of what a server may answer.
const (
	mostAnswer  = 1 << 20
	mostToken   = 4096
	answersFor  = 20 * time.Second
	pageSize    = 50 // the most that the standard allows
	mostObjects = 200
	mostWait    = time.Hour
)

// StatusError is an answer that says no.
type StatusError struct {
	What   string
	Status int
	After  time.Duration // that the server asks to wait; 0: it does not say
	Says   string
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: the server answers %d %s", e.What, e.Status, http.StatusText(e.Status))
	if e.Says != "" {
		text += ": " + e.Says
	}
	return text
}

// refuses tells whether an error is that the server does not know us.
func refuses(err error) bool {
	var s *StatusError
	return errors.As(err, &s) && (s.Status == http.StatusUnauthorized || s.Status == http.StatusForbidden)
}

// isStatus tells whether an error is an answer of that status.
func isStatus(err error, status int) bool {
	var s *StatusError
	return errors.As(err, &s) && s.Status == status
}

// client asks one server.  It is used by one goroutine at a time.
type client struct {
	cfg   Config
	base  *url.URL
	http  *http.Client
	now   func() time.Time
	token string
	until time.Time
	at    string // the token's endpoint, once it is known
	tags  map[string]cached
}

// cached is a page with the name that the server has given to what is in it.
type cached struct {
	tag  string
	body []byte
}

func newClient(cfg Config) (*client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("%.80q is no address of a server", cfg.URL)
	}
	secured, err := trust.Config(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	return &client{
		cfg: cfg, base: base, now: time.Now, tags: map[string]cached{},
		http: &http.Client{
			Timeout:   answersFor,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secured, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: 2 * time.Minute, MaxIdleConns: 2},
			// A token is for this server, and a redirection names another.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// endpoint is where tokens are had: as configured, as the server says, or where the standard
// has it.  The secret goes to no other machine than the server, unless the configuration
// names it.
func (c *client) endpoint(ctx context.Context) (string, error) {
	if c.cfg.TokenURL != "" {
		return c.cfg.TokenURL, nil
	}
	if c.at != "" {
		return c.at, nil
	}
	usual := c.base.JoinPath("auth", "token").String()
	body, err := c.send(ctx, http.MethodGet, c.base.JoinPath("auth", "server").String(), "", nil, nil)
	var info struct {
		TokenURL string `json:"tokenURL"`
	}
	switch {
	case isStatus(err, http.StatusNotFound), isStatus(err, http.StatusNotImplemented), isStatus(err, http.StatusMethodNotAllowed), refuses(err):
		c.at = usual
		return usual, nil //nolint:nilerr // it does not say: the standard does
	case err != nil:
		return "", err
	}
	if json.Unmarshal(body, &info) != nil || info.TokenURL == "" {
		c.at = usual
		return usual, nil //nolint:nilerr // what cannot be read says nothing: the standard does
	}
	to, err := c.base.Parse(info.TokenURL)
	if err != nil || to.Host != c.base.Host || to.Scheme != c.base.Scheme {
		return "", fmt.Errorf("the server has tokens fetched at %.120q, which is another machine: if that is right, write it as openadr.token_url", info.TokenURL)
	}
	c.at = to.String()
	return c.at, nil
}

// login fetches a token.
func (c *client) login(ctx context.Context) error {
	secret, err := c.cfg.Secret()
	if err != nil {
		return fmt.Errorf("the client's secret: %w", err)
	}
	to, err := c.endpoint(ctx)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.cfg.ClientID}, "client_secret": {secret}}
	if c.cfg.Scope != "" {
		form.Set("scope", c.cfg.Scope)
	}
	body, err := c.send(ctx, http.MethodPost, to, "application/x-www-form-urlencoded", []byte(form.Encode()), nil)
	if err != nil {
		if isStatus(err, http.StatusBadRequest) { // some say so of a wrong secret
			err.(*StatusError).Status = http.StatusUnauthorized //nolint:errorlint,forcetypeassert // isStatus has seen it
		}
		return err
	}
	var t struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Seconds int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &t); err != nil || t.Token == "" || len(t.Token) > mostToken || !strings.EqualFold(t.Type, "bearer") || strings.ContainsAny(t.Token, " \r\n\t") {
		return errors.New("the token: the answer is none of OAuth2")
	}
	c.token, c.until = t.Token, time.Time{}
	if t.Seconds > 0 && t.Seconds < 1<<31 {
		c.until = c.now().Add(time.Duration(t.Seconds) * time.Second * 9 / 10)
	}
	return nil
}

// ask sends a request with a token, a fresh one where the server does not know the old one.
func (c *client) ask(ctx context.Context, method, to string, body []byte) ([]byte, error) {
	for again := false; ; again = true {
		if c.token == "" || !c.until.IsZero() && !c.now().Before(c.until) {
			if err := c.login(ctx); err != nil {
				return nil, err
			}
		}
		answer, err := c.send(ctx, method, to, "application/json", body, map[string]string{"Authorization": "Bearer " + c.token})
		if !isStatus(err, http.StatusUnauthorized) || again {
			return answer, err
		}
		c.token = ""
	}
}

// send sends one request and reads the answer, as far as it may be long.
func (c *client) send(ctx context.Context, method, to, kind string, body []byte, headers map[string]string) ([]byte, error) {
	at, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	what := method + " " + at.Path
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	known, tagged := c.tags[to], method == http.MethodGet
	if tagged && known.tag != "" {
		req.Header.Set("If-None-Match", known.tag)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, bare(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotModified && known.tag != "" {
		return known.body, nil
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, bare(err))
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, &StatusError{What: what, Status: res.StatusCode, After: c.after(res.Header.Get("Retry-After")), Says: says(text, c.secrets())}
	case len(text) > mostAnswer:
		return nil, fmt.Errorf("%s: the answer is longer than %d bytes", what, mostAnswer)
	}
	if tag := res.Header.Get("ETag"); tagged && tag != "" && len(tag) < 256 {
		if len(c.tags) > 16 {
			clear(c.tags)
		}
		c.tags[to] = cached{tag, text}
	}
	return text, nil
}

// bare is an error of a request without its address, which what says already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// after is how long a server asks to be left alone: in seconds, or until an instant.
func (c *client) after(text string) time.Duration {
	if text == "" {
		return 0
	}
	wait := time.Duration(0)
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(c.now())
	}
	return min(max(wait, 0), mostWait)
}

// secrets are what nobody is to read in a log or on the page, though a server repeats it.
func (c *client) secrets() (out []string) {
	secret, _ := c.cfg.Secret() // of one that cannot be read nobody has heard
	for _, s := range []string{secret, url.QueryEscape(secret), c.token} {
		if s != "" {
			out = append(out, s, "***")
		}
	}
	return out
}

// says is what an answer that says no gives as the reason, in a line.
func says(body []byte, secrets []string) string {
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Error  string `json:"error"`
	}
	if json.Unmarshal(body, &problem) != nil {
		return ""
	}
	text := problem.Detail
	if text == "" {
		text = problem.Title
	}
	if text == "" {
		text = problem.Error
	}
	text = strings.NewReplacer(secrets...).Replace(text)
	return fmt.Sprintf("%.160s", strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}

// all reads every page of a collection, and what of it has an id, each once.
func (c *client) all(ctx context.Context, what string, query url.Values) (out []json.RawMessage, err error) {
	seen := map[string]bool{}
	for skip := 0; ; skip += pageSize {
		q := url.Values{"limit": {strconv.Itoa(pageSize)}, "skip": {strconv.Itoa(skip)}}
		for k, v := range query {
			q[k] = v
		}
		at := c.base.JoinPath(what)
		at.RawQuery = q.Encode()
		body, err := c.ask(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return nil, err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("GET %s: the answer is no list", at.Path)
		}
		fresh := 0
		for _, x := range page {
			id := idOf(x)
			if id != "" && seen[id] {
				continue
			}
			seen[id] = true
			fresh++
			out = append(out, x)
		}
		// A server that knows no pages answers all at once, or the same one again.
		if len(page) < pageSize || fresh == 0 || len(out) >= mostObjects {
			return out, nil
		}
	}
}

// one reads one object; nil where there is none, or none for us.
func (c *client) one(ctx context.Context, what, id string) (json.RawMessage, error) {
	body, err := c.ask(ctx, http.MethodGet, c.base.JoinPath(what, id).String(), nil)
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusGone) {
		return nil, nil
	}
	return body, err
}

// post makes an object.
func (c *client) post(ctx context.Context, what string, object any) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodPost, c.base.JoinPath(what).String(), text)
}

func idOf(object []byte) string {
	var o struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(object, &o) != nil || len(o.ID) > 128 {
		return ""
	}
	return o.ID
}
