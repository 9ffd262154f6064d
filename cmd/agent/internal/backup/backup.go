// Package backup is the file that a box's account is carried in: a line that names the form, then
// a compressed archive of a manifest and the parts that it lists, enciphered by a passphrase where
// one is given.  It knows files and sums; what the records in them say is for others to judge.
//
//	keeplit backup 1
//	gzip( tar( manifest.json, keeplit.db, intervals.db, keeplit.yaml, file-1, ... ) ), or that by age
package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/keeplit/keeplit/credit"
)

// Form is the number of the present form.  A file of a later one is refused.
const Form = 1

// The names of the parts that every backup has, and of the configuration, which it has where
// there was one to be read.
const (
	Ledger        = "keeplit.db"
	History       = "intervals.db"
	Configuration = "keeplit.yaml"

	first    = "keeplit backup "
	manifest = "manifest.json"
)

// workFactor is how dear a guess at the passphrase is: 64 MiB for half a second on a small box.
const workFactor, greatestFactor = 16, 20

// Manifest says what a backup holds, and of what.
type Manifest struct {
	Made    time.Time   `json:"made"`
	Program string      `json:"program"` // the version that made it
	Site    string      `json:"site"`
	Meter   string      `json:"meter"`
	Head    credit.Head `json:"head"`  // the ledger's last entry
	Asof    time.Time   `json:"as_of"` // the last step that is in the records
	// Transfer is set where the box was replaced with this backup: the box has the mark of the
	// same name, and nothing was entered there since.
	Transfer string    `json:"transfer,omitempty"`
	Parts    []Part    `json:"parts"`
	LeftOut  []LeftOut `json:"left_out,omitempty"`
	Salt     string    `json:"salt,omitempty"` // of the tags of what was left out
}

