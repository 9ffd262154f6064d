package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// homesLanguage is the language of the home; English where the agent does not say.
func (c client) homesLanguage(e *env) string {
	status, body, err := c.call(e.Ctx, http.MethodGet, "/api/v1/settings", e.Getenv("KEEPLIT_PIN"), nil)
	var a api.Settings
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &a) != nil || a.Language == "" {
		return present.English
	}
	return a.Language
}

// statusIn prints how the agent is in the words of its page.
func statusIn(out io.Writer, lang string, v *api.View, zone *time.Location) error {
	unit := present.Unit{Code: v.Unit, Decimals: shownDecimals, Energy: v.Unit == "kWh"}
	words := present.WordsIn(lang)
	p := words.For(unit, zone, fromWire(v.At).In(zone))
	t := words.T
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, parts ...string) { fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(parts, ", ")) }
	at := func(x *time.Time) string { return p.When(fromWire(x).In(zone)) }

	line(t("system.time"), p.Date(fromWire(v.At))+" "+p.Clock(fromWire(v.At)), v.Site)
	line(t("supply.title"), v.Supply.Says)
	if v.Supply.Held {
		line(t("credit.balance"), t("held"))
	} else {
		line(t("credit.balance"), p.Money(moneyOf(v.Credit.Balance)))
	}
	switch {
	case v.RunOut.First != nil:
		line(t("nav.home"), t("runout.first", "when", at(v.RunOut.First)))
	case !v.RunOut.Known:
		line(t("runout.until"), t("runout.unknown"))
	case v.RunOut.Beyond:
		line(t("runout.beyond"), p.Date(fromWire(v.RunOut.At)))
	default:
		parts := []string{at(v.RunOut.At)}
		if v.RunOut.Early != nil {
			parts = append(parts, t("runout.early", "when", at(v.RunOut.Early)))
		}
		line(t("runout.until"), parts...)
	}
	if v.Credit.PerKWh != nil {
		line("", t("credit.per_kwh", "time", p.Duration(time.Duration(*v.Credit.PerKWh*float64(time.Hour)))))
	}
	if v.Until != nil {
		line("", v.Until.Says)
	}
	for _, says := range toldSoon(v) {
		line("", says)
	}
	fresh := t("fresh." + v.Power.Freshness)
	if v.Power.W == nil {
		line(t("power.title"), fresh)
	} else {
		line(t("power.title"), p.Power(units.FromW(*v.Power.W)), fresh)
	}
	if m := v.Meter; m.ImportKWh != nil {
		line(t("registers.import"), p.Register(units.FromKWh(*m.ImportKWh)))
	}
	if v.Tariff.Price != nil {
		price := []string{p.Price(units.Price(moneyOf(*v.Tariff.Price)))}
		if v.Tariff.Period != "" {
			price = append(price, words.Or("period."+strings.ToLower(v.Tariff.Period), v.Tariff.Period))
		}
		line(t("tariff.title"), price...)
	} else {
		line(t("tariff.title"), t("tariff.unknown"))
	}
	for _, l := range v.Loads {
		line(l.Name, t("load.state."+l.State)+". "+l.Why)
	}
	for _, x := range v.Warnings {
		line(t("severity."+x.Severity), present.Sentences(x.Title, x.Cause, x.Remedy))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	planChartIn(out, v, zone, chartWords{
		None: t("plan.none"), Price: t("plan.price"), Rest: t("use.rest"),
		Title: func(from time.Time) string { return t("plan.title") + ", " + p.Clock(from) },
	})
	return nil
}

// shownDecimals is how many decimals of money are shown: the API does not say how many its currency has.
const shownDecimals = 2

// moneyOf is an amount as the API sends it; 0 where it cannot be read.
func moneyOf(text string) units.Money {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return units.FromFloat(v)
}
