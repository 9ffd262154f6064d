package adc

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/quality"
	"github.com/keeplit/keeplit/metering/waveform"
	"github.com/keeplit/keeplit/metering/waveform/voltage"
)

// mains is a source of three phases whose clock goes by its samples.
type mains struct {
	rate  float64
	n     int
	end   int
	stop  context.CancelFunc
	codes []int32
	lost  int           // samples lost before each block
	begin time.Duration // since 11:55
	all   int           // phases
	level func(phase int, at float64) float64
}

func (m *mains) Start(context.Context) error { return nil }

func (m *mains) now() time.Time {
	return time.Date(2026, 3, 2, 11, 55, 0, 0, time.UTC).Add(m.begin).Add(time.Duration(float64(m.n) / m.rate * 1e9))
}

func (m *mains) Next(context.Context) (Block, error) {
	m.codes = m.codes[:0]
	m.n += m.lost
	for range int(m.rate / 10) {
		for p := range m.all {
			at := float64(m.n) / m.rate
			wt := 2*math.Pi*50.01*at - 2*math.Pi/3*float64(p)
			m.codes = append(m.codes, int32(230*math.Sqrt2*1e4*(math.Sin(wt)+0.03*math.Sin(5*wt))*m.level(p, at)), 0)
		}
		m.n++
	}
	if m.n >= m.end {
		m.stop()
	}
	return Block{Codes: m.codes, Lost: m.lost}, nil
}

