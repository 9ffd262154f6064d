package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/keeplit/keeplit/internal/durable"
	"github.com/keeplit/keeplit/internal/form"
)

// File is the file's name in the data folder.
const File = "settings.json"

// Key is what can be set, by its path in the configuration.
type Key string

// The keys.
const (
	PIN      Key = "web.pin"       // its hash
	Reading  Key = "web.reading"   // open or closed
	Language Key = "site.language" // that of who has not chosen one, of alerts and of the log
)

// loadMark begins the keys of appliances.
const loadMark = "loads."

// Load is the key of an appliance's hours, class, order and of whether it is in use; its value is
// what the configuration's own keys say of them, in one text.
func Load(id string) Key { return Key(loadMark + id) }

// Keys are all of them but those of appliances.
func Keys() []Key { return []Key{PIN, Reading, Language} }

// laid is a value that lies over the configuration's.
type laid struct {
	Value string `json:"value"`
	Over  string `json:"over"` // SHA-256 of what the configuration said, hexadecimal
}

// document is the file.  Its numbered forms are in testdata.
type document struct {
	Version  int       `json:"version"`
	PIN      *laid     `json:"pin"`
	Reading  *laid     `json:"reading"`
	Language *laid     `json:"language"`
	Loads    []load    `json:"loads"`
	Programs []Program `json:"programs"`
}

// load is what lies over an appliance's part of the configuration.
type load struct {
	ID    string `json:"id"`
	Value string `json:"value"`
	Over  string `json:"over"`
}

func documentForm() form.Form {
	return form.Form{Name: "what is set on the page", Steps: []form.Step{
		func(doc map[string]any) error { doc["loads"] = nil; return nil }, // appliances could not be set
	}}
}

// get is what lies over a key; nil: nothing.
func (d *document) get(k Key) *laid {
	if id, ok := strings.CutPrefix(string(k), loadMark); ok {
		for _, l := range d.Loads {
			if l.ID == id {
				return &laid{l.Value, l.Over}
			}
		}
		return nil
	}
	return *d.of(k)
}

// put lays l over a key, or, where it is nil, nothing.
func (d *document) put(k Key, l *laid) {
	id, ok := strings.CutPrefix(string(k), loadMark)
	if !ok {
		*d.of(k) = l
		return
	}
	d.Loads = slices.DeleteFunc(slices.Clone(d.Loads), func(x load) bool { return x.ID == id })
	if l != nil {
		d.Loads = append(d.Loads, load{id, l.Value, l.Over})
	}
}

// keys are those over which something lies.
func (d *document) keys() (out []Key) {
	for _, k := range Keys() {
		if *d.of(k) != nil {
			out = append(out, k)
		}
	}
	for _, l := range d.Loads {
		out = append(out, Load(l.ID))
	}
	return out
}

func (d *document) of(k Key) **laid {
	switch k {
	case PIN:
		return &d.PIN
	case Reading:
		return &d.Reading
	case Language:
		return &d.Language
	}
	return nil
}

// Book is what is set.  Its methods may be called from many goroutines.
type Book struct {
	path string

	mu  sync.Mutex
	doc document
	bad error // why the file cannot be read, and so must not be written over
}

// Open reads the file; none is an empty book.  Where it cannot be read the error says why, and
// the book is an empty one that takes nothing: the configuration holds.
func Open(path string) (*Book, error) {
	b := &Book{path: path, doc: document{Version: documentForm().Version()}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	var doc document
	if err == nil {
		err = documentForm().Read(data, &doc)
	}
	if err != nil {
		b.bad = fmt.Errorf("%s: %w", path, err)
		return b, b.bad
	}
	b.doc = doc
	return b, nil
}

// Path is where the file is.
func (b *Book) Path() string { return b.path }

// UnreadableError says that the file cannot be read, and that nothing is set before it is away.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("%v; the configuration holds, and nothing can be set before that file is moved away", e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// Of is what holds of a key where the configuration says configured: what was laid over just
// that, or else it itself.
func (b *Book) Of(k Key, configured string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.doc.get(k); l != nil && l.Over == sum(configured) {
		return l.Value
	}
	return configured
}

// Set lays a value over what the configuration says; the same as it says takes what was laid
// away.  It holds, and outlives a power cut, once nil is returned.
func (b *Book) Set(k Key, configured, value string) error {
	return b.change(func(d *document) error {
		if value == configured {
			d.put(k, nil)
			return nil
		}
		d.put(k, &laid{value, sum(configured)})
		return nil
	})
}

// Settle forgets what lies over something that the configuration does not say any more: should
// it say that again one day, its owner means it.
func (b *Book) Settle(written map[Key]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var over []Key
	for _, k := range b.doc.keys() {
		if b.doc.get(k).Over != sum(written[k]) {
			over = append(over, k)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return b.changeLocked(func(d *document) error {
		for _, k := range over {
			d.put(k, nil)
		}
		return nil
	})
}

// change makes a change and keeps it, or leaves all as it was.
func (b *Book) change(do func(d *document) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changeLocked(do)
}

func (b *Book) changeLocked(do func(d *document) error) error {
	if b.bad != nil {
		return &UnreadableError{b.bad}
	}
	next := b.doc
	next.Programs = slices.Clone(b.doc.Programs)
	if err := do(&next); err != nil {
		return err
	}
	data, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(b.path, append(data, '\n')); err != nil {
		return fmt.Errorf("what was set could not be kept: %w", err)
	}
	b.doc = next
	return nil
}
