package telemetry

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

// Setup makes a place for the agent's points at a server.  What is there already stays; how long
// points are kept is changed where Keep says so.
type Setup struct {
	URL    string
	CAFile string
	Org    string // InfluxDB 2
	Bucket string // 1.8: database/retention policy
	// Token is the agent's own; of 1.8 "user:password", and the user is made where there is none.
	Token string
	// Admin may make all that: of 1.8 "user:password", of 2 a token; "" where nobody has to sign in.
	Admin string
	// Keep is how long points are kept; 0: for ever, or as it is where there is a place already.
	// A shorter time than before has the server forget what is older.
	Keep time.Duration
}

// Run makes what is missing, and answers what it did, a sentence each.
func (s Setup) Run(ctx context.Context) ([]string, error) {
	version, err := s.version(ctx)
	if err != nil {
		return nil, err
	}
	// A server that was built without its number is what the configuration takes it for.
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	_, notNumber := strconv.Atoi(major)
	switch {
	case major == "1", notNumber != nil && s.Org == "":
		return s.database(ctx, version)
	case major == "2", notNumber != nil:
		return s.bucket(ctx, version)
	}
	return nil, fmt.Errorf("the server is InfluxDB %s; a place is made in 1.8 and 2 alone, make it by hand in others", version)
}

// client is a client for a few requests.
func (s Setup) client() (*http.Client, error) {
	trusts, err := trust.Config(s.CAFile)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: trusts}
	return &http.Client{Transport: t, Timeout: 30 * time.Second}, nil
}

// do makes a request and reads the answer, JSON, into into where that is not nil.
func (s Setup) do(ctx context.Context, method, path string, header http.Header, body []byte, into any) (http.Header, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	a, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if a.StatusCode/100 != 2 {
		return nil, &statusError{a.StatusCode, said(text)}
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("what came is not InfluxDB's answer: %w", err)
		}
	}
	return a.Header, nil
}

// statusError is a refusal.
type statusError struct {
	status int
	says   string
}

func (e *statusError) Error() string {
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the server refuses the administrator (%s)", e.says)
	}
	return fmt.Sprintf("the server answers %d: %s", e.status, e.says)
}

// said is what a server gives as the reason.
func said(text []byte) string {
	var reason struct{ Error, Message string }
	if json.Unmarshal(text, &reason) == nil {
		if reason.Message != "" {
			return reason.Message
		}
		if reason.Error != "" {
			return reason.Error
		}
	}
	return fmt.Sprintf("%.200s", text)
}

// version is what the server says of itself.
func (s Setup) version(ctx context.Context) (string, error) {
	h, err := s.do(ctx, http.MethodGet, "/ping", nil, nil, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.URL, err)
	}
	version := h.Get("X-Influxdb-Version")
	if version == "" {
		return "", fmt.Errorf("%s does not say that it is InfluxDB; check the address", s.URL)
	}
	return version, nil
}

// database makes database, retention policy and user of 1.8.
func (s Setup) database(ctx context.Context, version string) ([]string, error) {
	name, policy, _ := strings.Cut(s.Bucket, "/")
	if name == "" || policy == "" {
		return nil, fmt.Errorf("the server is InfluxDB %s: bucket must be database/retention policy, such as keeplit/autogen", version)
	}
	keep := "INF"
	if s.Keep > 0 {
		keep = fmt.Sprintf("%dm", int64(s.Keep/time.Minute))
	}
	if err := s.query(ctx, "CREATE DATABASE "+identifier(name)); err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	done := []string{"database " + name}
	says := fmt.Sprintf("retention policy %s: %s", policy, keepWords(s.Keep))
	err := s.query(ctx, fmt.Sprintf("CREATE RETENTION POLICY %s ON %s DURATION %s REPLICATION 1 DEFAULT", identifier(policy), identifier(name), keep))
	if there := err != nil && strings.Contains(err.Error(), "already exists"); there && s.Keep == 0 {
		err, says = nil, fmt.Sprintf("retention policy %s, as it was", policy)
	} else if there {
		err = s.query(ctx, fmt.Sprintf("ALTER RETENTION POLICY %s ON %s DURATION %s DEFAULT", identifier(policy), identifier(name), keep))
	}
	if err != nil {
		return done, fmt.Errorf("retention policy %s: %w", policy, err)
	}
	done = append(done, says)
	user, password, ok := strings.Cut(s.Token, ":")
	if !ok || user == "" || s.Token == s.Admin {
		return done, nil
	}
	if err := s.query(ctx, fmt.Sprintf("CREATE USER %s WITH PASSWORD %s", identifier(user), literal(password))); err != nil && !strings.Contains(err.Error(), "already exists") {
		return done, fmt.Errorf("user %s: %w", user, err)
	}
	if err := s.query(ctx, fmt.Sprintf("GRANT WRITE ON %s TO %s", identifier(name), identifier(user))); err != nil {
		return done, fmt.Errorf("user %s: %w", user, err)
	}
	return append(done, fmt.Sprintf("user %s, who may write to %s", user, name)), nil
}

