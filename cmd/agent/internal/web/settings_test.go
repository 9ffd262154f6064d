package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api/apitest"
	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
)

// known signs the site's browser in.
func (x *site) known() {
	x.t.Helper()
	if a := x.form("/signin", "pin", testPIN, "next", "/settings"); a.StatusCode != http.StatusSeeOther {
		x.t.Fatalf("sign-in: %d", a.StatusCode)
	}
}

// set does what a form of the page of settings does, and answers what the page says of it.
func (x *site) set(path string, pairs ...string) string {
	x.t.Helper()
	if a := x.form("/settings/"+path, pairs...); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/settings") {
		x.t.Fatalf("%s: %d to %q", path, a.StatusCode, a.Header.Get("Location"))
	}
	return x.get("/settings").body
}

func (x *site) says(page string, want ...string) {
	x.t.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			at := strings.Index(page, `id="notice"`)
			x.t.Errorf("%q is not said: %.400s", w, page[max(at, 0):])
		}
	}
}

func TestThePageOfSettingsIsForThoseWhoMayChangeThings(t *testing.T) {
	x := newSite(t, nil)
	if a := x.get("/settings"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/signin?next=/settings" {
		t.Errorf("a guest: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
	for _, path := range []string{"pin", "backup", "programs", "programs/withdraw", "language", "reading", "alerts", "examine"} {
		a := x.form("/settings/"+path, "old", testPIN, "new", "13579", "again", "13579", "reading", "open", "language", "sw", "name", "a", "scope", "read")
		if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/signin") {
			t.Errorf("a guest's %s: %d to %s", path, a.StatusCode, a.Header.Get("Location"))
		}
		if kept := strings.Join(a.Header.Values("Set-Cookie"), " "); slices.Contains([]string{"pin", "backup", "programs"}, path) && strings.Contains(kept, pressedCookie) {
			t.Errorf("%s: the browser keeps what may be a secret: %s", path, kept)
		}
		if a := x.do("POST", "/settings/"+path, "", "Sec-Fetch-Site", "cross-site"); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, a.StatusCode)
		}
	}
	if box := x.s.cfg.Box.(*fakeBox); len(box.changed()) > 0 || len(box.sent) > 0 || len(x.s.cfg.Set.Programs()) > 0 {
		t.Errorf("%v, %v", box.changed(), box.sent)
	}
	x.known()
	page := x.get("/settings").body
	x.says(page, "my phone", "Told of what is urgent", "22:00-06:00", "Pool pump", "/etc/keeplit/keeplit.yaml", "No program has a token.", "agent restore keeplit.backup", "Run now</b> · <span class=\"muted\">Geyser: run by api: Home Assistant", "Node-RED let in (read, control)")
	if strings.Contains(page, "voltage_sag") {
		t.Error("what nobody changed is among the changes")
	}
}

