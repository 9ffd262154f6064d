package settings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/form"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a test's

func open(t *testing.T, path string) *Book {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSetHoldsAfterARestartAndUntilTheConfigurationSaysSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	b := open(t, path)
	for _, k := range Keys() {
		if got := b.Of(k, "as written"); got != "as written" {
			t.Errorf("%s: %q before anything is set", k, got)
		}
		if err := b.Set(k, "as written", "as set"); err != nil {
			t.Fatal(err)
		}
	}
	b = open(t, path)
	for _, k := range Keys() {
		if got := b.Of(k, "as written"); got != "as set" {
			t.Errorf("%s: %q after a restart", k, got)
		}
		if got := b.Of(k, "written anew"); got != "written anew" {
			t.Errorf("%s: %q though the owner has written something else: a forgotten PIN could not be replaced", k, got)
		}
	}
	if err := b.Set(PIN, "as written", "as written"); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Of(PIN, "as written"); got != "as written" {
		t.Errorf("%q after it was set back", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// Reading that was opened on the page, and closed by the owner in the file, by way of another
// value there, is closed.
func TestWhatTheConfigurationHasSaidOtherwiseIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	b := open(t, path)
	for _, k := range Keys() {
		if err := b.Set(k, "as written", "as set"); err != nil {
			t.Fatal(err)
		}
	}
	was, _ := os.Stat(path)
	if err := b.Settle(map[Key]string{PIN: "as written", Reading: "as written", Language: "as written"}); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(was, now) {
		t.Errorf("written again for nothing (%v)", err)
	}
	if err := b.Settle(map[Key]string{PIN: "as written", Reading: "written anew", Language: "as written"}); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[Key]string{PIN: "as set", Reading: "as written", Language: "as set"} {
		if got := open(t, path).Of(k, "as written"); got != want {
			t.Errorf("%s: %q holds once the owner writes as before", k, got)
		}
	}
}

func TestAProgramsTokenIsKeptByItsSumAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	b := open(t, path)
	token, err := b.LetIn("  Home Assistant ", []Scope{Control, Read}, noon)
	if err != nil || !IsToken(token) || IsToken("2468") || len(token) < len(tokenMark)+26 {
		t.Fatalf("%q, %v", token, err)
	}
	if other, err := b.LetIn("other", []Scope{Read}, noon); err != nil || other == token {
		t.Errorf("%v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(data), token[len(tokenMark):]) {
		t.Errorf("the token is on the disk (%v):\n%s", err, data)
	}
	b = open(t, path)
	p, ok := b.Known(token, noon.Add(time.Minute))
	if !ok || p.Name != "Home Assistant" || !slices.Equal(p.Scopes, []Scope{Read, Control}) || !p.May(Read) || p.May(TopUp) || !p.Used.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v %v", p, ok)
	}
	for _, wrong := range []string{"", tokenMark, token[:len(token)-1], token + "A", strings.ToLower(token)} {
		if _, ok := b.Known(wrong, noon); ok {
			t.Errorf("%q is known", wrong)
		}
	}
	if err := b.Withdraw("Home Assistant"); err != nil {
		t.Error(err)
	}
	if _, ok := open(t, path).Known(token, noon); ok {
		t.Error("a token that was withdrawn is known")
	}
	if err := b.Withdraw("Home Assistant"); !errors.Is(err, ErrUnknown) {
		t.Errorf("withdrawn twice: %v", err)
	}
}

func TestThatATokenIsUsedIsWrittenOnceAnHour(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	b := open(t, path)
	token, err := b.LetIn("a", []Scope{Read}, noon)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	last, _ := os.Stat(path)
	for i := range 3 * 60 {
		if _, ok := b.Known(token, noon.Add(time.Duration(i)*time.Minute)); !ok {
			t.Fatal("not known")
		}
		if now, err := os.Stat(path); err == nil && !os.SameFile(last, now) { // it is put in the place of the old
			last = now
			written++
		}
	}
	if written != 3 {
		t.Errorf("three hours of a use a minute: written %d times", written)
	}
}

func TestWhatIsNoProgramIsNotLetIn(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), File))
	for name, c := range map[string]struct {
		name   string
		scopes []Scope
		want   error
	}{
		"no name":                  {" ", []Scope{Read}, ErrName},
		"a name too long":          {strings.Repeat("a", LongestName+1), []Scope{Read}, ErrName},
		"a name with a line break": {"a\nb", []Scope{Read}, ErrName},
		"a name of bytes":          {"a\xff", []Scope{Read}, ErrName},
		"a name no path can have":  {" .. ", []Scope{Read}, ErrName},
		"a name that is taken":     {"TAKEN", []Scope{Read}, ErrName},
		"no scope":                 {"a", nil, ErrScope},
		"a scope that is none":     {"a", []Scope{Read, "everything"}, ErrScope},
	} {
		_, _ = b.LetIn("taken", []Scope{Read}, noon)
		if _, err := b.LetIn(c.name, c.scopes, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var err error
	for i := range MostPrograms {
		_, err = b.LetIn(strings.Repeat("b", i+1), []Scope{Read}, noon)
	}
	if !errors.Is(err, ErrMany) || len(b.Programs()) != MostPrograms {
		t.Errorf("%d programs, %v", len(b.Programs()), err)
	}
}

func TestAFileThatCannotBeReadIsLeftAsItIs(t *testing.T) {
	for name, text := range map[string]string{
		"damaged": `{"version":1,`, "of a newer program": `{"version":99}`, "with what nobody knows": `{"version":1,"pin":null,"reading":null,"language":null,"programs":null,"more":1}`,
	} {
		path := filepath.Join(t.TempDir(), File)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if got := b.Of(PIN, "configured"); got != "configured" {
			t.Errorf("%s: %q holds", name, got)
		}
		unreadable := (*UnreadableError)(nil)
		if err := b.Set(PIN, "configured", "x"); !errors.As(err, &unreadable) {
			t.Errorf("%s: set all the same: %v", name, err)
		}
		if _, err := b.LetIn("a", []Scope{Read}, noon); !errors.As(err, &unreadable) {
			t.Errorf("%s: let in all the same: %v", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != text {
			t.Errorf("%s: %s, %v", name, left, err)
		}
	}
}

func TestWhatCannotBeKeptDoesNotHold(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "no such folder", File))
	if err := b.Set(PIN, "old", "new"); err == nil || b.Of(PIN, "old") != "old" {
		t.Errorf("%v: %q holds", err, b.Of(PIN, "old"))
	}
	if _, err := b.LetIn("a", []Scope{Read}, noon); err == nil || len(b.Programs()) != 0 {
		t.Errorf("%v, %v", err, b.Programs())
	}
}

// The stored form changes only with its number: a file of each number is read as it was meant.
func TestTheStoredFormsAreRead(t *testing.T) {
	names, err := filepath.Glob("testdata/form-*.json")
	if err != nil || len(names) != (form.Form{Steps: documentForm().Steps}).Version() {
		t.Fatalf("%v: a file for each of %d forms is wanted (%v)", names, documentForm().Version(), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), File)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, path)
		if got := b.Of(Reading, "open") + " " + b.Of(Language, "en") + " " + b.Of(PIN, ""); got != "closed sw $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA" {
			t.Errorf("%s: %s", name, got)
		}
		if p, ok := b.Known("keeplit_ABCDEFGHIJKLMNOPQRSTUVWXYZ", noon); !ok || p.Name != "Node-RED" || !slices.Equal(p.Scopes, Scopes()) {
			t.Errorf("%s: %+v %v", name, p, ok)
		}
		// Written again by this program it says the same, to the letter.
		if again, err := os.ReadFile(path); err != nil || name == names[len(names)-1] && string(again) != string(data) {
			t.Errorf("%s: %v\n%s", name, err, again)
		}
	}
}

// What is set of an appliance lies over what the configuration says of it, and is forgotten with it.
func TestWhatIsSetOfAnAppliance(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	b := open(t, path)
	for _, id := range []string{"geyser", "pool"} {
		if err := b.Set(Load(id), "as written", "as set of "+id); err != nil {
			t.Fatal(err)
		}
	}
	b = open(t, path)
	if got := b.Of(Load("geyser"), "as written"); got != "as set of geyser" {
		t.Errorf("%q after a restart", got)
	}
	if got := b.Of(Load("geyser"), "written anew"); got != "written anew" {
		t.Errorf("%q over what the owner has written since", got)
	}
	if got := b.Of(Load("fridge"), "as written"); got != "as written" {
		t.Errorf("%q though nothing was set", got)
	}
	if err := b.Set(Load("geyser"), "as written", "as written"); err != nil {
		t.Fatal(err)
	}
	if err := b.Settle(map[Key]string{Load("geyser"): "as written"}); err != nil { // the pool pump is gone from the configuration
		t.Fatal(err)
	}
	for _, id := range []string{"geyser", "pool"} {
		if got := open(t, path).Of(Load(id), "as written"); got != "as written" {
			t.Errorf("%s: %q after it was taken back", id, got)
		}
	}
}
