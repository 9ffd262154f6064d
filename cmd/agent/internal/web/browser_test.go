package web

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/internal/units"
)

const testPIN = "2468"

// testHash is the hash of testPIN, made once: making it is slow on purpose.
var testHash = sync.OnceValue(func() string {
	h, err := HashPIN(testPIN)
	if err != nil {
		panic(err)
	}
	return h
})

func TestBrowser(t *testing.T) {
	b := webtest.Start(t)
	phone := webtest.Phone()

	t.Run("a PIN guards changes, wrong and right", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		p.Click("#run-geyser")
		ready(p, "signin")
		clean(t, p, "sign-in")
		p.Type("#pin", "1111")
		p.Click("#signin")
		p.See("#notice", "That PIN is wrong")
		p.See("#notice", "4 tries are left")
		p.Screenshot("signin-wrong-"+phone.Name(), false)
		p.Problems() // Chromium notes the status 422
		if got := f.called(); len(got) != 0 {
			t.Errorf("commands before the PIN: %v", got)
		}
		p.Type("#pin", testPIN)
		p.Click("#signin")
		ready(p, "home")
		p.See("#notice", "Geyser is starting")
		p.See("#r-load-geyser", "Running")
		if got := strings.Join(f.called(), ", "); got != "run geyser" {
			t.Errorf("once the PIN is right: %s", got)
		}
		clean(t, p, "home")
	})

	t.Run("a wait after wrong PINs counts down, and without JavaScript says its length", func(t *testing.T) {
		t.Parallel()
		url := serve(t, newFake(), nil)
		p := b.Page(t, phone)
		p.Open(url + "/signin?next=/")
		for i := range 5 {
			p.Eval("window.before = true", nil)
			p.Type("#pin", "1111")
			p.Click("#signin")
			p.Wait("the answer", "!window.before && document.readyState === 'complete'")
			if i < 4 {
				p.See("#notice", "That PIN is wrong")
			}
		}
		counts(p, "#notice", `^Too many wrong PINsTry again in 3\d\s?s0:[0-3]\d\.`)
		p.Screenshot("signin-wait-"+phone.Name(), false)
		p.Problems() // Chromium notes the status 422
		clean(t, p, "sign-in, waiting")
		plain := phone
		plain.NoScript = true
		q := b.Page(t, plain)
		q.Open(url + "/signin?next=/")
		q.Type("#pin", "1111")
		q.Click("#signin")
		q.Wait("how long it was", `/Try again in [1-3]?\d\s?s\.$/.test(document.querySelector('#notice [data-over]')?.textContent)`)
		over(p, "#notice")
	})

	t.Run("a wait of a demo runs as its clock does", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		f.v.Demo = &picture.Demo{Speed: 60}
		f.v.TopUp.LockedUntil = f.v.At.Add(10 * time.Minute)
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/topup")
		p.Wait("some minutes within some seconds", "/^[678]:/.test(document.querySelector('#r-gate .clock').textContent)")
		p.See("#r-gate", "You can try again now.")
	})

	t.Run("run now, back to plan and skip, without a reload", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		signIn(p, url)
		p.Eval("window.same = true", nil)
		p.Click("#run-geyser")
		p.See("#r-why-geyser", "Runs because you asked for it")
		p.See("#r-load-geyser", "You asked for it · until today 18:07")
		p.Click("#auto-geyser")
		p.See("#r-load-geyser", "Waiting")
		p.Click("#skip-geyser")
		p.See("#notice", "Geyser is skipped")
		p.Screenshot("home-answer-"+phone.Name(), false)
		p.See("#r-load-geyser", "Skipped")
		p.Wait("no reload", "window.same === true")
		if got := strings.Join(f.called(), ", "); got != "run geyser, auto geyser, skip geyser" {
			t.Errorf("the agent was asked: %s", got)
		}
		f.mu.Lock()
		f.fail = &Refusal{"The supply's limit is reached.", "Stop another appliance first."}
		f.mu.Unlock()
		p.Click("#run-washer")
		p.See("#notice", "The supply's limit is reached. Stop another appliance first.")
		clean(t, p, "home")
	})

	t.Run("a press counts though the page changes before the release", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		plan := f.v.Plan
		f.v.Plan, f.v.Loads = picture.Plan{}, f.v.Loads[:1] // a short page: what grows above the button moves it
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		signIn(p, url)
		p.Eval("window.came = 0, document.addEventListener('htmx:sseBeforeMessage', () => window.came++)", nil)
		why := func(text string) {
			f.change(func(v *picture.View) { v.Loads[0].Why = strings.Repeat(text+" ", 20) })
		}

		p.Press("#run-geyser")
		why("Waits for the night.")
		p.Wait("the update", "window.came > 0")
		p.Release()
		p.See("#notice", "Geyser is starting")

		p.Press("#skip-geyser")
		f.mu.Lock()
		f.v.Plan = plan // the first, made while the page was loading
		f.mu.Unlock()
		p.Eval("document.dispatchEvent(new CustomEvent('htmx:oobAfterSwap', { detail: { target: document.getElementById('r-plantable') } }))", nil)
		p.Wait("the plan", "performance.getEntriesByType('resource').filter(r => r.name.endsWith('/plan.json')).length > 1")
		p.Eval("new Promise(done => setTimeout(done, 100))", nil)
		p.Release()
		p.See("#notice", "Geyser is skipped")
		drawn(p)

		p.Press("#auto-geyser")
		why("Waits for the morning.")
		p.See("#r-why-geyser", "Waits for the morning.") // a finger that stays does not stop the page
		p.Release()
	})

	t.Run("figures change by themselves", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		p.See("#power", "1.34 kW")
		p.See("#r-hero", "Electricity lasts until Thu 19:40 R 183.43 · about 68.2 kWh · 4.1 days (earliest Wed 23:07)")
		p.Eval("window.same = true", nil)
		f.change(func(v *picture.View) { v.Power.Power = units.FromW(2871) })
		p.See("#power", "2.87 kW")
		f.change(func(v *picture.View) {
			v.RunOut = picture.RunOut{Known: true, At: v.At.Add(15 * time.Hour), Early: v.At.Add(10 * time.Hour), Late: v.At.Add(21 * time.Hour)}
			v.Credit.Balance, v.Credit.Energy = units.FromFloat(14.2), units.FromKWh(5.3)
			v.Credit.Emergency.State = picture.EmergencyOffered
			v.Warnings = append([]picture.Warning{{
				Code: "meter-silent", Severity: picture.Critical, Since: v.At, Title: "The meter is silent", Cause: "No answer on /dev/ttyUSB0 for two minutes.", Remedy: "Check the cable between the meter and the box.",
			}}, v.Warnings...)
		})
		p.See("#r-hero", "15 hours")
		p.See("#r-hero", "Very low credit: top up today")
		p.See("#r-alerts", "Urgent: The meter is silent")
		p.See("#r-emergency", "You can take R 20.00 now")
		f.change(func(v *picture.View) {
			v.Credit.Balance, v.Supply = 0, present.Supply{State: present.Disconnected, Cause: present.ByCredit, Since: v.At}
		})
		p.See("#r-supply", "The supply is off The credit is spent. What to do: Enter a top-up token.")
		p.See("#r-chip", "Off")
		p.Wait("no reload", "window.same === true")
		clean(t, p, "home without credit")
	})

	t.Run("a page that nobody sees gives its connection back", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		p.See("#power", "1.34 kW")
		p.Eval("window.same = true", nil)
		show := func(state string) {
			p.Eval("Object.defineProperty(document, 'visibilityState', { value: '"+state+"', configurable: true }), document.dispatchEvent(new Event('visibilitychange'))", nil)
		}
		following := func() int {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.waiting) - 1 // the server itself follows, too
		}
		until := func(n int) {
			t.Helper()
			for end := time.Now().Add(time.Minute); following() != n; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d connections, not %d", following(), n)
				}
			}
		}
		until(1)
		show("hidden")
		until(0)
		f.change(func(v *picture.View) { v.Power.Power = units.FromW(777) })
		show("visible")
		until(1)
		p.See("#power", "777 W")
		f.change(func(v *picture.View) { v.Power.Power = units.FromW(888) })
		p.See("#power", "888 W")
		p.Wait("nothing is said of a lost connection", "document.getElementById('offline').hidden && window.same")
		clean(t, p, "home, seen again")
	})

	t.Run("a page opened before the first plan draws it when it comes", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		plan := f.v.Plan
		f.v.Plan = picture.Plan{}
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		p.See("#r-plan", "no plan")
		p.Wait("no empty chart", "document.getElementById('plan-chart').clientHeight === 0")
		clean(t, p, "home without a plan")
		f.change(func(v *picture.View) { v.Plan = plan })
		p.See("#r-plan", "Planned")
		p.Click(".plan details[data-frame] summary")
		p.Wait("the chart", "document.querySelector('#plan-chart canvas') !== null && document.getElementById('plan-chart').clientHeight > 100")
		before := ""
		p.Eval("document.getElementById('plan-chart').dataset.drawn", &before)
		f.change(func(v *picture.View) {
			v.Plan.Slots = slices.Clone(v.Plan.Slots)
			v.Plan.Slots[0].Price *= 2
		})
		p.Wait("the chart drawn anew with the next plan", "Number(document.getElementById('plan-chart').dataset.drawn) > "+before)
	})

	t.Run("emergency credit, reconnection and a message acknowledged", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		f.v.Credit.Emergency.State = picture.EmergencyOffered
		f.v.Supply = present.Supply{State: present.Ready, Since: fakeNow}
		f.v.Warnings[0].Severity = picture.Caution
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		signIn(p, url)
		p.Click("#reconnect")
		p.See("#notice", "The supply is being switched on")
		p.See("#r-chip", "On")
		p.Click("#emergency-accept")
		p.See("#r-emergency", "You are using emergency credit R 20.00 of it is left")
		p.Click("#seen-influx-unreachable")
		p.See("#notice", "stays here until its cause is gone")
		p.See("#r-quiet", "1 more message on the System page")
		clean(t, p, "home")
	})

	t.Run("top-up by the keypad, with the PIN in the same form", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		f.v.Supply = present.Supply{State: present.Disconnected, Cause: present.ByCredit, Since: fakeNow}
		f.v.Credit.Balance, f.v.Credit.Emergency = 0, picture.Emergency{State: picture.EmergencySpent, Owed: units.FromFloat(20)}
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/topup")
		clean(t, p, "top-up")
		for _, d := range goodToken {
			p.Click("[data-key='" + string(d) + "']")
		}
		p.Click("[data-key=back]")
		p.Click("[data-key='1']")
		p.Wait("groups of four", "document.getElementById('token').value === '1082 3475 9102 9384 7561'")
		p.See("#token-count", "20 / 20")
		p.Type("#pin", "9999")
		p.Click("#topup-send")
		p.See("#notice", "That PIN is wrong")
		p.Wait("the token is still there", "document.getElementById('token').value.length === 24")
		p.Eval("document.getElementById('pin').value = ''", nil)
		p.Type("#pin", testPIN)
		p.Click("#topup-send")
		p.See("#notice", "Accepted: +R 150.00 Emergency credit paid back: R 20.00 Your balance is now R 130.00. The supply is being switched on.")
		p.Wait("the field is empty", "document.getElementById('token').value === ''")
		p.Wait("the PIN field is gone", "!document.getElementById('pin')")
		p.See("#r-balance", "R 130.00")
		p.See("#r-chip", "On")
		clean(t, p, "top-up accepted")
		p.Screenshot("topup-accepted-"+phone.Name(), true)

		p.Type("#token", goodToken)
		p.Click("#topup-send")
		p.See("#notice", "This token was already used It added R 150.00 today 16:07. A token works once.")
		clean(t, p, "top-up used")
	})

	t.Run("wrong tokens, the lock-out and what is no token", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		signIn(p, url)
		p.Open(url + "/topup")
		try := func(token, want string) {
			t.Helper()
			p.Eval("document.getElementById('token').value = ''", nil)
			p.Type("#token", token)
			p.Click("#topup-send")
			p.See("#notice", want)
		}
		try("1234", "This is not a whole token")
		try(staleToken, "This token is too old")
		try(wrongToken, "This token is not for this meter Check every digit against your receipt, and the meter number on it. 4 tries are left before a waiting time.")
		try(wrongToken, "3 tries are left")
		try(wrongToken, "2 tries are left")
		try(wrongToken, "1 try is left before a waiting time.")
		p.Wait("the gate says it too, and not a second time on the screen", `(() => { const g = document.querySelector('#r-gate .tries'); return g.textContent.includes('1 try is left') && getComputedStyle(g).display === 'none'; })()`)
		p.Screenshot("topup-wrong-"+phone.Name(), true)
		try(wrongToken, "(today 16:17).")
		counts(p, "#notice", `Try again in 10 min(9:\d\d|10:00) \(today 16:17\)`)
		try(goodToken, "This token was not looked at and is not lost.")
		counts(p, "#notice", `^Too many wrong tokensTry again in 10 min(9:\d\d|10:00) \(today 16:17\)`)
		p.Click("#notice [data-close]") // while the answer stands it says it, and the gate does not
		counts(p, "#r-gate", `^Too many wrong tokens. Enter the next one in 10 min(9:\d\d|10:00) \(today 16:17\)\.`)
		p.Screenshot("topup-locked-"+phone.Name(), true)
		clean(t, p, "locked")
		over(p, "#r-gate")
		clean(t, p, "locked, and over")
		f.change(func(v *picture.View) {
			v.At = v.At.Add(11 * time.Minute)
			v.TopUp = picture.TopUpGate{Digits: []int{20}, TriesLeft: 5}
		})
		f.mu.Lock()
		f.full, f.wrong = true, 0
		f.mu.Unlock()
		try(goodToken, "The token cannot be recorded now It is not used up. Keep it and try again later. The storage is full.")
		f.mu.Lock()
		f.full, f.fail = false, context.DeadlineExceeded
		f.mu.Unlock()
		try(goodToken, "It is not certain that the token was recorded")
		try(goodToken, "Accepted: +R 150.00")
		clean(t, p, "top-up")
	})

	t.Run("several tokens at once, one of them mistyped, is corrected where it stands", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		signIn(p, url)
		p.Open(url + "/topup")
		p.Eval(`(() => { const t = document.getElementById('token'); const d = new DataTransfer();
			d.setData('text', '1082 3475 9102 9384 7561\n1234 5678 9012 3456 7890\n7777 8888 9999 0000 1111');
			t.dispatchEvent(new ClipboardEvent('paste', {clipboardData: d, cancelable: true, bubbles: true})); })()`, nil)
		p.Wait("all three are in the field", "document.getElementById('token').value.split('\\n').length === 3")
		p.Click("#topup-send")
		p.See("#notice", "1 of 3 tokens are done")
		p.See("#notice .receipts", "Accepted: +R 150.00 1082 3475 9102 9384 7561")
		p.See("#notice .receipts", "This token is not for this meter 1234 5678 9012 3456 7890")
		p.See("#notice .receipts", "Waits, not looked at yet 7777 8888 9999 0000 1111")
		p.Wait("the field keeps those that are left", "document.getElementById('token').value === '1234 5678 9012 3456 7890\\n7777 8888 9999 0000 1111'")
		p.Screenshot("topup-several-"+phone.Name(), true)
		clean(t, p, "several tokens")
		// The cursor is put behind the first token, its last key corrected; nothing else moves.
		p.Eval(`(() => { const t = document.getElementById('token'); t.focus(); t.setSelectionRange(0, 24); document.execCommand('insertText', false, '5555 4444 3333 2222 1111'); })()`, nil)
		p.Wait("corrected in its line", "document.getElementById('token').value === '5555 4444 3333 2222 1111\\n7777 8888 9999 0000 1111'")
		p.Click("#topup-send")
		p.See("#notice", "2 of 2 tokens are done Together: +R 300.00")
		p.Wait("nothing is left", "document.getElementById('token').value === ''")
		clean(t, p, "several tokens")
	})

	t.Run("several tokens at once without JavaScript", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		s := phone
		s.NoScript = true
		p := b.Page(t, s)
		p.Open(url + "/topup")
		p.Type("#token", "1082 3475 9102 9384 7561\n1234 5678 9012 3456 7890\n7777 8888 9999 0000 1111")
		p.Type("#pin", testPIN)
		p.Click("#topup-send")
		p.See("#notice", "1 of 3 tokens are done")
		p.See("#notice", "Number 2 must be put right")
		var left string
		if p.Eval("document.getElementById('token').value", &left); left != "1234 5678 9012 3456 7890\n7777 8888 9999 0000 1111" {
			t.Errorf("left in the field: %q", left)
		}
		p.Eval("document.getElementById('token').value = '5555 4444 3333 2222 1111\\n7777 8888 9999 0000 1111'", nil)
		p.Click("#topup-send")
		p.See("#notice", "2 of 2 tokens are done")
	})

	t.Run("a date is chosen and the smallest top-up for it is shown", func(t *testing.T) {
		t.Parallel()
		url := serve(t, newFake(), nil)
		p := b.Page(t, phone)
		p.Open(url + "/topup")
		p.Wait("a week ahead", "document.getElementById('lasts').textContent.includes('Sun 29 Nov')")
		p.Eval(`(() => { const d = document.getElementById('until'); d.value = '2026-11-27'; d.dispatchEvent(new Event('change', {bubbles: true})); })()`, nil)
		p.Wait("the day chosen", "document.getElementById('lasts').textContent.includes('Fri 27 Nov') && document.getElementById('lasts').textContent.includes('66.57')")
		p.Wait("it stays on the page", "document.getElementById('token') !== null && document.getElementById('until').value === '2026-11-27'")
		clean(t, p, "top-up")
	})

	t.Run("it is asked that the credit lasts, with and without JavaScript", func(t *testing.T) {
		t.Parallel()
		for _, s := range []webtest.Screen{phone, {Width: phone.Width, Height: phone.Height, Phone: true, NoScript: true}} {
			f := newFake()
			p := b.Page(t, s)
			url := serve(t, f, func(c *Config) { c.OpenChanges = true })
			p.Open(url + "/")
			p.Click(".lasts summary")
			p.Click("#until-ask") // as it is filled: in three days
			p.See("#notice", "The credit is to last until Wed 18:00. A new plan is being made.")
			p.See("#r-until", "The chance that it does is 93 %.")
			p.See("#r-until", "Pool pump, tomorrow 12:07")
			if !s.NoScript {
				p.Screenshot("home-until-"+s.Name(), true)
				clean(t, p, "home, asked to last")
			}
			p.Click("#until-off")
			p.See("#notice", "The plan is free again")
			if got := strings.Join(f.called(), ", "); got != "until 2026-11-25T18:00 by page, until off by page" {
				t.Errorf("without a script %v: the agent was asked: %s", s.NoScript, got)
			}
		}
	})

	t.Run("a reader without JavaScript tops up and skips", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		s := phone
		s.NoScript = true
		p := b.Page(t, s)
		p.Open(url + "/topup")
		p.Type("#token", goodToken)
		p.Type("#pin", "0000")
		p.Click("#topup-send")
		p.See("#notice", "That PIN is wrong")
		p.Type("#pin", testPIN)
		p.Click("#topup-send")
		p.See("#notice", "Accepted: +R 150.00")
		if got := p.URL(); got != url+"/topup" {
			t.Errorf("at %s after the redirect", got)
		}
		p.Open(url + "/")
		p.Click("#skip-pool")
		p.See("#notice", "Pool pump is skipped")
		p.See("#r-load-pool", "Skipped")
		if got := strings.Join(f.called(), ", "); got != "topup "+goodToken+" page, skip pool" {
			t.Errorf("the agent was asked: %s", got)
		}
	})

	t.Run("a lost connection is shown, and a restarted agent is found again", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		stop, address := start(t, f, "127.0.0.1:0", nil)
		p := b.Page(t, phone)
		p.Open("http://" + address + "/")
		p.See("#power", "1.34 kW")
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		stop()
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("shutdown with an open page took %s", d)
		}
		p.See("#offline", "Not connected")
		f.change(func(v *picture.View) { v.Power.Power = units.FromW(555) })
		stop, _ = start(t, f, address, nil)
		defer stop()
		p.See("#power", "555 W")
		p.Wait("the sign is gone", "document.getElementById('offline').hidden")
		p.Problems()
	})

	t.Run("a day of the statement unfolds to its hours", func(t *testing.T) {
		t.Parallel()
		url := serve(t, newFake(), nil)
		p := b.Page(t, phone)
		p.Open(url + "/account")
		drawn(p)
		p.Eval("window.same = true", nil)
		p.Click("#d-2026-11-21 summary")
		p.See("#d-2026-11-21", "Balance at the end: R")
		p.Click("#d-2026-11-21 .close a")
		p.See("#h-2026-11-21", "05:00 0.96 kWh")
		p.Wait("no reload", "window.same === true")
		p.Click(".segments a[href*='by=entries']")
		p.Wait("the entries", "document.querySelector('#q') !== null && document.readyState === 'complete'")
		p.Type("#q", "service")
		p.Click(".seekfoot button")
		p.See(".ledger", "Service")
		p.Wait("only what was looked for", "document.querySelectorAll('.ledger tbody tr').length === 3")
		clean(t, p, "account")
	})

	t.Run("a page that no longer fits loads itself anew", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		url := serve(t, f, nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		p.See("#r-load-pool", "Pool pump")
		f.change(func(v *picture.View) {
			v.Loads = append(v.Loads, picture.Load{ID: "dryer", Name: "Tumble dryer", State: present.LoadOff})
		})
		p.See(".loads", "Tumble dryer")
		clean(t, p, "home")
	})

	t.Run("where reading is closed an idle page goes back to the PIN", func(t *testing.T) {
		t.Parallel()
		url := serve(t, newFake(), func(c *Config) { c.OpenReading = false; c.IdleTimeout = 3 * time.Second })
		p := b.Page(t, phone)
		signIn(p, url)
		ready(p, "signin")
		if got := p.URL(); got != url+"/signin?next=%2F" {
			t.Errorf("at %s", got)
		}
	})

	t.Run("where reading is closed a page goes back to the PIN once the agent was restarted", func(t *testing.T) {
		t.Parallel()
		f := newFake()
		stop, address := start(t, f, "127.0.0.1:0", func(c *Config) { c.OpenReading = false })
		p := b.Page(t, phone)
		signIn(p, "http://"+address)
		p.See("#power", "1.34 kW")
		stop()
		stop, _ = start(t, f, address, func(c *Config) { c.OpenReading = false })
		defer stop()
		ready(p, "signin")
		p.Type("#pin", testPIN)
		p.Click("#signin")
		ready(p, "home")
	})

	t.Run("the first view is light and quick", func(t *testing.T) {
		url := serve(t, newFake(), nil)
		p := b.Page(t, phone)
		p.Open(url + "/")
		drawn(p)
		total := 0.0
		for u, n := range p.Weight() {
			t.Logf("%7.0f bytes  %s", n, strings.TrimPrefix(u, url))
			total += n
		}
		var times struct{ FirstPaint, Loaded, Drawn float64 }
		p.Eval(`({ FirstPaint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
			Loaded: performance.getEntriesByType('navigation')[0].loadEventEnd, Drawn: performance.now() })`, &times)
		t.Logf("%7.0f bytes in all; first paint after %.0f ms, loaded after %.0f ms", total, times.FirstPaint, times.Loaded)
		if total > 90_000 {
			t.Errorf("the first view weighs %.0f bytes, more than 90 kB", total)
		}
		p.Open(url + "/topup")
		again := -total
		for _, n := range p.Weight() {
			again += n
		}
		t.Logf("%7.0f bytes for the next page", again)
	})
}
