package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/keeplit/keeplit/cmd/agent/internal/setup"
)

type initCmd struct {
	File string `arg:"" default:"keeplit.yaml" help:"File to write; one that exists is left alone."`
	Data string `placeholder:"FOLDER" help:"Folder of the records; beside the file if not given, and /var/lib/keeplit for a file in /etc."`
	Ask  bool   `help:"Ask for what the site needs, and try meter, broker and plugs at once."`
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
	if _, err := os.Stat(c.File); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists and is left as it is; name another file, or move it away", c.File)
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
	start := "agent run " + c.File
	if c.File == systemConfig+"/keeplit/keeplit.yaml" {
		start = "systemctl restart keeplit"
	}
	if c.Ask {
		fmt.Fprintf(e.Stdout, "  1. Read it: every setting that was not asked for is in it, too.\n  2. %s\n", start)
		return checkCmd{Config: c.File}.Run(e)
	}
	_, err = fmt.Fprintf(e.Stdout, `  1. Read it and put in your meter, tariff, loads and the file of your token key.
  2. (umask 027; agent pin > %s)   makes the PIN that guards changes on the page
  3. agent check %s
  4. %s
`, c.beside("pin.hash"), c.File, start)
	return err
}

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
