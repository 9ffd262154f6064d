package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
)

//go:embed init.yaml
var initConfig []byte //nolint:gochecknoglobals // embedded files must be

// sampleConfig is the sample with the drivers of a list, and with the folder of the records.
func sampleConfig(all config.Drivers, data string) string {
	return strings.NewReplacer(
		"METER DRIVERS", "Drivers: "+strings.Join(all.MeterNames(), ", ")+".",
		"data: data ", "data: "+data+" ",
		"SWITCH DRIVERS", strings.Join(all.SwitchNames(), ", "),
	).Replace(string(initConfig))
}

type initCmd struct {
	File string `arg:"" default:"keeplit.yaml" help:"File to write; one that exists is left alone."`
	Data string `placeholder:"FOLDER" help:"Folder of the records; beside the file if not given, and /var/lib/keeplit for a file in /etc."`
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

// Run writes a commented configuration to start from.
func (c initCmd) Run(e *env) error {
	data, err := c.data()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is left as it is; name another file, or move it away", c.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(sampleConfig(drivers.All(), data))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	start := "agent run " + c.File
	if c.File == systemConfig+"/keeplit/keeplit.yaml" {
		start = "systemctl restart keeplit"
	}
	_, err = fmt.Fprintf(e.Stdout, `%s is written. Next:
  1. Read it and put in your meter, tariff, loads and the file of your token key.
  2. (umask 027; agent pin > %s)   makes the PIN that guards changes on the page
  3. agent check %s
  4. %s
`, c.File, filepath.Join(filepath.Dir(c.File), "pin.hash"), c.File, start)
	return err
}
