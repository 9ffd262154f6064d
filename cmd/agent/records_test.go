package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/internal/store"
)

// recordsHouse is a live agent with a contactor and a load on plugs that obey,
// and what they were told.
type recordsHouse struct {
	*live
	t *testing.T

	mu   sync.Mutex
	told []string // "supply OFF"
}

func newRecordsHouse(t *testing.T) *recordsHouse {
	t.Helper()
	h := &recordsHouse{t: t, live: newLive(t, `
supply: {switch: {driver: tasmota, topic: supply}}
loads:
  - {id: geyser, name: Geyser, power: 2 kW, need: {for: 2h}, switch: {driver: tasmota, topic: geyser}}
`)}
	for _, plug := range []string{"supply", "geyser"} {
		k := h.broker.Subscribe("cmnd/"+plug+"/+", 1, func(_ mqtt.Client, m mqtt.Message) {
			if p := strings.ToUpper(string(m.Payload())); p == "ON" || p == "OFF" {
				h.mu.Lock()
				h.told = append(h.told, plug+" "+p)
				h.mu.Unlock()
				h.broker.Publish("stat/"+plug+"/RESULT", 1, false, `{"POWER":"`+p+`"}`)
			}
		})
		if !k.WaitTimeout(10*time.Second) || k.Error() != nil {
			t.Fatal(k.Error())
		}
		h.broker.Publish("tele/"+plug+"/LWT", 1, true, "Online")
	}
	ctx, stop := context.WithCancel(t.Context())
	var meter sync.WaitGroup
	meter.Go(func() { h.read(ctx, 100*time.Millisecond) })
	t.Cleanup(func() { stop(); meter.Wait() })
	return h
}

func (h *recordsHouse) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.told
	h.told = nil
	return out
}

