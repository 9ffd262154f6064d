package control

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/quality"
)

// What a reading says of the voltage is kept, goes through a restart, and is of the loop's
// clock where the wall's is doubted; a meter that tells voltages only is heard, too.
func TestTheWeekOfTheVoltageIsKept(t *testing.T) {
	b := newBench(t)
	b.step(Input{})
	read := func(n *quality.News, volts units.Voltage) {
		t.Helper()
		b.now = b.now.Add(20 * time.Second)
		b.step(Input{What: Reading{Sample: metering.Sample{
			At: b.now, Has: metering.HasImport | metering.HasVoltage | metering.HasFrequency, Import: 1000 * units.KilowattHour, Step: 1,
			Voltage: volts, Frequency: 50_000,
		}, Quality: n}})
	}
	for range 3 * 31 {
		read(nil, 231_000)
	}
	if w := b.st.Quality.Now; w.Sampled || w.Values < 2 || len(w.Phases) != 1 || w.Phases[0].Low != 231_000 {
		t.Errorf("of told voltages: %+v", w)
	}
	ten := func(skew time.Duration) *quality.News {
		end := b.now.Truncate(10 * time.Minute).Add(skew)
		return &quality.News{Nominal: 120_000, Frequency: 60_000, Tens: []quality.Ten{{End: end, Covered: 1_000_000, Phases: []quality.Phase{{Voltage: 119_000}}}}}
	}
	read(ten(0), 231_000)
	read(nil, 231_000)
	w := b.st.Quality.Now
	if !w.Sampled || w.Values != 1 || w.Nominal != 120_000 || w.Phases[0].Low != 119_000 || w.Phases[0].Beyond10 != 0 {
		t.Errorf("of samples: %+v", w)
	}
	text, err := json.Marshal(b.st)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadState(text)
	if err != nil || again.Quality.Now.Values != 1 || !again.Quality.Now.Newest.Equal(w.Newest) {
		t.Errorf("after a restart: %+v (%v)", again.Quality, err)
	}
	b.now = b.now.Add(10 * time.Minute)
	b.st.Clock.Skew = time.Hour
	news := ten(time.Hour)
	read(news, 231_000)
	if got := b.st.Quality.Now; got.Values != 2 || !got.Newest.Equal(news.Tens[0].End.Add(-time.Hour)) {
		t.Errorf("with a clock an hour ahead: %+v, want the newest at %v", got, news.Tens[0].End.Add(-time.Hour))
	}
}
