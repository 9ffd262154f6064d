package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
)

// figures are what one run led to, as they are kept.
type figures struct {
	Agent  string           `json:"agent"`  // what "agent version" said
	Inputs string           `json:"inputs"` // a digest of the world and its files
	CPU    float64          `json:"cpu_s"`
	Wall   float64          `json:"wall_s"`
	Memory float64          `json:"memory_mb"` // the most that it held
	Report *simulate.Report `json:"report"`    // of the one policy
}

// inputs is a digest of all that a world's life hangs on, besides the program.
func inputs(w simulate.World) (string, error) {
	h := sha256.New()
	for _, name := range []string{w.Base.File, w.Tariff.File} {
		if name == "" {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(w.Folder, name)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write(text)
	}
	w.Folder, w.About = "", ""
	text, err := json.Marshal(w)
	if err != nil {
		return "", err
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// file is where the figures of a run are kept.
func (o *options) file(c *aCase, p simulate.Policy) string {
	return filepath.Join(o.results, fmt.Sprintf("%d-days", c.world.Days), c.id()+"."+string(p)+".json")
}

// kept are the figures of a run that is over; nil where there are none, or of other
// inputs, or of another agent.
func (o *options) kept(agent string, c *aCase, p simulate.Policy) (*figures, error) {
	text, err := os.ReadFile(o.file(c, p))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f figures
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("%s: %w; delete it", o.file(c, p), err)
	}
	if f.Inputs != c.inputs || f.Agent != agent && !o.any || f.Report == nil || f.Report.Policies[p] == nil {
		return nil, nil
	}
	return &f, nil
}

// job is one run to come.
type job struct {
	c *aCase
	p simulate.Policy
}

// run makes the runs that are missing, so many at a time.  One that fails does not
// keep the others from being made.
func (o *options) run(ctx context.Context, told io.Writer, agent string, cases []aCase) error {
	var jobs []job
	for i := range cases {
		if !o.asked(&cases[i]) {
			continue
		}
		for _, p := range o.asks() {
			f, err := o.kept(agent, &cases[i], p)
			if err != nil {
				return err
			}
			if f == nil {
				jobs = append(jobs, job{&cases[i], p})
			}
		}
	}
	if len(jobs) == 0 {
		fmt.Fprintln(told, "every run is there")
		return nil
	}
	for _, j := range jobs {
		if err := os.MkdirAll(filepath.Dir(o.file(j.c, j.p)), 0o755); err != nil { //nolint:gosec // nobody's secret
			return err
		}
	}
	began := time.Now()
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		over  int
		fails []error
		queue = make(chan job)
	)
	say := func(form string, args ...any) { fmt.Fprintf(told, time.Now().Format("15:04:05 ")+form+"\n", args...) }
	for range max(1, o.parallel) {
		wg.Go(func() {
			for j := range queue {
				mu.Lock()
				say("%s %s begins", j.c.id(), j.p)
				mu.Unlock()
				f, err := o.one(ctx, agent, j)
				mu.Lock()
				over++
				if err != nil {
					fails = append(fails, fmt.Errorf("%s %s: %w", j.c.id(), j.p, err))
					say("%s %s FAILED: %v", j.c.id(), j.p, err)
				} else {
					left := time.Since(began) / time.Duration(over) * time.Duration(len(jobs)-over)
					r := f.Report.Policies[j.p]
					say("%s %s: %.4f a kWh, %.1f h off, %.1f kWh unmet; %.0f s of a core, %.0f MB; %d of %d, about %s to come",
						j.c.id(), j.p, r.CostPerKWh, r.HoursOff, r.UnmetKWh, f.CPU, f.Memory, over, len(jobs), left.Round(time.Minute))
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			break
		}
		queue <- j
	}
	close(queue)
	wg.Wait()
	return errors.Join(fails...)
}

// one makes one run and keeps its figures.
func (o *options) one(ctx context.Context, agent string, j job) (*figures, error) {
	args := []string{"simulate", j.c.file, "--policy", string(j.p), "--days", strconv.Itoa(j.c.world.Days), "--json", "-"}
	if j.c.variant != "" {
		args = append(args, "--variant", j.c.variant)
	}
	cmd := exec.CommandContext(ctx, o.agent, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // runs do not share their cores
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(trouble.String()))
	}
	st := cmd.ProcessState
	f := &figures{Agent: agent, Inputs: j.c.inputs, CPU: (st.UserTime() + st.SystemTime()).Seconds(), Wall: time.Since(began).Seconds()}
	if use, ok := st.SysUsage().(*syscall.Rusage); ok {
		f.Memory = float64(use.Maxrss) / 1024
	}
	if err := json.Unmarshal(out.Bytes(), &f.Report); err != nil {
		return nil, err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	name := o.file(j.c, j.p)
	if err := os.WriteFile(name+".part", text, 0o644); err != nil { //nolint:gosec // nobody's secret
		return nil, err
	}
	return f, os.Rename(name+".part", name)
}
