package service

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/described"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// SiteOf builds the rules of the site.
func SiteOf(cfg config.Config) (*control.Site, error) {
	zone := cfg.Zone()
	doc, err := TariffOf(cfg)
	if err != nil {
		return nil, err
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		return nil, fmt.Errorf("tariff: %w", err)
	}
	schemes, err := schemesOf(cfg, doc.Currency)
	if err != nil {
		return nil, err
	}
	engine, err := credit.New(cfg.Credit, zone, schemes...)
	if err != nil {
		return nil, err
	}
	all := make([]loads.Load, 0, len(cfg.Loads))
	for _, d := range cfg.Loads {
		if !d.InUse() {
			continue
		}
		l, err := loads.Compile(d, zone)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", d.ID, err)
		}
		all = append(all, l)
	}
	plan, err := schedule.Parse(cfg.Schedule.Plan, zone)
	if err != nil {
		return nil, fmt.Errorf("schedule.plan: %w", err)
	}
	seed := backoff.Seed(cfg.Site.ID)
	guard := loads.DefaultGuard()
	guard.GapMin, guard.GapMax, guard.Spread = cfg.Switching.GapMin, cfg.Switching.GapMax, cfg.Switching.Spread
	guard.PerHour, guard.Seed = cfg.Switching.PerHour, seed
	contactor := cfg.Supply.Switch.Switches()
	guard.Supply = contactor
	guard.SupplyFeedback = cfg.Supply.Switch.HasFeedback()
	currency := cfg.Site.Currency
	if currency == "" {
		currency = doc.Currency
	}
	silent := cfg.Meter.Silence()
	if cfg.Simulation != nil {
		silent = max(silent, 3*cfg.Simulation.Step)
	}
	limits := cfg.Metered().Limits()
	if cfg.Simulation != nil {
		limits.MaxGap = max(limits.MaxGap, 2*cfg.Simulation.Step)
	}
	kind, err := forecast.ParseKind(cfg.Site.Kind)
	if err != nil {
		return nil, err
	}
	return &control.Site{
		Kind: kind, Days: cfg.Site.NamedDays(), ID: cfg.Site.ID, Feeder: cfg.Site.Feeder, Meter: cfg.Site.Meter, Zone: zone, Currency: currency,
		Limits: limits, Beside: cfg.Meter.Utility.DifferPercent, Declared: cfg.Meter.Declared(), SilentAfter: silent, Interval: cfg.Schedule.Interval, PointEvery: max(cfg.Telemetry.Every, time.Second),
		Tariff: tariff, ReadTariff: readTariff, PricesFor: cfg.Tariff.PricesFor, Credit: engine, InKWh: cfg.Credit.Mode == credit.InKWh, KWhPrice: cfg.Credit.KWhPrice,
		Loads: all, Guard: loads.NewGuard(guard, all, zone), Circuits: loads.CircuitsOf(cfg.Circuits, cfg.Loads), Contactor: contactor, Power: cfg.Site.Limit, Supply: supplyRules(cfg.Supply), Wall: cfg.Simulation == nil,
		Vendor: cfg.TopUp.VendorHours, Outages: cfg.Site.Outages, Policy: policyOf(cfg), VTN: vtnOf(cfg), Curbs: limitsOf(cfg),
		PlanAt: plan, PlanSlot: cfg.Plan.Slot, PlanAhead: cfg.Plan.Horizon, RunOutOver: cfg.Plan.RunOut, Shift: cfg.Plan.Shift, ByLot: cfg.Plan.ByLot, Seed: seed,
	}, nil
}

// TariffOf is the tariff document that the configuration names.
func TariffOf(cfg config.Config) (tariffs.Document, error) {
	switch {
	case cfg.Tariff.Document != nil:
		return *cfg.Tariff.Document, nil
	case cfg.Tariff.Catalogue != "":
		return CatalogueTariff(cfg.Tariff.Catalogue)
	}
	name := cfg.Path(cfg.Tariff.File)
	data, err := os.ReadFile(name)
	if err != nil {
		return tariffs.Document{}, fmt.Errorf("tariff.file: %w", err)
	}
	doc, faults := config.Decode[tariffs.Document](data)
	if len(faults) > 0 {
		return doc, fmt.Errorf("%s:\n%w", name, faults)
	}
	return doc, nil
}