func (h *recordsHouse) eventually(what string, is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// during runs the agent while f lasts.
func (h *recordsHouse) during(f func(cmd *exec.Cmd)) {
	h.t.Helper()
	cmd, out := h.start(h.t)
	f(cmd)
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
}

// warning is the cause of a warning of this code on the page, "" where there is none.
func (h *recordsHouse) warning(code string) string {
	r, err := http.Get(h.url + "/api/v1/view")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	var v struct {
		Warnings []struct{ Code, Cause string }
	}
	if json.NewDecoder(r.Body).Decode(&v) != nil {
		return ""
	}
	for _, w := range v.Warnings {
		if w.Code == code {
			return w.Cause
		}
	}
	return ""
}

// edit does something to the stored records behind the agent's back.
func (h *recordsHouse) edit(do func(db *sql.DB)) {
	h.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.folder, "data", "keeplit.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	do(db)
	if err := db.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// checkpoint is the stored state after change has been made to it, as a program
// would have stored it that thinks so.
func (h *recordsHouse) checkpoint(change func(doc map[string]any)) (data string) {
	h.t.Helper()
	h.edit(func(db *sql.DB) {
		var stored, base []byte
		var sum string
		if err := db.QueryRow("SELECT c.data, c.base, b.data FROM checkpoint c LEFT JOIN checkpoint_base b").Scan(&stored, &sum, &base); err != nil {
			h.t.Fatal(err)
		}
		plain, err := store.Unpack(stored, sum, base)
		if err != nil {
			h.t.Fatal(err)
		}
		data = string(plain)
		if change == nil {
			return
		}
		var doc map[string]any
		d := json.NewDecoder(strings.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			h.t.Fatal(err)
		}
		change(doc)
		text, err := json.Marshal(doc)
		if err != nil {
			h.t.Fatal(err)
		}
		data = string(text)
		if _, err := db.Exec("UPDATE checkpoint SET data = ?, sum = ?, base = ''", text, fmt.Sprintf("%x", sha256.Sum256(text))); err != nil {
			h.t.Fatal(err)
		}
	})
	return data
}

func (h *recordsHouse) entries() (n int, balance int64) {
	h.t.Helper()
	h.edit(func(db *sql.DB) {
		if err := db.QueryRow("SELECT seq, balance FROM ledger ORDER BY seq DESC LIMIT 1").Scan(&n, &balance); err != nil {
			h.t.Fatal(err)
		}
	})
	return n, balance
}

// TestRecordsThatDoNotAgreeSwitchNothingUntilAPersonDecides starts the agent on a
// state that was changed by hand, or written by a program that calls a field
// otherwise: it runs, says what is wrong, moves no switch, takes no token,
// charges nothing, and goes on at a person's word with what was used meanwhile.
func TestRecordsThatDoNotAgreeSwitchNothingUntilAPersonDecides(t *testing.T) {
	t.Parallel()
	account := func(doc map[string]any) map[string]any { return doc["credit"].(map[string]any) }
	for _, c := range []struct {
		name   string
		change func(doc map[string]any)
		says   []string
		frozen bool // what cannot be read is not written over
	}{
		{"a balance raised by 900", func(doc map[string]any) {
			account(doc)["balance"] = json.Number("1010000000")
		}, []string{"it remembers a balance of 1010.00, the ledger says 110.00"}, false},
		{"a balance of nothing", func(doc map[string]any) {
			account(doc)["balance"] = json.Number("0")
		}, []string{"it remembers a balance of 0.00, the ledger says 110.00"}, false},
		{"the balance under another name", func(doc map[string]any) {
			account(doc)["credit_left"] = account(doc)["balance"]
			delete(account(doc), "balance")
		}, []string{"credit.balance: it is missing", "credit.credit_left: this program knows no such field"}, true},
		{"no used tokens", func(doc map[string]any) {
			account(doc)["schemes"] = []any{}
		}, []string{"it remembers no used token, and 1 are recorded"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newRecordsHouse(t)
			h.during(func(*exec.Cmd) {
				h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 1, 10)) == "accepted" })
				h.eventually("the supply is told on", func() bool {
					h.mu.Lock()
					defer h.mu.Unlock()
					return len(h.told) > 0
				})
				time.Sleep(time.Second)
			})
			before, _ := h.entries()
			edited := h.checkpoint(c.change)
			h.heard()
			h.during(func(cmd *exec.Cmd) {
				h.eventually("the warning is there", func() bool { return h.warning("records_held") != "" })
				for _, want := range c.says {
					if got := h.warning("records_held"); !strings.Contains(strings.ToLower(got), want) {
						t.Errorf("the warning says %q, not %q", got, want)
					}
				}
				if got := h.byAPI(t.Context(), token(t, 2, 10)); got != "not_recorded" {
					t.Errorf("a token is answered %q", got)
				}
				if code, _, errs := agent(t, "ledger", "verify", filepath.Join(h.folder, "data")); code != exitOK && !c.frozen {
					t.Errorf("the ledger itself is sound: %s", errs)
				}
				time.Sleep(2500 * time.Millisecond)
				if cmd.ProcessState != nil {
					t.Error("the agent has ended")
				}
			})
			for _, told := range h.heard() {
				if told != "supply ON" {
					t.Errorf("held, the agent told %s", told)
				}
			}
			if n, _ := h.entries(); n != before {
				t.Errorf("held, the ledger grew from %d to %d entries", before, n)
			}
			if c.frozen && h.checkpoint(nil) != edited {
				t.Error("what could not be read was written over")
			}
			config := filepath.Join(h.folder, "keeplit.yaml")
			if code, _, errs := agent(t, "ledger", "adjust", config, "--amount", "5", "--reason", "r"); code == exitOK || !strings.Contains(errs, "agent ledger adopt") {
				t.Errorf("an order on held records: code %d\n%s", code, errs)
			}
			if code, _, errs := agent(t, "backup", filepath.Join(t.TempDir(), "held"), config); code == exitOK || !strings.Contains(errs, "this would be no backup") {
				t.Errorf("a backup of held records, which a restore refuses: code %d\n%s", code, errs)
			}
			code, out, errs := agent(t, "ledger", "adopt", config, "--reason", "the operator, by telephone")
			if code != exitOK || !strings.Contains(out, fmt.Sprintf("entry %d: notice adopt", before+1)) {
				t.Fatalf("adopt: code %d\n%s%s", code, out, errs)
			}
			h.during(func(*exec.Cmd) {
				h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 2, 10)) == "accepted" })
				if w := h.warning("records_held"); w != "" {
					t.Errorf("decided, the warning stays: %s", w)
				}
				if got := h.byAPI(t.Context(), token(t, 1, 10)); got == "accepted" {
					t.Error("a used token is credited again")
				}
			})
			for _, told := range h.heard() {
				if told == "supply OFF" {
					t.Error("decided, the supply is cut")
				}
			}
			if code, out, errs := agent(t, "ledger", "verify", filepath.Join(h.folder, "data")); code != exitOK || !strings.Contains(out, "sound") {
				t.Errorf("code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestAClearedMemoryOfUsedTokensCreditsNoneAgain empties both memories of used
// tokens, that of the scheme and the table: the ledger names them all the same.
func TestAClearedMemoryOfUsedTokensCreditsNoneAgain(t *testing.T) {
	t.Parallel()
	h := newRecordsHouse(t)
	h.during(func(*exec.Cmd) {
		for n := 1; n <= 3; n++ {
			h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, n, 10)) == "accepted" })
		}
	})
	h.checkpoint(func(doc map[string]any) {
		for _, s := range doc["credit"].(map[string]any)["schemes"].([]any) {
			state := s.(map[string]any)["state"].(map[string]any)
			state["count"] = 0
			for _, list := range []string{"used", "last"} {
				if _, there := state[list]; there {
					state[list] = []any{}
				}
			}
		}
	})
	h.edit(func(db *sql.DB) {
		if _, err := db.Exec("DELETE FROM token"); err != nil {
			t.Fatal(err)
		}
	})
	h.during(func(*exec.Cmd) {
		h.eventually("the warning is there", func() bool { return strings.Contains(h.warning("ledger_unsound"), "3 of them were missing") })
		for n := 1; n <= 3; n++ {
			if got := h.byAPI(t.Context(), token(t, n, 10)); got == "accepted" || got == "" {
				t.Errorf("token %d, used before, is answered %q", n, got)
			}
		}
		h.eventually("a new token is taken", func() bool { return h.byAPI(t.Context(), token(t, 4, 10)) == "accepted" })
	})
	if _, balance := h.entries(); balance > 140_000_000 || balance < 139_000_000 {
		t.Errorf("the balance is %d millionths after four tokens of 10", balance)
	}
	if code, out, errs := agent(t, "ledger", "verify", filepath.Join(h.folder, "data")); code != exitOK {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}

