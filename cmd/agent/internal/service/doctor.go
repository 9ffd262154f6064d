package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// Finding is one thing that was looked at.
type Finding struct {
	What  string `json:"what"`  // what was looked at
	Where string `json:"where"` // the file, the address, the part
	Grade Grade  `json:"grade"`
	Says  string `json:"says"` // what was found
	Next  string `json:"next,omitempty"`
}

// Grade is how a finding is.
type Grade string

// The grades.  Only what is wrong keeps the agent from its work, or will.
const (
	Fine Grade = "fine"
	Note Grade = "note"
	Bad  Grade = "wrong"
)

// doctor gathers findings.
type doctor struct {
	Orders
	now     time.Time
	dir     string
	running bool
	out     []Finding
}

func (d *doctor) add(what, where string, g Grade, next, says string, args ...any) {
	d.out = append(d.out, Finding{what, where, g, fmt.Sprintf(says, args...), next})
}

// Examine looks at the machine and at what an agent has left on it, and changes nothing.
func Examine(ctx context.Context, o Orders) []Finding {
	d := &doctor{Orders: o, now: time.Now().UTC(), dir: o.Config.Path(o.Config.Data)}
	var pid string
	pid, d.running = store.Running(d.dir)
	d.modes()
	d.disk()
	d.clock()
	d.agent(ctx, pid)
	d.records(ctx)
	return d.out
}

// modes looks at whom the folder of the records, and what is in it, belongs to.
func (d *doctor) modes() {
	const what = "file modes"
	info, err := os.Stat(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		d.add(what, d.dir, Note, "start the agent once; it makes the folder", "there is no such folder yet")
		return
	}
	if err != nil {
		d.add(what, d.dir, Bad, "run this as root, or as the user of the service: sudo agent doctor", "%v", err)
		return
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		d.add(what, d.dir, Bad, "chmod 700 "+d.dir, "the records are open to everybody (mode %04o)", mode)
		return
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	var strange []string
	err = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		if s, ok := f.Sys().(*syscall.Stat_t); ok && s.Uid != owner.Uid {
			strange = append(strange, path)
		}
		return nil
	})
	switch {
	case err != nil:
		d.add(what, d.dir, Bad, "run this as root, or as the user of the service: sudo agent doctor", "%v", err)
	case len(strange) > 0:
		d.add(what, strange[0], Bad, fmt.Sprintf("chown -R --reference=%s %s", d.dir, d.dir), "%d of the files belong to somebody else than their folder, and the agent cannot open them", len(strange))
	default:
		d.add(what, d.dir, Fine, "", "the records belong to one user, and others cannot read them")
	}
}

// The room that there should be: the reserve of the store and a day of telemetry, and what a full
// disk has in any case.
const (
	littleRoom = 64 << 20
	noRoom     = 12 << 20
)

func (d *doctor) disk() {
	const what = "disk"
	dir := d.dir
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	free, ok := store.FreeBytes(dir)
	switch {
	case !ok:
		d.add(what, dir, Note, "", "how much room is left cannot be told")
	case readOnly(dir):
		d.add(what, dir, Bad, "see why with dmesg; a card that turns read-only is dying: make a backup and take another", "the disk can only be read")
	case free < noRoom:
		d.add(what, dir, Bad, "free some room: old logs and backups first", "%d MiB are left: top-ups live on the reserve", free>>20)
	case free < littleRoom:
		d.add(what, dir, Note, "free some room: old logs and backups first", "%d MiB are left", free>>20)
	default:
		d.add(what, dir, Fine, "", "%d MiB are left", free>>20)
	}
}

// readOnly tells whether the disk of dir can only be read.
func readOnly(dir string) bool { return errors.Is(syscall.Access(dir, 2), syscall.EROFS) }

// firstYear is before any day on which this program ran: a clock that stands there was never set.
const firstYear = 2026

func (d *doctor) clock() {
	const what = "clock"
	local := d.now.In(d.Config.Zone()).Format("Mon 2 Jan 2006 15:04:05 MST")
	switch {
	case d.now.Year() < firstYear:
		d.add(what, local, Bad, "connect the box to a network with a time server, or fit a clock with a battery", "the clock was never set")
	case !clockSynced():
		d.add(what, local, Note, "timedatectl says whether a time server is asked; without one the page lets a person confirm the clock", "no time server keeps the clock")
	default:
		d.add(what, local, Fine, "", "a time server keeps the clock")
	}
}

