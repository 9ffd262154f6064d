package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
)

//go:embed init.yaml
var initConfig []byte //nolint:gochecknoglobals // embedded files must be

// sampleConfig is the sample with the drivers of a list.
func sampleConfig(all config.Drivers) string {
	return strings.NewReplacer(
		"METER DRIVERS", "Drivers: "+strings.Join(all.MeterNames(), ", ")+".",
		"SWITCH DRIVERS", strings.Join(all.SwitchNames(), ", "),
	).Replace(string(initConfig))
}

type initCmd struct {
	File string `arg:"" default:"keeplit.yaml" help:"File to write; one that exists is left alone."`
}

// Run writes a commented configuration to start from.
func (c initCmd) Run(e *env) error {
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is left as it is; name another file, or move it away", c.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(sampleConfig(drivers.All()))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, `%s is written. Next:
  1. Read it and put in your meter, tariff, loads and the file of your token key.
  2. agent pin > pin.hash     makes the PIN that guards changes on the page
  3. agent check %s
  4. agent run %s
`, c.File, c.File, c.File)
	return err
}
