package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
)

// Config is how the process is run.
type Config struct {
	Path string   // of the program
	Args []string // with its name
	Env  []string // nil: as this process's
	// Past yields what the store remembers, in parts.
	Past func(ctx context.Context, yield func([]planning.Interval) error) error
	// Within is how much longer than asked a plan may take, Teach what the first one after
	// a start may take on top: all is learned for it.
	Within, Teach time.Duration
	// Memory is how much may be resident, in bytes; Soft is where its garbage
	// collector begins to work harder.
	Memory, Soft int64
	// Rest is the pause after a failure; it doubles up to RestMost while it fails.
	Rest, RestMost time.Duration
	Log            *slog.Logger
}

// Defaults are limits for a machine with 512 MB.
func Defaults() Config {
	return Config{
		Within: 2 * time.Minute, Teach: 8 * time.Minute, Memory: 200 << 20, Soft: 96 << 20,
		Rest: 30 * time.Second, RestMost: 30 * time.Minute,
	}
}

// Child is a planner in a process of its own.  It is a control.Plans.
type Child struct {
	cfg Config

	mu    sync.Mutex
	news  []planning.Interval // not told to the process
	fresh []planning.Interval // the newest, which the store may not have yet

	run   *process // nil: none runs; only Make and Wait touch it
	fails int
	again time.Time // not before this
	cause error     // of the last failure
}

// New is a planner; its process is started with the first plan.
func New(cfg Config) *Child { return &Child{cfg: cfg} }

// freshMost bounds what is kept besides the store: some days of many loads.
const freshMost = 2000

// Learn takes in finished intervals.
func (c *Child) Learn(intervals []planning.Interval) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = append(c.fresh, intervals...)
	c.fresh = c.fresh[max(0, len(c.fresh)-freshMost):]
	c.news = append(c.news, intervals...)
	c.news = c.news[max(0, len(c.news)-freshMost):]
}

// Make has a plan made.
func (c *Child) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	if wait := time.Until(c.again); wait > 0 {
		return planning.Plan{}, fmt.Errorf("%w; it is tried again in %s", c.cause, wait.Round(time.Second))
	}
	plan, err := c.make(ctx, b, within)
	if err == nil {
		c.fails, c.again = 0, time.Time{}
		return plan, nil
	}
	if ctx.Err() != nil {
		return planning.Plan{}, ctx.Err()
	}
	rest := c.cfg.Rest << min(c.fails, 10)
	c.fails++
	c.again, c.cause = time.Now().Add(min(rest, c.cfg.RestMost)), err
	c.cfg.Log.Warn("planner: no plan", "error", err, "again_in", min(rest, c.cfg.RestMost))
	return planning.Plan{}, err
}

func (c *Child) make(ctx context.Context, b planning.Brief, within time.Duration) (plan planning.Plan, err error) {
	limit := c.cfg.Within + within
	started := c.run == nil
	if started {
		limit += c.cfg.Teach
		if c.run, err = start(c.cfg); err != nil {
			return plan, fmt.Errorf("the planner cannot be started: %w", err)
		}
	}
	run := c.run
	done := make(chan error, 1)
	go func() {
		err := error(nil)
		if started {
			err = c.teach(ctx, run)
		}
		if err == nil {
			c.mu.Lock()
			news := c.news
			c.news = nil
			c.mu.Unlock()
			if started {
				news = nil // taught
			}
			err = run.ask(question{Learn: news, Plan: &b, Within: within}, &plan)
		}
		done <- err
	}()
	t := time.NewTimer(limit)
	defer t.Stop()
	ended := false // by itself
	select {
	case err = <-done:
		if err == nil || errors.As(err, new(refusedError)) {
			return plan, err
		}
		ended = true
	case <-t.C:
		err = fmt.Errorf("the planner took longer than %s", limit)
	case <-ctx.Done():
		err = ctx.Err()
	case <-run.fat:
	}
	c.run = nil
	place := run.end()
	select {
	case <-run.fat:
		err = fmt.Errorf("the planner took more than %d MB of memory", c.cfg.Memory>>20)
	default:
		if ended && place != "" {
			err = errors.New(place)
		}
	}
	if !ended {
		if late := <-done; late != nil { // what asked it ends with it
			c.cfg.Log.Debug("planner: ended", "error", late)
		}
	}
	return planning.Plan{}, err
}

