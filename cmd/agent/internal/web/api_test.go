package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

func TestAPI(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}

	var v struct {
		Unit   string
		Credit struct{ Balance string }
		RunOut struct{ Hours float64 } `json:"run_out"`
		Loads  []struct{ ID string }
	}
	a := x.get("/api/v1/view")
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatal(err)
	}
	if v.Unit != "ZAR" || v.Credit.Balance != "183.427100" || v.RunOut.Hours != 99.55 || len(v.Loads) != 4 {
		t.Errorf("%+v", v)
	}

	token := map[string]string{"token": "1082 3475-9102 9384 7561"}
	x.want(x.json("/api/v1/topup", token), 401, "pin_needed")
	x.want(x.json("/api/v1/topup", token, "Authorization", "Bearer 0000"), 401, "pin_wrong")
	x.want(x.json("/api/v1/topup", token, bearer...), 200, `"outcome":"accepted"`, `"amount":"150.000000"`, `"balance":"333.427100"`)
	x.want(x.json("/api/v1/topup", token, bearer...), 409, `"outcome":"already_used"`)
	x.want(x.json("/api/v1/topup", map[string]string{"token": wrongToken}, bearer...), 422, `"outcome":"wrong"`, `"tries_left":4`)
	x.want(x.json("/api/v1/topup", map[string]string{"token": newToken + "\n" + uselessToken}, bearer...), 200, "1 of 2 tokens are done. 1 of them cannot be used.")
	full := x.json("/api/v1/topup", map[string]string{"token": fullToken + "\n" + debtToken}, bearer...)
	x.want(full, 422, "0 of 2 tokens are done. Number 1 could not be taken now; those that wait were not looked at. Send them again later. Nothing is lost.")
	x.want(x.json("/api/v1/topup", map[string]string{"tokn": "1"}, bearer...), 400)
	x.want(x.do("POST", "/api/v1/topup", `{"token":"`+strings.Repeat("1", 5000)+`"}`, bearer...), 400)

	r, err := http.NewRequestWithContext(t.Context(), "POST", x.url+"/api/v1/loads/geyser/run", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("anyone", testPIN)
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 204 {
		t.Errorf("basic authentication: %d", res.StatusCode)
	}
	x.want(x.json("/api/v1/loads/nothing/run", nil, bearer...), 404, "unknown")
	x.want(x.json("/api/v1/loads/geyser/explode", nil, bearer...), 404)
	x.want(x.json("/api/v1/loads/geyser/auto", nil, bearer...), 204)
	x.want(x.json("/api/v1/emergency/accept", nil, bearer...), 204)
	x.want(x.json("/api/v1/supply/reconnect", nil, bearer...), 204)
	x.want(x.json("/api/v1/warnings/influx-unreachable/seen", nil, bearer...), 204)
	x.f.mu.Lock()
	x.f.fail = &Refusal{Reason: "Not now."}
	x.f.mu.Unlock()
	x.want(x.json("/api/v1/loads/geyser/run", nil, bearer...), 409, "Not now.")

	x.want(x.get("/api/v1/ledger?before=3100&n=2"), 200, `"seq":3099`, `"seq":3098`)
	x.want(x.get("/api/v1/ledger?n=501"), 400)
	x.want(x.get("/api/v1/history?from=2026-11-20T00:00:00Z&to=2026-11-20T01:00:00Z"), 200, `"start":"2026-11-20T00:30:00Z"`, `"seconds":1800`)
	x.want(x.get("/api/v1/history?from=yesterday"), 400)
	x.want(x.get("/api/v1/nothing"), 404, `"code":"not_found"`)

	want := []string{"topup " + goodToken + " api", "topup " + goodToken + " api", "topup " + wrongToken + " api", "topup " + newToken + "," + uselessToken + " api", "topup " + fullToken + "," + debtToken + " api", "run geyser", "run nothing", "auto geyser", "emergency", "reconnect", "seen influx-unreachable", "run geyser"}
	if got := x.f.called(); !slices.Equal(got, want) {
		t.Errorf("the agent was asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAPIEvents(t *testing.T) {
	x := newSite(t, nil)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	seen := make(chan string)
	go func() {
		defer close(seen)
		b := make([]byte, 1<<20)
		for {
			n, err := res.Body.Read(b)
			if n > 0 {
				seen <- string(b[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	if got := <-seen; !strings.Contains(got, "event: view\ndata: {\"seq\":1,") {
		t.Errorf("%.100s", got)
	}
	x.f.change(func(v *picture.View) { v.Power.Power = units.FromW(77) })
	if got := <-seen; !strings.HasPrefix(got, "event: change\ndata: {") || !strings.Contains(got, `"power":{"w":77}`) || len(got) > 200 {
		t.Errorf("%d bytes: %.300s", len(got), got)
	}
	x.f.change(func(v *picture.View) { v.Credit.Balance = units.One })
	if got := <-seen; !strings.Contains(got, `"balance":"1.000000"`) || strings.Contains(got, `"power"`) || len(got) > 200 {
		t.Errorf("%d bytes: %.300s", len(got), got)
	}
	stop()
	for range seen {
	}
}

func TestTooManyStreamsAreRefusedAndOneFreedIsGiven(t *testing.T) {
	x := newSite(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := func(ctx context.Context) int {
		r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/events?page=home", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := x.c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { res.Body.Close() })
		return res.StatusCode
	}
	for range maxEach {
		if got := open(ctx); got != 200 {
			t.Fatalf("status %d", got)
		}
	}
	if got := open(ctx); got != 503 {
		t.Errorf("one more than %d streams: status %d", maxEach, got)
	}
	stop()
	for range 100 {
		if x.s.streams.taken() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d streams are held after their readers went", x.s.streams.taken())
}

func TestMetrics(t *testing.T) {
	x := newSite(t, nil)
	a := x.get("/metrics")
	x.want(a, 200, "keeplit_power_watts 1342\n", `keeplit_balance{unit="ZAR"} 183.4271`, `keeplit_run_out_seconds{future="p50"} 358380`, `keeplit_price_per_kwh{currency="ZAR"} 2.405`, `keeplit_supply_state{state="connected"} 1`, `keeplit_link_up{link="influxdb"} 1`,
		"keeplit_plan_age_seconds 450\n", "keeplit_solve_seconds 0.041\n", `keeplit_warnings{severity="info"} 1`, `keeplit_load_power_watts{load="pool"} 742`)
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+)$`)
	for _, l := range strings.Split(strings.TrimSpace(a.body), "\n") {
		if !line.MatchString(l) {
			t.Errorf("not the Prometheus format: %s", l)
		}
	}
}

func TestHealth(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/healthz"), 200, "ok")
	x.s.lastNews.Store(time.Now().Add(-stallAfter - time.Second).UnixNano())
	x.want(x.get("/healthz"), 503, "silent for 3m1s")
}

func TestHealthSaysThatTheStorageDoesNotAnswer(t *testing.T) {
	x := newSite(t, nil)
	since := time.Time{}
	x.s.cfg.Behind, x.s.cfg.Patience = func() time.Time { return since }, 5*time.Minute
	x.want(x.get("/healthz"), 200, "ok")
	since = time.Now().Add(-4 * time.Minute)
	x.want(x.get("/healthz"), 200, "ok")
	since = time.Now().Add(-6 * time.Minute)
	x.want(x.get("/healthz"), 503, "nothing could be stored for 6m0s")
}

func TestTariffOverTheAPI(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.Tariff.PushedUntil, x.f.v.Tariff.Stale = fakeNow.Add(-time.Hour), true
	a := x.get("/api/v1/tariff")
	x.want(a, 200, `"season":"high"`, `"period":"Peak","price":"3.871000"`, `"dated":"2026-07-01"`, `"after":"2.405000"`)
	var d struct {
		Weeks []struct{ Days [][]struct{ Period string } }
	}
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || len(d.Weeks) != 2 || len(d.Weeks[0].Days) != 7 || len(d.Weeks[0].Days[6]) != 48 {
		t.Errorf("%v: %d weeks", err, len(d.Weeks))
	}
	x.want(x.get("/api/v1/view"), 200, `"stale":true`, `"pushed_until":"2026-11-22T13:07:30Z"`)
	x.want(x.get("/tariff"), 200, "Sent prices are too old", "ended today 15:07", "An ordinary week", "Mon", "06:00", "Tariffs and charges 2026/27")
}

func TestWhatMoneyBuys(t *testing.T) {
	x := newSite(t, nil)
	page := x.get("/tariff")
	x.want(page, 200, "What money buys", "What is charged", "2.405 per kWh", "the prices above hold the taxes")
	if strings.Contains(page.body, `id="bought"`) || strings.Contains(page.body, `id="amount-bad"`) {
		t.Error("something is said though nobody asked")
	}
	for _, c := range []struct {
		asked, want string
		kWh         bool // what the account is kept in
	}{
		{"276", "buys about 100", false},
		{"276", "it does not matter when you buy it", false},
		{"276", "by the use that is foreseen", false},
		{"277", "at the price of this moment, R 2.76", false},
		{"276", "wait: it buys 14.8", true},
		{"12,50", "wait", true},
		{"600", "Waiting gains nothing: buy now.", true},
		{"R276", "buys about 100", false},
		{"r%20276", "buys about 100", false},
		{"276R", "buys about 100", false},
		{"276%20kWh", "wait: it buys 14.8", true},
		{"276%20kWh", "Write an amount such as 200", false},
		{"R", "Write an amount such as 200", false},
		{"0", "Write an amount such as 200", false},
		{"-5", "Write an amount such as 200", false},
		{"two", "Write an amount such as 200", false},
		{"1000000.01", "Write an amount such as 200", false},
		{"%3Cb%3E", "value=\"&lt;b&gt;\"", false},
	} {
		x.f.change(func(v *picture.View) { v.Unit.Energy = c.kWh })
		if a := x.get("/tariff?amount=" + c.asked); a.StatusCode != 200 || !strings.Contains(plainSpaces(a.body), c.want) {
			t.Errorf("amount=%s: %d, not %q", c.asked, a.StatusCode, c.want)
		}
	}
	x.want(x.get("/api/v1/tariff?amount=276"), 200, `"buys":{`, `"amount":"276.000000"`, `"buys_now_kwh":100,"buys_then_kwh":null,"foreseen":true`, `"charges":["energy: energy: 2.405 per kWh"`)
	x.want(x.get("/api/v1/tariff?amount=nought"), 400, "amount is not an amount")
}

// The picture and its table twin say the same.
func TestWeekPictureAndTable(t *testing.T) {
	f := newFake()
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	m := &model{Format: formatFor(c, &f.v), V: &f.v}
	b := m.tariffBody(f.TariffDetail())
	if len(b.Pictures) != 2 || len(b.Legend) != 6 {
		t.Fatalf("%d pictures, %d prices", len(b.Pictures), len(b.Legend))
	}
	var got []string
	for _, r := range b.Pictures[0].Rows {
		got = append(got, plainSpaces(strings.TrimSpace(r.Days+" "+r.Time+" "+r.Period+" "+r.Price)))
	}
	want := []string{
		"Mon–Fri 00:00–06:00 Off-peak R 1.502/kWh", "06:00–08:00 Peak R 3.871/kWh", "08:00–17:00 Standard R 2.405/kWh", "17:00–20:00 Peak R 3.871/kWh",
		"20:00–22:00 Standard R 2.405/kWh", "22:00–24:00 Off-peak R 1.502/kWh",
		"Sat, Sun 00:00–06:00 Off-peak R 1.502/kWh", "06:00–22:00 Standard R 2.405/kWh", "22:00–24:00 Off-peak R 1.502/kWh",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table says\n%s", strings.Join(got, "\n"))
	}
	width := 0
	for _, bar := range b.Pictures[0].Bars {
		width += bar.W
	}
	if width != 7*48*weekCell {
		t.Errorf("the bars cover %d of %d", width, 7*48*weekCell)
	}
}

// D13: the blocks begin again on the day that it says, and where credit is money
// nobody is told to wait with buying it.
func TestTheNextMonthIsToldByItsFirstDay(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/tariff"), 200, "From Wed 2 Dec the blocks begin again")
	a := x.get("/tariff?amount=276")
	x.want(a, 200, "buys about 100", "it does not matter when you buy it")
	if strings.Contains(a.body, "wait: it buys") {
		t.Error("money buys the same on any day")
	}
}
