package httpswitch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

const (
	stale   = 900 * time.Millisecond
	timeout = time.Second
	every   = 60 * time.Millisecond
	deadMan = time.Second // the least that these devices can be told
)

// plug is an emulated device over HTTP.
type plug struct {
	*loadstest.Custom
	url     string
	answers func(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, body string)
	lets    func(w http.ResponseWriter, r *http.Request) bool // in; nil: anybody

	watts float64 // that it was told
}

func newPlug(t *testing.T, answers func(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, body string)) *plug {
	t.Helper()
	p := &plug{answers: answers, watts: 3680}
	p.Custom = loadstest.NewCustom(t, nil, nil, func(bool) {}, func(bool) {})
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *plug) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if p.Has(loadstest.Silent) {
		<-r.Context().Done() // until the other side gives up
		return
	}
	if p.Has(loadstest.Offline) || p.Has(loadstest.DropsOut) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
		return
	}
	if p.lets != nil && !p.lets(w, r) {
		return
	}
	p.Heed(r.Method+" "+r.URL.RequestURI()+" "+string(body), func(f loadstest.Fault, closed bool) {
		if f == loadstest.Garbled {
			_, _ = io.WriteString(w, `{"output":tr`)
			return
		}
		p.answers(p, f, closed, w, r, string(body))
	})
}

func (p *plug) says(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// moves obeys where the fault lets it; of Refuses it says so.
func (p *plug) moves(f loadstest.Fault, w http.ResponseWriter, on bool, after time.Duration) {
	switch f {
	case loadstest.Refuses:
		http.Error(w, `{"code":-114,"message":"Resource unavailable"}`, http.StatusInternalServerError)
	case loadstest.Stuck:
	default:
		p.ObeysFor(on, after)
	}
}

// second is what Shelly.s of the second generation answer (Switch.GetStatus and Switch.Set).
func second(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	switch {
	case q.Get("id") != "0":
		http.Error(w, `{"code":-105,"message":"Argument 'id', value 7 not found!"}`, http.StatusInternalServerError)
	case r.URL.Path == "/rpc/Switch.GetStatus":
		power := 0.0
		if closed {
			power = 812.5
		}
		p.says(w, map[string]any{"id": 0, "source": "HTTP_in", "output": closed, "apower": power, "voltage": 230.1, "aenergy": map[string]any{"total": 12.3}, "temperature": map[string]any{"tC": 41.2}})
	case r.URL.Path == "/rpc/Switch.Set":
		after, _ := strconv.Atoi(q.Get("toggle_after"))
		on := q.Get("on") == "true"
		if p.moves(f, w, on, time.Duration(after)*time.Second); f != loadstest.Refuses {
			p.says(w, map[string]any{"was_on": closed})
		}
	default:
		http.Error(w, `{"code":404,"message":"No handler for Shelly.None"}`, http.StatusNotFound)
	}
}

// first is what those of the first generation answer.
func first(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	switch r.URL.Path {
	case "/status":
		p.says(w, map[string]any{"relays": []any{map[string]any{"ison": closed, "has_timer": false}}, "meters": []any{map[string]any{"power": 0, "is_valid": true}}, "uptime": 12})
	case "/relay/0":
		after, _ := strconv.Atoi(q.Get("timer"))
		if p.moves(f, w, q.Get("turn") == "on", time.Duration(after)*time.Second); f != loadstest.Refuses {
			p.says(w, map[string]any{"ison": q.Get("turn") == "on", "has_timer": after > 0, "timer_duration": after})
		}
	default:
		http.NotFound(w, r)
	}
}

// node is what an ESPHome with web_server answers.
func node(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, _ string) {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/switch/boiler relay":
		p.says(w, map[string]any{"id": "switch-boiler_relay", "value": closed, "state": map[bool]string{true: "ON", false: "OFF"}[closed]})
	case r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/switch/boiler relay/turn_"):
		p.moves(f, w, strings.HasSuffix(r.URL.Path, "_on"), 0)
	default:
		http.NotFound(w, r)
	}
}

// box is a charger that is told amperes in a body of JSON beside on and off.
func box(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, body string) {
	switch {
	case r.URL.Path == "/state":
		draws := 0.0
		if closed {
			draws = p.watts / 1000
		}
		p.says(w, map[string]any{"charging": map[bool]string{true: "run", false: "wait"}[closed], "amps": p.watts / 230, "kw": draws})
	case r.Method == http.MethodPut && r.URL.Path == "/amps":
		var x struct{ Amps float64 }
		if json.Unmarshal([]byte(body), &x) == nil && f != loadstest.Stuck && f != loadstest.Refuses {
			p.watts = x.Amps * 230
		}
	case r.Method == http.MethodPost:
		p.moves(f, w, body == "go", 0)
	default:
		http.NotFound(w, r)
	}
}

// dimmer is a heater that is told watts in its address and nothing else.
func dimmer(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, _ string) {
	if r.URL.Path == "/set" {
		if v, err := strconv.ParseFloat(r.URL.Query().Get("w"), 64); err == nil {
			if f != loadstest.Stuck && f != loadstest.Refuses {
				p.watts = v
			}
			p.moves(f, w, v > 0, 0)
		}
		return
	}
	v := p.watts + 0.4 // it rounds
	if !closed {
		v = 0
	}
	_, _ = fmt.Fprintf(w, "%.1f", v)
}

