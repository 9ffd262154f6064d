package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// does runs a program of the machine.
func does(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// onDisk puts the records on a file system of their own, in a file.
func onDisk(r *room, h *site) error {
	image, at := filepath.Join(h.dir, "disk"), filepath.Join(h.dir, "data")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		return err
	}
	if err := does(r.ctx, "mkfs.ext4", "-q", "-F", image); err != nil {
		return err
	}
	h.closers = append(h.closers, func() error { return syscall.Unmount(at, syscall.MNT_DETACH) })
	if err := mountDisk(r.ctx, h); err != nil {
		return err
	}
	return os.Chmod(at, 0o700)
}

func mountDisk(ctx context.Context, h *site) error {
	return does(ctx, "mount", "-o", "loop,errors=remount-ro", filepath.Join(h.dir, "disk"), filepath.Join(h.dir, "data"))
}

// readOnly has the kernel find an error in the file system under the agent: from then on it is mounted
// read-only, as the card of a board that ages.  When it is over it is repaired as a start of the board does.
func readOnly(r *room, h *site) (func(), error) {
	at := filepath.Join(h.dir, "data")
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return nil, err
	}
	device := ""
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == at {
			device = f[0]
		}
	}
	if err := os.WriteFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error"), []byte("an error\n"), 0o200); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(at, "probe"), nil, 0o600); err == nil {
		return nil, fmt.Errorf("the file system is not read-only")
	}
	return func() {
		h.kill()
		if err := syscall.Unmount(at, 0); err != nil {
			r.bad(fmt.Errorf("umount: %w", err))
		}
		_ = exec.CommandContext(r.ctx, "e2fsck", "-fy", filepath.Join(h.dir, "disk")).Run() // it says by its end that it has mended something
		if r.bad(mountDisk(r.ctx, h)) {
			return
		}
		r.bad(h.start())
	}, nil
}

// deleted deletes the records under the agent; a link to them is kept, as a person with a backup has one.
func deleted(r *room, h *site) (func(), error) {
	at, aside := filepath.Join(h.dir, "data"), filepath.Join(h.dir, "aside")
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return nil, err
	}
	for _, name := range databases() {
		err := os.Link(filepath.Join(at, name), filepath.Join(aside, name))
		if err == nil {
			err = os.Remove(filepath.Join(at, name))
		}
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	return func() { h.putBack(r, aside, at) }, nil
}

// slowly gives the agent a disk of fifty writes and syncs a second, and kills it on it, some times.
func slowly(r *room, h *site) (func(), error) {
	for range 6 {
		over, err := calls("pwrite64,fsync,fdatasync:delay_enter=20000")(r, h)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(1000+r.rng.IntN(1500)) * time.Millisecond)
		h.kill()
		over()
		r.count("kills", 1)
		if r.bad(h.start()) {
			break
		}
	}
	return func() {}, nil
}

// damages are what happens to a file that a card or a person spoils.
func damages() map[string]func(r *room, file string) error {
	patch := func(r *room, file string, n int, with func([]byte)) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		at, b := r.rng.Int64N(max(1, info.Size()/int64(n)))*int64(n), make([]byte, n)
		if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
			return err
		}
		with(b)
		_, err = f.WriteAt(b, at)
		return err
	}
	return map[string]func(*room, string) error{
		"bits flipped": func(r *room, file string) error {
			for range 20 {
				if err := patch(r, file, 1, func(b []byte) { b[0] ^= 1 << r.rng.IntN(8) }); err != nil {
					return err
				}
			}
			return nil
		},
		"bits of the ledger flipped": func(r *room, file string) error { // which no check of the file as such sees
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			var at []int
			for i := 0; ; i++ {
				next := bytes.Index(text[i:], []byte("topup"))
				if next < 0 {
					break
				}
				i += next
				at = append(at, i)
			}
			if len(at) == 0 {
				return fmt.Errorf("the ledger is not found")
			}
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("uopup"), int64(at[r.rng.IntN(len(at))]))
			return err
		},
		"pages zeroed": func(r *room, file string) error { return patch(r, file, 4096, func(b []byte) { clear(b) }) },
		"files cut": func(_ *room, file string) error {
			info, err := os.Stat(file)
			if err != nil {
				return err
			}
			return os.Truncate(file, info.Size()/2/4096*4096)
		},
	}
}

// damaged spoils the records under a running agent, which is killed then.  What it goes on with must be
// sound, or it must not go on without telling.
func damaged(r *room) error {
	names := []string{"bits of the ledger flipped", "bits flipped", "pages zeroed", "files cut"}
	for i := range r.often(1, 8) {
		h, err := r.home(settings{}, 1500)
		if err == nil {
			err = r.spoiled(h, names[i%len(names)])
		}
		h.close()
		if err != nil || len(r.broken) > 0 {
			return err
		}
	}
	return nil
}

func (r *room) spoiled(h *site, how string) error {
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	enter := func(n int) {
		c.buy(h, n, func() int { return 1 + r.rng.IntN(900) })
		ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
		defer cancel()
		c.enter(ctx, h)
	}
	enter(4)
	enter(4)
	if r.bad(h.stop()) || r.bad(h.start()) { // all of it is in the file itself now
		return nil
	}
	enter(2)
	if err := damages()[how](r, filepath.Join(h.dir, "data", "keeplit.db")); err != nil {
		return err
	}
	r.tried++
	r.count(how, 1)
	c.buy(h, 2, func() int { return 5 })
	ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
	c.enter(ctx, h)
	cancel()
	if on, _ := h.house.is(supply); !on {
		r.lost("the supply was cut with credit there")
	}
	r.saw(h.warnings()...)
	h.kill()
	rec, err := read(filepath.Join(h.dir, "data"))
	sound := err == nil
	if sound {
		sound = len(rec.against(h.begun, h.opens, c.said())) == 0
	}
	if err := h.run(); err != nil {
		return err
	}
	if h.up() != nil {
		if text := h.out.String(); !strings.Contains(text, "damaged") {
			r.lost("the agent does not start and does not say why: " + text)
		}
		r.count("starts refused, with what to do", 1)
		return nil
	}
	told := func() bool {
		now := h.warnings()
		r.saw(now...)
		return slices.ContainsFunc(now, func(code string) bool {
			return slices.Contains([]string{"records_held", "ledger_unsound", "ledger_old", "records_replaced", "store_failed"}, code)
		})
	}
	switch {
	case !sound && !r.until(15*time.Second, told):
		r.lost(fmt.Sprintf("%s: the records are not sound, and the agent goes on and says nothing: %v", how, err))
	case !sound:
		r.count("went on, with a warning", 1)
	default:
		r.count("went on, with nothing lost", 1)
	}
	return nil
}
