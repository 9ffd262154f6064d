package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit/described"
	"github.com/keeplit/keeplit/internal/units"
)

// exampleTokens is the description that users may start from.
const exampleTokens = "../../examples/tokens/village-grid.yaml"

// What the example says is what it makes: the published key's first token is the one of
// credit/described/testdata/vectors.py.
func TestTheExampleOfADescriptionMakesTokens(t *testing.T) {
	what, err := service.ReadDescription(exampleTokens)
	if err != nil {
		t.Fatal(err)
	}
	s, err := described.New(described.Document{Description: what, Meter: "04123456789", Keys: []described.Key{{Key: "3132333435363738393031323334353637383930"}}})
	if err != nil {
		t.Fatal(err)
	}
	if token, _, err := s.Issue(0, 125); err != nil || token != "01250014455166" {
		t.Errorf("%s, %v", token, err)
	}
	docs, err := os.ReadFile("../../docs/tokens-by-description.md")
	if err != nil || !strings.Contains(string(docs), "01250014455166") {
		t.Errorf("the document does not have its token: %v", err)
	}
}

// Tokens of a described scheme at a whole agent by every way: each is credited once, by
// whichever way, after a restart and after the keys changed.
func TestDescribedTokensAreEnteredByEveryWay(t *testing.T) {
	folder := t.TempDir()
	name, err := filepath.Abs(exampleTokens)
	if err != nil {
		t.Fatal(err)
	}
	meter := filepath.Join(folder, "meter.yaml")
	if err := os.WriteFile(meter, []byte("scheme: described\ndescription: "+name+"\nmeter: \"1\"\nkey: "+demoKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	issue := func(args ...string) string {
		var out, complaint strings.Builder
		args = append([]string{"token", "issue", "--meter", meter, "--state", filepath.Join(folder, "sold.json")}, args...)
		if code := run(args, &env{Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &complaint, Getenv: func(string) string { return "" }}); code != exitOK {
			t.Fatal(complaint.String())
		}
		return strings.TrimSpace(out.String())
	}
	h := aHome(t, "credit: {mode: kwh, opening: 60}\ntokens: {described: {file: "+name+", keys: [{key: {env: K}}]}}\n")
	h.pass(time.Minute)
	has := func() units.Money { return h.s.Loop().Snapshot().State.Credit.Available() }
	ways := h.ways()
	var list []string
	for range len(ways) + 2 {
		list = append(list, issue("--kwh", "12.5"))
	}
	i := 0
	for name, enter := range ways {
		was, text := has(), list[i]
		if i%2 == 0 && name != "keypad" { // as a message has it
			text = "Your token no. " + fmt.Sprint(i+1) + " of 12.50 kWh for meter 1:\n" + grouped(list[i]) + "\nThank you."
		}
		enter(text)
		if got := has() - was; got != 12*units.One+units.One/2 {
			t.Errorf("by %s: %s credited", name, got)
		}
		for _, again := range ways {
			again(list[i])
		}
		if got := has() - was; got != 12*units.One+units.One/2 {
			t.Errorf("by %s and again by all: %s credited", name, got)
		}
		i++
	}
	// Two in one message, the later one first.
	was := has()
	ways["page"]("Tokens: " + list[i+1] + " and " + grouped(list[i]) + ", thank you")
	if got := has() - was; got != 25*units.One {
		t.Errorf("two in a message: %s credited", got)
	}
	// A restart, and then a new key with the old one beside it: what was used stays used.
	other := "00112233445566778899aabbccddeeff"
	for _, change := range []func(){
		func() {},
		func() {
			keys := h.cfg.Tokens.Described
			keys.Keys = append([]config.DescribedKey{{Secret: other}}, keys.Keys...)
		},
	} {
		h.end()
		change()
		h.start()
		h.pass(time.Minute)
		was = has()
		enter := h.ways()["api"]
		for _, d := range list {
			enter(d)
		}
		if got := has() - was; got > 0 {
			t.Errorf("after a restart %s credited again", got)
		}
		late := issue("--kwh", "1")
		enter(late)
		enter(late)
		if got := has() - was; got < units.One*9/10 || got > units.One {
			t.Errorf("after a restart the next one: %s credited", got)
		}
	}
}