// Part is one file of the archive.
type Part struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  string `json:"sha256"`
	// Path is where the configuration names a file, as it is written there; "" of the others.
	Path   string `json:"path,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

// LeftOut is a file that the configuration names and that is not in the backup, because it is
// secret and no passphrase was given.
type LeftOut struct {
	Path string `json:"path"`
	// Tag knows the key again without telling it; "" where it is none that cannot be guessed.
	Tag string `json:"tag,omitempty"`
}

// Part is the part of this name; ok is false where there is none.
func (m Manifest) Part(name string) (Part, bool) {
	for _, p := range m.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return Part{}, false
}

// TagOf knows a secret again: of a salt of this backup, so that two boxes of one key do not show it.
func TagOf(salt string, secret []byte) string {
	sum := sha256.Sum256([]byte("keeplit backup tag\n" + salt + "\n" + strings.TrimSpace(string(secret))))
	return hex.EncodeToString(sum[:16])
}

// The ways a file can be refused.
var (
	ErrNone       = errors.New("this is no backup of keeplit")
	ErrPassphrase = errors.New("the backup is enciphered: name its passphrase's file with --passphrase-file, or set KEEPLIT_BACKUP_PASSPHRASE")
	ErrWrong      = errors.New("the passphrase is not the one that the backup was made with")
)

// NewerError says that a later program made the file.
type NewerError struct{ Form int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the backup has form %d and this program knows forms up to %d: install the version that made it, or a later one, and restore with that", e.Form, Form)
}

// DamagedError says that a file is not as it was written.
type DamagedError struct{ Err error }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the backup is damaged or cut off (%v); nothing was changed: copy it again, or take an older one", e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Write writes a backup of m, whose Parts have a name, and sizes and sums by the files of folder,
// in which each has its name.
func Write(out io.Writer, m Manifest, folder, passphrase string) (err error) {
	for i := range m.Parts {
		if err := m.Parts[i].measure(folder); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "%s%d\n", first, Form); err != nil {
		return err
	}
	if passphrase != "" {
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return err
		}
		r.SetWorkFactor(workFactor)
		sealed, err := age.Encrypt(out, r)
		if err != nil {
			return err
		}
		return errors.Join(archive(sealed, m, folder), sealed.Close())
	}
	return archive(out, m, folder)
}

func (p *Part) measure(folder string) error {
	f, err := os.Open(filepath.Join(folder, p.Name))
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	p.Size, p.Sum = n, hex.EncodeToString(h.Sum(nil))
	return errors.Join(err, f.Close())
}

func archive(out io.Writer, m Manifest, folder string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	pressed := gzip.NewWriter(out)
	files := tar.NewWriter(pressed)
	head := func(name string, size int64) error {
		return files.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: m.Made, Format: tar.FormatPAX})
	}
	if err := head(manifest, int64(len(text))); err != nil {
		return err
	}
	if _, err := files.Write(text); err != nil {
		return err
	}
	for _, p := range m.Parts {
		if err := head(p.Name, p.Size); err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(folder, p.Name))
		if err != nil {
			return err
		}
		_, err = io.Copy(files, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return errors.Join(files.Close(), pressed.Close())
}

// Reader reads a backup from its beginning to its end, once.
type Reader struct {
	Manifest Manifest
	// Sealed tells that it was enciphered.
	Sealed bool

	bare   *bufio.Reader // the ledger alone; nil: it is a whole backup
	whole  *bufio.Reader // of what is compressed, to see that nothing is missing at its end
	packed *gzip.Reader
	files  *tar.Reader
}

const (
	greatestManifest = 1 << 20
	greatestFile     = 16 << 20
	cipher           = "age-encryption.org/"
)

// database is how a copy of the ledger alone begins.
const database = "SQLite format 3\x00"

// Open reads what a backup says of itself.  A bare copy of the ledger, as the agent makes one
// every night, is a backup too: of one part, whose manifest says nothing.
func Open(in io.Reader, passphrase string) (*Reader, error) {
	b := bufio.NewReader(in)
	if head, _ := b.Peek(len(database)); string(head) == database {
		return &Reader{Manifest: Manifest{Parts: []Part{{Name: Ledger}}}, bare: b}, nil
	}
	line, err := b.ReadString('\n')
	number, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), first)
	form, perr := strconv.Atoi(number)
	if err != nil || !ok || perr != nil {
		return nil, ErrNone
	}
	if form > Form {
		return nil, &NewerError{form}
	}
	r := &Reader{}
	body := io.Reader(b)
	if head, _ := b.Peek(len(cipher)); string(head) == cipher {
		r.Sealed = true
		if body, err = unseal(b, passphrase); err != nil {
			return nil, err
		}
	}
	r.whole = bufio.NewReader(body)
	if r.packed, err = gzip.NewReader(r.whole); err != nil {
		return nil, &DamagedError{err}
	}
	r.packed.Multistream(false)
	r.files = tar.NewReader(r.packed)
	h, err := r.files.Next()
	if err != nil {
		return nil, &DamagedError{err}
	}
	if h.Name != manifest || h.Size > greatestManifest {
		return nil, &DamagedError{errors.New("it does not begin with its manifest")}
	}
	text, err := io.ReadAll(r.files)
	if err == nil {
		err = json.Unmarshal(text, &r.Manifest)
	}
	if err != nil {
		return nil, &DamagedError{err}
	}
	return r, r.check()
}

func unseal(in io.Reader, passphrase string) (io.Reader, error) {
	if passphrase == "" {
		return nil, ErrPassphrase
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(greatestFactor)
	body, err := age.Decrypt(in, id)
	if none := (*age.NoIdentityMatchError)(nil); errors.As(err, &none) {
		return nil, ErrWrong
	}
	if err != nil {
		return nil, &DamagedError{err}
	}
	return body, nil
}

// check holds the manifest against what a backup must be: its names become names of files.
func (r *Reader) check() error {
	seen := map[string]bool{manifest: true}
	for _, p := range r.Manifest.Parts {
		if p.Name == "" || strings.ContainsAny(p.Name, "/\\\x00") || p.Name == "." || p.Name == ".." || seen[p.Name] || p.Size < 0 {
			return &DamagedError{fmt.Errorf("%q is no name of a part", p.Name)}
		}
		seen[p.Name] = true
	}
	for _, name := range []string{Ledger, History} {
		if !seen[name] {
			return &DamagedError{fmt.Errorf("there is no %s in it", name)}
		}
	}
	return nil
}

// Extract writes the parts that are wanted into a folder, in the order of the manifest, and holds
// every part against its sum.
func (r *Reader) Extract(folder string, wanted func(Part) bool) error {
	return r.each(func(p Part, in io.Reader) error {
		if !wanted(p) {
			_, err := io.Copy(io.Discard, in)
			return err
		}
		return write(filepath.Join(folder, p.Name), in)
	})
}

// Files reads the parts that are not the records, by name, and holds every part against its sum.
func (r *Reader) Files() (map[string][]byte, error) {
	out := map[string][]byte{}
	return out, r.each(func(p Part, in io.Reader) (err error) {
		if p.Name == Ledger || p.Name == History {
			_, err = io.Copy(io.Discard, in)
			return err
		}
		if p.Size > greatestFile {
			return fmt.Errorf("%s is longer than any file of a configuration", p.Name)
		}
		out[p.Name], err = io.ReadAll(in)
		return err
	})
}

// Bare tells whether it is a copy of the ledger alone.
func (r *Reader) Bare() bool { return r.bare != nil }

// each hands out the parts in turn.
func (r *Reader) each(use func(p Part, in io.Reader) error) error {
	if r.bare != nil {
		err := use(r.Manifest.Parts[0], r.bare)
		if disk := (*diskError)(nil); errors.As(err, &disk) {
			return disk.err
		}
		return err
	}
	for _, p := range r.Manifest.Parts {
		h, err := r.files.Next()
		if err != nil {
			return &DamagedError{err}
		}
		if h.Name != p.Name || h.Size != p.Size {
			return &DamagedError{fmt.Errorf("%s is not the %s of its manifest", h.Name, p.Name)}
		}
		sum := sha256.New()
		err = use(p, io.TeeReader(r.files, sum))
		if disk := (*diskError)(nil); errors.As(err, &disk) {
			return disk.err
		}
		if err != nil {
			return &DamagedError{err}
		}
		if hex.EncodeToString(sum.Sum(nil)) != p.Sum {
			return &DamagedError{fmt.Errorf("the sum of %s is another one", p.Name)}
		}
	}
	if _, err := r.files.Next(); !errors.Is(err, io.EOF) {
		return &DamagedError{fmt.Errorf("there is more in it than its manifest says (%w)", err)}
	}
	// The sums of what packs the parts are at the end.
	if _, err := io.Copy(io.Discard, r.packed); err != nil {
		return &DamagedError{err}
	}
	if _, err := r.whole.ReadByte(); !errors.Is(err, io.EOF) {
		return &DamagedError{errors.New("there is something behind its end")}
	}
	return nil
}

// write writes in to a new file, durably.
func write(path string, in io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &diskError{err}
	}
	if _, err := io.Copy(diskOnly{f}, in); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return &diskError{err}
	}
	return nil
}

// diskOnly tells a fault of the disk that is written to from one of the backup that is read.
type diskOnly struct{ f *os.File }

type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }

func (d diskOnly) Write(b []byte) (int, error) {
	n, err := d.f.Write(b)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}
