package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/internal/units"
)

// wires writes down what goes out over HTTP and MQTT, as it is sent.
type wires struct {
	*home
	out strings.Builder
}

// What differs from one run to the next: real time and the machine.
var changing = regexp.MustCompile(`"(started|solve_seconds|solved|disk_free_bytes)":("[^"]*"|[0-9.e-]+)|"version":"(devel|v)[^"]*"|^{"seq":\d+,"at"`)

// What a planner works out in other steps differs in the last figures.
var (
	fine    = regexp.MustCompile(`[:\[,]-?\d+\.\d{3,}(e-?\d+)?`)
	cents   = regexp.MustCompile(`("(?:cost|cost_unshifted|safe|even)":"-?\d+\.\d{4})\d\d"`)
	instant = regexp.MustCompile(`(T\d\d:\d\d):\d\d\.\d+Z`)
)

func (w *wires) write(name, text string) {
	w.Helper()
	text = strings.ReplaceAll(text, w.cfg.Data, "DATA")
	text = changing.ReplaceAllStringFunc(text, func(s string) string {
		key, _, _ := strings.Cut(s, ":")
		if key == `{"seq"` {
			return key + `:0,"at"`
		}
		return key + `:"..."`
	})
	text = cents.ReplaceAllString(instant.ReplaceAllString(text, "$1:...Z"), `$1.."`)
	text = fine.ReplaceAllStringFunc(text, func(s string) string {
		v, err := strconv.ParseFloat(s[1:], 64)
		if err != nil {
			w.Fatal(err)
		}
		return s[:1] + strconv.FormatFloat(v, 'g', 4, 64)
	})
	fmt.Fprintf(&w.out, "== %s\n%s\n", name, strings.Join(split(text), "\n"))
}

// split is a JSON document with a line for each member of it, and for each member
// of those that are long.
func split(text string) []string {
	var out []string
	depth, from, quoted := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' && (i == 0 || text[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth <= 2 && (depth == 1 || i-from > 150):
			out, from = append(out, text[from:i+1]), i+1
		}
	}
	return append(out, text[from:])
}

func (w *wires) ask(method, path, body string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	w.write("HTTP "+method+" "+strings.TrimSpace(path+" "+body), w.call(r))
}

// states are the picture and the retained messages.
func (w *wires) states() {
	w.Helper()
	w.feed(control.Input{})
	w.ask("GET", "/api/v1/view", "")
	w.publish()
	for _, topic := range slices.Sorted(maps.Keys(w.mqtt.said)) {
		w.write("MQTT "+topic, w.mqtt.said[topic])
	}
	clear(w.mqtt.said)
}

// answers are what is asked for.
func (w *wires) answers() {
	w.Helper()
	now := w.s.Plant().Now().UTC()
	w.ask("GET", "/api/v1/tariff?amount=50", "")
	w.ask("GET", "/api/v1/marginal", "")
	w.ask("GET", "/api/v1/ledger?n=8", "")
	w.ask("GET", "/api/v1/log?n=8", "")
	w.ask("GET", "/api/v1/history?from="+now.Add(-2*time.Hour).Format(time.RFC3339)+"&to="+now.Format(time.RFC3339), "")
	w.ask("GET", "/api/v1/topup?until="+now.AddDate(0, 0, 2).Format(time.DateOnly), "")
	w.ask("GET", "/api/v1/topup?until=2036-01-01", "")
	w.ask("GET", "/api/v1/nothing", "")
	w.ask("POST", "/api/v1/supply/reconnect", "")
}

// tokens are what a token is answered by both ways.
func (w *wires) tokens(amount units.Money) {
	w.Helper()
	first, second := w.token(amount), w.token(amount)
	w.ask("POST", "/api/v1/topup", `{"token":"`+first+`"}`)
	w.ask("POST", "/api/v1/topup", `{"token":"`+first+`"}`)
	w.ask("POST", "/api/v1/topup", `{"token":"123"}`)
	w.ask("POST", "/api/v1/topup", `{"token":"123456789012"}`)
	for _, text := range []string{`{"token":"` + second + `","id":"order 7"}`, second, "123456789012"} {
		w.byMQTT(text)
		w.write("MQTT token/result of "+text, w.mqtt.said[w.mqtt.topics.TokenResult()])
	}
	// Several at once: the second of three has a digit too many.
	list := w.token(amount) + ", 1234567890123, " + w.token(amount)
	w.ask("POST", "/api/v1/topup", `{"token":"`+list+`"}`)
	w.byMQTT(list)
	w.write("MQTT token/result of "+list, w.mqtt.said[w.mqtt.topics.TokenResult()])
	w.byMQTT(`{"token":"` + strings.ReplaceAll(list, ", 1234567890123,", "\\n") + `"}`)
	w.write("MQTT token/result of the list without it", w.mqtt.said[w.mqtt.topics.TokenResult()])
	clear(w.mqtt.said)
	w.last = ""
}