func TestThePINIsChangedByWhoKnowsTheOldOneAndNobodyIsLockedOut(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	other := newBrowser(t, x)
	other.known()
	for want, pins := range map[string][3]string{
		"The two new PINs differ":  {testPIN, "135790", "135791"},
		"A PIN is 4 to 32 digits":  {testPIN, "123", "123"},
		"That PIN is wrong":        {"1111", "135790", "135790"},
		"No PIN of letters either": {testPIN, "abcdef", "abcdef"},
	} {
		if want == "No PIN of letters either" {
			want = "A PIN is 4 to 32 digits"
		}
		x.says(x.set("pin", "old", pins[0], "new", pins[1], "again", pins[2]), want, "The old PIN still holds.")
	}
	if a := x.json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer "+testPIN); a.StatusCode != http.StatusNoContent {
		t.Errorf("the old PIN after refusals: %d", a.StatusCode)
	}
	// What cannot be kept does not hold.
	path := x.s.cfg.Set
	broken, err := settings.Open(filepath.Join(t.TempDir(), "none", settings.File))
	if err != nil {
		t.Fatal(err)
	}
	x.s.cfg.Set = broken
	x.says(x.set("pin", "old", testPIN, "new", "135790", "again", "135790"), "That could not be done now")
	if a := newBrowser(t, x).json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer "+testPIN); a.StatusCode != http.StatusNoContent {
		t.Errorf("the old PIN after a full disk: %d", a.StatusCode)
	}
	x.s.cfg.Set = path

	x.says(x.set("pin", "old", testPIN, "new", "135790", "again", "135790"), "The new PIN holds", "Everybody else is signed out.")
	if a := other.get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("another browser is still signed in: %d", a.StatusCode)
	}
	guest := newBrowser(t, x)
	guest.want(guest.json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer "+testPIN), 401, "pin_wrong")
	guest.want(guest.json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer 135790"), 204)
	if got := x.s.cfg.Set.Of(settings.PIN, testHash()); got == testHash() || CheckPIN(got) != nil || strings.Contains(got, "135790") {
		t.Errorf("what is kept: %s", got)
	}
	if got := x.s.cfg.Box.(*fakeBox).changed(); len(got) != 1 || got[0] != "a new PIN, by the page, 127.0.0.1" {
		t.Errorf("the record: %q", got)
	}
}

// Who holds a request open while the PIN is changed is signed out as everybody else: the request
// keeps its session again when it ends.
func TestARequestUnderWayDoesNotOutliveAChangeOfThePIN(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	thief := newBrowser(t, x)
	thief.known()
	body, more := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.url+"/settings/reading", body)
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			var resp *http.Response
			if resp, err = thief.c.Do(req); err == nil {
				err = resp.Body.Close()
			}
		}
		answered <- err
	}()
	if _, err := io.WriteString(more, "reading="); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); x.s.active.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // its session is looked up by then
	x.says(x.set("pin", "old", testPIN, "new", "135790", "again", "135790"), "The new PIN holds")
	if _, err := io.WriteString(more, "open"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(more.Close(), <-answered); err != nil {
		t.Fatal(err)
	}
	if a := thief.get("/settings"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the other browser is signed in again: %d", a.StatusCode)
	}
	if a := x.get("/settings"); a.StatusCode != http.StatusOK {
		t.Errorf("who has changed it is not signed in: %d", a.StatusCode)
	}
}

// Of two who change the PIN at once one does; the other no longer knows the old one.
func TestOfTwoChangesOfThePINAtOnceOneHolds(t *testing.T) {
	x := newSite(t, nil)
	var said [2]string
	var both sync.WaitGroup
	for i, pin := range []string{"135790", "246801"} {
		b := newBrowser(t, x)
		b.known()
		both.Go(func() {
			b.form("/settings/pin", "old", testPIN, "new", pin, "again", pin)
			said[i] = b.get("/settings").Status
		})
	}
	both.Wait()
	kept, holds := x.s.cfg.Set.Of(settings.PIN, x.s.cfg.Written[settings.PIN]), 0
	for _, pin := range []string{"135790", "246801"} {
		h, err := parsePINHash(kept)
		if err != nil {
			t.Fatal(err)
		}
		if code := newBrowser(t, x).json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer "+pin).StatusCode; (code == http.StatusNoContent) != h.matches(pin) {
			t.Errorf("%s: %d now, and on the disk it is %v", pin, code, h.matches(pin))
		}
		if h.matches(pin) {
			holds++
		}
	}
	if slices.Sort(said[:]); holds != 1 || said[0] != "200 OK" || said[1] != "303 See Other" {
		t.Errorf("%d hold; %q", holds, said)
	}
}