// What is measured of the voltage comes with the readings: of three phases, of the clock's
// ten minutes, with a dip in one of them.
func TestTheQualityOfTheVoltageComesWithReadings(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := &mains{rate: 2003, end: 2003 * 640, all: 3, begin: 5*time.Minute - 30*time.Second, stop: cancel, level: func(p int, at float64) float64 {
		if p == 1 && at > 130 && at < 130.3 {
			return 0.6
		}
		return 1
	}}
	ch := waveform.Channel{VoltsPerCode: 1e-4, AmpsPerCode: 1e-4}
	m, err := New(src, Config{
		Waveform: waveform.Config{Rate: src.rate, Channels: []waveform.Channel{ch, ch, ch}}, Now: src.now,
		Quality: &voltage.Config{Harmonics: true, Flicker: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	var news quality.News
	if err := m.Run(ctx, func(r metering.Reading) {
		if n := r.Quality; n != nil {
			news.Nominal = n.Nominal
			news.Tens, news.Seconds, news.Events = append(news.Tens, n.Tens...), append(news.Seconds, n.Seconds...), append(news.Events, n.Events...)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(news.Tens) != 2 || news.Nominal != 230_000 {
		t.Fatalf("%+v", news)
	}
	v := news.Tens[1] // from 12:00 to 12:10
	if !v.End.Equal(time.Date(2026, 3, 2, 12, 10, 0, 0, time.UTC)) || v.Covered < 999_000 || !v.Flagged || len(v.Phases) != 3 || !v.Sequence {
		t.Errorf("%+v", v)
	}
	if p := v.Phases[0]; p.Voltage < 230_050 || p.Voltage > 230_150 || p.Orders != 19 || max(p.Harmonics[4]-30_000, 30_000-p.Harmonics[4]) > 20 || max(p.THD-30_000, 30_000-p.THD) > 20 || !p.Flicker {
		t.Errorf("%+v", p)
	}
	if v := news.Tens[0]; v.Covered > 60_000 || v.Flagged {
		t.Errorf("%+v", v)
	}
	if len(news.Events) != 1 || news.Events[0].Kind != quality.Dip || news.Events[0].Voltage < 137_000 || news.Events[0].Voltage > 139_500 ||
		news.Events[0].Start.Sub(time.Date(2026, 3, 2, 12, 1, 40, 0, time.UTC)).Abs() > 60*time.Millisecond {
		t.Errorf("%+v", news.Events)
	}
	if n := len(news.Seconds); n < 61 || n > 65 || news.Seconds[n-1].Frequency != 50_010 {
		t.Errorf("%d frequencies, %+v", n, news.Seconds[n-1])
	}
}

// The samples around a dip are in a file that says what they are, and old files go.
func TestCapturesAreWritten(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := filepath.Join(t.TempDir(), "captures")
	src := &mains{rate: 2003, end: 2003 * 3600, all: 3, stop: cancel, level: func(p int, at float64) float64 {
		if p == 1 && at > 3 && at < 3.1 {
			return 0.6
		}
		return 1
	}}
	ch := waveform.Channel{VoltsPerCode: 1e-4, AmpsPerCode: 1e-4}
	m, err := New(src, Config{Waveform: waveform.Config{Rate: src.rate, Channels: []waveform.Channel{ch, ch, ch}}, Now: src.now, Quality: &voltage.Config{}, Captures: dir})
	if err != nil {
		t.Fatal(err)
	}
	for k := range capturesKept + 3 {
		if err := (&writer{dir: dir}).write(captureFile{Captured: Captured{Kind: "dip", Start: src.now().Add(-time.Duration(k+1) * time.Hour), Rate: 1}, phases: 1, samples: []int32{1, 2}}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	if err := m.Run(ctx, func(metering.Reading) {
		if names, err = filepath.Glob(filepath.Join(dir, "*115502*-dip.csv")); len(names) > 0 {
			if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) == capturesKept {
				cancel()
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(names) != 1 {
		t.Fatalf("%v: %v", names, err)
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	of, ok := ReadCaptured(lines[0])
	if !ok || of.Kind != "dip" || of.Rate != 2003 || of.Nominal != 230 || of.Frequency != 50 || of.Start.Sub(src.now().Truncate(24*time.Hour).Add(11*time.Hour+55*time.Minute+2890*time.Millisecond)).Abs() > 30*time.Millisecond {
		t.Errorf("%q: %+v", lines[0], of)
	}
	if n := len(lines) - 2; lines[1] != "v1,i1,v2,i2,v3,i3" || n < 700 || n > 950 {
		t.Errorf("%q and %d samples", lines[1], n)
	}
}

func TestALineThatIsNoCapture(t *testing.T) {
	for _, line := range []string{"", "v,i", "# a remark", captureMark, captureMark + " rate=x", captureMark + " rate=4007 start=yesterday"} {
		if _, ok := ReadCaptured(line); ok {
			t.Errorf("%q is taken for one", line)
		}
	}
}

// A converter that loses samples between its batches still tells the voltage, and says
// how much of the time; of its spectrum and flicker it says nothing.
func TestAConverterThatLosesSamplesTellsWhatItMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	src := &mains{rate: 2003, end: 2003 * 640, all: 1, begin: 5*time.Minute - 30*time.Second, stop: cancel, lost: 7, level: func(int, float64) float64 { return 1 }}
	ch := waveform.Channel{VoltsPerCode: 1e-4, AmpsPerCode: 1e-4}
	m, err := New(src, Config{Waveform: waveform.Config{Rate: src.rate, Channels: []waveform.Channel{ch}}, Now: src.now, Quality: &voltage.Config{Harmonics: true, Flicker: true}})
	if err != nil {
		t.Fatal(err)
	}
	var tens []quality.Ten
	if err := m.Run(ctx, func(r metering.Reading) {
		if r.Quality != nil {
			tens = append(tens, r.Quality.Tens...)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(tens) != 2 {
		t.Fatalf("%d values", len(tens))
	}
	v := tens[1]
	if p := v.Phases[0]; !v.Gaps || v.Flagged || v.Covered < 500_000 || v.Covered > 800_000 || p.Flicker || p.Orders != 0 || p.Voltage < 230_000 || p.Voltage > 230_200 {
		t.Errorf("%+v", v)
	}
}

// A voltage that dips all day does not wear a memory card out.
func TestOfADayOfDipsAFewAnHourAreWritten(t *testing.T) {
	w := writer{next: make(chan captureFile, 2)}
	begun := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	written := 0
	for at := time.Duration(0); at < 24*time.Hour; at += 2 * time.Second {
		w.offer(captureFile{Captured: Captured{Start: begun.Add(at)}})
		select {
		case <-w.next:
			written++
		default:
		}
	}
	if written != 24*capturesKept {
		t.Errorf("%d captures of a day's 43200 dips are written, want %d", written, 24*capturesKept)
	}
}

// A converter whose samples do not all come counts too little: from a hundredth on that is
// told, each ten minutes anew while it lasts.
func TestSamplesThatDoNotComeAreTold(t *testing.T) {
	for _, row := range []struct {
		name string
		lost int // before each 60 samples
		want int // how often it is told in 22 minutes
		told time.Duration
	}{
		{"none", 0, 0, 0},
		{"a twentieth", 3, 2, 28600 * time.Millisecond},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &mains{rate: 603, end: 603 * 1300, all: 1, stop: cancel, lost: row.lost, level: func(int, float64) float64 { return 1 }}
		m, err := New(src, Config{Waveform: waveform.Config{Rate: src.rate, Channels: []waveform.Channel{{VoltsPerCode: 1e-4, AmpsPerCode: 1e-4}}}, Now: src.now})
		if err != nil {
			t.Fatal(err)
		}
		var told []metering.Missed
		err = m.Run(ctx, func(r metering.Reading) {
			if r.Missed != nil {
				told = append(told, *r.Missed)
			}
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if len(told) != row.want {
			t.Errorf("%s: told %d times, want %d: %v", row.name, len(told), row.want, told)
			continue
		}
		for i, v := range told {
			if v.Of < 10*time.Minute || v.Of > 10*time.Minute+2*time.Second || v.Lost < row.told-200*time.Millisecond || v.Lost > row.told+200*time.Millisecond {
				t.Errorf("%s: %v of %v was lost, want %v of 10 minutes", row.name, v.Lost, v.Of, row.told)
			}
			if from := time.Date(2026, 3, 2, 11, 55, 0, 0, time.UTC).Add(time.Duration(i) * v.Of); v.From.Sub(from) > 3*time.Second || from.Sub(v.From) > 3*time.Second {
				t.Errorf("%s: from %v, want about %v", row.name, v.From, from)
			}
		}
	}
	few := tally{came: 99_001, lost: 999}
	if got := few.over(100, time.Time{}); got != nil || few != (tally{}) {
		t.Errorf("less than a hundredth: %v", got)
	}
}