// TestWireFormsStayAsTheyAreSent: programs of others read what goes out over
// HTTP and MQTT.  The files are what is sent in some states of a house.
func TestWireFormsStayAsTheyAreSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		situation, lines string
		live             func(w *wires)
	}{
		{"at_the_start", "", func(w *wires) { w.states() }},
		{"an_ordinary_day", "", func(w *wires) {
			w.pass(30 * time.Minute)
			w.until("12:00")
			w.request(control.SkipLoad, "washer")
			w.states()
			w.answers()
			w.tokens(20 * units.One)
		}},
		{"a_silent_meter", "", func(w *wires) {
			w.pass(30 * time.Minute)
			w.err = errors.New("no answer")
			w.pass(20 * time.Minute)
			w.states()
		}},
		{"credit_spent", "credit: {opening: 60, emergency: {amount: 20, offer_below: 10}}\n", func(w *wires) {
			w.pass(30 * time.Minute)
			w.until("12:00")
			w.balance(units.One / 2)
			w.pass(10 * time.Minute)
			w.states()
			w.balance(-5 * units.One)
			w.pass(10 * time.Minute)
			w.states()
			w.tokens(2 * units.One)
			w.states()
		}},
		{"a_load_runs_on_request", "", func(w *wires) {
			w.pass(30 * time.Minute)
			w.request(control.RunLoad, "geyser")
			w.pass(5 * time.Minute)
			w.states()
		}},
		{"the_credit_is_to_last", "topup: {vendor_hours: [\"Mon-Fri 08:00-18:00\"]}\n", func(w *wires) {
			w.pass(30 * time.Minute)
			w.ask("POST", "/api/v1/until", `{"until":"soon"}`)
			w.ask("POST", "/api/v1/until", `{"when":"soon"}`)
			w.ask("POST", "/api/v1/until", `{"until":"Fri 18:00"}`)
			w.ask("POST", "/api/v1/until", `{"until":"Wed 18:00"}`)
			w.pass(2 * time.Minute)
			w.states()
			w.ask("POST", "/api/v1/until", `{"until":"off"}`)
		}},
		{"the_utilitys_meter", "", func(w *wires) {
			w.pass(time.Hour)
			w.ask("POST", "/api/v1/meter/readings", `{"kwh":3}`)
			w.ask("POST", "/api/v1/meter/readings", `{"shown":"many"}`)
			w.ask("POST", "/api/v1/meter/readings", `{"shown":"4210.3"}`)
			w.pass(5 * time.Hour)
			w.ask("POST", "/api/v1/meter/readings", `{"shown":"4240.3"}`)
			w.ask("POST", "/api/v1/meter/readings", `{"shown":"4240.3","sure":true}`)
			w.ask("POST", "/api/v1/meter/readings", `{"shown":"4211.0","at":"2026-11-02T05:40:00Z","sure":true}`)
			w.states()
			w.ask("POST", "/api/v1/meter/readings/1/withdraw", "")
			w.ask("POST", "/api/v1/meter/readings/1/withdraw", "")
		}},
		{"the_records_do_not_agree", "", func(w *wires) {
			w.pass(30 * time.Minute)
			w.order(func(st *control.State) {
				st.Hold = &control.Hold{Since: st.Now, Why: "the ledger and the checkpoint differ"}
			})
			w.states()
		}},
	} {
		t.Run(c.situation, func(t *testing.T) {
			t.Parallel()
			w := &wires{home: aHome(t, c.lines)}
			c.live(w)
			golden := filepath.Join("testdata", "wires", c.situation+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(w.out.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.out.String(); got != string(want) {
				t.Errorf("what is sent is no longer as before, in %s:\n%s", golden, firstDifference(got, string(want)))
			}
		})
	}
}
