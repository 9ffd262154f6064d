package control

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// home is a home as the documents say that it should be: configuration.md (credit), policy.md
// (disconnection), service.md (records), warnings.md and ARCHITECTURE.md (time).  It is written
// from them alone, knows nothing of Step, and is told what happens outside: energy that was used,
// tokens, presses, orders, the machine's clock, whether the storage takes anything.
type home struct {
	// The configuration.
	zone          *time.Location
	mode          int  // disconnect.control_mode
	armed         bool // restore: armed
	above         units.Money
	lends, offers units.Money // emergency.amount and offer_below
	low           units.Money // the first of warn_at
	policy        bool        // a utility is named

	// The credit.
	balance units.Money
	lent    bool // emergency credit was accepted, and is not paid back
	refused time.Time

	// What keeps the supply off.
	until, frost, notice time.Time     // of the disconnection in force, of the alert, of what is announced; zero: none
	ordered              time.Time     // when the one in force began
	customer             bool          // has it switched off
	spent                bool          // it is cut for want of credit
	stretch              string        // the protected hours that were entered last
	covered              bool          // and there was credit then
	waits                bool          // somebody at home must switch it on
	cause                string        // what keeps it off; "": nothing
	failing              bool          // no top-up can be recorded
	silent               time.Duration // since the meter was heard

	// The clock.
	raw    time.Time     // what the machine's showed last
	skew   time.Duration // so far ahead it is held to be wrong
	doubt  time.Duration // powered time that it is doubted for yet
	back   time.Time     // when it was set back, and nobody has read that yet
	leapt  bool          // a leap ahead was said to be right
	again  bool          // it was, and the next reading comes before the last
	latest time.Time     // up to here charges were made: before it, after the clock was set back, no order counts
	synced bool          // a time server keeps it
	up     time.Duration // powered time since the start
}

const (
	leap     = time.Hour // what differs less is no leap
	followed = 45 * 24 * time.Hour
)

// sees takes in what the machine's clock shows: a leap is doubted for a day of power, unless a time
// server or a person says that it is right, or it is back where it should be.
func (h *home) sees(raw time.Time) {
	passed := raw.Sub(h.raw)
	if h.raw.IsZero() {
		passed = 0
	}
	h.raw = raw
	if passed > leap || passed < -leap {
		wasBehind := h.skew < 0
		h.skew += passed
		h.doubt = 24 * time.Hour
		started := h.skew > 0 && h.skew <= followed && (h.up < 10*time.Minute || wasBehind)
		if h.skew <= leap && h.skew >= -leap || started {
			h.skew, h.doubt = 0, 0
		}
	} else {
		h.silent += max(0, passed)
		powered := max(0, min(passed, 10*time.Second)) // longer between two looks it may have been off
		h.doubt = max(0, h.doubt-powered)
		h.up += powered
	}
	if h.skew < 0 {
		h.back = h.now()
	}
	if h.skew <= followed && (h.synced || h.doubt == 0) {
		h.skew, h.doubt = 0, 0
	}
}

// right is a person's word that the clock is right: what was counted beyond it comes again.
func (h *home) right() {
	h.again, h.leapt = h.skew < 0, h.leapt || h.skew > 0
	if h.skew < 0 {
		h.back = time.Time{}
	}
	h.skew, h.doubt = 0, 0
}

// hears is a reading of the meter.
func (h *home) hears() {
	h.silent = 0
	if h.again {
		h.again, h.back = false, h.now()
	}
}

// now is what time it is by what is believed.
func (h *home) now() time.Time { return h.raw.Add(-h.skew) }

// sure tells whether an order of the utility may count on the time.
func (h *home) sure() bool { return h.synced && h.skew == 0 && !h.now().Before(h.latest) }

// floor is what the credit may fall to.
func (h *home) floor() units.Money {
	if h.lent {
		return -h.lends
	}
	return 0
}

// uses takes energy from the account, at its price.
func (h *home) uses(cost units.Money) { h.balance -= cost }

// buys adds a token; what was lent is paid back by it.
func (h *home) buys(worth units.Money) {
	h.balance += worth
	h.refused = time.Time{}
	if h.lent && h.balance >= 0 {
		h.lent = false
	}
}

// lending tells whether some of what was lent is used.
func (h *home) lending() bool { return h.lent && h.balance < 0 }

