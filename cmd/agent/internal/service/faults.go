package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/keeplit/keeplit/cmd/agent/internal/alert"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// Faults names everything that would keep a service of cfg from being
// built, by building its parts as assemble does, without opening anything: what
// is left for a start to find wrong is the machine's (its hardware, its disk, an
// address in use), not the file's.  Parts with known faults are not built.
func Faults(cfg config.Config, known fault.List) fault.List {
	var l fault.List
	sound := func(paths ...string) bool { return !slices.ContainsFunc(paths, known.Touches) }
	failed := func(path, remedy string, err error) bool {
		var inner fault.List
		switch {
		case err == nil:
			return false
		case errors.As(err, &inner):
			for _, f := range inner {
				l.Add(path, f.Remedy, "%s", located(f))
			}
		default:
			l.Add(path, remedy, "%v", err)
		}
		return true
	}
	dry := blank(cfg, slog.New(slog.DiscardHandler))
	defer func() { _ = dry.machine.Close() }()

	if sound("tariff", "site.zone") {
		doc, err := TariffOf(cfg)
		if !failed(tariffPath(cfg), "correct the name, or give another tariff; agent tariff show lists those that come along", err) {
			_, err = tariffs.New(doc)
			failed(tariffPath(cfg), "correct the document; agent tariff check names its faults", err)
		}
	}
	describes := true
	if d := cfg.Tokens.Described; d != nil && d.File != "" && sound("tokens.described", "credit") {
		what, err := DescriptionOf(cfg)
		if err == nil {
			err = cfg.CheckDescribed(what).Err()
		}
		describes = !failed("tokens.described.file", "correct the description: docs/tokens-by-description.md", err)
	}
	if describes && sound("tokens", "credit", "site.zone") {
		if schemes, err := schemesOf(cfg, ""); !failed("tokens", "correct the scheme's settings", err) {
			_, err = credit.New(cfg.Credit, cfg.Zone(), schemes...)
			failed("credit", "correct the account's settings", err)
		}
	}
	for i, d := range cfg.Loads {
		if at := fmt.Sprintf("loads[%d]", i); sound(at, "site.zone") {
			_, err := loads.Compile(d, cfg.Zone())
			failed(at, "correct the load's settings", err)
		}
	}
	for _, c := range []struct{ path, spec string }{{"schedule.plan", cfg.Schedule.Plan}, {"schedule.nightly", cfg.Schedule.Nightly}} {
		_, err := schedule.Parse(c.spec, cfg.Zone())
		failed(c.path, "write five fields: minute, hour, day of month, month, day of week, e.g. 17 3 * * *", err)
	}
	if sound("schedule.interval", "site.zone") {
		_, err := forecast.New(forecast.Options{Zone: cfg.Zone(), Step: cfg.Schedule.Interval})
		failed("schedule.interval", "write 5m, 10m, 15m, 30m or 1h", err)
	}
	if m := cfg.MQTT; m != nil && sound("mqtt", "site.id") {
		var err error
		dry.session, err = sessionOf(cfg, dry.log)
		failed("mqtt.url", "write it like mqtt://192.168.1.10:1883", err)
		tls := broker.TLS{CAFile: cfg.Path(m.CA), CertFile: cfg.Path(m.Cert), KeyFile: cfg.Path(m.Key)}
		failed("mqtt", "correct the files of ca, cert and key", tls.Check())
	}
	if i := cfg.InfluxDB; i != nil && sound("influxdb") {
		_, err := telemetry.New(telemetry.Config{URL: i.URL, Org: i.Org, Bucket: i.Bucket, CAFile: cfg.Path(i.CA), Site: cfg.Site.ID}, nil)
		failed("influxdb", "correct the server's settings", err)
	}
	for i, r := range alert.Recipients(cfg, nil) {
		if at := fmt.Sprintf("alerts.to[%d]", i); sound(at) && r.Way != nil {
			failed(at, "correct the file of ca", r.Way.Check())
		}
	}
	if sound("data") {
		failed("data", "name a folder; it is made where there is none", folder(cfg.Path(cfg.Data)))
	}
	if cfg.OCPP != nil {
		failed("ocpp.listen", "write [HOST]:PORT, e.g. :8887", listenable(cfg.OCPP.Listen))
	}
	failed("web.listen", "write [HOST]:PORT, e.g. :8080 or 127.0.0.1:8080", listenable(cfg.Web.Listen))
	if sound("web.tls") {
		failed("web.tls", "correct the files of cert and key", PageTLS(cfg).Check())
	}
	failed("web.proxies", "write addresses such as 127.0.0.1 or 10.0.0.0/8", web.CheckProxies(cfg.Web.Proxies))
	if sound("web.pin") {
		failed("web.pin", `make it with "agent pin"`, web.CheckPIN(cfg.Web.PIN))
	}
	if sound("simulation", "meter", "loads", "site.zone") {
		failed("simulation", "correct the simulation's settings", dry.simulation(context.Background(), control.State{}))
	}
	if sound("meter", "mqtt") && (dry.session != nil || cfg.MQTT == nil) {
		dry.dryMeter(failed)
	}
	if sound("loads", "supply", "mqtt", "simulation") && (dry.session != nil || cfg.MQTT == nil) {
		dry.drySwitches(failed)
	}
	return l
}

// dryMeter builds the meter's driver, where that opens nothing.
func (s *Service) dryMeter(failed func(path, remedy string, err error) bool) {
	d := s.cfg.Meter
	if d.Settings == nil {
		return
	}
	measured, constants := d.Settings.(metering.Calibrated)
	switch {
	case constants:
		_, err := measured.Constants(s.meterEnv(control.State{}))
		failed("meter."+d.Driver, "run agent calibrate and name the file it writes", err)
	case d.Settings.Needs()&(metering.NeedsMachine|metering.NeedsSimulation) == 0:
		_, err := d.Settings.Open(s.meterEnv(control.State{}))
		failed("meter", "correct the meter's settings", err)
	}
}

// drySwitches builds the switches, where that opens nothing.
func (s *Service) drySwitches(failed func(path, remedy string, err error) bool) {
	switched(s.cfg, func(path, _ string, d loads.SwitchDocument, e loads.Env) {
		needs := d.Traits().Needs
		if d.Settings == nil || needs&loads.NeedsMachine != 0 || needs&loads.NeedsSimulation != 0 && s.plant == nil {
			return
		}
		_, err := d.Settings.Open(s.switchEnv(e))
		failed(path, "correct the switch's settings", err)
	})
}

// located is a fault of another document, told within this one's.
func located(f fault.Fault) string {
	f.Remedy = ""
	return f.String()
}

// tariffPath is where the file names its tariff.
func tariffPath(cfg config.Config) string {
	switch {
	case cfg.Tariff.Document != nil:
		return "tariff.document"
	case cfg.Tariff.Catalogue != "":
		return "tariff.catalogue"
	}
	return "tariff.file"
}

// folder tells why name neither is a folder nor can become one.  Whether it may be
// written is the machine's.
func folder(name string) error {
	for at := name; ; at = filepath.Dir(at) {
		st, err := os.Stat(at)
		switch {
		case err == nil && st.IsDir():
			return nil
		case err == nil:
			return fmt.Errorf("%s is a file", at)
		case errors.Is(err, syscall.EINVAL):
			return fmt.Errorf("%q is no name of a folder", at)
		case at == filepath.Dir(at):
			return nil
		}
	}
}

// listenable tells what is wrong with an address to listen on.
func listenable(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address to listen on", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port", port)
	}
	return nil
}
