package civil

import (
	"testing"
	"time"
)

func TestDaysOfTheWeekAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"Mon-Fri": "Mon,Tue,Wed,Thu,Fri", "sat, Sunday": "Sat,Sun", "Fri-Mon": "Mon,Fri,Sat,Sun", "Tue": "Tue", "Mon-Sun": "Mon,Tue,Wed,Thu,Fri,Sat,Sun",
		"": "", "Mo": "", "Mon-": "", "Mon-Fri 08:00": "", "0": "", "Mon,,Tue": "",
	} {
		var d, back Days
		err := d.SetText(text)
		if (err == nil) != (want != "") || d.String() != want {
			t.Errorf("%q: %v, %v", text, d, err)
		}
		if written, _ := d.MarshalText(); back.UnmarshalText(written) != nil || back != d {
			t.Errorf("%q: written as %s it is %v", text, written, back)
		}
	}
	if (Days{time.Sunday: true}).String() != "Sun" {
		t.Error("Sunday is another day")
	}
}