// readTariff reads the text of a tariff document that was sent, as that of a file.
func readTariff(text string) (tariffs.Document, error) {
	doc, faults := config.Decode[tariffs.Document]([]byte(text))
	return doc, faults.Err()
}

// OtherTariff says which of the documents that the program brings along is meant by a name
// that is none of theirs.
func OtherTariff(name string) string {
	part := strings.ToLower(name)
	with := slices.DeleteFunc(catalogue.Names(), func(n string) bool { return part == "" || !strings.Contains(n, part) })
	if len(with) > 0 {
		return "give a file or one of " + strings.Join(with, ", ")
	}
	if best := config.Nearest(name, catalogue.Names()); best != "" {
		return fmt.Sprintf("did you mean %q? \"agent tariff ready\" lists them", best)
	}
	return "\"agent tariff ready\" lists those there are"
}

// CatalogueTariff is a tariff document that the program brings along.
func CatalogueTariff(name string) (tariffs.Document, error) {
	text, err := catalogue.Read(name)
	if err != nil {
		return tariffs.Document{}, fmt.Errorf("tariff.catalogue: there is no %q; %s", name, OtherTariff(name))
	}
	doc, faults := config.Decode[tariffs.Document](text)
	return doc, faults.Err()
}

// schemesOf are the token schemes of a configuration; currency is that of vouchers.
func schemesOf(cfg config.Config, currency string) ([]credit.Scheme, error) {
	var out []credit.Scheme
	if d := cfg.Tokens.OpenPAYGO; d != nil {
		scheme, err := openpaygo.New(d.Document)
		if err != nil {
			return nil, fmt.Errorf("tokens.openpaygo: %w", err)
		}
		out = append(out, scheme)
	}
	if d := cfg.Tokens.STS; d != nil {
		scheme, err := sts.New(d.Document)
		if err != nil {
			return nil, fmt.Errorf("tokens.sts: %w", err)
		}
		out = append(out, scheme)
	}
	if d := cfg.Tokens.Voucher; d != nil {
		doc := *d
		doc.Meter, doc.Currency = cfg.Site.Meter, currency
		scheme, err := voucher.New(doc)
		if err != nil {
			return nil, fmt.Errorf("tokens.voucher: %w", err)
		}
		out = append(out, scheme)
	}
	if d := cfg.Tokens.Described; d != nil {
		what, err := DescriptionOf(cfg)
		if err != nil {
			return nil, err
		}
		scheme, err := described.New(d.For(cfg.Site.Meter, what))
		if err != nil {
			return nil, fmt.Errorf("tokens.described: %w", err)
		}
		out = append(out, scheme)
	}
	return out, nil
}

// DescriptionOf is the description of the token scheme that the configuration names.
func DescriptionOf(cfg config.Config) (described.Description, error) {
	d := cfg.Tokens.Described
	if d.Document != nil {
		return *d.Document, nil
	}
	return ReadDescription(cfg.Path(d.File))
}

// ReadDescription reads the description of a token scheme.
func ReadDescription(name string) (what described.Description, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return what, fmt.Errorf("the description of the tokens: %w", err)
	}
	what.SetDefaults()
	if faults := config.DecodeInto(&what, data, config.FromSystem()); len(faults) > 0 {
		return what, fmt.Errorf("%s:\n%w", name, faults)
	}
	return what, nil
}

// supplyRules is how the configuration wants the supply cut.
func supplyRules(c config.Supply) control.SupplyRules {
	r := control.SupplyRules{
		Contactor: c.Contactor(), Limit: c.Limit, Breaks: c.Breaks, Local: c.Local(), Behind: c.Behind, TamperCuts: c.Tamper == config.TamperCut,
	}
	if d := c.Switch.Traits().DeadMan; d != nil {
		r.DeadMan = *d
	}
	for _, s := range c.Shed {
		r.Shed = append(r.Shed, control.ShedRule{Below: s.Below, Priority: s.Rank()})
	}
	return r
}
