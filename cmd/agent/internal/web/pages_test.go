package web

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/sealed"
)

func TestAPasswordInAnAddressIsNotShown(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.System.Broker.Name = "mqtts://house:s3cr/et@broker.lan:8883/path"
	x.f.v.System.Telemetry.Name = "http://house:s3cret@influx.lan:8086"
	for _, p := range []string{"/system", "/api/v1/view"} {
		a := x.get(p)
		x.want(a, 200, "http://influx.lan:8086")
		if strings.Contains(a.body, "s3cr") {
			t.Errorf("%s shows a password", p)
		}
	}
}

func TestEveryTextIsThereAndUsed(t *testing.T) {
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, dir := range []string{"templates"} {
		files, err := embedded.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := embedded.ReadFile(path.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	for _, m := range regexp.MustCompile(`\{\{(?:[^{}]*?[ (])?(tn?) "([^"]+)"`).FindAllStringSubmatch(all.String(), -1) {
		key := m[2]
		if m[1] == "tn" {
			key += ".other"
		}
		if !c.Has(key) {
			t.Errorf("the pages use the text %q, which is not there", key)
		}
	}
	for _, keys := range [][]string{
		{"supply.", "connected", "disconnected", "ready", "unknown", "unswitched"},
		{"cause.", string(present.ByCredit), string(present.ByOverload), string(present.ByUtility), string(present.ByTamper), string(present.ByCustomer), string(present.ByFault)},
		{"load.state.", string(present.LoadOff), string(present.LoadWaiting), string(present.LoadRunning), string(present.LoadDone), string(present.LoadSkipped), string(present.LoadShed), string(present.LoadFault)},
		{"severity.", string(picture.Info), string(picture.Caution), string(picture.Critical)},
		{"fresh.", string(picture.Fresh), string(picture.Stale), string(picture.Silent), string(picture.Never)},
		{"load.override.", string(picture.OverrideRun), string(picture.OverrideSkip)},
	} {
		for _, k := range keys[1:] {
			if !c.Has(keys[0] + k) {
				t.Errorf("no text %s%s", keys[0], k)
			}
		}
	}
}

func TestPagesAreMadeOfKnownTexts(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.Credit.Emergency = picture.Emergency{State: picture.EmergencyInUse, Amount: 1, Left: 1, Owed: 1}
	key := regexp.MustCompile(`>\s*[a-z_]+\.[a-z_.]+\s*<`)
	brace := regexp.MustCompile(`>[^<]*\{[a-z]+\}[^<]*<`)
	for _, p := range []string{"/", "/topup", "/account", "/system", "/tariff", "/signin"} {
		body := x.get(p).body
		if m := key.FindString(body); m != "" {
			t.Errorf("%s shows the key %s", p, m)
		}
		if m := brace.FindString(body); m != "" {
			t.Errorf("%s shows an unfilled text %s", p, m)
		}
	}
}

func TestWhatHappenedIsShown(t *testing.T) {
	x := newSite(t, nil)
	first := x.get("/system")
	x.want(first, 200, "What happened", "<b>The voltage is low</b>", "Over: The voltage is low", "for 10 ms: 184.0 V", "before=41")
	x.want(x.get("/system?before=41"), 200, "before=21", "Newest")
	x.want(x.get("/system?before=21"), 200, "Newest")
	if last := x.get("/system?before=21"); strings.Contains(last.body, ">Older<") {
		t.Error("the last page offers an older one")
	}
	x.want(x.get("/api/v1/log?n=1"), 200, `{"rows":[{"id":60,"at":"2026-11-22T14:07:30Z","severity":"info","code":"voltage_sag_cleared","title":"The voltage is low","text":"phase 2: from Sun 14:07 for 10 ms: 184.0 V"}]}`)
	x.want(x.get("/api/v1/log?n=0"), 400)
	x.f.ledger = errors.New("disk")
	x.want(x.get("/system"), 200, "The record cannot be read now")
}

func TestTheLimitsThatHeldAreEvidence(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/api/v1/limits?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"), 200,
		`"source":"contact","state":"limited","of":"loads","loads":["car","geyser"],"limit_w":4200,"from":"2026-11-01T00:00:00Z","to":"2026-11-01T23:00:00Z"`, `"next":null`)
	x.want(x.get("/api/v1/limits?from=2026-01-01T00:00:00Z&to=2026-11-02T00:00:00Z"), 200, `"next":"2026-02-01T00:00:00Z"`)
	x.want(x.get("/api/v1/limits?format=csv&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"), 200, "n,source,state,by,event,of,", "4,mqtt,failsafe,,,site,,8000,2026-11-01T23:00:00Z,,")
	x.want(x.get("/api/v1/limits?from=now"), 400)
	x.f.ledger = errors.New("disk")
	x.want(x.get("/api/v1/limits"), 503)
}

func TestRegistersByPeriod(t *testing.T) {
	x := newSite(t, nil)
	page := x.get("/tariff")
	page.body = strings.NewReplacer(present.NoBreak, " ", present.Narrow, " ").Replace(page.body)
	x.want(page, 200, "Registers", ">Peak</th><td>1 123.456 kWh</td><td>0.000 kWh</td>", ">In all</th><td>8 123.456 kWh</td>", "blocks of 30 min", "5.21 kW", "sliding over 30 min", "5.64 kW", "SDM-8123456")
	x.want(x.get("/api/v1/view"), 200, `"meter":{"device":"SDM-8123456","import_kwh":8123.456,"export_kwh":12.5,"periods":[{"period":"Off-peak","import_kwh":4000,"export_kwh":2.5}`,
		`"demand":{"window_seconds":1800,"block_w":5210,"block_end":"2026-11-20T12:07:30Z","sliding_w":5640,"sliding_end":"2026-11-20T11:56:30Z"}`)
	x.f.v.Meter = picture.Registers{}
	x.want(x.get("/tariff"), 200, "The meter has not been read yet")
	x.want(x.get("/api/v1/view"), 200, `"meter":{"import_kwh":null,"export_kwh":null,"periods":[],"demand":null}`)
}

func TestLedgerPagesAndCSV(t *testing.T) {
	x := newSite(t, nil)
	first := x.get("/account?by=entries")
	x.want(first, 200, "entry 3120", "entry 3096", "before=3096")
	if strings.Contains(first.body, "entry 3095") {
		t.Error("the first page holds more than 25 rows")
	}
	x.want(x.get("/account?before=3096"), 200, "entry 3095", "entry 3071", "Newest entries")
	last := x.get("/account?before=3056")
	x.want(last, 200, "entry 3051")
	if strings.Contains(last.body, "Older entries") {
		t.Error("the last page offers an older one")
	}
	x.f.rows[3].Cause = "=cmd|' /C calc'!A0"
	a := x.get("/ledger.csv")
	x.want(a, 200)
	if got := a.Header.Get("Content-Disposition"); got != `attachment; filename="ledger-2026-11-22.csv"` {
		t.Error(got)
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 71 {
		t.Fatalf("%d lines, %v", len(rows), err)
	}
	if got := strings.Join(rows[1], "|"); got != "3120|2026-11-22T14:00:30Z|2026-11-22 16:00:30|consumption|energy|-1.370000|-0.178696|183.427100|ZAR|0.520000|Standard, block 1" {
		t.Error(got)
	}
	if got := rows[4][10]; got != "'=cmd|' /C calc'!A0" {
		t.Errorf("a spreadsheet would run %q", got)
	}
	x.f.mu.Lock()
	x.f.ledger = errors.New("disk")
	x.f.mu.Unlock()
	x.want(x.get("/account"), 200, "The statement cannot be read now")
	x.want(x.get("/api/v1/ledger"), 503)
}

func spaced(a answer) answer {
	a.body = strings.NewReplacer(present.NoBreak, " ", present.Narrow, " ").Replace(a.body)
	return a
}

func TestStatementByDaysHoursTopUpsAndMonths(t *testing.T) {
	x := newSite(t, nil)
	days := spaced(x.get("/account"))
	x.want(days, 200, "<h3>November 2026</h3>", "Sun 22 Nov", "Balance at the end:", `href="/account?day=2026-11-22#d-2026-11-22"`, "Service", "/account?month=2026-10-01")
	if strings.Contains(days.body, "entry 3120") {
		t.Error("the days hold entries")
	}
	x.want(spaced(x.get("/account?day=2026-11-22")), 200, `<details id="d-2026-11-22" open>`, `<th scope="row">14:00</th>`)
	part := spaced(x.get("/account/hours?day=2026-11-22"))
	x.want(part, 200, `<th scope="row">14:00</th>`, "Energy")
	if strings.Contains(part.body, "<html") {
		t.Error("the hours are a page of their own")
	}
	x.want(x.get("/account/hours?day=yesterday"), 400)
	x.want(spaced(x.get("/account?by=topups")), 200, "R 200.00</span>", "Lasted 12 h:", "so far")
	x.want(spaced(x.get("/account/print?month=2026-11")), 200, "Statement, November 2026", "Balance at the beginning", "Balance at the end", "data-print")
	x.want(x.get("/account/print?month=never"), 404)
	sheet := x.get("/statement.csv?month=2026-11-01")
	rows, err := csv.NewReader(strings.NewReader(sheet.body)).ReadAll()
	if err != nil || strings.Join(rows[0], ",") != "day,kind,name,energy_kwh,amount,tax,balance,unit" {
		t.Fatalf("%q, %v", rows, err)
	}
	x.want(x.get("/api/v1/statement"), 200, `"sum":{"from":"2026-10-31T22:00:00Z","to":"2026-11-30T22:00:00Z"`, `"parts":[{"kind":"consumption","name":"energy"`)
	x.want(x.get("/api/v1/statement?by=hour&at=2026-11-21"), 200, `"from":"2026-11-20T22:00:00Z"`)
	x.want(x.get("/api/v1/statement?by=month&n=1"), 200, `"rows":[{"from":"2026-10-31T22:00:00Z"`)
	x.want(x.get("/api/v1/statement?by=topup&n=1"), 200, `"earlier":3115`, `"until":null`)
	for _, bad := range []string{"by=year", "at=soon", "n=0", "n=61", "before=x"} {
		x.want(x.get("/api/v1/statement?"+bad), 400, "by is day, hour, month or topup")
	}
	x.f.mu.Lock()
	x.f.ledger = errors.New("disk")
	x.f.mu.Unlock()
	for _, by := range []string{"days", "topups", "entries"} {
		x.want(x.get("/account?by="+by), 200, "The statement cannot be read now")
	}
	x.want(x.get("/account/print"), 503)
	x.want(x.get("/statement.csv"), 503)
	x.want(x.get("/api/v1/statement"), 503)
}

func TestAMonthIsExplained(t *testing.T) {
	x := newSite(t, nil)
	x.want(spaced(x.get("/account")), 200, "Counted until today 16:00; what was used since then is not in it yet.")
	x.want(spaced(x.get("/account")), 200, "Why did it cost more?", "R 420.00 were charged in 21 days, R 300.00 in as many of October.", "Use: 150 kWh, 120 kWh before", "R 80.00", "Prices, class and charges", "R 40.00",
		"3.20 kWh are left until Tue 1 Dec before the price is that of &#34;large&#34;. To stay below saves about R 160.00, with the 3 months that depend on it.", "As usual it would be 40.0 kWh until then.", "R 30.00 to debts", "26 h")
	x.want(x.get("/api/v1/insight"), 200, `"use":"80.000000","price":"40.000000"`, `"limit":{"name":"large","class":true,"left_kwh":3.2,`, `"carried":{"left_kwh":70,"lapses_kwh":20,"until":`, `"to_debt":"30.000000"`, `"seconds":93600`)
	x.want(x.get("/api/v1/insight?at=soon"), 400)
}

func TestTheSupplyTellsWhenItWasOffAndWhoLimitsIt(t *testing.T) {
	x := newSite(t, nil)
	x.want(spaced(x.get("/system")), 200, "The supply is on", "When it was switched off here", "Credit spent: 2 times, 2 h in all", "Too much power: once, 5 min", "Could be switched on: once, 10 min",
		"<td>Too much power</td>", "At most 9.20 kW, by this site’s own configuration")
	x.want(x.get("/api/v1/cuts"), 200, `"cause":"waits","entry":9`, `"cause":"overload"`)
	x.want(x.get("/api/v1/cuts?n=9999"), 400)
}

func TestWhereItWentIsTold(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/account"), 200, `hx-get="/account/use?days=7"`, `href="/account?days=7&amp;where=1#where"`)
	x.want(x.get("/account/use?days=30"), 200, "Where it went", "30 days</span>")
	x.want(spaced(x.get("/account?where=1")), 200, "Where it went", "by its rated power", "some of the time is not known", "All else", "peak <span class=\"muted\">29 %</span>",
		"180 W or more were drawn nine tenths of the time. What lies below that line is 118 kWh of 392 kWh in 28 days: R 320.00.",
		"A tenth of what was used in “peak”, 11.2 kWh, used in “off-peak” on the same days: R 26.00 less in 28 days.", "A tenth less of Geyser, 16.8 kWh: R 24.00 less in 28 days.")
	x.want(x.get("/account?days=365&where=1"), 200, ">Month<", `aria-current="true">1 year`, "30 days</span>")
	x.want(x.get("/history.json?days=365"), 200, `"labels":["Oct","Nov"]`)
	x.want(x.get("/api/v1/use?days=7"), 200, `"days":7`, `"cost":"280.000000"`, `"rest":{"id":"","name":"","energy_kwh":42,`, `"standby":{"w":180,`, `"saves":"26.000000"`, `10 W less all the time`)
	x.want(x.get("/api/v1/use?days=400"), 400)
}

func TestReceiptsAreSignedAndNeedNothingElse(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	x := newSite(t, func(c *Config) {
		c.Key, c.Meter = func() (ed25519.PrivateKey, error) { return key, nil }, "04123456789"
	})
	x.want(x.get("/account?by=topups"), 200, "/receipt/topup/3115.html")
	x.want(x.get("/account/print"), 200, "/receipt/month/2026-11-01.html")
	x.want(x.get("/system"), 200, sealed.PublicOf(key))
	for path, want := range map[string]string{"/receipt/topup/3115.html": "R\u00a0200.00", "/receipt/month/2026-11-01.html": "November 2026"} {
		a := x.get(path)
		x.want(a, 200, want, "Signed, every letter of it", "Sun 22 Nov 2026 16:07 &#43;0200")
		body, by, err := sealed.Open([]byte(a.body))
		if err != nil || by != sealed.PublicOf(key) {
			t.Errorf("%s: %v", path, err)
		}
		if !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; filename=") {
			t.Errorf("%s is not saved", path)
		}
		if strings.Contains(string(body), "04123456789") || strings.Contains(string(body), `id="entries"`) {
			t.Errorf("%s tells a guest the meter's number", path)
		}
		if regexp.MustCompile(`(src|href)=`).Match(body) {
			t.Errorf("%s needs something besides itself", path)
		}
	}
	for _, path := range []string{"/receipt/topup/3114.html", "/receipt/topup/x.html", "/receipt/month/x.html", "/receipt/month/.html"} {
		x.want(x.get(path), 404)
	}
	x.want(x.form("/signin", "pin", testPIN), 303)
	a := x.get("/receipt/topup/3115.html")
	x.want(a, 200, "meter 04123456789", `id="entries"`, `\u003c/script\u003e\u003cb\u003e`)
	x.f.mu.Lock()
	x.f.ledger = errors.New("disk")
	x.f.mu.Unlock()
	x.want(x.get("/receipt/topup/3115.html"), 503)
	x.want(x.get("/receipt/month/2026-11-01.html"), 503)
	bare := newSite(t, nil)
	bare.want(bare.get("/receipt/topup/3115.html"), 503, "Receipts cannot be signed now")
}

func TestEntriesAreFound(t *testing.T) {
	x := newSite(t, nil)
	fixed := x.get("/account?by=entries&kind=fixed")
	x.want(fixed, 200, "entry 3108", `<option value="fixed" selected>`, "/ledger.csv?&amp;kind=fixed")
	if strings.Contains(fixed.body, "entry 3120") {
		t.Error("fixed charges alone hold energy")
	}
	x.want(x.get("/account?q=top-up"), 200, "entry 3115") // by the word of its kind
	x.want(x.get("/account?q=SERVICE"), 200, "entry 3108")
	x.want(x.get("/account?from=2026-11-22&to=2026-11-22"), 200, "entry 3120", "entry 3096")
	x.want(x.get("/account?q=nothing+like+it"), 200, "Nothing like that was found")
	x.want(x.get("/account?q="+secretCause), 200, "Nothing like that was found") // a guest finds out nothing by searching
	x.want(x.get("/account?from=soon"), 200, "The first day is no date")
	x.want(x.get("/account?kind=wages"), 200, "There is no such kind")
	x.want(x.get("/api/v1/ledger?kind=topup&n=1"), 200, `"seq":3115`)
	x.want(x.get("/api/v1/ledger?kind=wages"), 400)
	x.want(x.get("/ledger.csv?to=soon"), 400)
	rows, err := csv.NewReader(strings.NewReader(x.get("/ledger.csv?kind=fixed").body)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	x.want(x.form("/signin", "pin", testPIN), 303)
	x.want(x.get("/account?q="+secretCause), 200, "entry 3120")
}

func TestHistoryByTheHourAndTheDay(t *testing.T) {
	x := newSite(t, nil)
	var d struct {
		Labels []string
		KWh    []float64
		Gap    []bool
	}
	for _, c := range []struct {
		days        string
		n           int
		first, last string
	}{{"1", 24, "17:00", "16:00"}, {"7", 7, "Mon 16", "Sun 22"}, {"30", 30, "Sat 24", "Sun 22"}} {
		a := x.get("/history.json?days=" + c.days)
		if err := json.Unmarshal([]byte(a.body), &d); err != nil {
			t.Fatal(err)
		}
		if len(d.Labels) != c.n || d.Labels[0] != c.first || d.Labels[c.n-1] != c.last {
			t.Errorf("%s days: %d bars from %q to %q", c.days, len(d.Labels), d.Labels[0], d.Labels[len(d.Labels)-1])
		}
		if c.days == "7" && !d.Gap[4] {
			t.Error("the gap of Friday is not shown")
		}
	}
	x.want(x.get("/account?days=7"), 200, "(not complete)", "(held back)", "more may have been wanted")
}

func TestHistoryOverASummerTimeChange(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	x := newSite(t, nil)
	x.f.v.Zone, x.f.v.At = paris, time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC)
	v := x.f.View()
	h, err := x.s.history(t.Context(), x.s.model(&v, "account"), 7)
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, b := range h.Bars {
		labels = append(labels, b.Label)
	}
	if got := strings.Join(labels, " "); got != "Tue 20 Wed 21 Thu 22 Fri 23 Sat 24 Sun 25 Mon 26" {
		t.Error(got)
	}
	if d := h.Bars[6].Start.Sub(h.Bars[5].Start); d != 25*time.Hour {
		t.Errorf("Sunday the 25th has %s", d)
	}
}

func TestTopUpWithoutScriptKeepsTheTokenWhenThePINIsWrong(t *testing.T) {
	x := newSite(t, nil)
	a := x.form("/topup", "token", "1082 3475 9102 9384 7561", "pin", "0000")
	x.want(a, 422, `>1082 3475 9102 9384 7561</textarea>`, "That PIN is wrong")
	if got := x.f.called(); len(got) != 0 {
		t.Errorf("the agent was asked: %v", got)
	}
	a = x.form("/topup", "token", "1082 3475 9102 9384 7561", "pin", testPIN)
	x.want(a, 303)
	x.want(x.get("/topup"), 200, "Accepted: &#43;R\u00a0150.00")
	if strings.Contains(x.get("/topup").body, "Accepted") {
		t.Error("the answer is shown twice")
	}
}

func TestAWarningThatACardTellsIsNotToldTwice(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.Warnings = []picture.Warning{{Code: "emergency_offered", Severity: picture.Caution, Title: "Told by its card", Told: true}}
	if strings.Contains(x.get("/").body, "Told by its card") {
		t.Error("the front page says it a second time")
	}
	x.want(x.get("/system"), 200, "Told by its card")
	x.f.v.Warnings[0].Told = false
	x.want(x.get("/"), 200, "Told by its card")
}

func TestTextsFromTheAgentAreEscaped(t *testing.T) {
	x := newSite(t, nil)
	const evil = `<img src=x onerror=alert(1)>"'`
	x.f.v.Site, x.f.v.Loads[0].Name, x.f.v.Loads[0].Why = evil, evil, evil
	x.f.v.Warnings[0] = picture.Warning{Code: evil, Severity: picture.Critical, Title: evil, Cause: evil, Remedy: evil}
	x.f.rows[0].Cause, x.f.rows[0].Kind = evil, evil
	for _, p := range []string{"/", "/account", "/system", "/account?before=" + url.QueryEscape(evil), "/signin?next=/" + url.QueryEscape(evil)} {
		if a := x.get(p); strings.Contains(a.body, "<img") || a.StatusCode != 200 {
			t.Errorf("%s: %d, a text became markup", p, a.StatusCode)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/events?page=home&rev="+x.s.revision(&x.f.v), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 100_000)
	n, _ := io.ReadAtLeast(res.Body, b, 5000)
	if strings.Contains(string(b[:n]), "<img") || !strings.Contains(string(b[:n]), "&lt;img") {
		t.Errorf("live: %.300s", b[:n])
	}
}

func BenchmarkHomePage(b *testing.B) {
	s, err := New(newFake(), Config{OpenReading: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		b.ReportMetric(float64(w.Body.Len()), "bytes/page")
	}
}

// BenchmarkLiveFrame is what a new View costs while pages are open.
func BenchmarkLiveFrame(b *testing.B) {
	s, err := New(newFake(), Config{OpenReading: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	v := s.agent.View()
	b.ReportAllocs()
	for b.Loop() {
		v.Seq++
		if len(s.frame("home", &v)) == 0 {
			b.Fatal("no regions")
		}
	}
}

// A template of the same name as another one takes its place, on a page that nobody thinks of.
func TestEachTemplateHasANameOfItsOwn(t *testing.T) {
	files, err := fs.Glob(embedded, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := map[string]string{}
	for _, f := range files {
		text, err := fs.ReadFile(embedded, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\{\{-? *define "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			if was := seen[m[1]]; was != "" {
				t.Errorf("%q is in %s and in %s", m[1], was, f)
			}
			seen[m[1]] = f
		}
	}
}

// An entry is called by what it is, and its cause is told in the reader's words and not as it is recorded.
func TestEntriesAreToldInWords(t *testing.T) {
	x := newSite(t, nil)
	x.f.mu.Lock()
	x.f.rows = []LedgerRow{{Seq: 3, At: fakeNow, Kind: "topup", Name: "page", Amount: 50_000_000, Balance: 50_000_000, Cause: "openpaygo token by page adds 50.00", Guest: "openpaygo token by page adds 50.00"}}
	x.f.mu.Unlock()
	page := x.get("/account?by=entries")
	x.want(page, 200, "<b>Top-up</b>", "by the page")
	if strings.Contains(page.body, "openpaygo token") {
		t.Error("the cause is shown as it is recorded")
	}
}
