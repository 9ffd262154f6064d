package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// Starting tells that the agent has not yet read its ledger and its contactor.
func (m *model) Starting() bool { return m.V.Supply.State == "" }

// Unsure tells that the balance is not to be shown: it is not known yet, or the
// records do not agree about it.
func (m *model) Unsure() bool { return m.Starting() || m.V.Supply.Held }

// PowerKnown tells whether there ever was a power.
func (m *model) PowerKnown() bool { return m.V.Power.Known() }

// supplyText is the supply's state in words.
type supplyText struct {
	Level, Icon string
	present.SupplyText
	Banner       bool // to be shown large
	CanReconnect bool
	TopUp        bool // a top-up is the way out
}

// Supply is the state of the supply with its cause and what to do.
func (m *model) Supply() supplyText {
	v := m.V.Supply
	s := supplyText{Level: "bad", Icon: "plug-off", SupplyText: present.Phrases{Format: m.Format}.Supply(v), Banner: true, TopUp: (v.Spent || v.Cause == present.ByCredit) && v.State != present.Ready}
	if v.Held {
		s.Icon = "stop"
		return s
	}
	switch v.State {
	case "":
		s.Level, s.Icon, s.Banner = "none", "clock", false
	case present.Connected:
		if v.CutAt.IsZero() && !v.CutSoon && !v.Spared {
			s.Level, s.Icon, s.Banner = "good", "plug", false
			break
		}
		s.Icon = "stop"
	case present.Unswitched:
		if !v.Spent {
			s.Level, s.Icon, s.Banner = "none", "plug", false
			break
		}
		s.Level, s.Icon = "low", "warn"
	case present.Ready:
		s.Level, s.Icon, s.CanReconnect = "low", "plug", true
	case present.Disconnected:
	default:
		s.Level, s.Icon = "low", "warn"
	}
	return s
}

// quick is within what a power is of now, for a person who looks at it.
const quick = 15 * time.Second

// PowerAge is how long ago the power was read, in seconds, where that is worth a word; 0: it is not.
func (m *model) PowerAge() int {
	if age := m.V.At.Sub(m.V.Power.At); m.PowerKnown() && !m.V.Power.At.IsZero() && age >= quick {
		return int(age / time.Second)
	}
	return 0
}

// PowerFresh is the freshness of the power in words and level.
func (m *model) PowerFresh() [2]string { return m.fresh(m.V.Power.Freshness) }

func (m *model) fresh(f picture.Freshness) [2]string {
	level := map[picture.Freshness]string{picture.Fresh: "good", picture.Stale: "low", picture.Silent: "bad"}[f]
	if level == "" {
		level, f = "none", picture.Never
	}
	return [2]string{level, m.Words.T("fresh." + string(f))}
}

// PowerShare is the power as a share of the site's limit in percent, -1 where
// there is no limit or no power.
func (m *model) PowerShare() int {
	if m.V.Power.Limit <= 0 || !m.PowerKnown() {
		return -1
	}
	return int(min(100, max(0, units.MulDiv(100, int64(m.V.Power.Power), int64(m.V.Power.Limit)))))
}

// Quality is what the voltage was.
func (m *model) Quality() present.QualityText {
	return present.Phrases{Format: m.Format}.Quality(m.V.Quality)
}

// load is a Load as the page shows it.
type load struct {
	M *model
	picture.Load
}

// Loads are the loads.
func (m *model) Loads() []load {
	out := make([]load, len(m.V.Loads))
	for i, l := range m.V.Loads {
		out[i] = load{m, l}
	}
	return out
}

func (l load) Word() string { return l.M.Words.T("load.state." + string(l.State)) }

// Wish is the text that says whose wish is in force.
func (l load) Wish() string {
	if l.AtDevice {
		return "load.override.device"
	}
	return "load.override." + string(l.Override)
}

// Look is the class and the icon of the load's state.
func (l load) Look() [2]string {
	switch l.State {
	case present.LoadRunning:
		return [2]string{"run", "bolt"}
	case present.LoadWaiting:
		return [2]string{"wait", "clock"}
	case present.LoadDone:
		return [2]string{"good", "check"}
	case present.LoadShed:
		return [2]string{"low", "warn"}
	case present.LoadFault:
		return [2]string{"bad", "stop"}
	default:
		return [2]string{"none", "off"}
	}
}

