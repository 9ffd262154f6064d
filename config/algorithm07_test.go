package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/modbus"
)

// The tables of algorithm 07 come from a file, as the keys do.
func TestTablesOfAlgorithm07ComeFromAFile(t *testing.T) {
	var permutation []string
	for i := range 64 {
		permutation = append(permutation, fmt.Sprint((i*29+7)%64))
	}
	whole := `{"substitution": [[12,10,8,4,3,15,0,2,14,1,5,13,6,9,7,11], [1,0,3,2,5,4,7,6,9,8,11,10,13,12,15,14]], "permutation": [` + strings.Join(permutation, ",") + `]}`
	files := map[string]string{"key": "0123456789abcdef", "tables.json": whole, "half.json": `{"substitution": [[1`}
	secrets := config.Secrets{
		Getenv: func(string) string { return "" },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name[strings.LastIndexByte(name, '/')+1:]]
			if !ok {
				return nil, errors.New("there is no such file")
			}
			return []byte(text), nil
		},
	}
	const rest = `
site: {id: home, meter: "04123456789", zone: Africa/Johannesburg}
meter: {driver: modbus, modbus: {model: sdm230, port: /dev/ttyUSB0}}
tariff: {catalogue: za-eskom-homelight-20a}
tokens: {sts: {algorithm: ea07, decoder_key: {file: key}`
	for _, c := range []struct{ tables, fault string }{
		{", tables: {file: tables.json}}}", ""},
		{"}}", "ea07 needs its tables"},
		{", tables: {file: half.json}}}", "tokens.sts.tables"},
		{", tables: {file: none.json}}}", "cannot read"},
	} {
		cfg, faults := config.Parse([]byte(rest+c.tables), "/etc/keeplit", secrets, config.Drivers{Meters: []metering.Driver{modbus.Driver()}})
		said := fmt.Sprint(faults)
		if c.fault == "" && (len(faults) > 0 || cfg.Tokens.STS.Tables == nil) || c.fault != "" && !strings.Contains(said, c.fault) {
			t.Errorf("%q: %s", c.tables, said)
		}
		if c.fault == "" && len(cfg.Tokens.STS.Experimental()) != 1 {
			t.Errorf("of ea07 it is said: %q", cfg.Tokens.STS.Experimental())
		}
	}
}

func TestAWatchdogWaitsAsLongAsTheRecordsMay(t *testing.T) {
	c := config.Default()
	if got := c.Patience(); got != 5*time.Minute {
		t.Errorf("%s by itself", got)
	}
	c.Schedule.Persist = 30 * time.Minute
	if got := c.Patience(); got != time.Hour {
		t.Errorf("%s where the records may wait for half an hour", got)
	}
	c.Watchdog.Patience = 2 * time.Hour
	if got := c.Patience(); got != 2*time.Hour {
		t.Errorf("%s where two hours are given", got)
	}
}
