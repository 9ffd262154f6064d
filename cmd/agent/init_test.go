package main

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
)

// What can be driven is told by the list, and not written down a second time.
func TestTheSampleAndTheCommandLineNameEveryDriverOfTheList(t *testing.T) {
	all := drivers.All()
	text := setup.Sample("data").String()
	for _, name := range append(all.MeterNames(), all.SwitchNames()...) {
		if !strings.Contains(text, "driver: "+name+"\n") && !strings.Contains(text, "driver: "+name+",") {
			t.Errorf("the sample does not name the driver %s", name)
		}
	}
	words := decodeWords()
	for _, r := range recordingForms() {
		if !strings.Contains(words["formats"], r.Format) || !strings.Contains(words["formats_are"], r.Format) {
			t.Errorf("agent decode does not offer %s", r.Format)
		}
		if telegrams, errs := decodeAs(r.Format, []byte("no meter says this"), meterKeys{}); len(telegrams) > 0 {
			t.Errorf("%s reads %v of nothing, %v", r.Format, telegrams, errs)
		}
	}
}

// The package's service may write in one folder only.
func TestRecordsOfAConfigurationInEtcAreWhereTheServiceMayWrite(t *testing.T) {
	for file, want := range map[string]string{
		"/etc/keeplit/keeplit.yaml": "/var/lib/keeplit",
		"/etc/home.yaml":            "/var/lib/keeplit",
		"/etcetera/keeplit.yaml":    "data",
		"keeplit.yaml":              "data",
	} {
		got, err := initCmd{File: file}.data()
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if got, err := (initCmd{File: "/etc/keeplit/keeplit.yaml", Data: "/srv/k"}).data(); err != nil || got != "/srv/k" {
		t.Errorf("asked for: %q, %v", got, err)
	}
	if text := setup.Sample("/var/lib/keeplit").String(); !strings.Contains(text, "\ndata: /var/lib/keeplit ") {
		t.Error("the sample does not name the folder")
	}
}
