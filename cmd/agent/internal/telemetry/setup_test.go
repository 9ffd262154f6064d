package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/testservers"
)

func TestAPlaceIsMadeInARealInflux18(t *testing.T) {
	srv := testservers.StartInflux(t)
	s := Setup{URL: srv.URL, Bucket: `homes/two "years"`, Token: `agent's:pass'word\`, Admin: srv.Token, Keep: 730 * 24 * time.Hour}
	policies := func() string {
		text := ""
		for _, series := range srv.Query(`SHOW RETENTION POLICIES ON "homes"`) {
			for _, row := range series.Values {
				text += fmt.Sprint(row[0], " ", row[1], " default ", row[len(row)-1], "\n")
			}
		}
		return text
	}
	for range 2 { // the second finds all of it
		done, err := s.Run(t.Context())
		if err != nil || len(done) != 3 {
			t.Fatal(done, err)
		}
		if p := policies(); !strings.Contains(p, `two "years" 17520h0m0s`) {
			t.Fatal(p)
		}
	}
	// The agent's own user can write what it is to write, and no more.
	agent := Setup{URL: srv.URL, Admin: s.Token}
	if err := agent.query(t.Context(), `CREATE DATABASE "more"`); err == nil {
		t.Error("the agent's user may make databases")
	}
	st, queue := outbox(t, 0)
	f := forwarder(t, srv.URL, queue, Config{Bucket: s.Bucket, Token: func() (string, error) { return s.Token, nil }})
	run(t, f)
	add(t, st, 0, 10)
	eventually(t, "the points", func() bool { return counts(t, queue).Sent == 10 })

	s.Keep = 0
	if _, err := s.Run(t.Context()); err != nil || !strings.Contains(policies(), "17520h") {
		t.Errorf("nobody said so, and now it keeps %s (%v)", policies(), err)
	}
	s.Keep = 365 * 24 * time.Hour
	if _, err := s.Run(t.Context()); err != nil || !strings.Contains(policies(), "8760h") {
		t.Errorf("it keeps %s (%v)", policies(), err)
	}
	for situation, c := range map[string]struct {
		change func(*Setup)
		says   string
	}{
		"a wrong password":                 {func(s *Setup) { s.Admin = "keeplit:wrong" }, "refuses the administrator"},
		"a bucket as of version 2":         {func(s *Setup) { s.Bucket = "homes" }, "database/retention policy"},
		"a server that is not there":       {func(s *Setup) { s.URL = "http://127.0.0.1:1" }, "connect"},
		"an administrator with few rights": {func(s *Setup) { s.Admin = s.Token }, "refuses the administrator"},
	} {
		bad := s
		c.change(&bad)
		if _, err := bad.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", situation, err)
		}
	}
}

// stand is InfluxDB 2 as its API is documented.
type stand struct {
	mu      sync.Mutex
	buckets []map[string]any
	dbrps   []map[string]any
	calls   []string
}

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Influxdb-Version", "v2.7.11")
	if r.URL.Path == "/ping" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	if r.Header.Get("Authorization") != "Token operator" {
		answer(http.StatusUnauthorized, map[string]any{"code": "unauthorized", "message": "unauthorized access"})
		return
	}
	var in map[string]any
	if body, _ := io.ReadAll(r.Body); len(body) > 0 && json.Unmarshal(body, &in) != nil {
		answer(http.StatusBadRequest, map[string]any{"code": "invalid", "message": "not JSON"})
		return
	}
	q := r.URL.Query()
	switch id, one := strings.CutPrefix(r.URL.Path, "/api/v2/buckets/"); {
	case r.URL.Path == "/api/v2/orgs" && q.Get("org") == "home":
		answer(200, map[string]any{"orgs": []any{map[string]any{"id": "0a", "name": "home"}}})
	case r.URL.Path == "/api/v2/orgs":
		answer(404, map[string]any{"code": "not found", "message": "organization name not found"})
	case r.URL.Path == "/api/v2/buckets" && r.Method == http.MethodGet:
		found := []any{}
		for _, b := range s.buckets {
			if b["name"] == q.Get("name") {
				found = append(found, b)
			}
		}
		answer(200, map[string]any{"buckets": found})
	case r.URL.Path == "/api/v2/buckets" && in["orgID"] == "0a" && in["name"] != "" && in["retentionRules"] != nil:
		in["id"] = fmt.Sprintf("b%d", len(s.buckets))
		s.buckets = append(s.buckets, in)
		answer(201, in)
	case one && r.Method == http.MethodPatch:
		for _, b := range s.buckets {
			if b["id"] == id {
				b["retentionRules"] = in["retentionRules"]
				answer(200, b)
				return
			}
		}
		answer(404, map[string]any{"code": "not found", "message": "bucket not found"})
	case r.URL.Path == "/api/v2/dbrps" && r.Method == http.MethodGet:
		found := []any{}
		for _, m := range s.dbrps {
			if m["database"] == q.Get("db") && q.Get("orgID") == "0a" {
				found = append(found, m)
			}
		}
		answer(200, map[string]any{"content": found})
	case r.URL.Path == "/api/v2/dbrps" && in["bucketID"] != nil && in["database"] != nil && in["retention_policy"] != nil:
		s.dbrps = append(s.dbrps, in)
		answer(201, in)
	default:
		answer(http.StatusBadRequest, map[string]any{"code": "invalid", "message": "no such request: " + r.Method + " " + r.URL.String()})
	}
}

func TestAPlaceIsMadeByTheDocumentedAPIOf2(t *testing.T) {
	api := &stand{}
	srv := httptest.NewServer(api)
	defer srv.Close()
	s := Setup{URL: srv.URL + "/", Org: "home", Bucket: "keeplit", Token: "agent", Admin: "operator", Keep: 90 * 24 * time.Hour}
	for range 2 {
		if done, err := s.Run(t.Context()); err != nil || len(done) != 2 {
			t.Fatal(done, err)
		}
	}
	rules := func() string { return fmt.Sprint(api.buckets[0]["retentionRules"]) }
	if len(api.buckets) != 1 || len(api.dbrps) != 1 || rules() != "[map[everySeconds:7.776e+06 type:expire]]" || api.dbrps[0]["bucketID"] != "b0" || api.dbrps[0]["database"] != "keeplit" {
		t.Errorf("%v, %v", api.buckets, api.dbrps)
	}
	s.Keep = 0
	if _, err := s.Run(t.Context()); err != nil || rules() == "[]" {
		t.Errorf("nobody said so, and now it keeps %s (%v)", rules(), err)
	}
	if n := len(slices.DeleteFunc(slices.Clone(api.calls), func(c string) bool { return c != "POST /api/v2/buckets" })); n != 1 {
		t.Errorf("the bucket was made %d times", n)
	}
	for situation, c := range map[string]struct {
		change func(*Setup)
		says   string
	}{
		"no organisation":      {func(s *Setup) { s.Org = "" }, "org is missing"},
		"another organisation": {func(s *Setup) { s.Org = "other" }, "organization name not found"},
		"no administrator":     {func(s *Setup) { s.Admin = "" }, "may make buckets"},
		"a wrong token":        {func(s *Setup) { s.Admin = "x" }, "refuses the administrator"},
	} {
		bad := s
		c.change(&bad)
		if _, err := bad.Run(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", situation, err)
		}
	}
}

func TestAServerThatIsNoneIsNamed(t *testing.T) {
	for version, says := range map[string]string{"": "does not say that it is InfluxDB", "v3.1.0": "by hand"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if version != "" {
				w.Header().Set("X-Influxdb-Version", version)
			}
		}))
		_, err := Setup{URL: srv.URL, Bucket: "a/b"}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", version, err)
		}
		srv.Close()
	}
}