// What was found right with a stream's request opens reading only while it is so.
func TestAStreamKnowsThePINOfItsTurnAlone(t *testing.T) {
	x := newSite(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/events", nil)
	r.Header.Set("Authorization", "Bearer 1111")
	var seen *http.Request
	ask := x.s.api(settings.Read, func(_ http.ResponseWriter, r *http.Request) { seen = r })
	ask(httptest.NewRecorder(), r) // reading is open: nobody has looked at it
	if seen == nil || x.s.lets(seen) {
		t.Error("a PIN that nobody looked at, because reading was open, opens it once it is closed")
	}
	x.known()
	x.says(x.set("reading", "reading", "closed"))
	r.Header.Set("Authorization", "Bearer "+testPIN)
	ask(httptest.NewRecorder(), r)
	if !x.s.lets(seen) {
		t.Error("the right PIN does not last")
	}
	x.says(x.set("pin", "old", testPIN, "new", "135790", "again", "135790"), "The new PIN holds")
	if x.s.lets(seen) {
		t.Error("the old PIN opens reading after another is set")
	}
}

func TestGuessingTheOldPINOnThePageOfSettingsIsAsSlowAsElsewhere(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenChanges = true })
	said := ""
	for range freeTries {
		said = x.set("pin", "old", "1111", "new", "135790", "again", "135790")
	}
	x.says(said, "Too many wrong PINs")
	x.says(x.set("pin", "old", testPIN, "new", "135790", "again", "135790"), "Too many wrong PINs", "The old PIN still holds.")
}

func TestReadingIsOpenedAndClosed(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	guest := newBrowser(t, x)
	x.says(x.set("reading", "reading", "closed"), "Looking needs the PIN now.")
	if a := guest.get("/"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("closed, and a guest reads: %d", a.StatusCode)
	}
	guest.want(guest.get("/api/v1/view"), 401, "pin_needed")
	x.says(x.set("reading", "reading", "open"), "Anybody on the home")
	if a := guest.get("/"); a.StatusCode != http.StatusOK {
		t.Errorf("open: %d", a.StatusCode)
	}
	if got := x.s.cfg.Set.Of(settings.Reading, "open"); got != "open" {
		t.Error(got)
	}
	x.says(x.set("reading", "reading", "ajar"), "That could not be done now")

	bare := newSite(t, func(c *Config) { c.PINHash, c.OpenChanges = "", true })
	bare.says(bare.set("reading", "reading", "closed"), "Without a PIN this stays open")
	if page := bare.get("/settings").body; !strings.Contains(page, "whoever sees this page can change things here") || strings.Contains(page, "nothing can be changed here") {
		t.Error("it is changed without a PIN, and the page says that it cannot be")
	}
}

func TestTheSitesLanguageIsThatOfWhoHasChosenNone(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	guest := newBrowser(t, x)
	x.set("language", "language", "de")
	if a := guest.get("/"); !strings.Contains(a.body, `<html lang="de"`) {
		t.Errorf("%.200s", a.body)
	}
	if a := guest.get("/", "Accept-Language", "sw"); !strings.Contains(a.body, `<html lang="sw"`) {
		t.Errorf("what the browser asks for comes first: %.200s", a.body)
	}
	if got := x.s.cfg.Set.Of(settings.Language, "en"); got != "de" {
		t.Error(got)
	}
	x.set("language", "language", "xx")
	if got := x.s.cfg.Set.Of(settings.Language, "en"); got != "de" {
		t.Errorf("a language that there is not: %s", got)
	}
}

func TestATestAlertReallyIsSent(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	box := x.s.cfg.Box.(*fakeBox)
	x.says(x.set("alerts", "to", "my phone"), "The test is sent", "my phone: sent.")
	x.says(x.set("alerts"), "A test could not be sent", "the landlady: 535 5.7.8", "my phone: sent.")
	x.says(x.set("alerts", "to", "nobody"), "That is not there any more")
	if !slices.Equal(box.sent, []string{"my phone", "my phone"}) {
		t.Errorf("%v", box.sent)
	}
}

func TestABackupGoesToWhoHasSignedInAndIsGoneFromTheBox(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenChanges = true })
	x.says(x.set("backup"), "Only who has signed in with the PIN can download one.")
	x.known()
	x.says(x.set("backup", "passphrase", "long enough", "again", "another"), "The two passphrases differ")
	x.says(x.set("backup", "passphrase", "short", "again", "short"), "A passphrase has 8 characters or more")
	x.says(x.set("backup", "passphrase", "cannot be done", "again", "cannot be done"), "No backup could be made", "the ledger is not sound")
	a := x.form("/settings/backup", "passphrase", "long enough", "again", "long enough")
	if a.StatusCode != http.StatusOK || a.body != "a backup under long enough" || !strings.Contains(a.Header.Get("Content-Disposition"), `attachment; filename="keeplit-`) || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", a.StatusCode, a.body, a.Header)
	}
	if left, err := os.ReadDir(x.s.cfg.Box.(*fakeBox).dir); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == "made" }) {
		t.Errorf("%v is left: %v", left, err)
	}
}

