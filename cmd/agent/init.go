package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
)

type initCmd struct {
	File string `arg:"" default:"keeplit.yaml" help:"File to write; one that exists is left alone."`
	Data string `placeholder:"FOLDER" help:"Folder of the records; beside the file if not given, and /var/lib/keeplit for a file in /etc."`
	Ask  bool   `help:"Ask for what the site needs, and try meter, broker and plugs at once." xor:"how"`

	Page   bool   `help:"Ask on a page, for a phone in the same network." xor:"how"`
	Listen string `default:":8080" placeholder:"ADDRESS" help:"Address of that page."`
}

// The package's folders: what the service may write, and where its configuration is.
const (
	systemData   = "/var/lib/keeplit"
	systemConfig = "/etc"
)

// data is the folder of the records that is written down.
func (c initCmd) data() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	abs, err := filepath.Abs(c.File)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(systemConfig, abs); err == nil && filepath.IsLocal(rel) {
		return systemData, nil // the service may not write in /etc
	}
	return "data", nil
}

// secretMode is the mode of what is written: in the package's folder the service's group reads it.
const secretMode = 0o640

// Run writes a commented configuration to start from.
func (c initCmd) Run(e *env) error {
	data, err := c.data()
	if err != nil {
		return err
	}
	if err := c.room(); err != nil {
		return err
	}
	if c.Page {
		return c.page(e, data)
	}
	draft := setup.Draft{Text: setup.Sample(data).String()}
	if c.Ask {
		if draft, err = c.ask(e, data); err != nil {
			return err
		}
	}
	if err := c.write(draft); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%s is written. Next:\n", c.File)
	if c.Ask {
		fmt.Fprintf(e.Stdout, "  1. Read it: every setting that was not asked for is in it, too.\n  2. %s\n", c.start())
		if how := c.issue(draft); how != "" {
			fmt.Fprintf(e.Stdout, "  3. %s   makes a token by your own key\n", how)
		}
		return checkCmd{Config: c.File}.Run(e)
	}
	_, err = fmt.Fprintf(e.Stdout, `  1. Read it and put in your meter, tariff, loads and the file of your token key.
  2. (umask 027; agent pin > %s)   makes the PIN that guards changes on the page
  3. agent check %s
  4. %s
`, c.beside("pin.hash"), c.File, c.start())
	return err
}

// issue is the command that makes tokens by a key of the site's own; "" where it has none.
func (c initCmd) issue(d setup.Draft) string {
	vendor, ok := d.Files[setup.Vendor]
	if !ok {
		return ""
	}
	amount := "--money 20"
	if strings.HasSuffix(vendor, "unit: kwh") {
		amount = "--kwh 20"
	}
	return "agent token issue --meter " + c.beside(setup.Vendor) + " " + amount + " --state " + c.beside("sold.json")
}

// start is the command that starts the agent.
func (c initCmd) start() string {
	if c.File == systemConfig+"/keeplit/keeplit.yaml" {
		return "systemctl restart keeplit"
	}
	return "agent run " + c.File
}

// room sees, before anything is asked, that the file may be written when all is answered: it is not there, and
// its folder is, or can be made.
func (c initCmd) room() error {
	if _, err := os.Lstat(c.File); err == nil {
		return fmt.Errorf("%s exists and is left as it is; name another file, or move it away", c.File)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; name another file", err)
	}
	folder := filepath.Dir(c.File)
	for {
		_, err := os.Stat(folder)
		if up := filepath.Dir(folder); errors.Is(err, fs.ErrNotExist) && up != folder {
			folder = up
			continue
		}
		break
	}
	trial, err := os.CreateTemp(folder, ".keeplit-*")
	if why := (*fs.PathError)(nil); errors.As(err, &why) {
		return fmt.Errorf("nothing can be written into %s: %w; name a file in another folder, or do it with sudo", folder, why.Err)
	} else if err != nil {
		return err
	}
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// folderMode is the mode of a folder that is made: secrets lie beside the configuration.
const folderMode = 0o750

// beside is a file in the folder of the configuration.
func (c initCmd) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.File), name)
}

// write writes the secrets and then the configuration; none of them over a file that is there.  Where one
// cannot be written none is left.
func (c initCmd) write(d setup.Draft) (err error) {
	if err := os.MkdirAll(filepath.Dir(c.File), folderMode); err != nil {
		return err
	}
	var written []string
	defer func() {
		for _, name := range written {
			if err != nil {
				_ = os.Remove(name)
			}
		}
	}()
	one := func(name, text string) error {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, secretMode)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists and is left as it is; move it away", name)
		}
		if err != nil {
			return err
		}
		written = append(written, name)
		_, err = f.WriteString(text)
		return errors.Join(err, f.Close())
	}
	for name, text := range d.Files {
		if err := one(c.beside(name), text+"\n"); err != nil {
			return err
		}
	}
	return one(c.File, d.Text)
}