// Times is when the run under way or the next one is.
func (l load) Times() string {
	switch {
	case l.State == present.LoadRunning && !l.NextEnd.IsZero() && l.Override != picture.OverrideRun: // else the wish tells its end
		return l.M.Words.T("load.until", "when", l.M.When(l.NextEnd))
	case l.NextStart.IsZero() || l.State == present.LoadRunning:
		return ""
	case l.NextEnd.IsZero():
		return l.M.Words.T("load.from", "when", l.M.When(l.NextStart))
	default:
		return l.M.When(l.NextStart) + present.Dash + l.M.Clock(l.NextEnd)
	}
}

// Costs is what a run itself costs begun now, and at the hour at which it costs least, and
// what it makes dearer afterwards; "" where that is not known, or is the energy itself.
func (l load) Costs() string {
	m := l.M
	if len(l.Ahead) == 0 || m.V.Unit.Energy || l.Ahead[0].Cost <= 0 {
		return ""
	}
	now := m.Money(l.Ahead[0].Own())
	best, ok := l.Best()
	least := m.Money(best.Own())
	var text string
	switch {
	case !ok || least == now || best.Own() > l.Ahead[0].Own():
		text = m.Words.T("load.costs.now", "cost", now)
	case best.Sooner == 0:
		text = m.Words.T("load.costs.best", "cost", now, "least", least, "when", m.When(best.At))
	default:
		text = m.Words.T("load.costs.light", "cost", now, "least", least, "when", m.When(best.At), "time", m.Duration(best.Sooner))
	}
	if later := l.Ahead[0].Later; later >= m.coin() {
		text += " " + m.Words.T("load.costs.later", "cost", m.Money(later))
	}
	return text
}

// coin is the least amount that is shown.
func (m *model) coin() units.Money {
	coin := units.One
	for range m.Unit.Decimals {
		coin /= 10
	}
	return coin
}

// RunTakes is what one run uses, and by how much sooner the credit ends where it is begun now.
func (l load) RunTakes() string {
	m, light := l.M, l.light()
	switch {
	case l.RunEnergy <= 0:
		return ""
	case light > 0:
		return m.Words.T("load.run_takes", "energy", m.Energy(l.RunEnergy), "time", m.Duration(light))
	}
	return m.Words.T("load.run_uses", "energy", m.Energy(l.RunEnergy))
}

// light is by how much sooner the credit ends with a run begun now; 0 not known.  What the plan
// said of its own first hour does not hold any more where a later hour is now.
func (l load) light() time.Duration {
	if len(l.Ahead) > 0 {
		return l.Ahead[0].Sooner
	}
	return l.RunSooner
}

// RunPrice is what pressing "run now" itself comes to, in money and in light: the same as Costs and
// RunTakes say.  "" where it is not known, or where it runs already.
func (l load) RunPrice() string {
	m := l.M
	if l.State == present.LoadRunning || len(l.Ahead) == 0 || m.V.Unit.Energy || l.Ahead[0].Cost <= 0 {
		return ""
	}
	cost := m.Money(l.Ahead[0].Own())
	if l.light() <= 0 {
		return cost
	}
	return m.Words.T("load.run.price", "cost", cost, "time", m.Duration(l.light()))
}

// CostsMean says why a run begun now costs another price a kWh than that of this moment, where it
// does: else the two stand on one page and do not fit.
func (l load) CostsMean() string {
	m := l.M
	if l.Costs() == "" || l.RunEnergy <= 0 || !m.V.Tariff.Known {
		return ""
	}
	now, mean := m.V.Tariff.Price, units.Price(units.MulDiv(int64(l.Ahead[0].Own()), int64(units.KilowattHour), int64(l.RunEnergy)))
	if near(mean, now) {
		return ""
	}
	// What a kWh on top costs depends on the hours, on the blocks of the month and on demand: one of
	// them is named only where it is that alone.
	key, tariff := "load.costs.all", m.V.Tariff
	hours := !tariff.NextAt.IsZero() && tariff.NextAt.Before(m.V.At.Add(mostRun))
	blocks := tariff.Block != nil && tariff.Block.UpTo > 0
	switch {
	case blocks && near(mean, tariff.Block.NextPrice):
		key = "load.costs.block"
	case m.V.Meter.Window > 0:
	case blocks && !hours && now < mean && mean < tariff.Block.NextPrice:
		key = "load.costs.block"
	case hours && !blocks && min(now, tariff.NextPrice) <= mean && mean <= max(now, tariff.NextPrice):
		key = "load.costs.mean"
	}
	return m.Words.T(key, "price", m.PriceParts(mean)[0], "now", m.PriceParts(now)[0])
}

