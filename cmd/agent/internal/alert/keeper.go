package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/units"
)

// Way sends messages.  An error means that it was not taken, and that it is tried
// again; it holds no secret.
type Way interface {
	Send(ctx context.Context, m Message) error
	// Check says what keeps every message from being sent; it sends nothing.
	Check() error
}

// Recipient is somebody who is told.
type Recipient struct {
	Name  string
	Least health.Severity
	Way   Way
}

// Config is what a Keeper needs.
type Config struct {
	Site  string               // id
	Name  string               // for people
	File  string               // where what was told is kept
	Words func() present.Words // of the language that is spoken now; nil: English
	Quiet civil.Week
	To    []Recipient
	// View is the picture of now, and the rung at which the end of the credit was
	// said last.
	View func() (picture.View, time.Duration)
	// Failed says why a recipient cannot be told, and "" once it can.
	Failed func(ctx context.Context, who, cause string)
	Log    *slog.Logger
}

// Keeper tells the recipients what they are to know.
type Keeper struct {
	c    Config
	pace pace
}

// pace is how often things are done; tests go faster.
type pace struct {
	look    time.Duration // between two looks at the warnings
	send    time.Duration // that one message may take
	between time.Duration // between two messages to one recipient
	first   time.Duration // the wait after the first failure
	most    time.Duration
	failing time.Duration // after which it is told that it fails
	end     time.Duration // that what is under way has at the end
}

// New is a Keeper.
func New(c Config) *Keeper {
	if c.Words == nil {
		english := present.NewWords()
		c.Words = func() present.Words { return english }
	}
	return &Keeper{c: c, pace: pace{
		look: 2 * time.Second, send: time.Minute, between: 10 * time.Second, first: 15 * time.Second, most: 15 * time.Minute, failing: 15 * time.Minute, end: 3 * time.Second,
	}}
}

// bookForm is the form of the file.
func bookForm() form.Form { return form.Form{Name: "what was told"} }

// load reads what was told; a file that cannot be read is begun anew: better told
// twice than not at all.
func (k *Keeper) load() Book {
	none := Book{Version: bookForm().Version()}
	data, err := os.ReadFile(k.c.File)
	if errors.Is(err, fs.ErrNotExist) {
		return none
	}
	var b Book
	if err == nil {
		err = bookForm().Read(data, &b)
	}
	if err != nil {
		k.c.Log.Warn("what was told cannot be read; what still holds is told again", "file", k.c.File, "error", err)
		return none
	}
	return b
}

// save writes it down, without what was told to nobody.
func (k *Keeper) save(b Book) error {
	b.Entries = slices.DeleteFunc(slices.Clone(b.Entries), func(e Entry) bool { return len(e.Told) == 0 })
	if b.Entries == nil {
		b.Entries = []Entry{}
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return durable.WriteFile(k.c.File, data)
}

// sent is what became of a message.
type sent struct {
	to  int
	m   Message
	err error
}

// line of a recipient: what it waits for.
type queue struct {
	busy    bool
	next    time.Time // not before; by the machine's clock
	wait    backoff.Backoff
	failing time.Time // since when; zero: it works
	told    bool      // that it fails
}

// Run tells until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	// What is being sent when ctx ends may still arrive: it has a moment to say so, or
	// it would be sent again after the restart.
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	results := make(chan sent)
	jobs := make([]chan Message, len(k.c.To))
	queues := make([]queue, len(k.c.To))
	for i, r := range k.c.To {
		jobs[i] = make(chan Message)
		queues[i].wait = backoff.Backoff{First: k.pace.first, Most: k.pace.most}
		workers.Go(func() { k.work(sending, i, r, jobs[i], results) })
	}
	book := k.load()
	unsaved := false
	tick := time.NewTicker(k.pace.look)
	defer tick.Stop()
	for {
		v, rung := k.c.View()
		var changed bool
		book, changed = book.Look(v.At, seen(&v, rung))
		unsaved = unsaved || changed
		if unsaved {
			k.keep(book)
			unsaved = false
		}
		k.hand(ctx, book, &v, queues, jobs)
		select {
		case <-ctx.Done():
			k.last(ctx, book, queues, results)
			return nil
		case <-tick.C:
		case r := <-results:
			if book, changed = k.done(ctx, book, &queues[r.to], r); changed {
				unsaved = true
			}
		}
	}
}