// key tells intervals apart.
type key struct {
	series string
	start  int64
}

// teach tells a new process all that is known: what the store remembers, and what
// may not be stored yet in its place.
func (c *Child) teach(ctx context.Context, run *process) error {
	c.mu.Lock()
	fresh := append([]planning.Interval(nil), c.fresh...)
	c.news = nil
	c.mu.Unlock()
	known := map[key]bool{}
	for _, iv := range fresh {
		known[key{iv.Series, iv.Slot.Start.Unix()}] = true
	}
	if err := run.tell(question{Learn: fresh}); err != nil {
		return err
	}
	return c.cfg.Past(ctx, func(part []planning.Interval) error {
		rest := make([]planning.Interval, 0, len(part))
		for _, iv := range part {
			if !known[key{iv.Series, iv.Slot.Start.Unix()}] {
				rest = append(rest, iv)
			}
		}
		return run.tell(question{Learn: rest})
	})
}

// Wait ends the process.
func (c *Child) Wait() {
	if c.run != nil {
		c.run.end()
		c.run = nil
	}
}

// process is one running planner.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	to     *json.Encoder
	from   *json.Decoder
	said   *tail
	fate   string        // how it ended
	fat    chan struct{} // closed where it takes too much memory
	stop   chan struct{}
	watch  sync.WaitGroup
	finish sync.Once
}

// killWithin is how long a killed process may take to be gone.
const killWithin = 10 * time.Second

func start(cfg Config) (*process, error) {
	cmd := &exec.Cmd{Path: cfg.Path, Args: cfg.Args}
	env := cfg.Env
	if env == nil {
		env = os.Environ()
	}
	cmd.Env = append(env[:len(env):len(env)], fmt.Sprintf("GOMEMLIMIT=%d", cfg.Soft), "NOTIFY_SOCKET=")
	p := &process{cmd: cmd, said: &tail{}, fat: make(chan struct{}), stop: make(chan struct{})}
	cmd.Stderr = p.said
	cmd.WaitDelay = killWithin
	isolate(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	humble(cmd.Process.Pid)
	p.in, p.to, p.from = in, json.NewEncoder(in), json.NewDecoder(out)
	p.watch.Go(func() { p.weigh(cfg.Memory) })
	return p, nil
}

func (p *process) tell(q question) error {
	if len(q.Learn) == 0 && q.Plan == nil {
		return nil
	}
	return p.to.Encode(q)
}

func (p *process) ask(q question, plan *planning.Plan) error {
	if err := p.to.Encode(q); err != nil {
		return fmt.Errorf("the planner has ended: %w", err)
	}
	var a answer
	if err := p.from.Decode(&a); err != nil {
		return fmt.Errorf("the planner has ended: %w", err)
	}
	if a.Refused != "" {
		return refusedError(a.Refused)
	}
	*plan = a.Plan
	return nil
}

// refusedError is why a planner that is well makes no plan.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// weighEvery is how often its memory is looked at.
const weighEvery = 100 * time.Millisecond

// weigh ends the process where it takes too much memory.
func (p *process) weigh(most int64) {
	t := time.NewTicker(weighEvery)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
		}
		if most > 0 && resident(p.cmd.Process.Pid) > most {
			close(p.fat)
			_ = p.cmd.Process.Kill()
			return
		}
	}
}

// end ends the process and tells what it said of its end.
func (p *process) end() (place string) {
	p.finish.Do(func() {
		close(p.stop)
		_ = p.in.Close()
		gone, killed := make(chan struct{}), make(chan bool)
		go func() {
			select {
			case <-gone:
				killed <- false
			case <-time.After(grace):
				_ = p.cmd.Process.Kill()
				killed <- true
			}
		}()
		err := p.cmd.Wait()
		close(gone)
		if byUs := <-killed; err != nil && !byUs {
			p.fate = err.Error() // its own end; ours says nothing of why
		}
		p.watch.Wait()
	})
	if place := p.said.place(); place != "" || p.fate == "" {
		return place
	}
	return "the planner has ended: " + p.fate
}

// grace is how long a process whose input has ended may take before it is killed.
const grace = 200 * time.Millisecond
