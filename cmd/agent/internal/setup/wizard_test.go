package setup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
)

// reader answers a wizard's questions as they come on its page.
type reader struct {
	t *testing.T
	z *Wizard
}

func (r reader) now() web.Asked {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer stop()
	a := r.z.Now(ctx)
	if a.Text == "" && !a.Ended {
		r.t.Fatal("nothing is asked")
	}
	return a
}

func (r reader) answer(text string) { r.z.Reply(r.now().N, text) }

// begin runs a wizard; the function waits for what came of it.
func begin(t *testing.T, w *world) (reader, func() (Draft, error)) {
	z := NewWizard(w.world(), "data")
	var draft Draft
	var err error
	done := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		draft, err = z.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return reader{t, z}, func() (Draft, error) {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the wizard asks on")
		}
		return draft, err
	}
}

func kettleSite() []string {
	return []string{
		"home", "Njeri", "KE", "ke-kplc-domestic", "", "22334455", "60 A",
		"192.168.1.10", "none", "p1", "/dev/ttyUSB0", "120", "own",
		"Kettle", "2 kW", "1h", "none", "tasmota", "kettle", "yes", "none",
		"no", "none", "8080", "4711", "4711",
	}
}

// The page makes what a terminal makes of the same answers.
func TestThePageAsksWhatATerminalAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want, said, err := w.answers(kettleSite()...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	r, end := begin(t, w)
	for _, text := range kettleSite() {
		r.answer(text)
	}
	got, err := end()
	if err != nil || got.Text != want.Text || !slices.Equal(slices.Sorted(maps.Keys(got.Files)), slices.Sorted(maps.Keys(want.Files))) {
		t.Errorf("%v\n%s\nthe terminal:\n%s", err, got.Text, want.Text)
	}
}

// Back from a question to the one before and on again: the answers stay, no plug is switched again, and
// what comes of it is the same.
func TestBackFromAQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, end := begin(t, w)
	for i, text := range kettleSite() {
		r.answer(text)
		if i%5 != 0 && text != "yes" || i == len(kettleSite())-1 {
			continue
		}
		after := r.now()
		r.z.Back(after.N)
		if a := r.now(); a.Wrong != "" || a.First != (i == 0) {
			t.Fatalf("back at answer %d: %+v", i, a)
		}
		r.answer(text)
		if again := r.now(); again.Text != after.Text {
			t.Fatalf("after %q: %q, and once more %q", text, after.Text, again.Text)
		}
	}
	got, err := end()
	if err != nil || !strings.Contains(got.Text, "id: kettle") || got.Files["pin.hash"] == "" {
		t.Fatalf("%v\n%s", err, got.Text)
	}
	over := 0
	for _, a := range w.asked {
		if a == "over kettle" {
			over++
		}
	}
	if over != 2 { // by the answer, and by the answer that was given once more
		t.Errorf("the plug was switched over %d times", over)
	}
}

// What was refused is no step of its own: back leads to the question before.
func TestBackFromARefusedAnswer(t *testing.T) {
	t.Parallel()
	r, _ := begin(t, newWorld(t))
	r.answer("office")
	r.answer("Shop")
	asked := r.now()
	r.answer("Kenya")
	a := r.now()
	if a.Text != asked.Text || a.Wrong == "" {
		t.Fatalf("%+v", a)
	}
	r.answer("Kenia")
	r.z.Back(r.now().N)
	if a = r.now(); a.Text != "What is it called" || a.Usual != "Office" {
		t.Errorf("%+v", a)
	}
}

// An answer to a question that is no longer asked, as of a second tap, changes nothing.
func TestAnAnswerToAnotherQuestionIsLeftAside(t *testing.T) {
	t.Parallel()
	r, _ := begin(t, newWorld(t))
	first := r.now()
	r.z.Reply(first.N, "home")
	second := r.now()
	r.z.Reply(first.N, "a second tap")
	r.z.Back(first.N)
	r.z.Reply(second.N, strings.Repeat("x", longestAnswer+1))
	if a := r.now(); a.N != second.N || a.Text != second.Text || !slices.Contains(a.Offers, web.Choice{Answer: "Home"}) {
		t.Errorf("%+v", a)
	}
	r.z.Back(second.N)
	back := r.now()
	if back.Text != first.Text || !back.First {
		t.Errorf("%+v", back)
	}
	r.z.Back(back.N) // there is nothing before
	if a := r.now(); a.N != back.N {
		t.Errorf("%+v", a)
	}
}

// How it ended stays on the page, and it is known when somebody has seen it.
func TestHowItEndedIsShown(t *testing.T) {
	t.Parallel()
	z := NewWizard(newWorld(t).world(), "data")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := z.Run(ctx); err == nil {
		t.Error("it was stopped")
	}
	z.End("written")
	select {
	case <-z.Seen():
		t.Error("nobody has looked")
	default:
	}
	if a := z.Now(t.Context()); !a.Ended || !slices.Equal(a.Said, []string{"written"}) {
		t.Errorf("%+v", a)
	}
	<-z.Seen()
}
