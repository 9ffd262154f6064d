package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/keeplit/keeplit/cmd/agent/internal/web"
)

// Wizard puts the questions of Ask on a page, one after the other, and goes back where that is
// wished: the answers before are given again, and what was tried is not tried again.
type Wizard struct {
	world World
	data  string

	mu      sync.Mutex
	changed chan struct{} // closed when what is shown changes
	shown   step
	waiting chan reply // of the question that is shown; nil: none is
	given   []given
	tried   map[string]Tried
	heard   map[string][]Heard
	random  [][]byte // what was drawn at random, in order
	drawn   int      // of them in this round
	next    int      // of given, which is given again; len(given): the person answers
	again   bool     // the last answer was one that is given again

	seen chan struct{}
	saw  sync.Once
}

// given is an answer that was given.
type given struct {
	text    string
	refused bool
}

type reply struct {
	text string
	back bool
}

// step is what the page shows.
type step struct {
	n        int       // counts up: an answer is to the question of its number
	question *Question // nil: nothing is asked at the moment
	said     []string  // since the answer before
	wrong    string    // why the answer before was not taken
	first    bool      // there is nothing to go back to
	ended    bool      // nothing more is asked
}

// NewWizard is a wizard in a world; data is the folder of the records.
func NewWizard(w World, data string) *Wizard {
	return &Wizard{world: w, data: data, changed: make(chan struct{}), seen: make(chan struct{}), tried: map[string]Tried{}, heard: map[string][]Heard{}}
}

// errBack says that the person goes back: the dialogue ends, and begins anew.
var errBack = fmt.Errorf("back: %w", ErrNoAnswer)

// Run asks until all is answered, or ctx is done.
func (z *Wizard) Run(ctx context.Context) (Draft, error) {
	z.Told("Nothing is written before the last answer.")
	for {
		draft, err := Ask(ctx, DialogueWith(ctx, z), z.kept(), z.data)
		if errors.Is(err, errBack) {
			z.mu.Lock()
			z.next, z.drawn, z.shown.said, z.shown.wrong = 0, 0, nil, ""
			z.mu.Unlock()
			continue
		}
		return draft, err
	}
}

// End says how it ended; nothing more is asked.
func (z *Wizard) End(lines ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.show(step{n: z.shown.n + 1, said: lines, ended: true})
}

// Now is what is asked; it waits for a question as long as ctx lets it.
func (z *Wizard) Now(ctx context.Context) web.Asked {
	for {
		z.mu.Lock()
		s, changed := z.shown, z.changed
		z.mu.Unlock()
		out := web.Asked{N: s.n, Said: s.said, Wrong: s.wrong, First: s.first, Ended: s.ended}
		if q := s.question; q != nil {
			out.Text, out.Usual, out.Only, out.Hidden = q.Text, q.Usual, q.Only, q.Hidden
			for _, o := range q.Offers {
				out.Offers = append(out.Offers, web.Choice(o))
			}
			if q.Usual != "" && !slices.ContainsFunc(q.Offers, func(o Offer) bool { return o.Answer == q.Usual }) {
				out.Offers = slices.Insert(out.Offers, 0, web.Choice{Answer: q.Usual})
			}
			return out
		}
		if s.ended {
			z.saw.Do(func() { close(z.seen) })
			return out
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return out
		}
	}
}

// Seen is closed when how it ended was shown.
func (z *Wizard) Seen() <-chan struct{} { return z.seen }

// Reply answers question n; an answer to another question than that which is asked is left aside.
func (z *Wizard) Reply(n int, text string) { z.reply(n, reply{text: text}) }

// Back goes back from question n to the one before.
func (z *Wizard) Back(n int) { z.reply(n, reply{back: true}) }

func (z *Wizard) reply(n int, r reply) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.waiting == nil || z.shown.n != n || r.back && len(z.given) == 0 || len(r.text) > longestAnswer {
		return
	}
	z.waiting <- r // has room for one
	z.waiting = nil
	z.show(step{n: z.shown.n})
}

// show puts something else on the page; the caller holds mu.
func (z *Wizard) show(s step) {
	z.shown = s
	close(z.changed)
	z.changed = make(chan struct{})
}

// Told adds a line to what is said.
func (z *Wizard) Told(line string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	s := z.shown
	s.said = append(slices.Clone(s.said), line)
	z.show(s)
}

// Refused keeps why the last answer was not taken.
func (z *Wizard) Refused(why error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.shown.wrong = why.Error()
	if z.next > 0 {
		z.given[z.next-1].refused = true
	}
}

// Answer is the answer that was given before, or that of the page.
func (z *Wizard) Answer(ctx context.Context, q Question) (string, error) {
	z.mu.Lock()
	if z.next < len(z.given) {
		text := z.given[z.next].text
		z.next++
		z.again = true
		z.shown.said, z.shown.wrong = nil, ""
		z.mu.Unlock()
		return text, nil
	}
	z.again = false
	answer := make(chan reply, 1)
	z.waiting = answer
	z.show(step{n: z.shown.n + 1, question: &q, said: z.shown.said, wrong: z.shown.wrong, first: len(z.given) == 0})
	z.mu.Unlock()
	select {
	case r := <-answer:
		return z.take(r)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (z *Wizard) take(r reply) (string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if r.back {
		for n := len(z.given); n > 0; n-- { // what was refused is no step of its own
			accepted := !z.given[n-1].refused
			z.given = z.given[:n-1]
			if accepted {
				break
			}
		}
		return "", errBack
	}
	z.given = append(z.given, given{text: r.text})
	z.next = len(z.given)
	return r.text, nil
}

// kept is the world, of which nothing is asked twice because somebody went back.
func (z *Wizard) kept() World {
	w := z.world
	w.Try = func(ctx context.Context, d Draft, what string) Tried {
		return z.once("try "+what+d.all(), func() Tried { return z.world.Try(ctx, d, what) })
	}
	w.Over = func(ctx context.Context, d Draft, load string) Tried {
		return z.once("over "+load+d.all(), func() Tried { return z.world.Over(ctx, d, load) })
	}
	w.Heard = func(ctx context.Context, d Draft) ([]Heard, error) {
		z.mu.Lock()
		out, ok := z.heard[d.all()]
		ok = ok && z.again
		z.mu.Unlock()
		if ok {
			return out, nil
		}
		out, err := z.world.Heard(ctx, d)
		z.mu.Lock()
		defer z.mu.Unlock()
		z.heard[d.all()] = out
		return out, err
	}
	w.Random = func(b []byte) {
		z.mu.Lock()
		defer z.mu.Unlock()
		if z.drawn == len(z.random) || len(z.random[z.drawn]) != len(b) {
			z.world.Random(b)
			z.random = append(z.random[:z.drawn], slices.Clone(b))
		}
		copy(b, z.random[z.drawn])
		z.drawn++
	}
	return w
}

func (z *Wizard) once(key string, try func() Tried) Tried {
	z.mu.Lock()
	out, ok := z.tried[key]
	ok = ok && z.again
	z.mu.Unlock()
	if ok {
		return out
	}
	out = try()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.tried[key] = out
	return out
}

// all is the whole of a draft, to tell it from others.
func (d Draft) all() string {
	out := "\x00" + d.Text
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		out += "\x00" + name + "\x00" + d.Files[name]
	}
	return out
}
