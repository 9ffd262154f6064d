package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/form/formtest"
	"github.com/keeplit/keeplit/internal/said"
)

// released are the forms that are out in the field, with the sums of their files.
var released = map[int][]string{
	1: {"4591eff402162fc754dc90e93aff592a3a0400ba3a53a29b1345d42825cfc8f8", "b9bfc6d452e9f5340f28823182397e058cbc54f7f694d6121d2dbf1ff0f6bbb6"},
	2: {"92304e210a8d0664298591bf870a1582ef54d4de321bd2ae1854804381ed27de", "3f0975ae608ca6296cc678526257da82021225fd13795db327cf34467e248b70"},
}

func TestTheStoredStateChangesOnlyWithItsNumber(t *testing.T) {
	if n := stateForm().Version(); n != stateVersion {
		t.Fatalf("there are steps to form %d and the state is of form %d", n, stateVersion)
	}
	var full State
	formtest.Fill(&full)
	full.Version = stateVersion
	formtest.Guard(t, formtest.Form{
		Name: "state", Version: stateVersion, Released: released, Full: &full,
		Read: func(data []byte) (any, error) {
			st, err := ReadState(data)
			return &st, err
		},
	})
}

// leaves is every value of a document by its path.
func leaves(t *testing.T, data []byte) map[string]string {
	t.Helper()
	tree, err := form.Parse(data)
	must(t, err)
	out := map[string]string{}
	var walk func(path string, tree any)
	walk = func(path string, tree any) {
		switch v := tree.(type) {
		case map[string]any:
			for k, e := range v {
				walk(strings.TrimPrefix(path+"."+k, "."), e)
			}
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), e)
			}
		default:
			out[path] = fmt.Sprintf("%T %v", v, v)
		}
	}
	walk("", tree)
	return out
}

func TestAStateOfForm1ReadsFieldByField(t *testing.T) {
	v1, err := os.ReadFile("testdata/state_v1.json")
	must(t, err)
	st, err := ReadState(v1)
	must(t, err)
	for _, u := range formtest.Unset(&st) {
		if !newIn2(u) {
			t.Errorf("%s is lost", u)
		}
	}
	v2, err := json.Marshal(st)
	must(t, err)
	was, is := leaves(t, v1), leaves(t, v2)
	if len(was) < 390 {
		t.Fatalf("only %d values in the document of form 1", len(was))
	}
	// What form 2 calls otherwise: whole names below these places, in lower case.
	renamed := regexp.MustCompile(`^(health\.|prices\.overlay\.prices\[\d+\]\.|meter\.(intervals|sliding)\..*slot\.)`)
	want := map[string]string{"version": "json.Number 3"}
	words := regexp.MustCompile(`^health\.Active\[\d+\]\.(Title|Remedy)$`)           // the code has them in the catalogue
	verbatim := regexp.MustCompile(`^(health\.active\[\d+\]\.cause|decision\.why)$`) // words then, told as they are
	for path, v := range was {
		if words.MatchString(path) {
			continue
		}
		if renamed.MatchString(path) {
			path = strings.ToLower(path)
		}
		if verbatim.MatchString(path) {
			path += "[0].values[0].text"
		}
		switch field, ok := strings.CutPrefix(path, "credit.lock."); {
		case path == "version":
		case ok: // the one lock became one for each way
			for i := range credit.Ways() {
				want[fmt.Sprintf("credit.locks[%d].%s", i, field)] = v
			}
		default:
			want[path] = v
		}
	}
	for path, v := range want {
		if is[path] != v {
			t.Errorf("%s: %s became %q", path, v, is[path])
		}
	}
	for path, v := range is {
		if _, there := want[path]; !there && v != "<nil> <nil>" && !newIn2(path) {
			t.Errorf("%s: %s comes from nowhere", path, v)
		}
	}
}