// TestAFieldThatTheLedgerDoesNotKnowIsNotBelievedWhenItWasChanged changes, one at a
// time, what no ledger entry bears out: the agent runs, holds and says why; and a
// state of before there was a sum goes on.
func TestAFieldThatTheLedgerDoesNotKnowIsNotBelievedWhenItWasChanged(t *testing.T) {
	t.Parallel()
	h := newRecordsHouse(t)
	h.during(func(*exec.Cmd) {
		h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 1, 10)) == "accepted" })
		time.Sleep(time.Second)
	})
	whole := h.checkpoint(nil)
	put := func(text, sum string) {
		h.edit(func(db *sql.DB) {
			if _, err := db.Exec("UPDATE checkpoint SET data = ?, sum = ?, base = ''", []byte(text), sum); err != nil {
				t.Fatal(err)
			}
		})
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(whole)))
	before, _ := h.entries()
	config := filepath.Join(h.folder, "keeplit.yaml")
	for _, change := range []struct{ name, was, is string }{
		{"a register", `"import":`, `"import":1`},
		{"a time", `"elapsed":"20`, `"elapsed":"19`},
		{"the position of the supply", `"position":"connected"`, `"position":"disconnected"`},
		{"a blank", `{`, `{ `},
	} {
		edited := strings.Replace(whole, change.was, change.is, 1)
		if edited == whole {
			t.Errorf("%s: there is no %s in the state", change.name, change.was)
			continue
		}
		put(edited, sum)
		h.heard()
		h.during(func(*exec.Cmd) {
			h.eventually(change.name+" is found", func() bool { return strings.Contains(h.warning("records_held"), "is not what it stored") })
			if got := h.byAPI(t.Context(), token(t, 2, 10)); got != "not_recorded" {
				t.Errorf("%s: a token is answered %q", change.name, got)
			}
		})
		for _, told := range h.heard() {
			if told != "supply ON" && change.name != "the position of the supply" {
				t.Errorf("%s: held, the agent told %s", change.name, told)
			}
		}
		if n, _ := h.entries(); n != before {
			t.Errorf("%s: held, the ledger grew from %d to %d entries", change.name, before, n)
		}
		put(edited, sum)
		if code, _, errs := agent(t, "ledger", "adjust", config, "--amount", "5", "--reason", "r"); code == exitOK || !strings.Contains(errs, "agent ledger adopt") {
			t.Errorf("%s: an order on held records: code %d\n%s", change.name, code, errs)
		}
	}
	put(whole, "")
	h.during(func(*exec.Cmd) {
		h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 2, 10)) == "accepted" })
	})
	put(strings.Replace(h.checkpoint(nil), "{", "{ ", 1), "of another")
	if code, out, errs := agent(t, "ledger", "adopt", config, "--reason", "the operator, by telephone"); code != exitOK {
		t.Fatalf("adopt: code %d\n%s%s", code, out, errs)
	}
	h.during(func(*exec.Cmd) {
		h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 3, 10)) == "accepted" })
	})
}

