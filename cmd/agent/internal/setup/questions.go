package setup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"

	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// interview is one dialogue and what has come of it so far.
type interview struct {
	*Dialogue
	World
	ctx   context.Context // of one dialogue, which ends with it
	sheet *Sheet
	files map[string]string

	country, currency string
	most              string // that the main breaker carries
	broker            bool
	kind              forecast.Kind
}

// Ask asks for what a site needs and answers its configuration.  data is the folder of the
// records.  Nothing is written.
func Ask(ctx context.Context, d *Dialogue, w World, data string) (Draft, error) {
	i := &interview{Dialogue: d, World: w, ctx: ctx, sheet: Sample(data), files: map[string]string{}}
	i.sheet.Leave("loads[].id") // the sample's appliance is nobody's
	for _, ask := range []func() error{
		i.site, i.place, i.tariff, i.zone, i.meterNumber, i.breaker, i.brokerAt, i.meter, i.credit, i.tokens, i.appliances, i.homeAssistant, i.influx, i.page, i.pin,
	} {
		if err := ask(); err != nil {
			return Draft{}, err
		}
	}
	out := i.draft()
	if l := w.Faults(out); len(l) > 0 {
		return Draft{}, fmt.Errorf("the answers make no configuration:\n%w", l)
	}
	return out, nil
}

func (i *interview) draft() Draft { return Draft{i.sheet.String(), i.files} }

// wrong is the first fault that the draft has at a path or below it, or that it cannot be read
// at all: what was answered last is why.
func (i *interview) wrong(path string) error {
	for _, f := range i.Faults(i.draft()) {
		if f.Path == "" || f.Path == path || strings.HasPrefix(f.Path, path+".") || strings.HasPrefix(f.Path, path+"[") {
			return said(f)
		}
	}
	return nil
}

func said(f fault.Fault) error { return fmt.Errorf("%s; %s", f.Problem, f.Remedy) }

