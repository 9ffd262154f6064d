package backup

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// made is a backup of some files, and what is in them.
func made(t testing.TB, passphrase string, m Manifest, files map[string]string) []byte {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := Write(&out, m, folder, passphrase); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func usual() (Manifest, map[string]string) {
	return Manifest{
		Made: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Program: "0.2.0", Site: "home", Meter: "04", Salt: "s",
		Parts: []Part{{Name: Ledger}, {Name: History}, {Name: Configuration}, {Name: "file-1", Path: "tariff.yaml"}},
	}, map[string]string{Ledger: strings.Repeat("ledger", 5000), History: "", Configuration: "site: {}", "file-1": "tariff"}
}

// opened reads a whole backup into a folder.
func opened(data []byte, passphrase, folder string) (*Reader, error) {
	r, err := Open(bytes.NewReader(data), passphrase)
	if err != nil {
		return nil, err
	}
	return r, r.Extract(folder, func(Part) bool { return true })
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for name, passphrase := range map[string]string{"open": "", "enciphered": "correct horse"} {
		t.Run(name, func(t *testing.T) {
			m, files := usual()
			data := made(t, passphrase, m, files)
			folder := t.TempDir()
			r, err := opened(data, passphrase, folder)
			if err != nil {
				t.Fatal(err)
			}
			if r.Sealed != (passphrase != "") || r.Manifest.Site != "home" || !r.Manifest.Made.Equal(m.Made) {
				t.Errorf("%+v", r.Manifest)
			}
			if passphrase != "" && bytes.Contains(data, []byte("tariff")) {
				t.Error("it shows what is in it")
			}
			for part, want := range files {
				if got, err := os.ReadFile(filepath.Join(folder, part)); err != nil || string(got) != want {
					t.Errorf("%s: %d bytes, %v", part, len(got), err)
				}
			}
			again, err := Open(bytes.NewReader(data), passphrase)
			if err != nil {
				t.Fatal(err)
			}
			small, err := again.Files()
			if err != nil || string(small["file-1"]) != "tariff" || len(small) != 2 {
				t.Errorf("%v %v", small, err)
			}
		})
	}
}

func TestAPassphraseThatIsNotTheRightOneIsTold(t *testing.T) {
	m, files := usual()
	data := made(t, "correct horse", m, files)
	for passphrase, want := range map[string]error{"": ErrPassphrase, "wrong horse": ErrWrong} {
		if _, err := Open(bytes.NewReader(data), passphrase); !errors.Is(err, want) {
			t.Errorf("%q: %v", passphrase, err)
		}
	}
}

// Whatever byte is another, and wherever it is cut off, it is refused; or, where the byte says
// nothing (a time in the head of what packs it), all that it holds is as it was.
func TestADamagedBackupIsNeverTakenForAWholeOne(t *testing.T) {
	m, files := usual()
	data := made(t, "", m, files)
	rapid.Check(t, func(rt *rapid.T) {
		bad := bytes.Clone(data)
		if rapid.Bool().Draw(rt, "cut") {
			bad = bad[:rapid.IntRange(0, len(bad)-1).Draw(rt, "at")]
		} else {
			bad[rapid.IntRange(0, len(bad)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		}
		folder := t.TempDir()
		if _, err := opened(bad, "", folder); err != nil {
			return
		}
		for part, want := range files {
			if got, err := os.ReadFile(filepath.Join(folder, part)); err != nil || string(got) != want {
				rt.Fatalf("it is taken, and %s is another", part)
			}
		}
	})
	// Enciphered, every byte behind the head is vouched for.
	sealed := made(t, "correct horse", m, files)
	for _, at := range []int{200, len(sealed) / 2, len(sealed) - 1} {
		bad := bytes.Clone(sealed)
		bad[at] ^= 1
		if _, err := opened(bad, "correct horse", t.TempDir()); err == nil {
			t.Errorf("byte %d is another, and it is taken", at)
		}
		if _, err := opened(sealed[:at], "correct horse", t.TempDir()); err == nil {
			t.Errorf("it ends at byte %d, and is taken", at)
		}
	}
}

func TestWhatIsNoBackupOfThisProgramIsNamed(t *testing.T) {
	m, files := usual()
	data := made(t, "", m, files)
	var newer *NewerError
	if _, err := Open(bytes.NewReader(bytes.Replace(data, []byte("backup 1\n"), []byte("backup 2\n"), 1)), ""); !errors.As(err, &newer) || newer.Form != 2 {
		t.Error(err)
	}
	for _, text := range []string{"", "keeplit backup", "keeplit backup x\n", "PK\x03\x04", strings.Repeat("a", 1<<20)} {
		if _, err := Open(strings.NewReader(text), ""); !errors.Is(err, ErrNone) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// Names in a backup become names of files: none may lead out of the folder, and none may be two.
func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	for _, name := range []string{"../keeplit.yaml", "a/b", "..", ".", "", "a\x00b", Ledger, "manifest.json"} {
		m, files := usual()
		m.Parts[3].Name = name
		folder := t.TempDir()
		for part, text := range files {
			if err := os.WriteFile(filepath.Join(folder, part), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		m.Parts[0].Size, m.Parts[0].Sum = int64(len(files[Ledger])), "x"
		if err := archive(&out, m, folder); err == nil || out.Len() > 0 {
			data := append([]byte("keeplit backup 1\n"), out.Bytes()...)
			var damaged *DamagedError
			if _, err := opened(data, "", t.TempDir()); !errors.As(err, &damaged) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

func TestATagKnowsAKeyAndTellsNothing(t *testing.T) {
	if TagOf("a", []byte("key\n")) != TagOf("a", []byte("key")) {
		t.Error("an end of line makes it another key")
	}
	if TagOf("a", []byte("key")) == TagOf("b", []byte("key")) || TagOf("a", []byte("key")) == TagOf("a", []byte("kez")) {
		t.Error("two of them have one tag")
	}
}

func FuzzOpen(f *testing.F) {
	m, files := usual()
	f.Add(made(f, "", m, files))
	f.Add([]byte("keeplit backup 1\nage-encryption.org/v1\n-> scrypt AAAA 18\n"))
	f.Add([]byte("keeplit backup 1\n\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = opened(data, "", t.TempDir())
	})
}
