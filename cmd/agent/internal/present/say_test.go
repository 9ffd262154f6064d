package present

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func testPhrases(t *testing.T) Phrases {
	t.Helper()
	return Phrases{testFormat(t, Unit{Code: "ZAR", Symbol: "R", Decimals: 2})}
}

func TestReasonsAreSentences(t *testing.T) {
	p := testPhrases(t)
	in := func(d time.Duration) time.Time { return fakeNow.Add(d) } // it is 16:07:30
	for _, c := range []struct {
		situation string
		r         Reason
		want      string
	}{
		{"nothing to say", Reason{}, ""},
		{"it is cheaper at night", Reason{Code: WhyWaits, Start: in(8*time.Hour + 22*time.Minute + 30*time.Second), Saves: 3_200_000}, "Waits until 00:30: R 3.20 cheaper than now."},
		{"tomorrow evening", Reason{Code: WhyWaits, Start: in(28 * time.Hour), Saves: 3_200_000}, "Waits until tomorrow 20:07: R 3.20 cheaper than now."},
		{"a trace cheaper", Reason{Code: WhyWaits, Start: in(time.Hour), Saves: 900}, "Waits until 17:07."},
		{"the credit is short", Reason{Code: WhyWaits, Start: in(time.Hour), Saves: units.One, Sooner: 105 * time.Minute}, "Waits until 17:07: R 1.00 cheaper than now. Running it now instead of then would end your credit 1 h 45 min sooner."},
		{"its prices are still to be sent", Reason{Code: WhyWaits, Start: in(time.Hour), Unsent: true, Saves: units.One}, "Planned for 17:07; the prices of that time have yet to be sent, and it may move."},
		{"its hours begin then", Reason{Code: WhyWaits, Start: in(time.Hour), Opens: in(time.Hour), Saves: units.One}, "Waits until 17:07, when its hours begin."},
		{"its hours begin before", Reason{Code: WhyWaits, Start: in(2 * time.Hour), Opens: in(time.Hour), Saves: units.One}, "Waits until 18:07: R 1.00 cheaper than now."},
		{"now is out of its hours", Reason{Code: WhyWaits, Start: in(2 * time.Hour), Opens: in(time.Hour), Earlier: in(time.Hour), EarlierSaves: units.One}, "Waits until 18:07: R 1.00 cheaper than at 17:07."},
		{"running", Reason{Code: WhyRuns, Price: 2_405_000}, "Runs now, as planned, while a kWh costs R 2.405."},
		{"resting", Reason{Code: WhyMinOff, Until: in(5 * time.Minute)}, "Rests until 16:12 before it may start again."},
		{"resting, nobody knows how long", Reason{Code: WhyMinOff}, "Rests a little before it may start again."},
	} {
		if got := plainSpaces(p.Why(c.r)); got != c.want {
			t.Errorf("%s: %q, want %q", c.situation, got, c.want)
		}
	}
}

// Every code has its texts: with and without a time where it may have one.
func TestEveryCodeHasWords(t *testing.T) {
	p := testPhrases(t)
	for _, code := range constants(t, "ReasonCode") {
		for _, until := range []time.Time{{}, fakeNow} {
			sentence(t, p.Why(Reason{Code: ReasonCode(code), Start: fakeNow, Until: until}))
		}
	}
	for _, code := range constants(t, "ShortCode") {
		sentence(t, p.Short(Shortfall{Code: ShortCode(code), Name: "Geyser", Time: 105 * time.Minute, At: fakeNow}))
	}
	sentence(t, p.Left(units.One))
}

// constants are the values of a type's constants in say.go.
func constants(t *testing.T, of string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "say.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == of {
				values = append(values, literal(v.Values[0]))
			}
		}
		return true
	})
	if len(values) < 5 {
		t.Fatalf("only %d constants of type %s were found", len(values), of)
	}
	return values
}

func sentence(t *testing.T, s string) {
	t.Helper()
	if len(s) < 10 || s[0] < 'A' || s[0] > 'Z' && s[0] > 0x7f || s[len(s)-1] != '.' || unfilled(s) {
		t.Errorf("%q is no sentence", s)
	}
}

func unfilled(s string) bool {
	for _, r := range s {
		if r == '{' || r == '}' {
			return true
		}
	}
	return false
}

func TestCausesAreSentences(t *testing.T) {
	p := testPhrases(t)
	for _, c := range []struct {
		cause Cause
		want  string
	}{
		{Cause{Code: "credit_low", Amount: 12_345_678, Else: "less than 12.345678 is left"}, "No more than R 12.35 is left."},
		{Cause{Code: "switch_silent", Form: "on", Name: "Geyser"}, "Geyser was told to switch on and does not confirm it."},
		{Cause{Code: "meter_silent", At: fakeNow.Add(-time.Hour)}, "The last reading came today 15:07."},
		{Cause{Code: "meter_silent", Form: "never"}, "No reading has come since the start."},
		{Cause{Code: "bad_message", Name: "keeplit/x/prices", Else: "it is in \"EUR\""}, `keeplit/x/prices: it is in "EUR".`},
		{Cause{Code: "register_jump", Else: "the register went from 1 kWh to 9 kWh"}, "The register went from 1 kWh to 9 kWh."},
	} {
		if got := plainSpaces(p.Cause(c.cause)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
