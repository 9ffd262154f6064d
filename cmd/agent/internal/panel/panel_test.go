package panel

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// noScheme finds nothing like a token: every text is one, as it stands.
func noScheme(t *testing.T) *credit.Engine {
	t.Helper()
	e, err := credit.New(credit.Defaults(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// fakeLoop answers tokens by their digits.
type fakeLoop struct {
	mu       sync.Mutex
	heard    []control.Input
	state    control.State
	requests error
}

func (f *fakeLoop) Feed(_ context.Context, in control.Input) (control.Reply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, in)
	token, ok := in.What.(control.Token)
	if !ok {
		return control.Reply{Err: f.requests}, nil
	}
	r := &credit.Result{}
	switch token.Text {
	case "1":
		r.Token.Code, r.Bought = credit.Accept, 25*units.One
	case "2":
		r.Token.Code = credit.Used
	case "3":
		r.Token.Code = credit.Old
	case "4":
		return control.Reply{}, control.ErrNotRecorded
	case "5":
		r.Token.Code, r.Wait = credit.Lockout, 9*time.Second
	case "7":
		r.Token.Code = credit.Overflow
	case "8":
		r.Token.Code = credit.Expired
	case "9":
		r.Token.Code = credit.Format
	default:
		r.Token.Code = credit.CRC
	}
	return control.Reply{TopUp: r}, nil
}

func (f *fakeLoop) Snapshot() control.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return control.Snapshot{State: f.state}
}

func (f *fakeLoop) set(st control.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = st
}

// A card forgets a token only once its effect, or that it was used, is stored.
func TestACardKeepsWhatWasNotStored(t *testing.T) {
	loop := &fakeLoop{}
	for digits, forget := range map[string]bool{"1": true, "2": true, "3": true, "4": false, "5": false, "6": false} {
		if got := cardTokens(t.Context(), loop, noScheme(t), []string{digits}); got[0] != forget {
			t.Errorf("token %s: the card forgets it: %v", digits, got)
		}
	}
	// Behind a wrong one the others are entered all the same: nobody can put a card right.
	if got := cardTokens(t.Context(), loop, noScheme(t), []string{"1", "6", "3"}); !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("a card with a wrong token in the middle: %v", got)
	}
	for _, in := range loop.heard {
		if source := in.What.(control.Token).Source; source != "card" {
			t.Errorf("entered by %q", source)
		}
	}
}

func TestTheKeypadShowsWhatBecameOfAKey(t *testing.T) {
	loop := &fakeLoop{}
	loop.state.Credit.Balance = 42 * units.One
	text, err := catalogue.Read("za-eskom-homelight-20a")
	if err != nil {
		t.Fatal(err)
	}
	doc, faults := config.Decode[tariffs.Document](text)
	err = faults.Err()
	if err != nil {
		t.Fatal(err)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		situation string
		event     keypad.Event
		refused   error
		want      string
	}{
		{"typing", keypad.Event{Kind: keypad.Typing, Typed: "12345"}, nil, "Token:|1234 5"},
		{"the balance key", keypad.Event{Kind: keypad.Balance}, nil, "Credit|42.00 ZAR"},
		{"a good token", keypad.Event{Kind: keypad.Enter, Token: "1"}, nil, "Added 25.00|42.00 ZAR"},
		{"a used one", keypad.Event{Kind: keypad.Enter, Token: "2"}, nil, "Used already|42.00 ZAR"},
		{"one that cannot be stored", keypad.Event{Kind: keypad.Enter, Token: "4"}, nil, "Not recorded|token stays good"},
		{"while entry is locked", keypad.Event{Kind: keypad.Enter, Token: "5"}, nil, "Wait 10 s|42.00 ZAR"},
		{"a wrong one", keypad.Event{Kind: keypad.Enter, Token: "6"}, nil, "Wrong token|42.00 ZAR"},
		{"a true one that the account cannot hold (D13)", keypad.Event{Kind: keypad.Enter, Token: "7"}, nil, "Too much credit|42.00 ZAR"},
		{"a true one of a key that has ended", keypad.Event{Kind: keypad.Enter, Token: "8"}, nil, "Key has expired|42.00 ZAR"},
		{"a digit short", keypad.Event{Kind: keypad.Enter, Token: "9"}, nil, "Check the digits|42.00 ZAR"},
		{"emergency credit", keypad.Event{Kind: keypad.Emergency}, nil, "Emergency credit|42.00 ZAR"},
		{"emergency credit that is not offered", keypad.Event{Kind: keypad.Emergency}, credit.ErrNotOffered, "Not possible|now"},
		{"reconnect with nothing to connect", keypad.Event{Kind: keypad.Confirm}, control.ErrNotReady, "Not possible|now"},
	} {
		shown := ""
		loop.requests = c.refused
		p := Keys{Loop: loop, Credit: noScheme(t), Words: present.NewWords().Keypad(&control.Site{Currency: "ZAR", Tariff: tariff}), Show: func(a, b string) { shown = a + "|" + b }}
		p.Pressed(t.Context(), c.event)
		if shown != c.want {
			t.Errorf("%s: shown %q, want %q", c.situation, shown, c.want)
		}
		for _, line := range strings.Split(shown, "|") {
			if len(line) > 16 {
				t.Errorf("%s: %q does not fit the display", c.situation, line)
			}
		}
	}
	for _, in := range loop.heard {
		by := ""
		switch w := in.What.(type) {
		case control.Token:
			by = w.Source
		case control.Request:
			by = w.By
		}
		if by != "keypad" {
			t.Errorf("the keypad is not named: %+v", in)
		}
	}
}

// fakeBuzzer counts sounds.
type fakeBuzzer struct {
	mu     sync.Mutex
	on     bool
	sounds int
	fail   error
}

func (b *fakeBuzzer) Set(_ context.Context, p loads.Setpoint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.On && !b.on {
		b.sounds++
	}
	b.on = p.On
	return b.fail
}

// heard is how often it has sounded.
func (b *fakeBuzzer) heard() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sounds
}

func (b *fakeBuzzer) Observed(context.Context) (loads.Observation, error) {
	return loads.Observation{}, errors.New("a buzzer tells nothing")
}

func TestTheBuzzerSoundsItsPatternAndEndsInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop, b := &fakeLoop{}, &fakeBuzzer{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- buzz(ctx, loop, b) }()
		time.Sleep(30*time.Second + time.Millisecond) // off the grid of the buzzer's own looks
		if b.heard() != 0 {
			t.Errorf("%d sounds without a warning", b.heard())
		}
		st := control.State{Now: time.Now()}
		st.Ladder.Sound = st.Now.Add(time.Minute)
		st.Health, _ = st.Health.Raise(st.Now, health.CreditEnds, "", said.Words("less than 1 h"))
		loop.set(st)
		time.Sleep(20*time.Second + 10*time.Millisecond)
		if b.heard() != 12 {
			t.Errorf("%d sounds in 20 s, 3 every 5 s are 12", b.heard())
		}
		time.Sleep(time.Second / 10)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if b.on {
			t.Error("it sounds on after the end")
		}
	})
}