// identifier and literal are quoted as InfluxQL has them.
func identifier(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

func literal(text string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + `'`
}

func keepWords(keep time.Duration) string {
	if keep <= 0 {
		return "points are kept for ever"
	}
	return fmt.Sprintf("points are kept for %d days", int64(keep/(24*time.Hour)))
}

// query asks in InfluxQL.  The password of a user stands in the body alone, not in an address that is logged.
func (s Setup) query(ctx context.Context, q string) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	if user, password, ok := strings.Cut(s.Admin, ":"); ok {
		r := http.Request{Header: header}
		r.SetBasicAuth(user, password)
	}
	var answer struct {
		Error   string
		Results []struct{ Error string }
	}
	if _, err := s.do(ctx, http.MethodPost, "/query", header, []byte(url.Values{"q": {q}}.Encode()), &answer); err != nil {
		return err
	}
	for _, r := range answer.Results {
		answer.Error = strings.TrimSpace(answer.Error + " " + r.Error)
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

// bucket makes bucket and mapping of 2.
func (s Setup) bucket(ctx context.Context, version string) ([]string, error) {
	if s.Org == "" {
		return nil, fmt.Errorf("the server is InfluxDB %s: org is missing", version)
	}
	if s.Admin == "" {
		return nil, fmt.Errorf("the server is InfluxDB %s: it needs a token that may make buckets", version)
	}
	header := http.Header{"Authorization": {"Token " + s.Admin}, "Content-Type": {"application/json"}}
	var orgs struct{ Orgs []struct{ ID, Name string } }
	if _, err := s.do(ctx, http.MethodGet, "/api/v2/orgs?"+url.Values{"org": {s.Org}}.Encode(), header, nil, &orgs); err != nil {
		return nil, fmt.Errorf("organisation %s: %w", s.Org, err)
	}
	if len(orgs.Orgs) == 0 {
		return nil, fmt.Errorf("there is no organisation %q", s.Org)
	}
	org := orgs.Orgs[0].ID
	type rule struct {
		Type    string `json:"type"`
		Seconds int64  `json:"everySeconds"`
	}
	type bucket struct {
		ID    string `json:"id,omitempty"`
		Org   string `json:"orgID,omitempty"`
		Name  string `json:"name"`
		Rules []rule `json:"retentionRules"`
	}
	want := bucket{Org: org, Name: s.Bucket, Rules: []rule{}}
	if s.Keep > 0 {
		want.Rules = []rule{{"expire", int64(s.Keep / time.Second)}}
	}
	var found struct{ Buckets []bucket }
	var refusal *statusError
	if _, err := s.do(ctx, http.MethodGet, "/api/v2/buckets?"+url.Values{"name": {s.Bucket}, "orgID": {org}}.Encode(), header, nil, &found); err != nil &&
		(!errors.As(err, &refusal) || refusal.status != http.StatusNotFound) {
		return nil, fmt.Errorf("bucket %s: %w", s.Bucket, err)
	}
	method, path, made, says := http.MethodPost, "/api/v2/buckets", bucket{}, fmt.Sprintf("bucket %s: %s", s.Bucket, keepWords(s.Keep))
	if len(found.Buckets) > 0 {
		made = found.Buckets[0]
		method, path, want.Org = http.MethodPatch, "/api/v2/buckets/"+url.PathEscape(made.ID), ""
	}
	if made.ID != "" && s.Keep == 0 {
		says = fmt.Sprintf("bucket %s, as it was", s.Bucket)
	} else {
		body, err := json.Marshal(want)
		if err != nil {
			return nil, err
		}
		if _, err := s.do(ctx, method, path, header, body, &made); err != nil {
			return nil, fmt.Errorf("bucket %s: %w", s.Bucket, err)
		}
	}
	id, done := made.ID, []string{says}
	if err := s.mapping(ctx, header, org, id); err != nil {
		return done, fmt.Errorf("the mapping for InfluxQL: %w", err)
	}
	return append(done, fmt.Sprintf("database %s in InfluxQL is bucket %s", s.Bucket, s.Bucket)), nil
}

// mapping makes a bucket a database, which is what InfluxQL asks.
func (s Setup) mapping(ctx context.Context, header http.Header, org, bucket string) error {
	var found struct {
		Content []struct {
			Bucket string `json:"bucketID"`
		}
	}
	if _, err := s.do(ctx, http.MethodGet, "/api/v2/dbrps?"+url.Values{"orgID": {org}, "db": {s.Bucket}}.Encode(), header, nil, &found); err != nil {
		return err
	}
	for _, m := range found.Content {
		if m.Bucket == bucket {
			return nil
		}
	}
	body, err := json.Marshal(map[string]any{"bucketID": bucket, "database": s.Bucket, "retention_policy": "autogen", "default": true, "orgID": org})
	if err != nil {
		return err
	}
	_, err = s.do(ctx, http.MethodPost, "/api/v2/dbrps", header, body, nil)
	return err
}
