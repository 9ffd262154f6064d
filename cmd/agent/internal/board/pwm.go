package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PWM is a channel of pulse-width modulation by the kernel's files (Documentation/driver-api/pwm.rst): a
// chip's export, and the channel's period, duty_cycle and enable.  It is a loads.PWM.
type PWM struct {
	root, chip string
	channel    int
	write      func(path, text string) error
}

// NewPWM is a channel of a chip under root, named by its device or as the kernel numbers it; empty for
// the only one.  Chips are looked for with each use: their numbers change, and some can be unplugged.
func NewPWM(root, chip string, channel int) *PWM {
	return &PWM{root: root, chip: chip, channel: channel, write: writeFile}
}

// writeFile writes into a file that is there.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// find is the folder of the chip.
func (p *PWM) find() (string, error) {
	all, err := os.ReadDir(p.root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var found, names []string
	for _, e := range all {
		at := filepath.Join(p.root, e.Name())
		device, _ := os.Readlink(filepath.Join(at, "device")) // one without a device has its number alone
		names = append(names, strings.TrimSpace(e.Name()+" "+filepath.Base(device)))
		if p.chip == "" || p.chip == e.Name() || device != "" && p.chip == filepath.Base(device) {
			found = append(found, at)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("there are several PWM chips (%s); write chip", strings.Join(names, ", "))
	case len(names) == 0:
		return "", fmt.Errorf("there is no PWM chip under %s; on a Raspberry Pi dtoverlay=pwm in config.txt brings it", p.root)
	}
	return "", fmt.Errorf("there is no PWM chip %s under %s; there are %s", p.chip, p.root, strings.Join(names, ", "))
}

// open is the channel's folder, which is exported where it is not yet.
func (p *PWM) open() (string, error) {
	chip, err := p.find()
	if err != nil {
		return "", err
	}
	at := filepath.Join(chip, "pwm"+strconv.Itoa(p.channel))
	if _, err := os.Stat(at); err == nil {
		return at, nil
	}
	switch err := p.write(filepath.Join(chip, "export"), strconv.Itoa(p.channel)); {
	case errors.Is(err, syscall.EBUSY):
		return "", fmt.Errorf("PWM channel %d of %s is held by another part of the kernel (a fan, a backlight): %w", p.channel, filepath.Base(chip), err)
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.EINVAL):
		return "", fmt.Errorf("%s has no PWM channel %d: %w", filepath.Base(chip), p.channel, err)
	case err != nil:
		return "", err
	}
	if _, err := os.Stat(at); err != nil {
		return "", err
	}
	return at, nil
}

// Write implements loads.PWM.  A level is never longer than the period that holds, or the kernel refuses
// it: so what becomes shorter is written first.
func (p *PWM) Write(period, high time.Duration) error {
	at, err := p.open()
	if err != nil {
		return err
	}
	was, level, on, err := p.read(at)
	if err != nil {
		return err
	}
	put := func(file string, v time.Duration) error {
		return p.write(filepath.Join(at, file), strconv.FormatInt(v.Nanoseconds(), 10))
	}
	var errs []error
	if was != period {
		if level > period { // at the end of its period, in between
			errs = append(errs, put("duty_cycle", min(high, was)))
		}
		errs = append(errs, put("period", period))
	}
	errs = append(errs, put("duty_cycle", high))
	if !on && errors.Join(errs...) == nil {
		errs = append(errs, p.write(filepath.Join(at, "enable"), "1"))
	}
	return errors.Join(errs...)
}

// Read implements loads.PWM.
func (p *PWM) Read() (period, high time.Duration, on bool, err error) {
	at, err := p.open()
	if err != nil {
		return 0, 0, false, err
	}
	return p.read(at)
}

func (p *PWM) read(at string) (period, high time.Duration, on bool, err error) {
	number := func(file string) int64 {
		data, e := os.ReadFile(filepath.Join(at, file))
		n := int64(0)
		if e == nil {
			n, e = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		}
		err = errors.Join(err, e)
		return n
	}
	period, high, on = time.Duration(number("period")), time.Duration(number("duty_cycle")), number("enable") == 1
	return period, high, on, err
}