func TestWhatForm2HadAsWordsIsToldAsItWas(t *testing.T) {
	v2, err := os.ReadFile("testdata/state_v2.json")
	must(t, err)
	var was struct {
		Decision struct{ Why string }
		Health   struct {
			Active []struct{ Code, Cause string }
		}
	}
	must(t, json.Unmarshal(v2, &was))
	st, err := ReadState(v2)
	must(t, err)
	if !st.Decision.Why.Equal(said.Words(was.Decision.Why)) || was.Decision.Why == "" {
		t.Errorf("why: %q became %s", was.Decision.Why, st.Decision.Why)
	}
	if len(st.Health.Active) != len(was.Health.Active) || len(was.Health.Active) == 0 {
		t.Fatalf("%d warnings became %d", len(was.Health.Active), len(st.Health.Active))
	}
	for i, w := range st.Health.Active {
		if string(w.Code) != was.Health.Active[i].Code || !w.Cause.Equal(said.Words(was.Health.Active[i].Cause)) {
			t.Errorf("%+v became %+v", was.Health.Active[i], w)
		}
	}
}

// newIn2 tells whether a path is of a field that form 1 did not have: named as
// in JSON, and as in Go where a state of form 1 leaves it zero.
func newIn2(path string) bool {
	return slices.ContainsFunc([]string{ // one a line, so that two changes do not meet
		`^\.?clock\.(word|gap)`,
		`^\.?credit\.locks\[\d+\]`,
		`^\.?days\[\d+\]\.unseen`,
		`^\.?event_?seq`,
		`^\.?hold`,
		`^\.?expected`,
		`^\.?loads\[\d+\]\.progress\.(empty|heat\.empty)`,
		`^\.?plan\.not_?empty`,
		`^\.?plan\.awaits`,
		`^\.?opening_?taken`,
		`^\.?plan\.short\[\d+\]\.cause`,
		`^\.?plan\.short\[\d+\]\.energy`,
		`^\.?loads\[\d+\]\.progress\.override\.set`,
		`^\.?loads\[\d+\]\.gave`,
		`^\.?guard\.units\[\d+\]\.former`,
		`^\.?shed\.bounds`,
		`^\.?plan\.loads\[\d+\]\.(why|reason)\.rests`,
		`^\.?plan\.loads\[\d+\]\.(why|reason)\.(moved|gain)`,
		`^\.?meter\.(blind|last\.(import|export)_?sum)`,
		`^\.?meter\.registers\.(power_?at|absurd|flow)`,
		`^\.?meter\.registers\.(import|export)_?counter\.(former|since|moved|sum|other|stood|claimed|fast|races)`,
		`^\.?tariff\.months\[\d+\]\.cells\[\d+\]\.day`,
		`^\.?tariff\.months\[\d+\]\.peaks\[\d+\]\.days`,
		`^\.?tariff\.((months|past)\[\d+\]\.)?carried`,
		`^\.?credit\.instalment`,
		`^\.?plan\.outlast`,
		`^\.?until`,
		`^\.?pasted`,
		`^\.?policy`,
		`^\.?vtn`,
		`^\.?feeder`,
		`^\.?rates`,
		`^\.?limits`,
		`^\.?plan\.outlook\.(starts|extra|spent|used)`,
		`^\.?plan\.outlook\.needs\[\d+\]\.used`,
		`^\.?said`,
		`^\.?purchases`,
		`^\.?quality`,
		`^\.?beside`,
		`^\.?supply\.(seen|flips)`,
		`^\.?(credit\.supply|decision)\.spared`,
		`^\.?credit\.supply\.armed`,
		`^\.?(meter|loads\[\d+\])\.held`,
		`^\.?meter\.watch\.lit`,
		`^\.?loads\[\d+\]\.takes`,
		`^\.?loads\[\d+\]\.progress\.heat`,
		`seen\.(set|has_?set|charge|has_?charge)`,
		`^\.?(guard\.units|held)\[\d+\]\.(set|told|spared)\.(power|mode)`,
		`^\.?(health\.active\[\d+\]\.cause|decision\.why)\[0\]\.(kind|values\[0\]\.(name|is|n))$`,
	}, func(p string) bool { return regexp.MustCompile(p).MatchString(strings.ToLower(path)) })
}

