package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/backup"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
)

// asked is a request of the API with a PIN or a token, and what is answered.
func (h *home) asked(method, path, key, body string) (int, string) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if r.Header.Set("Authorization", "Bearer "+key); strings.HasPrefix(path, "/settings/") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := http.DefaultTransport.RoundTrip(r) // a redirect is an answer
	if err != nil {
		h.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		h.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// What the page sets is kept, obeyed by the next start, and told by "agent check"; what the
// owner writes into the configuration afterwards holds again.
func TestWhatIsSetOnThePageHoldsAtTheNextStart(t *testing.T) {
	h := aHome(t, "")
	h.end()
	first, err := web.HashPIN("1111")
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Web.PIN = first
	h.start()
	code, body := h.asked("POST", "/api/v1/programs", "1111", `{"name":"Node-RED","scopes":["read","settings"]}`)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	if code, body := h.asked("POST", "/api/v1/settings", made.Token, `{"language":"de","reading":"closed"}`); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := h.asked("POST", "/settings/pin", "", url.Values{"old": {"1111"}, "new": {"246810"}, "again": {"246810"}}.Encode()); code != http.StatusSeeOther {
		t.Errorf("the PIN's change: %d", code)
	}
	programs := func(pin string, want int) {
		t.Helper()
		if code, body := h.asked("GET", "/api/v1/programs", pin, ""); code != want {
			t.Errorf("with %s: %d, not %d: %s", pin, code, want, body)
		}
	}
	h.end()
	if got := setOnThePage(h.cfg); len(got) != 3 || got[0] != "note: web.pin is as it was set on the page, until something else is written here" {
		t.Errorf("agent check: %q", got)
	}
	if got := service.AsSet(h.cfg); got.Err != nil || got.Config.Web.Open() || got.Config.Site.Language != "de" {
		t.Errorf("%v %v %s", got.Err, got.Config.Web.Open(), got.Config.Site.Language)
	}
	h.start()
	// This home's page is open, so the PIN is only asked for by what says so: the change of the PIN.
	if code, body := h.asked("GET", "/api/v1/settings", made.Token, ""); code != http.StatusOK || !strings.Contains(body, `"language":"de","reading":"closed"`) {
		t.Errorf("%d %s", code, body)
	}
	events, err := h.s.Records().LastEvents(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		if e.Code == "setting_changed" {
			told = append(told, e.Text)
		}
	}
	slices.Reverse(told)
	if want := []string{"Node-RED let in (read, settings), by a program", "reading: closed, by a program: Node-RED", "language: de, by a program: Node-RED", "a new PIN, by the page, 127.0.0.1"}; !slices.Equal(told, want) {
		t.Errorf("the record: %q", told)
	}
	h.end()

	h.cfg.Web.PIN = "" // no PIN any more: reading that was closed on the page must not keep the agent from starting
	if set := service.AsSet(h.cfg); set.Config.Web.PIN != "" || !set.Config.Web.Open() || set.Err == nil {
		t.Errorf("without a PIN: %+v", set.Config.Web)
	}
	h.start()
	h.end()
	h.cfg.Web.PIN = first
	if got := service.AsSet(h.cfg).Config.Web.PIN; got != first {
		t.Error("a PIN that was set before the owner took it out of the configuration is back")
	}
	forgotten, err := web.HashPIN("3333")
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Web.PIN = forgotten
	if got := service.AsSet(h.cfg).Config.Web.PIN; got != forgotten {
		t.Error("a PIN that the owner has written anew does not hold")
	}
	if err := os.WriteFile(filepath.Join(h.cfg.Data, settings.File), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := setOnThePage(h.cfg); len(got) != 1 || !strings.Contains(got[0], "does not hold") {
		t.Errorf("agent check: %q", got)
	}
	h.start() // what is damaged beside the records keeps nobody's light off
	programs("3333", http.StatusOK)
}

// The page gives to who has signed in what "agent backup" writes, with the site's own files under a passphrase, and
// leaves nothing of it on the box.
func TestThePageGivesTheBackupThatTheCommandWrites(t *testing.T) {
	h := aHome(t, "")
	h.end()
	var err error
	if h.cfg.Web.PIN, err = web.HashPIN("1111"); err != nil {
		t.Fatal(err)
	}
	h.file = filepath.Join(t.TempDir(), "keeplit.yaml")
	if err := os.WriteFile(h.file, []byte("# the configuration\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What a backup left that a power cut broke off.
	if err := os.Mkdir(filepath.Join(h.cfg.Data, ".page-backup-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.pass(time.Hour)
	if code, _ := h.asked("POST", "/api/v1/programs", "1111", `{"name":"a","scopes":["read"]}`); code != http.StatusOK {
		t.Fatal(code)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, step := range []struct{ path, form string }{{"/signin", "pin=1111&next=/settings"}, {"/settings/backup", "passphrase=long+enough&again=long+enough"}} {
		a, err := browser.Post(h.url+step.path, "application/x-www-form-urlencoded", strings.NewReader(step.form)) //nolint:noctx // the test ends the page
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(a.Body)
		if err = errors.Join(err, a.Body.Close()); err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v", step.path, a.StatusCode, err)
		}
		if step.path == "/signin" {
			continue
		}
		r, err := backup.Open(bytes.NewReader(text), "long enough")
		if err != nil {
			t.Fatalf("%v: %.200s", err, text)
		}
		if files, err := r.Files(); err != nil || !r.Sealed || r.Manifest.Head.Seq == 0 || !strings.Contains(string(files["site.settings"]), `"name": "a"`) {
			t.Errorf("%v %+v", err, r.Manifest)
		}
	}
	if left, err := filepath.Glob(filepath.Join(h.cfg.Data, ".page-backup-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

// An appliance's hours and how much it matters are set on the page: what cannot be is refused in the words of
// "agent check", and what can holds at the next start, for the agent and for its planner, until it is taken back.
func TestAnAppliancesHoursAreSetOnThePage(t *testing.T) {
	h := aHome(t, "")
	h.end()
	pin, err := web.HashPIN("1111")
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Web.PIN = pin
	at := slices.IndexFunc(h.cfg.Loads, func(d loads.Document) bool { return d.Need != nil })
	if at < 0 {
		t.Fatal("this home has no load with hours")
	}
	id := h.cfg.Loads[at].ID
	h.start()
	set := func(path string, values url.Values) (int, string) {
		t.Helper()
		values.Set("id", id)
		return h.asked("POST", path, "1111", values.Encode())
	}
	good := url.Values{"hours": {"21:00-06:00, 12:00\u201314:00"}, "ready": {"06:30"}, "class": {"can_wait"}, "order": {"3"}, "use": {"1"}}
	for name, c := range map[string]struct{ key, value, says string }{
		"no time":          {"hours", "25:00-26:00", "25:00"},
		"no stretch":       {"hours", "all night", "is not a stretch of the day: write it as 22:00-06:00"},
		"an empty stretch": {"hours", "22:00-22:00", "is empty: for the whole day write 00:00-24:00"},
		"no order":         {"order", "first", "is not a place in an order"},
		"too great":        {"order", "1001", "1001 is not a place in an order"},
		"no class":         {"class", "vital", "is not how much a load matters"},
		"no ready":         {"ready", "soon", "soon"},
	} {
		values := url.Values{}
		for k, v := range good {
			values[k] = v
		}
		values.Set(c.key, c.value)
		if code, body := set("/settings/loads", values); code != http.StatusUnprocessableEntity || !strings.Contains(html.UnescapeString(body), c.says) {
			t.Errorf("%s: %d, and not said: %s", name, code, c.says)
		}
		if got := service.AsSet(h.cfg); len(got.Laid) != 0 {
			t.Errorf("%s: %v is kept", name, got.Laid)
		}
	}
	if code, body := set("/settings/loads", good); code != http.StatusSeeOther {
		t.Fatalf("%d %.300s", code, body)
	}
	if got := setOnThePage(h.cfg); len(got) != 1 || !strings.Contains(got[0], "loads."+id+" is as it was set on the page") {
		t.Errorf("agent check: %q", got)
	}
	d := service.AsSet(h.cfg).Config.Loads[at]
	if len(d.Need.Between) != 2 || d.Need.Between[0].String() != "21:00-06:00" || d.Need.Between[1].String() != "12:00-14:00" || d.ReadyBy.String() != "06:30" || d.Class != "can_wait" || d.Order != 3 || !d.InUse() {
		t.Errorf("%+v", d)
	}
	h.end()
	h.start()
	for _, l := range h.s.Site().Loads {
		if l.ID == id && (l.Class != loads.CanWait || l.Order != 3) {
			t.Errorf("after a start it is %s, %d", l.Class, l.Order)
		}
	}
	if code, _ := set("/settings/loads/undo", url.Values{}); code != http.StatusSeeOther {
		t.Errorf("taking it back: %d", code)
	}
	if got := service.AsSet(h.cfg); len(got.Laid) != 0 || got.Err != nil {
		t.Errorf("%v %v", got.Laid, got.Err)
	}
	events, err := h.s.Records().LastEvents(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		if e.Code == "setting_changed" {
			told = append(told, e.Text)
		}
	}
	if len(told) != 2 || !strings.Contains(told[1], ": hours 21:00-06:00") || !strings.Contains(told[1], "can wait; number 3 among") || !strings.Contains(told[0], "as the configuration has it") {
		t.Errorf("the record: %q", told)
	}
}

// Of two ways to switch one appliance the other one is taken on the page: what holds only with what was set of
// another load holds at the next start, whichever of them stands first.
func TestTheOtherWayToSwitchAnApplianceIsTakenOnThePage(t *testing.T) {
	for _, ids := range [][2]string{{"own", "other"}, {"other", "own"}} {
		text := "site: {id: home, meter: \"1\", zone: UTC}\nmeter: {driver: modbus, modbus: {model: sdm230, port: /dev/ttyUSB0}}\n" +
			"tariff: {catalogue: za-eskom-homelight-20a}\ntokens: {openpaygo: {key: {env: KEY}, starting_code: 1}}\nloads:\n"
		for _, id := range ids {
			text += "  - {id: " + id + ", power: 1 kW, enabled: " + strconv.FormatBool(id == "own") + ", switch: {driver: http, kind: shelly, url: \"http://plug.local\"}}\n"
		}
		cfg, faults := config.Parse([]byte(text), t.TempDir(), config.Secrets{
			Getenv: func(string) string { return "bc41ec9530f6dac86b1a29ab82edc5fb" },
		}, drivers.All())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if err := os.MkdirAll(cfg.Path(cfg.Data), 0o700); err != nil {
			t.Fatal(err)
		}
		set := service.AsSet(cfg)
		for id, out := range map[string]bool{"own": true, "other": false} {
			k := settings.Load(id)
			value := strings.Replace(set.Written[k], `"out":`+strconv.FormatBool(!out), `"out":`+strconv.FormatBool(out), 1)
			if err := set.Book.Set(k, set.Written[k], value); value == set.Written[k] || err != nil {
				t.Fatalf("%s: %v", value, err)
			}
		}
		set = service.AsSet(cfg)
		if set.Err != nil || len(set.Laid) != 2 {
			t.Errorf("%v: %v, %v", ids, set.Laid, set.Err)
		}
		for _, d := range set.Config.Loads {
			if d.InUse() != (d.ID == "other") {
				t.Errorf("%v: %s is in use: %v", ids, d.ID, d.InUse())
			}
		}
	}
}
