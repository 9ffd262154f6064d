package desk

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/statement"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// kenya is the account of a home in Nairobi over days, in a store: 30-minute
// intervals of five components and a top-up every fourth day.
type kenya struct {
	site    *control.Site
	state   control.State
	store   *store.Store
	entries []credit.Entry
}

func aKenyanHome(t testing.TB, from time.Time, days int) kenya {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := catalogue.Read("ke-kplc-domestic")
	ok(err)
	doc, faults := config.Decode[tariffs.Document](text)
	ok(faults.Err())
	tariff, err := tariffs.New(doc)
	ok(err)
	site := testsite.New(t)
	site.Tariff, site.Zone, site.Currency, site.Meter = tariff, tariff.Location(), "KES", "37124567890"
	rules := credit.Defaults()
	rules.Opening = 200 * units.One
	tokens, err := openpaygo.New(openpaygo.Document{Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: 516959010, ValueDivider: 1, Unit: openpaygo.Money})
	ok(err)
	site.Credit, err = credit.New(rules, site.Zone, tokens)
	ok(err)
	k := kenya{site: site}
	k.store, err = store.Open(t.Context(), t.TempDir(), store.Options{Log: slog.New(slog.DiscardHandler), Ballast: -1})
	ok(err)
	t.Cleanup(func() { ok(k.store.Close()) })
	account, entries := site.Credit.Open(site.Meter, from)
	var acc tariffs.Account
	var intervals []store.Interval
	count := 1
	for day := range days {
		if day%4 == 0 {
			token, next, err := tokens.Issue(count, credit.AddCredit, 500+day%7*20)
			ok(err)
			count = next
			var more []credit.Entry
			var r credit.Result
			account, more, r = site.Credit.TopUp(account, from.AddDate(0, 0, day).Add(7*time.Hour), token, "page")
			if !r.Accepted() {
				t.Fatalf("day %d: %+v", day, r)
			}
			entries = append(entries, more...)
		}
		for i := range 48 {
			at := from.AddDate(0, 0, day).Add(time.Duration(i) * 30 * time.Minute)
			wh := 30 + i*7%41 + day*13%29
			if i >= 36 && i < 44 {
				wh += 160
			}
			var items []tariffs.Item
			acc, items = tariff.Consume(acc, at, at.Add(30*time.Minute), units.Energy(wh)*units.KilowattHour/1000)
			intervals = append(intervals, store.Interval{Series: planning.SiteSeries, Interval: metering.Interval{
				Slot: units.Slot{Start: at, Len: 30 * time.Minute}, Import: units.Energy(wh) * units.KilowattHour / 1000, Covered: 30 * time.Minute,
			}})
			var list []credit.Charge
			for n, it := range items {
				c := credit.Charge{Name: it.Name, Kind: credit.Consumption, Amount: it.Gross(), Tax: it.Tax}
				if n == 0 {
					c.Energy = it.Energy
				}
				list = append(list, c)
			}
			var more []credit.Entry
			account, more = site.Credit.Accrue(account, at.Add(30*time.Minute), list...)
			entries = append(entries, more...)
			account, more = site.Credit.Settle(account, at.Add(30*time.Minute), at.UTC().Format(time.RFC3339))
			entries = append(entries, more...)
		}
		if day%30 == 29 || day == days-1 {
			ok(k.store.Commit(t.Context(), store.Batch{At: from, Ledger: entries, Intervals: intervals}))
			k.entries, entries, intervals = append(k.entries, entries...), nil, nil
		}
	}
	k.state, _ = site.Begin(from.AddDate(0, 0, days))
	k.state.Tariff, k.state.Credit = acc, account
	return k
}

func (k kenya) desk() *Desk {
	maker := picture.New(k.site, picture.About{Name: "Kilimani", Unit: present.Unit{Code: "KES", Symbol: "KSh", Decimals: 2}})
	return New(k.site, control.NewLoop(control.LoopConfig{Site: k.site, State: k.state}), k.store, maker, About{})
}