// TestAWrongMeterInTheConfigurationIsHeldAndPutRightWithoutAnOrder starts the agent
// with another site.meter: it runs, says why, and leaves supply and records as they
// are; with the right one it goes on.
func TestAWrongMeterInTheConfigurationIsHeldAndPutRightWithoutAnOrder(t *testing.T) {
	t.Parallel()
	h := newRecordsHouse(t)
	h.during(func(*exec.Cmd) {
		h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 1, 10)) == "accepted" })
		time.Sleep(time.Second)
	})
	before := h.checkpoint(nil)
	stored, _ := h.entries()
	config := filepath.Join(h.folder, "keeplit.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	meter := func(is string) {
		if err := os.WriteFile(config, []byte(strings.Replace(string(text), "04000000001", is, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	meter("04000000019")
	h.heard()
	h.during(func(*exec.Cmd) {
		h.eventually("the warning is there", func() bool { return strings.Contains(h.warning("records_held"), "correct site.meter") })
		if got := h.byAPI(t.Context(), token(t, 2, 10)); got != "not_recorded" {
			t.Errorf("a token is answered %q", got)
		}
		time.Sleep(2 * time.Second)
	})
	for _, told := range h.heard() {
		if told != "supply ON" {
			t.Errorf("held, the agent told %s", told)
		}
	}
	if n, _ := h.entries(); n != stored || h.checkpoint(nil) != before {
		t.Error("the other meter's records were written over")
	}
	if code, _, errs := agent(t, "ledger", "adopt", config, "--reason", "r"); code == exitOK || !strings.Contains(errs, "correct site.meter") {
		t.Errorf("adopt: code %d\n%s", code, errs)
	}
	meter("04000000001")
	h.during(func(*exec.Cmd) {
		h.eventually("a token is taken", func() bool { return h.byAPI(t.Context(), token(t, 2, 10)) == "accepted" })
		if w := h.warning("records_held"); w != "" {
			t.Errorf("put right, the warning stays: %s", w)
		}
	})
}