// keep writes down what was told.
func (k *Keeper) keep(book Book) {
	if err := k.save(book); err != nil {
		k.c.Log.Warn("what was told cannot be kept; after a restart it may be told again", "error", err)
	}
}

// last waits a moment for what is under way, and writes down what of it was taken.
func (k *Keeper) last(ctx context.Context, book Book, queues []queue, results <-chan sent) {
	busy := 0
	for _, q := range queues {
		if q.busy {
			busy++
		}
	}
	end := time.NewTimer(k.pace.end)
	defer end.Stop()
	for ; busy > 0; busy-- {
		select {
		case r := <-results:
			if after, changed := k.done(ctx, book, &queues[r.to], r); changed {
				book = after
				k.keep(book)
			}
		case <-end.C:
			return
		}
	}
}

// work sends what it is handed, one at a time.
func (k *Keeper) work(ctx context.Context, i int, r Recipient, jobs <-chan Message, results chan<- sent) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-jobs:
			err := contain.Run(func() error {
				ctx, cancel := context.WithTimeout(ctx, k.pace.send)
				defer cancel()
				return r.Way.Send(ctx, m)
			})
			select {
			case results <- sent{i, m, err}:
			case <-ctx.Done():
				return
			}
		}
	}
}

// hand gives each recipient that is free what is due.
func (k *Keeper) hand(ctx context.Context, book Book, v *picture.View, queues []queue, jobs []chan Message) {
	quiet := k.quiet(v)
	for i, r := range k.c.To {
		q := &queues[i]
		if q.busy || time.Now().Before(q.next) {
			continue
		}
		due := book.Due(v.At, r.Name, r.Least, quiet)
		if len(due) == 0 {
			continue
		}
		select {
		case jobs[i] <- compose(k.c.Site, k.c.Name, r.Name, k.c.Words().For(v.Unit, v.Zone, v.At), v.At, due):
			q.busy = true
		case <-ctx.Done():
			return
		}
	}
}

// quiet tells whether only what is critical may be told now.
func (k *Keeper) quiet(v *picture.View) bool {
	if len(k.c.Quiet) == 0 {
		return false
	}
	zone := v.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := v.At.In(zone)
	return k.c.Quiet.Open(local.Weekday(), units.TimeOfDay(local.Hour()*60+local.Minute()))
}

// done takes in what became of a message.
func (k *Keeper) done(ctx context.Context, book Book, q *queue, r sent) (Book, bool) {
	who := k.c.To[r.to].Name
	q.busy = false
	now := time.Now()
	if r.err == nil {
		q.wait.Reset()
		q.next, q.failing = now.Add(k.pace.between), time.Time{}
		if q.told {
			q.told = false
			k.c.Failed(ctx, who, "")
		}
		return book.Tell(r.m.At, who, r.m.Notices), true
	}
	if q.failing.IsZero() {
		q.failing = now
	}
	q.next = now.Add(q.wait.Next())
	k.c.Log.Warn("a message could not be sent; it is tried again", "to", who, "error", r.err, "in", time.Until(q.next).Round(time.Second))
	if !q.told && now.Sub(q.failing) >= k.pace.failing {
		q.told = true
		k.c.Failed(ctx, who, r.err.Error())
	}
	return book, false
}

// seen are the warnings of a picture as recipients are to know them.
func seen(v *picture.View, rung time.Duration) []Seen {
	out := map[key]Seen{}
	for _, w := range v.Warnings {
		s := Seen{
			Notice:       Notice{Code: health.Code(w.Code), Subject: w.Subject, Grade: w.Grade, Title: w.Title, Cause: w.Cause, Remedy: w.Remedy, Since: w.Since},
			Acknowledged: w.Seen,
		}
		if s.Code == health.CreditEnds {
			if rung == 0 {
				continue // it has not been said yet
			}
			s.Rung, s.Grade, s.Acknowledged = rung, gradeOf(rung), false
		}
		out[key{s.Code, s.Subject}] = s
	}
	return slices.Collect(maps.Values(out))
}

// gradeOf is how much the end of the credit matters so long before it: people
// sleep, and shops close, so a day before is not too early.
func gradeOf(rung time.Duration) health.Severity {
	switch {
	case rung > 24*time.Hour:
		return health.Caution
	case rung > time.Hour:
		return health.Serious
	}
	return health.Critical
}