// agent asks the page how the agent is.
func (d *doctor) agent(ctx context.Context, pid string) {
	const what = "service"
	if !d.running {
		d.add(what, d.dir, Note, "systemctl start keeplit, or agent run; journalctl -u keeplit says why it ended", "no agent runs on these records")
		return
	}
	scheme := "http"
	client := &http.Client{Timeout: 5 * time.Second}
	if t := d.Config.Web.TLS; t.Own || t.Cert != "" {
		scheme = "https"
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it asks this machine, and its own certificate is vouched for by nobody
	}
	where := scheme + "://" + web.Here(d.Config.Web.Listen)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where+"/healthz", nil)
	if err != nil {
		d.add(what, where, Note, "", "%v", err)
		return
	}
	answer, err := client.Do(r)
	if err != nil {
		d.add(what, where, Bad, "restart it: systemctl restart keeplit", "process %s has the records, and its page does not answer: %v", pid, err)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		d.add(what, where, Bad, "agent status names the warnings", "process %s runs and is not well", pid)
		return
	}
	d.add(what, where, Fine, "", "process %s runs and is well", pid)
}

// records reads the whole store.
func (d *doctor) records(ctx context.Context) {
	const what = "records"
	if _, err := os.Stat(filepath.Join(d.dir, "keeplit.db")); errors.Is(err, fs.ErrNotExist) {
		d.add(what, d.dir, Note, "", "there are none yet")
		return
	}
	st, err := store.Open(ctx, d.dir, store.Options{ReadOnly: true, Log: d.Log})
	if empty := (*store.EmptyError)(nil); errors.As(err, &empty) {
		d.add(what, d.dir, Note, "start the agent", "there are none yet: %v", err)
		return
	}
	if err != nil {
		d.add(what, d.dir, Bad, "docs/backup.md says how they come back from a backup", "%v", err)
		return
	}
	defer func() { _ = st.Close() }() //nolint:contextcheck // it only reads
	if r, is, err := st.Retired(ctx); err == nil && is {
		d.add(what, d.dir, Bad, "run the agent on the other box; agent restore with the backup that was made then takes them back here", "they were handed over to another box on %s", r.At.Format("2006-01-02"))
	}
	if err := st.Check(ctx); err != nil {
		d.add(what, d.dir, Bad, "stop the agent and restore the newest backup: agent restore", "%v", err)
		return
	}
	found, ok, err := journal.Find(ctx, st)
	switch {
	case err != nil:
		d.add(what, d.dir, Bad, "stop the agent and restore the newest backup: agent restore", "%v", err)
		return
	case !ok:
		d.add(what, d.dir, Note, "", "there is no account in them yet")
		return
	}
	last, err := chained(ctx, st)
	if err != nil {
		d.add(what, d.dir, Bad, "restore the newest sound backup: agent restore", "the ledger is not sound: %v", err)
		return
	}
	d.state(found, last)
	d.copies()
}

// longSilence is how long a meter may be quiet before it is asked after.
const longSilence = 15 * time.Minute

// state looks at what the agent remembers, against the ledger as of the same commit: an agent that runs
// may have gone on since, so last, the end of the chain as it was read, may lie behind it.
func (d *doctor) state(found journal.Found, last credit.Entry) {
	const what = "records"
	if hold := found.Disagrees(); hold != "" {
		d.add(what, d.dir, Bad, "restore the newest backup (agent restore), or take the ledger's word (agent ledger adopt)", "they do not agree: %s", hold)
		return
	}
	d.add(what, d.dir, Fine, "", "both files are whole, and %d entries of the ledger follow each other; the balance is %s", last.Seq, last.Balance)
	m := found.State.Meter
	silence := longSilence
	if m.HeardAt.IsZero() {
		d.add("last reading", d.Config.Meter.Label(), Note, "agent check --try asks the meter", "the meter was never heard")
	} else if age := d.now.Sub(m.HeardAt); age > max(silence, 2*d.Config.Meter.Silence()) {
		next := "agent check --try asks the meter"
		if !d.running {
			next = "start the agent; a register is caught up by itself"
		}
		d.add("last reading", d.Config.Meter.Label(), Note, next, "the meter was heard last %s ago", age.Round(time.Minute))
	} else {
		d.add("last reading", d.Config.Meter.Label(), Fine, "", "%s ago", max(0, age).Round(time.Second))
	}
	for _, w := range found.State.Health.Active {
		d.add("warning", string(w.Code), Note, "agent status says what it means and what to do", "stands since %s", w.Since.In(d.Config.Zone()).Format("Mon 2 Jan 15:04"))
	}
}

// oldCopy is how old the newest nightly copy may be.
const oldCopy = 3 * 24 * time.Hour

// copies looks at the nightly copies of the ledger.
func (d *doctor) copies() {
	const what = "nightly copies"
	folder := filepath.Join(d.dir, "backup")
	files, err := filepath.Glob(filepath.Join(folder, "keeplit-*.db"))
	if err != nil || len(files) == 0 {
		d.add(what, folder, Note, "agent backup writes one to another disk", "there are none yet")
		return
	}
	var newest time.Time
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	age := d.now.Sub(newest)
	if age > oldCopy {
		d.add(what, folder, Note, "agent backup writes one to another disk", "the newest is %d days old", int(age.Hours()/24))
		return
	}
	d.add(what, folder, Fine, "", "%d, the newest %s old; they are on the same disk: agent backup writes one elsewhere", len(files), age.Round(time.Hour))
}
