package drivers

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/metering"
)

// Each meter on a serial line says which, so that no switch is put on it, by whatever name.
func TestASwitchIsNotOnTheMetersLine(t *testing.T) {
	folder := t.TempDir()
	port, name := filepath.Join(folder, "ttyUSB0"), filepath.Join(folder, "by-id")
	if err := os.WriteFile(port, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(port, name); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range All().Meters {
		s := d.New()
		f := reflect.ValueOf(s).Elem().FieldByName("Port")
		if !f.IsValid() || f.Kind() != reflect.String {
			continue
		}
		n++
		f.SetString(port)
		if w, wired := s.(metering.Wired); !wired || w.Line() != port {
			t.Errorf("%s does not say on which line it is", d.Name)
		}
		if f.SetString("192.168.1.9:4001"); s.(metering.Wired).Line() != "" {
			t.Errorf("%s takes a serial server for a line", d.Name)
		}
	}
	if n < 7 {
		t.Errorf("%d meters have a port", n)
	}
	for _, at := range []string{port, name} {
		text := fmt.Sprintf("meter: {driver: sml, sml: {port: %s}}\nloads: [{id: a, name: A, kind: onoff, power: 1000 W, switch: {driver: modbus, port: %s, coil: 1}}]\n", port, at)
		if _, faults := config.Parse([]byte(text), folder, config.Secrets{}, All()); !strings.Contains(faults.Error(), "is the meter's line") {
			t.Errorf("%s: %v", at, faults)
		}
	}
}
