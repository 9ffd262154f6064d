package web

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/said"
)

// fakeBox is a machine whose mail server refuses what it is given.
type fakeBox struct {
	dir string

	mu   sync.Mutex
	log  []string
	sent []string
	set  map[string]ApplianceSet
}

func (b *fakeBox) File() string { return "/etc/keeplit/keeplit.yaml" }

func (b *fakeBox) Recipients() []Recipient {
	return []Recipient{{"my phone", "ntfy", "caution", 71}, {"the landlady", "mail", "critical", 75}}
}

func (b *fakeBox) Quiet() string { return "22:00-06:00" }

func (b *fakeBox) Try(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "the landlady" {
		return errors.New("535 5.7.8 the server refuses the password")
	}
	b.sent = append(b.sent, name)
	return nil
}

func (b *fakeBox) Appliances() []Appliance {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Appliance{
		{ID: "geyser", Name: "Geyser", Timed: true, Now: ApplianceSet{Hours: "22:00-06:00, 12:00-14:00", Ready: "06:30", Class: "must_have", Order: "1"}, Kind: "utility_class: water", Line: 31},
		{ID: "pool", Name: "Pool pump", Timed: true, Now: ApplianceSet{Class: "can_wait", Order: "0"}, Line: 39},
		{ID: "fridge", Name: "Fridge", Now: ApplianceSet{Class: "always_on", Order: "0"}, Line: 47},
		{ID: "heater", Name: "Old heater", Timed: true, Days: "Mon-Fri", Now: ApplianceSet{Class: "nice_to_have", Order: "0", Out: true}, Line: 52},
		{ID: "freezer", Name: "Freezer", Now: ApplianceSet{Order: "0"}, Line: 58},
	}
	for i := range out {
		a := &out[i]
		a.Set = a.Now
		if x, ok := b.set[a.ID]; ok {
			a.Set, a.Laid = x, true
		}
	}
	return out
}

func (b *fakeBox) SetAppliance(id string, x ApplianceSet) (fault.List, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if strings.Contains(x.Hours, "25") {
		return fault.List{{Path: "loads[0].need.between[0]", Problem: `"25:00" is not a time of day`, Remedy: "write stretches such as 22:00-06:00"}}, nil
	}
	if id == "nothing" {
		return nil, ErrUnknown
	}
	if b.set == nil {
		b.set = map[string]ApplianceSet{}
	}
	b.set[id] = x
	return nil, nil
}

func (b *fakeBox) ResetAppliance(id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.set[id]; !ok {
		return ErrUnknown
	}
	delete(b.set, id)
	return nil
}

func (b *fakeBox) Examine(context.Context) []Finding {
	return []Finding{
		{"good", "configuration", "/etc/keeplit/keeplit.yaml", "it is right", ""},
		{"low", "clock", "Sun 22 Nov 2026 16:07", "no time server keeps the clock", "timedatectl says whether a time server is asked"},
		{"bad", "disk", "/var/lib/keeplit", "9 MiB are left: top-ups live on the reserve", "free some room: old logs and backups first"},
	}
}

func (b *fakeBox) Backup(_ context.Context, passphrase string) (string, func(), error) {
	if passphrase == "cannot be done" {
		return "", nil, errors.New("the ledger is not sound")
	}
	file := filepath.Join(b.dir, "made")
	return file, func() { _ = os.Remove(file) }, os.WriteFile(file, []byte("a backup under "+passphrase), 0o600)
}

func (b *fakeBox) Changed(_ context.Context, says said.Said) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, present.NewWords().Anywhere().Say(says))
}

// changed is what was told for the record.
func (b *fakeBox) changed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}

// kept gives a configuration a box and a book of settings of its own.
func kept(tb testing.TB, cfg *Config) {
	tb.Helper()
	dir := tb.TempDir()
	b, err := settings.Open(filepath.Join(dir, settings.File))
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Set, cfg.Written, cfg.Box = b, map[settings.Key]string{settings.PIN: cfg.PINHash, settings.Reading: "open", settings.Language: "en"}, &fakeBox{dir: dir}
}
