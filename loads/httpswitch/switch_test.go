package httpswitch

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

func TestSettings(t *testing.T) {
	const at = "http://192.168.1.40"
	hasty, minute := time.Second, time.Minute
	good := func() *Document {
		return &Document{
			URL: at, On: &RequestDocument{URL: "/on"}, Off: &RequestDocument{URL: "/off"}, State: &StateDocument{URL: "/state"},
			Setpoint: &SetpointDocument{URL: "/set?w={value}", State: &LevelDocument{URL: "/level"}}, Measured: &ValueDocument{URL: "/power"},
		}
	}
	for _, row := range []struct {
		name, path string // of its fault; empty: it is good
		change     func(d *Document)
	}{
		{"a good one", "", func(*Document) {}},
		{"a Shelly", "", func(d *Document) { *d = Document{Kind: "shelly", URL: at, Channel: 1, DeadMan: &minute} }},
		{"a Shelly without a broker, but with a user of its own", "", func(d *Document) { *d = Document{Kind: "shelly-gen1", URL: at, Username: "u", Password: "p"} }},
		{"an ESPHome", "", func(d *Document) { *d = Document{Kind: "esphome", URL: at, Component: "Geyser Relay"} }},
		{"a page of its own of a whole address", "", func(d *Document) { d.State.URL = at + "/x" }},
		{"no address", "url", func(d *Document) { d.URL = "" }},
		{"an address of something else", "url", func(d *Document) { d.URL = "mqtt://x" }},
		{"a password in the address", "url", func(d *Document) { d.URL = "http://u:p@192.168.1.40" }},
		{"two ways to sign in", "token", func(d *Document) { d.Token, d.Username = "t", "u" }},
		{"a password of nobody", "username", func(d *Document) { d.Password = "p" }},
		{"no such kind", "kind", func(d *Document) { d.Kind, d.On, d.Off, d.State, d.Setpoint = "abacus", nil, nil, nil, nil }},
		{"a kind, and a request of it", "on", func(d *Document) { *d = Document{Kind: "shelly", URL: at, On: d.On} }},
		{"a channel of what has none", "channel", func(d *Document) { d.Channel = 1 }},
		{"a channel before the first", "channel", func(d *Document) { *d = Document{Kind: "shelly", URL: at, Channel: -1} }},
		{"a node without its switch", "component", func(d *Document) { *d = Document{Kind: "esphome", URL: at} }},
		{"a name of what has none", "component", func(d *Document) { d.Component = "x" }},
		{"nothing switches it", "on", func(d *Document) { d.On, d.Off, d.Setpoint, d.Measured = nil, nil, nil, nil }},
		{"it never goes off", "off", func(d *Document) { d.Off = nil }},
		{"it never goes on", "on", func(d *Document) { d.On = nil }},
		{"one request for both", "off", func(d *Document) { d.Off.URL = "/on" }},
		{"it comes on by itself", "off", func(d *Document) { d.Off.URL = "/off?timer={seconds}" }},
		{"another device", "on.url", func(d *Document) { d.On.URL = "http://192.168.1.41/on" }},
		{"the same in disguise", "state.url", func(d *Document) { d.State.URL = "//192.168.1.41/x" }},
		{"a method that is none", "on.method", func(d *Document) { d.On.Method = "DELETE" }},
		{"a body of nothing", "on.body", func(d *Document) { d.On.Method, d.On.Body = "GET", "x" }},
		{"an empty step of a path", "state.path", func(d *Document) { d.State.Path = "a..b" }},
		{"half of the words", "state", func(d *Document) { d.State.On = "2" }},
		{"no place for the number", "setpoint", func(d *Document) { d.Setpoint.URL = "/set" }},
		{"two places for it", "setpoint", func(d *Document) { d.Setpoint.Body, d.Setpoint.Method = "{value}", "PUT" }},
		{"a unit that is none", "setpoint.unit", func(d *Document) { d.Setpoint.Unit = "VA" }},
		{"a unit of energy", "measured.unit", func(d *Document) { d.Measured.Unit = "kWh" }},
		{"a patience beyond a command's", "timeout", func(d *Document) { d.Timeout = time.Minute }},
		{"it is asked all the time", "every", func(d *Document) { d.Every = time.Millisecond }},
		{"its state is forgotten before it is asked again", "stale", func(d *Document) { d.Stale = 10 * time.Second }},
		{"so without a word of stale", "stale", func(d *Document) { d.Every = time.Hour }},
		{"a pause for ever", "pause", func(d *Document) { d.Pause = 2 * time.Hour }},
		{"a hasty dead man", "dead_man", func(d *Document) { d.DeadMan = &hasty }},
		{"a dead man of whom the device hears nothing", "dead_man", func(d *Document) { d.DeadMan = &minute }},
		{"so of a kind", "dead_man", func(d *Document) { *d = Document{Kind: "esphome", URL: at, Component: "x", DeadMan: &minute} }},
	} {
		d := good()
		row.change(d)
		l := d.Check()
		if (row.path == "") != (len(l) == 0) || len(l) > 1 || len(l) == 1 && (l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
}

func TestWhatIsKnownOfItBeforehand(t *testing.T) {
	if x := (&Document{Kind: "shelly", URL: "http://a", Channel: 1}).Traits(); !x.Renewable || x.Blind || x.Told || x.Of != "relay 1 of a" || !x.Remote {
		t.Errorf("%+v", x)
	}
	if x := (&Document{Kind: "esphome", URL: "http://a", Component: "r"}).Traits(); x.Renewable || x.Blind || x.Of != "switch r of a" {
		t.Errorf("%+v", x)
	}
	d := charger("http://a")
	if x := d.Traits(); x.Renewable || x.Blind || !x.Told || !x.Amperes || x.Of != "/power go of a" || x.Also != `/amps {"amps": {value}} of a` {
		t.Errorf("%+v", x)
	}
	d.State, d.Setpoint.State = nil, nil
	if !d.Traits().Blind {
		t.Error("nothing tells its state, and it is said to be told")
	}
	if _, err := d.Open(loads.Env{}); err == nil {
		t.Error("amperes of a load of which no voltage is known are taken for watts")
	}
	timed := Document{URL: "http://a", On: &RequestDocument{URL: "/on?t={seconds}"}, Off: &RequestDocument{URL: "/off"}}
	if !timed.Traits().Renewable {
		t.Error("it drops by itself and is not renewed")
	}
	if _, err := timed.Open(loads.Env{}); err == nil {
		t.Error("a load that never drops is told to drop after 0 s")
	}
}

// The examples of RFC 7616, 3.9.1.
func TestDigestIsThatOfTheStandard(t *testing.T) {
	c, ok := parseChallenges([]string{
		`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
		`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
		`Basic realm="x"`, `Negotiate`,
	})
	if !ok || c.algorithm != "SHA-256" || !c.auth {
		t.Fatalf("%+v", c)
	}
	for algorithm, want := range map[string]string{
		"MD5": "8ca523f5e9506fed4657c9700eebdbec", "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c.algorithm = algorithm
		got, err := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		if err != nil || !strings.Contains(got, `response="`+want+`"`) || !strings.Contains(got, "nc=00000001") {
			t.Errorf("%s: %s, %v", algorithm, got, err)
		}
	}
	c.algorithm = "SHA-512-256"
	if _, err := c.answer("u", "p", "GET", "/", "c", 1); err == nil {
		t.Error("what is not known is answered")
	}
	for _, bad := range []string{`Digest realm="x`, `Digest realm="x"`, `Digest`, ``} {
		if c, ok := parseChallenges([]string{bad}); ok {
			t.Errorf("%q is a challenge: %+v", bad, c)
		}
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a\"b", nonce=x, qop=auth`)
	f.Add(`Digest nonce="`)
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseChallenge(text); err == nil && !c.basic && c.nonce == "" {
			t.Errorf("%q", text)
		}
	})
}

// A wrong password is tried no more often than it must be, never loses its way into a log,
// and the device is told nothing.
func TestAWrongPassword(t *testing.T) {
	p := newPlug(t, second)
	p.lets = sheltered
	s := open(t, Document{Kind: kindShelly, URL: p.url, Password: "guessed"}, loads.Env{})
	err := s.Set(t.Context(), loads.Setpoint{On: true})
	if err == nil || !strings.Contains(err.Error(), "check username and password") || strings.Contains(err.Error(), "guessed") {
		t.Error(err)
	}
	if p.Closed() {
		t.Error("it was let in")
	}
}

// What stands in a query, as some devices want a password there, is in no error and no log.
func TestSecretsOfAnAddressAreNotSaid(t *testing.T) {
	var mu sync.Mutex
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); said.Write(b) }), nil))
	p := newPlug(t, first)
	p.Fail(loadstest.Offline)
	d := Document{URL: p.url, On: &RequestDocument{URL: "/cm?password=hidden&x=1"}, Off: &RequestDocument{URL: "/cm?password=hidden&x=0"}, State: &StateDocument{URL: "/cm?password=hidden"}}
	s := open(t, d, loads.Env{Log: log})
	err := s.Set(t.Context(), loads.Setpoint{})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		mu.Lock()
		text := said.String()
		mu.Unlock()
		if strings.Contains(text, "hidden") {
			t.Fatal(text)
		}
		if strings.Contains(text, "does not say its state") {
			return
		}
	}
	t.Error("nothing was logged")
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// What it draws is told where it says so; a page of it that is gone is no reason to know
// nothing of its switch, and of a model that cannot measure nothing is told.
func TestWhatItDraws(t *testing.T) {
	s := open(t, Document{Kind: kindShelly, URL: newPlug(t, second).url}, loads.Env{})
	known := func(s *Switch, ok func(o loads.Observation) bool) bool {
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if o, _ := s.Observed(t.Context()); o.Known && ok(o) {
				return true
			}
		}
		return false
	}
	if err := s.Set(t.Context(), loads.Setpoint{On: true}); err != nil {
		t.Fatal(err)
	}
	if !known(s, func(o loads.Observation) bool { return o.On && o.HasPower && o.Power == units.FromW(812.5) }) {
		t.Error("812.5 W are not told")
	}
	old := open(t, Document{Kind: kindGen1, URL: newPlug(t, first).url}, loads.Env{})
	if !known(old, func(o loads.Observation) bool { return !o.HasPower }) {
		t.Error("what a model without a meter says is told")
	}
	mute := open(t, Document{URL: newPlug(t, dimmer).url, Measured: &ValueDocument{URL: "/level"}}, loads.Env{})
	if x := mute.doc.Traits(); !x.Deaf || x.Blind || !x.Measures {
		t.Errorf("%+v", x)
	}
	if !known(mute, func(o loads.Observation) bool { return o.HasPower && !o.On }) || mute.Set(t.Context(), loads.Setpoint{}) == nil {
		t.Error("what is only measured is not known, or is told something")
	}
	gone := open(t, Document{Kind: kindGen1, URL: newPlug(t, first).url, Measured: &ValueDocument{URL: "/gone"}}, loads.Env{})
	if !known(gone, func(o loads.Observation) bool { return !o.HasPower }) {
		t.Error("without its power its switch is not known")
	}
}

