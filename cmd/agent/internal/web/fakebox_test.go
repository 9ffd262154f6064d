package web

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/internal/said"
)

// fakeBox is a machine whose mail server refuses what it is given.
type fakeBox struct {
	dir string

	mu   sync.Mutex
	log  []string
	sent []string
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
	return []Appliance{
		{Name: "Geyser", Hours: []string{"22:00-06:00", "12:00-14:00"}, Ready: "06:30", Class: "must_have", Kind: "utility_class: water", Order: 1, Line: 31},
		{Name: "Pool pump", Class: "can_wait", Line: 39},
		{Name: "Fridge", Class: "always_on", Line: 47},
		{Name: "Old heater", Hours: []string{"Mon-Fri"}, Class: "nice_to_have", Out: true, Line: 52},
		{Name: "Freezer", Line: 58},
	}
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