// offered tells whether emergency credit may be had.
func (h *home) offered() bool {
	return h.lends > 0 && !h.lent && h.balance <= h.offers && h.balance > -h.lends
}

// accepts takes emergency credit.
func (h *home) accepts() {
	if h.offered() {
		h.lent = true
	}
}

// announces is the utility's notice, ordering its order, ready its word that the supply is allowed.
func (h *home) announces(from time.Time) bool {
	if !h.policy || !h.sure() {
		return false
	}
	h.notice = from
	return true
}

func (h *home) orders(until time.Time) bool {
	now := h.now()
	in := h.policy && h.mode != 0 && h.sure() && !h.failing && !now.Before(h.frost) && !h.notice.IsZero() && !now.Before(h.notice)
	if in {
		if h.until.IsZero() {
			h.ordered = now
		}
		h.until = until
	}
	return in
}

func (h *home) ready() {
	if h.policy {
		h.until, h.notice = time.Time{}, time.Time{}
	}
}

func (h *home) alerts(until time.Time) {
	if h.policy {
		h.frost = until
	}
}

// forgets takes the utility out of the configuration: a disconnection does not come back with it.
func (h *home) forgets() {
	h.policy = false
	h.waits = h.waits || !h.until.IsZero()
	h.until, h.notice = time.Time{}, time.Time{}
}

// friendly tells whether these are hours in which nobody is cut for credit, and which.
func (h *home) friendly() (stretch string, in bool) {
	local := h.now().In(h.zone)
	return local.Format(time.DateOnly), local.Hour() >= 20 && local.Hour() < 22
}

// settle works out what the supply is to be; pressed tells that somebody has asked for it.
func (h *home) settle(pressed bool) {
	now := h.now()
	if now.After(h.latest) {
		h.latest = now
	}
	cut := !h.until.IsZero() && h.policy && now.Before(h.until) && !now.Before(h.frost) && now.After(h.ordered.Add(-time.Hour))
	if !cut && !h.until.IsZero() {
		h.until, h.notice = time.Time{}, time.Time{} // it speaks for one disconnection
	}
	if !h.notice.IsZero() && h.until.IsZero() && now.After(h.notice.Add(31*24*time.Hour)) {
		h.notice = time.Time{}
	}
	if now.After(h.refused.Add(time.Hour)) {
		h.refused = time.Time{}
	}
	left := h.balance > h.floor()
	back := h.balance > h.above || h.lent && left
	stretch, in := h.friendly()
	if in && h.stretch != stretch {
		h.stretch, h.covered = stretch, left && !h.spent
	}
	protected := in && h.stretch == stretch && h.covered
	switch {
	case back:
		h.waits = h.waits || h.spent && h.armed
		h.spent = false
	case left || h.spent || protected || h.failing:
	default:
		h.spent = true
	}
	h.waits = h.waits || cut && h.mode != 2 && h.mode != 4
	was := h.cause
	switch {
	case cut:
		h.cause = "utility"
	case h.customer:
		h.cause = "customer"
	case h.spent:
		h.cause = "credit"
	case was == "customer", !h.waits, pressed:
		h.cause, h.waits = "", false
	default:
		h.cause = "waits"
	}
}

// lit tells whether the supply is on.
func (h *home) lit() bool { return h.cause == "" }

// told are the warnings of those that it knows of.
func (h *home) told() map[string]bool {
	now := h.now()
	left := h.balance > h.floor()
	told := map[string]bool{
		"credit_spent":            h.cause == "credit",
		"cut_waits":               h.failing && !left && !h.spent && h.cause == "",
		"credit_low":              h.balance <= h.low && h.cause != "credit" && !h.lending(),
		"emergency_offered":       h.offered(),
		"emergency_in_use":        h.lending(),
		"disconnected_by_utility": h.cause == "utility",
		"disconnection_near":      !h.notice.IsZero() && h.until.IsZero(),
		"supply_armed":            h.cause == "waits",
		"clock_ahead":             h.skew > 0,
		"token_rejected":          !h.refused.IsZero(),
		"meter_silent":            h.silent > 3*time.Minute,
	}
	if h.skew < 0 || h.back.IsZero() || now.After(h.back.Add(24*time.Hour)) {
		told["clock_back"] = h.skew < 0 // in between it may be told yet
	}
	if h.cause == "waits" {
		delete(told, "credit_low") // what is said then is that it waits
	}
	return told
}
