package metering_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

const (
	killSample = time.Minute
	killPeriod = 15 * time.Minute
)

// truth is what the house has used by minute n of the month: 200 W always, and
// 2 kW in every fourth hour.
func truth(n int64) units.Energy {
	base := (200 * units.Watt).Over(time.Duration(n) * time.Minute)
	cycles, rest := n/240, n%240
	return base + (2 * units.Kilowatt).Over(time.Duration(cycles*60+min(rest, 60))*time.Minute)
}

// wall is the clock at minute n: it is put back by 40 minutes on every third
// day, and on again on every fifth.
func wall(n int64) time.Time {
	off := 40*time.Minute*time.Duration(n/(5*1440)) - 40*time.Minute*time.Duration(n/(3*1440))
	return time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC).Add(time.Duration(n)*time.Minute + off)
}

// killState is what the child stores, all at once.
type killState struct {
	Minute    int64              `json:"minute"` // of the month, when it was stored
	Registers metering.Registers `json:"registers"`
	Intervals metering.Intervals `json:"intervals"`
	Closed    units.Energy       `json:"closed"` // the sum of the intervals that were closed
}

func loadState(t *testing.T, dir string) killState {
	t.Helper()
	s := killState{Intervals: metering.Intervals{Period: killPeriod}}
	b, err := os.ReadFile(filepath.Join(dir, "state"))
	if os.IsNotExist(err) {
		return s
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("the stored state is broken: %v", err)
	}
	return s
}

// TestKillChild is the process that is killed; alone it does nothing.
func TestKillChild(t *testing.T) {
	dir := os.Getenv("KEEPLIT_KILL_DIR")
	if dir == "" {
		t.Skip("it is run by TestKilled")
	}
	counting := os.Getenv("KEEPLIT_KILL_COUNTING") == "1"
	end, tell := minuteOf(t, "KEEPLIT_KILL_END"), minuteOf(t, "KEEPLIT_KILL_TELL")
	st := loadState(t, dir)
	// The world goes on by itself: its minute is kept apart from the state.
	world, err := os.OpenFile(filepath.Join(dir, "world"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	var b [8]byte
	now := int64(0)
	if n, _ := world.ReadAt(b[:], 0); n == 8 {
		now = int64(binary.LittleEndian.Uint64(b[:]))
	}
	// A meter that counts by itself begins where the stored register stood; one
	// with a register of its own has gone on meanwhile.
	start := st.Registers.ImportCounter.Value
	begin := now
	lim := metering.DefaultLimits()
	last := now / 15
	for ; now <= end; now++ {
		binary.LittleEndian.PutUint64(b[:], uint64(now))
		if _, err := world.WriteAt(b[:], 0); err != nil {
			t.Fatal(err)
		}
		if now >= tell {
			if _, err := os.Stdout.WriteString("there\n"); err != nil {
				t.Fatal(err)
			}
			tell = end + 1
		}
		s := metering.Sample{At: wall(now), Has: metering.HasImport, Import: truth(now), Step: units.WattHour}
		if counting {
			s.Import = start + truth(now) - truth(begin)
		}
		var c metering.Consumption
		st.Registers, c, _ = st.Registers.Take(s, lim)
		var closed []metering.Interval
		st.Intervals, closed = st.Intervals.Add(c)
		for _, i := range closed {
			st.Closed += i.Import
		}
		if now/15 == last && now < end {
			continue
		}
		last = now / 15
		st.Minute = now
		data, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		part := filepath.Join(dir, "state.part")
		if err := os.WriteFile(part, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(part, filepath.Join(dir, "state")); err != nil {
			t.Fatal(err)
		}
	}
}

func minuteOf(t *testing.T, name string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilled runs six days and kills the process 20 times on the way, or with
// KEEPLIT_KILLS=100 a month and 100 times.  Energy
// that the meter holds itself is not lost at all; energy that the driver counts
// is lost for one unstored interval a kill at most.
func TestKilled(t *testing.T) {
	if os.Getenv("KEEPLIT_KILL_DIR") != "" {
		t.Skip("this is the child")
	}
	kills, end := 20, int64(6*1440)
	if os.Getenv("KEEPLIT_KILLS") == "100" {
		kills, end = 100, 30*1440
	}
	for _, counting := range []bool{false, true} {
		name := "register in the meter"
		if counting {
			name = "register in the driver"
		}
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			rng := rand.New(rand.NewPCG(1, 2))
			done := 0
			var worst units.Energy
			child := func(tell int64) (*exec.Cmd, error) {
				cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillChild$")
				cmd.Env = append(os.Environ(), "KEEPLIT_KILL_DIR="+dir, fmt.Sprintf("KEEPLIT_KILL_END=%d", end), fmt.Sprintf("KEEPLIT_KILL_TELL=%d", tell))
				if counting {
					cmd.Env = append(cmd.Env, "KEEPLIT_KILL_COUNTING=1")
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					return nil, err
				}
				if err := cmd.Start(); err != nil {
					return nil, err
				}
				_, err = bufio.NewReader(out).ReadString('\n')
				return cmd, err
			}
			for before := loadState(t, dir); done < kills; done++ {
				// One kill in each equal part of the month, at a random moment.
				cmd, err := child((int64(done)*end + rng.Int64N(end)) / int64(kills))
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // it was killed
				st := loadState(t, dir)
				if st.Registers.Import < before.Registers.Import {
					t.Fatalf("the register went from %v back to %v", before.Registers.Import, st.Registers.Import)
				}
				before = st
				var b [8]byte
				if f, err := os.Open(filepath.Join(dir, "world")); err == nil {
					if n, _ := f.ReadAt(b[:], 0); n == 8 {
						worst = max(worst, truth(int64(binary.LittleEndian.Uint64(b[:])))-truth(st.Minute))
					}
					f.Close()
				}
			}
			killedAt := loadState(t, dir).Minute
			cmd, err := child(end)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			st := loadState(t, dir)
			want := truth(end)
			loss := want - st.Registers.Import
			held := st.Closed
			if st.Intervals.Open != nil {
				held += st.Intervals.Open.Import
			}
			if held != st.Registers.Import {
				t.Errorf("the intervals hold %v, the register %v", held, st.Registers.Import)
			}
			interval := (2200 * units.Watt).Over(killPeriod + killSample)
			switch {
			case !counting && loss != 0:
				t.Errorf("%v were lost of a register that the meter keeps", loss)
			case loss < 0:
				t.Errorf("%v more were counted than used", -loss)
			case loss > units.Energy(kills)*interval || worst > interval:
				t.Errorf("%v were lost in %d kills, up to %v at once; one interval is at most %v", loss, kills, worst, interval)
			}
			t.Logf("%d kills up to minute %d of %d: used %v, counted %v, lost %v, most between two stores %v", done, killedAt, end, want, st.Registers.Import, loss, worst)
		})
	}
}