// What is sent, to the letter.
func TestRequests(t *testing.T) {
	of := func(d Document, e loads.Env, answers func(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, body string), sets ...loads.Setpoint) (out []string) {
		t.Helper()
		p := newPlug(t, answers)
		d.URL = p.url
		e.Now = time.Now
		s, err := d.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range sets {
			if err := s.Set(t.Context(), set); err != nil {
				t.Fatal(err)
			}
		}
		for _, h := range p.Heard() {
			out = append(out, strings.TrimSpace(h))
		}
		return out
	}
	any := func(_ *plug, _ loadstest.Fault, _ bool, w http.ResponseWriter, _ *http.Request, _ string) {
		_, _ = io.WriteString(w, "ok")
	}
	on, off, r := loads.Setpoint{On: true}, loads.Setpoint{}, amps()
	for _, row := range []struct {
		name string
		doc  Document
		env  loads.Env
		sets []loads.Setpoint
		want []string
	}{
		{"a Shelly renews its time", Document{Kind: kindShelly, Channel: 2}, loads.Env{DeadMan: 90 * time.Second}, []loads.Setpoint{on, off}, []string{"GET /rpc/Switch.Set?id=2&on=true&toggle_after=90", "GET /rpc/Switch.Set?id=2&on=false"}},
		{"one that stays on", Document{Kind: kindShelly}, loads.Env{}, []loads.Setpoint{on}, []string{"GET /rpc/Switch.Set?id=0&on=true"}},
		{"the first generation", Document{Kind: kindGen1, Channel: 1}, loads.Env{DeadMan: 1500 * time.Millisecond}, []loads.Setpoint{on, off}, []string{"GET /relay/1?turn=on&timer=2", "GET /relay/1?turn=off"}},
		{"an ESPHome", Document{Kind: kindESPHome, Component: "pump"}, loads.Env{}, []loads.Setpoint{on, off}, []string{"POST /switch/pump/turn_on", "POST /switch/pump/turn_off"}},
		{"a charger: the set-point goes first", charger("x"), loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()}, []loads.Setpoint{{On: true, Power: 10 * 230 * units.Watt}, on, off}, []string{`PUT /amps {"amps": 10}`, "POST /power go", "POST /power go", "POST /power stop"}},
		{"a heater: 0 is off, and on is all of it", heater("x"), loads.Env{Powers: steps().Powers()}, []loads.Setpoint{on, off}, []string{"GET /set?w=2000", "GET /set?w=0"}},
	} {
		if got := of(row.doc, row.env, any, row.sets...); !slices.Equal(got, row.want) {
			t.Errorf("%s: %s", row.name, fmt.Sprintf("%q, want %q", got, row.want))
		}
	}
}

// An answer to a question that was asked before a command says nothing of the command,
// however late it comes.
func TestAnOldAnswerIsOld(t *testing.T) {
	p := newPlug(t, second)
	asked := make(chan time.Time, 1000)
	p.lets = func(http.ResponseWriter, *http.Request) bool {
		asked <- time.Now()
		time.Sleep(50 * time.Millisecond)
		return true
	}
	s := open(t, Document{Kind: kindShelly, URL: p.url}, loads.Env{})
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if o, _ := s.Observed(t.Context()); o.Known {
			if first := <-asked; o.At.After(first) {
				t.Errorf("its state is of %v after it was asked for", o.At.Sub(first))
			}
			return
		}
	}
	t.Fatal("nothing was heard")
}