// A year of Kenya's tariff is 88,000 entries.  The page has it by days, months and
// top-ups, is small, and says nothing that is not so.
func TestAYearOfFiveComponents(t *testing.T) {
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(-3 * time.Hour)
	k := aKenyanHome(t, from, 365)
	d := k.desk()
	months, err := d.Months(t.Context(), 13)
	if err != nil || len(months) != 13 {
		t.Fatalf("%d months, %v", len(months), err)
	}
	var want statement.Sum
	for _, e := range k.entries {
		want.Add(e)
	}
	got := statement.Sum{}
	for i := range months {
		got.Join(&months[i].Sum)
		if i > 0 && months[i].Closing != months[i-1].Opening {
			t.Errorf("%s ends with %s, the next begins with %s", months[i].From, months[i].Closing, months[i-1].Opening)
		}
		st, err := d.Statement(t.Context(), months[i].From)
		if err != nil {
			t.Fatal(err)
		}
		for n, day := range st.Days[1:] {
			if day.Opening != st.Days[n].Closing {
				t.Errorf("%s begins with %s, the day before ended with %s", day.From, day.Opening, st.Days[n].Closing)
			}
		}
		if st.Month.Charged != months[i].Charged || st.Month.Energy != months[i].Energy || st.Month.Closing != months[i].Closing {
			t.Errorf("%s: the days come to %s, the month to %s", months[i].From, st.Month.Charged, months[i].Charged)
		}
	}
	if got.Charged != want.Charged || got.Bought != want.Bought || got.Energy != want.Energy || got.Entries != want.Entries || months[0].Closing != k.state.Credit.Balance {
		t.Errorf("months come to %s of %s, bought %s, %d entries; the ledger has %s of %s, bought %s, %d", got.Charged, got.Energy, got.Bought, got.Entries, want.Charged, want.Energy, want.Bought, want.Entries)
	}
	ups, err := d.Purchases(t.Context(), 0, 8)
	if err != nil || len(ups) != 8 || !ups[0].Until.IsZero() || ups[1].Lasted(k.state.Now) != 4*24*time.Hour {
		t.Errorf("%+v, %v", ups, err)
	}

	// December beside November at the same prices, November beside October, when other
	// prices began.
	for _, c := range []struct {
		at    time.Time
		price bool
	}{{time.Date(2025, 12, 20, 12, 0, 0, 0, time.UTC), false}, {time.Date(2025, 11, 20, 12, 0, 0, 0, time.UTC), true}} {
		in, err := d.Insight(t.Context(), c.at)
		if err != nil || in.Compared == nil {
			t.Fatalf("%+v, %v", in, err)
		}
		x := in.Compared
		if x.Change.Before+x.Use+x.Price != x.After || !x.Whole || (x.Price != 0) != c.price && !x.Unexplained {
			t.Errorf("%s: %+v", c.at, x)
		}
		if x.ChargedBefore == 0 || x.Charged == 0 {
			t.Errorf("%s: nothing was charged: %+v", c.at, x)
		}
	}
	if in, err := d.Insight(t.Context(), from.Add(24*time.Hour)); err != nil || in.Compared != nil {
		t.Errorf("the first month is compared: %+v, %v", in, err)
	}

	page, err := web.New(d, web.Config{OpenReading: true}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(page.Handler())
	defer server.Close()
	for path, most := range map[string]int{
		"/account": 24 << 10, "/account?month=2025-03-01": 24 << 10, "/account?day=2025-12-30": 24 << 10, "/account/hours?day=2025-12-30": 8 << 10,
		"/account?by=topups": 16 << 10, "/account?by=entries": 16 << 10, "/account?by=entries&q=forex&from=2025-12-01": 16 << 10, "/account/print?month=2025-12": 12 << 10,
		"/statement.csv?month=2025-12": 32 << 10, "/api/v1/statement?by=month": 32 << 10,
	} {
		begun := time.Now()
		body, sent := fetched(t, server.URL+path)
		t.Logf("%-50s %6.1f kB sent, %6.1f kB, %s", path, float64(sent)/1024, float64(len(body))/1024, time.Since(begun).Round(time.Millisecond))
		if sent > most {
			t.Errorf("%s: %d bytes are sent", path, sent)
		}
		if regexp.MustCompile(`(spent">|<td class="num">|KSh [0-9.]+ · [A-Za-z ]+ )(\x{2212})?KSh\x{a0}0\.00<`).MatchString(strings.Split(body, `class="months"`)[0]) {
			t.Errorf("%s says that something costs nothing", path)
		}
	}
	if os.Getenv("KEEPLIT_SCREENSHOTS") == "" {
		return
	}
	t.Run("pictures", func(t *testing.T) { // its browser is gone before the server waits for the last reader
		b := webtest.Start(t)
		for _, s := range []webtest.Screen{webtest.Phone(), webtest.Desktop()} {
			p := b.Page(t, s)
			for name, path := range map[string]string{"days": "/account?month=2025-12-01", "hours": "/account?day=2025-12-30", "topups": "/account?by=topups", "entries": "/account?by=entries", "print": "/account/print?month=2025-12"} {
				p.Open(server.URL + path)
				p.Screenshot("kenya-"+name+"-"+s.Name(), false)
				p.Screenshot("kenya-"+name+"-whole-"+s.Name(), true)
			}
		}
	})
}

// fetched is what a browser gets, unpacked, and how many bytes came over the wire.
func fetched(t *testing.T, url string) (body string, sent int) {
	t.Helper()
	for _, packed := range []bool{true, false} {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", map[bool]string{true: "gzip", false: "identity"}[packed])
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if packed {
			sent = len(b)
		}
		body = string(b)
	}
	return body, sent
}
