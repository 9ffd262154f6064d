package board

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/relay"
	"github.com/keeplit/keeplit/loads/sgready"
)

// A program that has relays closed is killed: the kernel has its lines back at once, and each is at
// what pulls it, on a chip that does not keep what it was told.  So a relay falls open where its line is
// pulled to open, a heat pump is left to itself, and a coil of a latching relay is not driven any longer.
func TestKilledOnAKernel(t *testing.T) {
	if rest := os.Getenv("KEEPLIT_HOLD"); rest != "" {
		holds(t, rest)
		return
	}
	sim := newSimulated(t)
	for _, row := range []struct {
		name, rest string
		low        string // how the line of the low-active relay is pulled
		held, left map[int]string
	}{
		{
			"on", "normal", "pull-up",
			map[int]string{1: "1", 4: "0", 5: "1", 6: "1", 7: "1", 0: "0"},
			map[int]string{1: "0", 4: "1", 5: "0", 6: "0", 7: "0", 0: "0"},
		},
		{
			"a heat pump blocked, and a low-active relay on a line pulled down closes", "blocked", "pull-down",
			map[int]string{1: "1", 4: "0", 5: "1", 6: "0"},
			map[int]string{1: "0", 4: "0", 5: "0", 6: "0"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			sim.t = t
			for _, line := range []int{0, 1, 2, 5, 6, 7} {
				sim.pull(line, "pull-down")
			}
			sim.pull(4, row.low)
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledOnAKernel$")
			cmd.Env = append(os.Environ(), "KEEPLIT_HOLD="+row.rest)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && lines.Text() != "held" {
				t.Log(lines.Text())
			}
			for line, want := range row.held {
				if got := sim.level(line); got != want {
					t.Errorf("held, line %d is %s, want %s", line, got, want)
				}
			}
			_ = cmd.Process.Kill()
			if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
				t.Errorf("it ended by itself: %v", err)
			}
			for line, want := range row.left {
				if got := sim.level(line); got != want {
					t.Errorf("killed, line %d is %s, want %s", line, got, want)
				}
			}
			b, err := Open() // the next one begins open
			if err != nil {
				t.Fatal(err)
			}
			_, closeLines, err := relay.Open(b, relay.Document{Chip: sim.chip, Line: "1", Contact: relay.ContactNO}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			if got := sim.level(1); got != "0" {
				t.Errorf("started again, line 1 is %s", got)
			}
			if err := closeLines(); err != nil {
				t.Error(err)
			}
		})
	}
}

// holds is the program: it has everything on and waits for its end.
func holds(t *testing.T, rest string) {
	sim := newSimulated(t)
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	on := loads.Setpoint{On: true}
	line := func(n int, low bool) *relay.Document {
		return &relay.Document{Chip: sim.chip, Line: fmt.Sprint(n), Low: low, Contact: relay.ContactNO}
	}
	for _, d := range []*relay.Document{line(1, false), line(4, true)} {
		sw, _, err := relay.Open(b, *d, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := sw.Set(t.Context(), on); err != nil {
			t.Fatal(err)
		}
	}
	pump, err := (&sgready.Document{First: line(5, false), Second: line(6, false), Run: "ordered", Rest: rest}).Open(loads.Env{Machine: &Machine{board: b}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := pump.Set(t.Context(), loads.Setpoint{On: rest == "normal"}); err != nil {
		t.Fatal(err)
	}
	latching, _, err := relay.Open(b, relay.Document{
		Chip: sim.chip, Line: "7", Reset: "0", Contact: relay.ContactLatching, Pulse: 500 * time.Millisecond, Feedback: &relay.FeedbackInput{Line: "2"},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if rest == "normal" { // it is killed with a coil driven
		go func() { _ = latching.Set(context.Background(), on) }()
		for strings.TrimSpace(sim.level(7)) != "1" {
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println("held")
	time.Sleep(time.Minute)
}