// TestEveryRenamedLostOrStrangeFieldIsRefused goes over every field of the full
// document: under another name, taken away where it is always written, and null.
func TestEveryRenamedLostOrStrangeFieldIsRefused(t *testing.T) {
	unraced.Only(t)
	full, err := os.ReadFile(fmt.Sprintf("testdata/state_v%d.json", stateVersion))
	must(t, err)
	tree, err := form.Parse(full)
	must(t, err)
	tried := 0
	refused := func(what, path string, doc any) {
		t.Helper()
		var faults fault.List
		if err := form.Fit(doc, &State{}); !errors.As(err, &faults) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s %s: %v", path, what, err)
		}
		tried++
	}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch v := node.(type) {
		case map[string]any:
			if path == "plant" || strings.HasSuffix(path, "].state") {
				return // has a form of its own
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				at := strings.TrimPrefix(path+"."+k, ".")
				e := v[k]
				delete(v, k)
				v["x"+k] = e
				refused("is called otherwise", at[:len(at)-len(k)]+"x"+k, tree)
				delete(v, "x"+k)
				v[strings.ToUpper(k)] = e
				refused("is written in capitals", at[:len(at)-len(k)]+strings.ToUpper(k), tree)
				delete(v, strings.ToUpper(k))
				v[k] = e
				walk(at, e)
			}
		case []any:
			if len(v) > 0 {
				walk(path+"[0]", v[0])
			}
		}
	}
	walk("", tree)
	for _, path := range []string{
		"credit.balance", "credit.debts", "credit.head", "credit.schemes", "credit.locks", "credit.emergency", "credit.supply", "credit.limit",
		"credit.tampered", "credit.head.seq", "meter.registers", "meter.registers.import", "meter.registers.import_counter.value", "meter.import",
		"guard", "tariff", "health", "decision", "supply", "now", "elapsed", "version",
	} {
		names := strings.Split(path, ".")
		m := form.At(tree, names[:len(names)-1]...).(map[string]any)
		k := names[len(names)-1]
		e := m[k]
		delete(m, k)
		refused("is missing", path, tree)
		m[k] = e
	}
	if tried < 700 {
		t.Errorf("only %d documents were tried", tried)
	}
	if _, err := ReadState(full); err != nil {
		t.Errorf("the document as it was: %v", err)
	}
}

func TestAStateOfANewerFormOrNoneIsRefusedInASentence(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"newer", fmt.Sprintf(`{"version":%d}`, stateVersion+1), fmt.Sprintf("the stored state has form %d and this program knows forms up to %d; run the newer program again", stateVersion+1, stateVersion)},
		{"no number", `{}`, "version: it does not say which form it has"},
		{"number 0", `{"version":0}`, "version: 0 is not the number of a form"},
		{"cut off", `{"version":2,`, "unexpected EOF"},
		{"a name twice", `{"version":2,"now":"2026-01-01T00:00:00Z","now":"2027-01-01T00:00:00Z"}`, "now: it stands there twice"},
		{"not an object", `[]`, "it is a list, not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ReadState([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestAStateOfThisFormIsReadAfterTheNextOne is a binary some releases on: a
// next form that calls two fields otherwise reads what this form wrote.
func TestAStateOfThisFormIsReadAfterTheNextOne(t *testing.T) {
	type account struct {
		Balance json.Number `json:"credit_left"`
		Debts   any         `json:"owed"`
	}
	full, err := os.ReadFile(fmt.Sprintf("testdata/state_v%d.json", stateVersion))
	must(t, err)
	next := stateForm()
	next.Steps = append(next.Steps, func(doc map[string]any) error {
		form.Rename(doc["credit"], "balance", "credit_left", "debts", "owed")
		return nil
	})
	doc, err := next.Migrate(full)
	must(t, err)
	now, err := ReadState(full)
	must(t, err)
	if doc["version"] != json.Number(fmt.Sprint(stateVersion+1)) {
		t.Errorf("it has form %v", doc["version"])
	}
	renamed := doc["credit"].(map[string]any)
	got := account{renamed["credit_left"].(json.Number), renamed["owed"]}
	if got.Balance.String() != fmt.Sprint(int64(now.Credit.Balance)) || len(got.Debts.([]any)) != len(now.Credit.Debts) {
		t.Errorf("read as %+v, the state has %+v", got, now.Credit)
	}
	// And without the step the renamed document is refused by name.
	if err := form.Fit(any(doc), &State{}); err == nil || !strings.Contains(err.Error(), "credit.credit_left") || !strings.Contains(err.Error(), "credit.balance") {
		t.Errorf("a renamed field is taken: %v", err)
	}
}
