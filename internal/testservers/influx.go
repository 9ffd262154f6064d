package testservers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Influx is a real InfluxDB 1.8 with authentication and Flux, and a database.
type Influx struct {
	URL            string // http://127.0.0.1:port
	User, Password string
	Token          string // "user:password", as the v2 API of 1.8 takes it
	Bucket         string // "database/retention policy", as the v2 API of 1.8 takes it
	Database       string
	p              process
}

// StartInflux starts a server, or skips the test where there is none.
func StartInflux(t testing.TB) *Influx {
	t.Helper()
	bin := program(t, "influxd", "KEEPLIT_INFLUXD")
	dir := t.TempDir()
	i := &Influx{
		URL: fmt.Sprintf("http://127.0.0.1:%d", FreePort(t)), User: "keeplit", Password: "right-horse",
		Database: "keeplit", Bucket: "keeplit/autogen",
	}
	i.Token = i.User + ":" + i.Password
	u, err := url.Parse(i.URL)
	if err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:%d"
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[http]
  bind-address = %q
  auth-enabled = true
  flux-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
`, FreePort(t), filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), u.Host)
	file := filepath.Join(dir, "influxd.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	i.p = process{t: t, program: bin, args: []string{"-config", file}, env: []string{"HOME=" + dir}, ready: func() error {
		r, err := http.Get(i.URL + "/ping")
		if err != nil {
			return err
		}
		return r.Body.Close()
	}}
	i.p.start()
	i.must(fmt.Sprintf("CREATE USER %q WITH PASSWORD '%s' WITH ALL PRIVILEGES", i.User, i.Password))
	i.must(fmt.Sprintf("CREATE DATABASE %q", i.Database))
	return i
}

func (i *Influx) must(q string) {
	i.p.t.Helper()
	if _, err := i.query(q); err != nil {
		i.p.t.Fatal(err)
	}
}

// Series is one series of an answer.
type Series struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
}

// Query asks in InfluxQL; times come as nanoseconds since 1970 in a json.Number.
func (i *Influx) Query(q string) []Series {
	i.p.t.Helper()
	s, err := i.query(q)
	if err != nil {
		i.p.t.Fatal(err)
	}
	return s
}

// Count is the number of values of a field in a measurement.
func (i *Influx) Count(measurement, field string) int64 {
	i.p.t.Helper()
	var n int64
	for _, s := range i.Query(fmt.Sprintf("SELECT count(%q) FROM %q", field, measurement)) {
		for _, v := range s.Values {
			c, err := v[1].(json.Number).Int64() //nolint:forcetypeassert // a count is a number
			if err != nil {
				i.p.t.Fatal(err)
			}
			n += c
		}
	}
	return n
}

// Write writes a line of the line protocol, as somebody else would.
func (i *Influx) Write(line string) {
	i.p.t.Helper()
	request, err := http.NewRequest(http.MethodPost, i.URL+"/write?"+url.Values{"db": {i.Database}}.Encode(), strings.NewReader(line))
	if err != nil {
		i.p.t.Fatal(err)
	}
	request.SetBasicAuth(i.User, i.Password)
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		i.p.t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil || r.StatusCode != http.StatusNoContent {
		i.p.t.Fatalf("%s: %s %v", line, r.Status, err)
	}
}

func (i *Influx) query(q string) ([]Series, error) {
	form := url.Values{"q": {q}, "db": {i.Database}, "epoch": {"ns"}}
	request, err := http.NewRequest(http.MethodPost, i.URL+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(i.User, i.Password)
	client := http.Client{Timeout: 30 * time.Second}
	r, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []Series
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s: %w", body, err)
	}
	var out []Series
	for _, res := range answer.Results {
		if res.Error != "" {
			return nil, errors.New(q + ": " + res.Error)
		}
		out = append(out, res.Series...)
	}
	if answer.Error != "" {
		return nil, errors.New(q + ": " + answer.Error)
	}
	return out, nil
}

// Stop ends the server as a service manager does.
func (i *Influx) Stop() { i.p.end(syscall.SIGTERM) }

// Kill ends the server at once.
func (i *Influx) Kill() { i.p.end(os.Kill) }

// Start starts the server again on the same port, with what it has.
func (i *Influx) Start() { i.p.t.Helper(); i.p.start() }