// near tells whether two prices differ by no more than rounding does.
func near(a, b units.Price) bool { return max(a-b, b-a)*100 <= b }

// mostRun is longer than one run of what is switched at home.
const mostRun = 12 * time.Hour

// Share is how much of its task is done, in percent; -1 where it is not counted.
func (l load) Share() int {
	if l.Wanted <= 0 {
		return -1
	}
	return int(min(100, max(0, units.MulDiv(100, int64(l.Delivered), int64(l.Wanted)))))
}

// warning is a Warning as the page shows it.
type warning struct {
	M *model
	picture.Warning
}

// Level is the warning's colour.
func (w warning) Level() string {
	switch w.Severity {
	case picture.Critical:
		return "bad"
	case picture.Caution:
		return "low"
	default:
		return "none"
	}
}

// Icon is the warning's picture.
func (w warning) Icon() string { return levelIcon(w.Level()) }

// Word is the severity in words.
func (w warning) Word() string { return w.M.Words.T("severity." + string(w.Severity)) }

// Warnings are all warnings.
func (m *model) Warnings() []warning {
	out := make([]warning, len(m.V.Warnings))
	for i, w := range m.V.Warnings {
		out[i] = warning{m, w}
	}
	return out
}

// Alerts are the warnings for the front page: those that ask for action, that
// nobody has acknowledged and that no card of the page tells already.
func (m *model) Alerts() []warning {
	var out []warning
	for _, w := range m.Warnings() {
		if !w.Seen && !w.Told && w.Severity != picture.Info {
			out = append(out, w)
		}
	}
	return out
}

// Quiet is the number of the other warnings.
func (m *model) Quiet() int { return len(m.V.Warnings) - len(m.Alerts()) }

// link is a Link as the page shows it.
type link struct {
	M *model
	picture.Link
	Role string
}

// Fresh is the level and the word of the link's freshness.
func (l link) Fresh() [2]string { return l.M.fresh(l.Freshness) }

// Links are the things the agent talks to, those configured.
func (m *model) Links() []link {
	sys := m.V.System
	out := []link{{m, sys.Meter, m.Words.T("system.meter")}}
	if sys.Broker.Name != "" {
		out = append(out, link{m, sys.Broker, m.Words.T("system.broker")})
	}
	if sys.Telemetry.Name != "" {
		out = append(out, link{m, sys.Telemetry, m.Words.T("system.influxdb")})
	}
	for _, p := range sys.Parts {
		out = append(out, link{m, p, ""})
	}
	return out
}

// Locked tells whether the token gate is shut now.
func (m *model) Locked() bool { return m.V.TopUp.LockedUntil.After(m.V.At) }

// TokenLines is what the field of tokens is filled with again: a token in groups,
// or the text as it was.
func (m *model) TokenLines(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return text
	}
	return present.Grouped(text)
}

// TokenDigits is the longest token taken, 0 where any is.
func (m *model) TokenDigits() int {
	n := 0
	for _, d := range m.V.TopUp.Digits {
		n = max(n, d)
	}
	return n
}

// TokenForms is "20", "9 or 15".
func (m *model) TokenForms() string {
	s := ""
	for i, d := range m.V.TopUp.Digits {
		if i > 0 {
			s += m.Words.T("or")
		}
		s += strconv.Itoa(d)
	}
	return s
}

// Gives is what it gives, where its power is below zero.
func (l load) Gives() units.Power { return -l.Power }