// oneOf asks for one of some words.
func (i *interview) oneOf(question, usual string, words ...string) (string, error) {
	q := Question{Text: question, Usual: usual, Only: true}
	for _, w := range words {
		q.Offers = append(q.Offers, Offer{Answer: w})
	}
	out := ""
	return out, i.Put(&q, func(s string) error {
		if out = strings.ToLower(s); !slices.Contains(words, out) {
			return fmt.Errorf("answer %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
		}
		return nil
	})
}

func (i *interview) yes(question string, usual bool) (bool, error) {
	word := map[bool]string{true: "yes", false: "no"}
	got, err := i.oneOf(question, word[usual], "yes", "no")
	return got == "yes", err
}

func (i *interview) site() error {
	kind, err := i.oneOf("What kind of site is it (of another business what is nearer)", "home", forecast.Kinds()...)
	if err != nil {
		return err
	}
	if i.kind, err = forecast.ParseKind(kind); err != nil {
		return err
	}
	i.sheet.Set("site.kind", kind)
	usual := strings.ToUpper(kind[:1]) + kind[1:]
	return i.Ask("What is it called", usual, func(s string) error {
		id := idOf(s)
		if id == "" {
			return fmt.Errorf("write a name with a letter from a to z, or a digit")
		}
		i.sheet.Set("site.name", text(s))
		i.sheet.Set("site.id", id)
		return i.wrong("site.id")
	})
}

var notID = regexp.MustCompile(`[^a-z0-9]+`) //nolint:gochecknoglobals // compiled once, never changed

// idOf is a name as an id.
func idOf(name string) string {
	id := strings.Trim(notID.ReplaceAllString(strings.ToLower(name), "-"), "-")
	return strings.Trim(id[:min(len(id), 63)], "-")
}

func (i *interview) place() error {
	return i.Ask("In which country (two letters)", "ZA", func(s string) error {
		region, err := language.ParseRegion(strings.ToUpper(s))
		if err != nil || !region.IsCountry() {
			return fmt.Errorf("%q is no country; write its two letters, such as KE", s)
		}
		i.country = strings.ToLower(region.String())
		if unit, ok := currency.FromRegion(region); ok {
			i.currency = unit.String()
		}
		if i.country != "za" {
			i.sheet.Leave("site.symbol")
		}
		return nil
	})
}

// business tells a site with three phases and a tariff of another kind.
func (i *interview) business() bool { return i.kind != forecast.Home }

// forHomes are the names of tariffs for homes.
var forHomes = regexp.MustCompile(`homelight|[^n]-residential|domestic|prepay|prepaid`) //nolint:gochecknoglobals // compiled once, never changed

// onePrice is the answer of who has no tariff document.
const onePrice = "price"

func (i *interview) tariff() error {
	ready := slices.DeleteFunc(catalogue.Names(), func(n string) bool { return !strings.HasPrefix(n, i.country+"-") })
	q := Question{Text: "Which tariff", Hint: "a name, a file, or price for one price at all hours", Usual: onePrice}
	if len(ready) > 0 {
		q.Usual = ready[max(0, slices.IndexFunc(ready, func(n string) bool { return forHomes.MatchString(n) != i.business() }))]
		i.Say("Tariffs that come with the program: %s", strings.Join(ready, ", "))
	}
	for _, name := range ready {
		q.Offers = append(q.Offers, Offer{Answer: name})
	}
	q.Offers = append(q.Offers, Offer{onePrice, "one price at all hours"})
	own := false
	err := i.Put(&q, func(s string) error {
		if own = s == onePrice; own {
			return nil
		}
		data, err := catalogue.Read(s)
		if err == nil {
			i.sheet.Set("tariff.catalogue", s)
			return i.document(data)
		}
		if data, err = i.Read(s); err != nil {
			return fmt.Errorf("there is no such tariff, nor a file of that name; %s", service.OtherTariff(s))
		}
		if err := i.document(data); err != nil {
			return err
		}
		i.sheet.Choose("tariff", "file:")
		i.sheet.Set("tariff.file", text(s))
		return nil
	})
	if err != nil || !own {
		return err
	}
	i.sheet.Choose("tariff", "document:")
	err = i.Ask("In which currency (three letters)", i.currency, func(s string) error {
		unit, err := currency.ParseISO(s)
		if err != nil {
			return fmt.Errorf("%q is no currency; write its three letters, such as KES", s)
		}
		i.currency = unit.String()
		i.sheet.Set("tariff.document.currency", i.currency)
		return nil
	})
	if err != nil {
		return err
	}
	return i.Ask("What does a kWh cost, with tax", "2.50", func(s string) error {
		p, err := units.ParsePrice(s)
		if err != nil || p <= 0 {
			return fmt.Errorf("%q is not a price such as 2.50", s)
		}
		i.sheet.Set("tariff.document.versions", "[{energy: [{name: energy, price: "+s+"}]}]")
		return i.wrong("tariff")
	})
}

// document takes currency and zone of a tariff document.
func (i *interview) document(data []byte) error {
	doc, faults := config.Decode[tariffs.Document](data)
	if len(faults) > 0 {
		return fmt.Errorf("its document has %d faults, the first: %s; \"agent tariff check\" names them all", len(faults), faults[0])
	}
	i.currency = doc.Currency
	if doc.Zone != "" {
		i.Zone = doc.Zone
	}
	return nil
}

func (i *interview) zone() error {
	usual := i.Zone
	if usual == "" {
		usual = "UTC"
	}
	return i.Ask("In which time zone", usual, func(s string) error {
		i.sheet.Set("site.zone", text(s))
		if err := i.wrong("site.zone"); err != nil {
			return err
		}
		if c, ok := i.sheet.find("tariff.document.zone", false, ""); ok {
			i.sheet.Set(c.path, text(s))
		}
		return nil
	})
}

func (i *interview) meterNumber() error {
	return i.Ask("Which meter number do your tokens have (on the receipt)", "1", func(s string) error {
		i.sheet.Set("site.meter", strconv.Quote(s))
		return i.wrong("site.meter")
	})
}

// volts is the voltage between a phase and neutral by which amperes of a breaker are watts.
const volts = 230

func (i *interview) breaker() error {
	usual := "60 A"
	if i.business() {
		usual = "3 x 60 A"
	}
	return i.Ask("What does the main breaker carry (as 60 A, 3 x 25 A or 13.8 kW)", usual, func(s string) error {
		p, err := powerOf(s)
		if err != nil {
			return err
		}
		if p <= 0 || p > 10_000*units.Kilowatt {
			return fmt.Errorf("%s is not what a breaker carries", s)
		}
		i.sheet.Set("site.limit", p.String())
		i.sheet.Set("meter.max_power", p.String())
		i.most = p.String()
		return i.wrong("site.limit")
	})
}

var ampereForm = regexp.MustCompile(`(?i)^(?:([1-3]) ?[x*] ?)?([0-9]{1,4}) ?A$`) //nolint:gochecknoglobals // compiled once, never changed

// powerOf reads amperes of one to three phases, or a power.
func powerOf(s string) (units.Power, error) {
	if m := ampereForm.FindStringSubmatch(s); m != nil {
		phases, _ := strconv.Atoi(m[1])
		amperes, _ := strconv.Atoi(m[2])
		return units.Power(max(1, phases)*amperes*volts) * units.Watt, nil
	}
	p, err := units.ParsePower(s)
	if err != nil {
		return 0, fmt.Errorf("%q is neither amperes such as 60 A nor a power such as 13.8 kW", s)
	}
	return p, nil
}

func (i *interview) credit() error {
	return i.Ask("What is the credit on your meter now (an amount, or with kWh behind it)", "0", func(s string) error {
		amount, kwh := strings.CutSuffix(strings.ToLower(s), "kwh")
		amount = strings.TrimSpace(amount)
		m, err := units.ParseMoney(amount)
		if err != nil || m < 0 {
			return fmt.Errorf("%q is not an amount such as 120.50 or 80 kWh", s)
		}
		if kwh {
			i.sheet.Set("credit.mode", "kwh")
		}
		if m > 0 {
			i.sheet.Use("credit.opening")
			i.sheet.Set("credit.opening", amount)
		}
		return i.wrong("credit")
	})
}

// page asks on which port the page is.
func (i *interview) page() error {
	usual := 8080
	for usual < 8090 && i.Free(usual) != nil { // a demo may still run
		usual++
	}
	return i.Ask("On which port is the page", strconv.Itoa(usual), func(s string) error {
		port, err := strconv.Atoi(s)
		if err != nil || port < 1 || port > 65535 {
			return fmt.Errorf("%q is not a port, 1 to 65535", s)
		}
		if err := i.Free(port); err != nil {
			return fmt.Errorf("it cannot be used, another program may have it, as a demo that still runs: %w; choose another", err)
		}
		i.sheet.Set("web.listen", strconv.Quote(fmt.Sprintf(":%d", port)))
		return nil
	})
}

// LeastPIN is the fewest characters of a PIN.
const LeastPIN = 4

// pin asks twice: what is typed is not seen.
func (i *interview) pin() error {
	if i.There("pin.hash") {
		i.Say("The PIN of pin.hash stays.")
		i.sheet.Use("web.pin")
		return nil
	}
	for {
		pin, again := "", ""
		err := i.AskHidden("Which PIN guards the page, looking at it too (none: whoever is in your network sees it, and nobody changes anything there)", "none", func(s string) error {
			if pin = s; len(s) < LeastPIN {
				return fmt.Errorf("a PIN of %d characters is guessed at once; take %d or more", len(s), LeastPIN)
			}
			return nil
		})
		if err != nil || pin == "none" {
			return err
		}
		if err := i.AskHidden("Once more", "", func(s string) error { again = s; return nil }); err != nil {
			return err
		}
		if pin != again {
			i.Say("  the two are not the same")
			continue
		}
		hash, err := i.Hash(pin)
		if err != nil {
			return err
		}
		i.files["pin.hash"] = hash
		i.sheet.Use("web.pin")
		return i.wrong("web.pin")
	}
}

// again asks anew what failed, unless the same answer is given twice: what is not there yet is kept
// by saying so again.
type again struct{ last string }

func (a *again) unless(answer string, err error) error {
	if err == nil || a.last == answer {
		return nil
	}
	a.last = answer
	return fmt.Errorf("%w; give the same answer again to keep it all the same", err)
}

// answered is the error of what did not answer.
func answered(t Tried) error {
	if t.Answers {
		return nil
	}
	if t.Next == "" {
		return errors.New(t.Says)
	}
	return fmt.Errorf("%s; %s", t.Says, t.Next)
}