func TestTheBoxIsLookedAtWhenSomebodyAsks(t *testing.T) {
	x := newSite(t, nil)
	x.known()
	a := x.form("/settings/examine")
	x.want(a, http.StatusOK, "9 MiB are left", "free some room", "no time server keeps the clock")
}

// A program may do what its scopes say, each request of the API names the one that it needs, and
// where it lacks that, the refusal does.
func TestAProgramMayDoWhatItsScopesSay(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenReading = false })
	x.known()
	tokens := map[string]string{}
	for _, scope := range settings.Scopes() {
		page := x.set("programs", "name", "only "+string(scope), "scope", string(scope))
		_, rest, _ := strings.Cut(page, `id="new-token" dir="ltr">`)
		token, _, _ := strings.Cut(rest, "<")
		if !settings.IsToken(token) {
			t.Fatalf("%s: no token on the page: %.300s", scope, rest)
		}
		if again := x.get("/settings").body; strings.Contains(again, token) {
			t.Errorf("%s: the token is shown twice", scope)
		}
		tokens[string(scope)] = token
	}
	guest := newBrowser(t, x)
	checked := 0
	for _, o := range apitest.Operations() {
		if o.Scope() == "" || o.Stream {
			continue
		}
		path := strings.NewReplacer("{id}", "geyser", "{action}", "auto", "{n}", "1", "{code}", "influx-unreachable", "{name}", "nobody").Replace(o.Path)
		body := ""
		if o.Takes != nil {
			body = "{}"
		}
		for scope, token := range tokens {
			a := guest.do(o.Method, path, body, "Authorization", "Bearer "+token, "Accept", openapi.ProblemType)
			checked++
			var p struct {
				Error struct{ Code string }
				Scope string
			}
			if a.StatusCode >= 400 {
				if err := json.Unmarshal([]byte(a.body), &p); err != nil {
					t.Errorf("%s %s: %v", o.Method, path, err)
				}
			}
			switch refused := p.Error.Code == "scope" || p.Error.Code == "pin_needed"; {
			case scope == o.Scope() && refused, scope != o.Scope() && !refused:
				t.Errorf("%s %s, which needs %s, with the scope %s: %d %.200s", o.Method, path, o.Scope(), scope, a.StatusCode, a.body)
			case refused && o.Scope() != apitest.ByPIN && (a.StatusCode != http.StatusForbidden || p.Scope != o.Scope() || a.Header.Get("Content-Type") != openapi.ProblemType || !strings.Contains(a.Header.Get("WWW-Authenticate"), `scope="`+o.Scope()+`"`)):
				t.Errorf("%s %s: the refusal: %d %v %s", o.Method, path, a.StatusCode, a.Header, a.body)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d requests were tried", checked)
	}
	// The command is known by the program's name.
	if a := guest.do("POST", "/api/v1/until", `{"until":"Fri 18:00"}`, "Authorization", "Bearer "+tokens["control"]); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if got := x.f.called(); got[len(got)-1] != "until Fri 18:00 by api: only control" {
		t.Errorf("%q", got[len(got)-1])
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", x.url+"/api/v1/view", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("anyone", tokens["read"])
	if res, err := guest.c.Do(r); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("as a password: %v %v", res, err)
	}
	x.says(x.set("programs/withdraw", "name", "only read"), "The token of only read is withdrawn")
	guest.want(guest.get("/api/v1/view", "Authorization", "Bearer "+tokens["read"]), 401, "token_wrong")
	for _, said := range x.s.cfg.Box.(*fakeBox).changed() {
		for _, token := range tokens {
			if strings.Contains(said, token) {
				t.Errorf("a token is on record: %s", said)
			}
		}
	}
}

func TestGuessingTokensIsAsSlowAsGuessingThePINAndDoesNotKeepTheOwnerOut(t *testing.T) {
	x := newSite(t, nil)
	token, err := x.s.cfg.Set.LetIn("a", []settings.Scope{settings.Read, settings.Control}, fakeNow)
	if err != nil {
		t.Fatal(err)
	}
	for i := range freeTries - 1 {
		x.want(x.get("/api/v1/view", "Authorization", fmt.Sprintf("Bearer keeplit_GUESS%d", i)), 401, "token_wrong")
	}
	x.want(x.get("/api/v1/view", "Authorization", "Bearer keeplit_GUESS"), 429, "pin_wait")
	a := x.get("/api/v1/view", "Authorization", "Bearer keeplit_GUESS")
	x.want(a, 429, "pin_wait")
	if a.Header.Get("Retry-After") == "" {
		t.Error("it is not said how long")
	}
	// Another program on the same machine has one that was withdrawn: that is no fault of this one.
	x.want(x.get("/api/v1/view", "Authorization", "Bearer "+token), 200)
	x.want(x.get("/api/v1/view", "Authorization", "Bearer keeplit_GUESS"), 429, "pin_wait")
	x.want(x.json("/api/v1/loads/geyser/run", nil, "Authorization", "Bearer "+testPIN), 204)
	x.want(x.get("/api/v1/view"), 200) // reading is open to who shows nothing
}

func TestProgramsAreLetInByTheAPI(t *testing.T) {
	x := newSite(t, nil)
	pin := []string{"Authorization", "Bearer " + testPIN}
	x.want(x.json("/api/v1/programs", map[string]any{"name": "a", "scopes": []string{"read"}}), 401, "pin_needed")
	x.want(x.json("/api/v1/programs", map[string]any{"name": "a", "scopes": []string{"everything"}}, pin...), 400, "Tick what the program may do")
	a := x.json("/api/v1/programs", map[string]any{"name": "Node-RED", "scopes": []string{"read", "settings"}}, pin...)
	x.want(a, 200, `"token":"keeplit_`)
	x.want(x.json("/api/v1/programs", map[string]any{"name": "node-red", "scopes": []string{"read"}}, pin...), 400, "is not that of another program")
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		t.Fatal(err)
	}
	by := []string{"Authorization", "Bearer " + made.Token}
	x.want(x.get("/api/v1/programs", by...), 403, "pin_needed")
	x.want(x.json("/api/v1/programs", map[string]any{"name": "b", "scopes": []string{"control"}}, by...), 403, "pin_needed")
	x.want(x.json("/api/v1/settings", map[string]any{"language": "sw", "reading": "closed"}, by...), 200, `"language":"sw"`, `"reading":"closed"`)
	x.want(x.json("/api/v1/settings", map[string]any{"language": "klingon"}, by...), 400)
	x.want(x.json("/api/v1/settings", map[string]any{"pin": "1111"}, by...), 400)
	x.want(x.json("/api/v1/alerts/trial", map[string]any{"to": "my phone"}, by...), 200, `"sent":true`)
	x.want(x.json("/api/v1/alerts/trial", map[string]any{}, by...), 200, `"sent":false,"why":"535`)
	x.want(x.json("/api/v1/alerts/trial", map[string]any{"to": "nobody"}, by...), 404)
	x.want(x.get("/api/v1/programs", pin...), 200, `"name":"Node-RED"`, `"used":"20`)
	x.want(x.do("POST", "/api/v1/programs/"+url.PathEscape("Node-RED")+"/withdraw", "", pin...), 204)
	x.want(x.do("POST", "/api/v1/programs/Node-RED/withdraw", "", pin...), 404)
	x.want(x.get("/api/v1/settings", by...), 401, "token_wrong")
	want := []string{"Node-RED let in (read, settings), by a program", "reading: closed, by a program: Node-RED", "language: sw, by a program: Node-RED", "a test to 1, by a program: Node-RED", "a test to 2, by a program: Node-RED", "Node-RED let in no more, by a program"}
	if got := x.s.cfg.Box.(*fakeBox).changed(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