func (p *plug) Press(on bool) {
	p.Heed("by hand", func(loadstest.Fault, bool) {
		p.watts = max(p.watts, 2000)
		p.Obeys(on)
	})
}

func (p *plug) Follows() (s loads.Setpoint) {
	p.Heed("looked at", func(_ loadstest.Fault, closed bool) {
		if closed {
			s = loads.Setpoint{On: true, Power: units.FromW(p.watts)}
		}
	})
	return s
}

// sheltered lets in who answers a challenge of Digest by SHA-256, as a Shelly has it.
func sheltered(w http.ResponseWriter, r *http.Request) bool {
	part := func(key string) string {
		m := regexp.MustCompile(key + `="?([^",]*)`).FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			return ""
		}
		return m[1]
	}
	h := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	want := h(h("admin:shellyplus1pm-a8032ab0:secret") + ":65a1:" + part("nc") + ":" + part("cnonce") + ":auth:" + h(r.Method+":"+r.URL.RequestURI()))
	if part("response") == want && part("username") == "admin" {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Digest qop="auth", realm="shellyplus1pm-a8032ab0", nonce="65a1", algorithm=SHA-256`)
	w.WriteHeader(http.StatusUnauthorized)
	return false
}

func basic(w http.ResponseWriter, r *http.Request) bool {
	if user, password, ok := r.BasicAuth(); ok && user == "u" && password == "p" {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="shelly1-E8DB84"`)
	w.WriteHeader(http.StatusUnauthorized)
	return false
}

func amps() loads.RangeDocument {
	return loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}}
}

func steps() loads.RangeDocument {
	return loads.RangeDocument{Steps: []loads.Level{{Power: 500 * units.Watt}, {Power: units.Kilowatt}, {Power: 2 * units.Kilowatt}}}
}

// open has a switch run until the test ends.
func open(t *testing.T, d Document, e loads.Env) *Switch {
	t.Helper()
	d.Every, d.Timeout, d.Stale = 0, 0, 0 // that the rest is right: no device is asked so often
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	d.Every, d.Timeout, d.Stale = every, timeout, stale
	e.Now = time.Now
	s, err := d.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	sw := s.(*Switch)
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- sw.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil { // the test's context is done by now
			t.Error(err)
		}
	})
	return sw
}

func charger(url string) Document {
	return Document{
		URL: url, On: &RequestDocument{URL: "/power", Body: "go"}, Off: &RequestDocument{URL: "/power", Body: "stop"},
		State:    &StateDocument{URL: "/state", Path: "charging", On: "run", Off: "wait | none"},
		Setpoint: &SetpointDocument{URL: "/amps", Method: "PUT", Body: `{"amps": {value}}`, Unit: "A", State: &LevelDocument{URL: "/state", Path: "amps"}},
		Measured: &ValueDocument{URL: "/state", Path: "kw", Unit: "kW"},
	}
}

func heater(url string) Document {
	return Document{URL: url, Setpoint: &SetpointDocument{URL: "/set?w={value}", State: &LevelDocument{URL: "/level"}}}
}

func TestConformance(t *testing.T) {
	faults := []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Stuck, loadstest.Garbled, loadstest.Refuses, loadstest.DropsOut}
	r, st := amps(), steps()
	for _, row := range []struct {
		name    string
		answers func(p *plug, f loadstest.Fault, closed bool, w http.ResponseWriter, r *http.Request, body string)
		lets    func(w http.ResponseWriter, r *http.Request) bool
		doc     func(url string) Document
		env     loads.Env
	}{
		{"Shelly Gen2 with a password", second, sheltered, func(url string) Document { return Document{Kind: kindShelly, URL: url, Password: "secret"} }, loads.Env{DeadMan: deadMan}},
		{"Shelly Gen1 with a password", first, basic, func(url string) Document {
			return Document{Kind: kindGen1, URL: url, Username: "u", Password: "p"}
		}, loads.Env{DeadMan: deadMan}},
		{"ESPHome", node, nil, func(url string) Document { return Document{Kind: kindESPHome, URL: url, Component: "boiler relay"} }, loads.Env{}},
		{"requests of its own, with a time", first, nil, func(url string) Document {
			return Document{URL: url, On: &RequestDocument{URL: "/relay/0?turn=on&timer={seconds}"}, Off: &RequestDocument{URL: "/relay/0?turn=off"}, State: &StateDocument{URL: "/status", Path: "relays[0].ison"}}
		}, loads.Env{DeadMan: deadMan}},
		{"told amperes beside on and off", box, nil, charger, loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()}},
		{"told watts and nothing else", dimmer, nil, heater, loads.Env{Powers: st.Powers()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				p := newPlug(t, row.answers)
				p.lets = row.lets
				target := loadstest.Target{Switch: open(t, row.doc(p.url), row.env), Device: p, Stale: stale, DeadMan: row.env.DeadMan, Faults: faults}
				if len(row.env.Powers) == 0 {
					target.Device = struct{ loadstest.Device }{p} // it follows no set-point
				}
				return target
			})
		})
	}
}
