package api

import "time"

// View is the whole picture: GET /api/v1/view, its events, and agent status --json.
type View struct {
	Seq      uint64     `json:"seq"`
	At       *time.Time `json:"at"`
	Zone     string     `json:"zone"`
	Site     string     `json:"site"`
	Unit     string     `json:"unit"` // ISO 4217 or "kWh"
	Supply   Supply     `json:"supply"`
	Credit   Credit     `json:"credit"`
	RunOut   RunOut     `json:"run_out"`
	Expected []Expected `json:"expected"`          // what somebody has told of the use in times to come, the first first
	Until    *Until     `json:"until"`             // null: nobody asks how long the credit is to last
	OptOut   *OptedOut  `json:"opt_out"`           // null: no utility asks for anything that could be opted out of
	Limited  *Limited   `json:"limited,omitempty"` // absent: no utility limits the site
	Limits   []Limited  `json:"limits,omitempty"`  // all who may limit what is drawn; absent: nobody
	Power    Power      `json:"power"`
	Meter    Registers  `json:"meter"`
	Quality  *Quality   `json:"quality,omitempty"` // of the voltage; absent: nothing is known of it
	Beside   *Beside    `json:"beside,omitempty"`  // the utility's meter beside ours; absent: nobody has read it
	Tariff   Tariff     `json:"tariff"`
	Plan     Plan       `json:"plan"`
	Loads    []Load     `json:"loads"`
	TopUp    Gate       `json:"topup"`
	Warnings []Warning  `json:"warnings"`
	System   System     `json:"system"`
}

// Supply is whether there is power, and why.
type Supply struct {
	State   string     `json:"state"`
	Cause   string     `json:"cause"`
	Since   *time.Time `json:"since"`
	Held    bool       `json:"held,omitempty"` // the records do not agree: nothing is switched, and the balance is not known
	Says    string     `json:"says"`           // the state, why, and what is missing, in words
	Pay     *string    `json:"pay,omitempty"`  // what must be paid so that credit is no cause of darkness any more; says tells of the other causes; absent: nothing, or no one top-up is enough
	CutAt   *time.Time `json:"cut_at"`
	RetryAt *time.Time `json:"retry_at"`
	// Utility is who has ordered it off; absent: nobody has.
	Utility *Cut `json:"utility,omitempty"`
}

// Cut is a disconnection by a utility.
type Cut struct {
	By    string     `json:"by"`
	ID    string     `json:"id"`
	Why   string     `json:"why"`
	Since *time.Time `json:"since"`
	Until *time.Time `json:"until"` // it ends by itself then
}

// Credit is the account.
type Credit struct {
	Balance     string    `json:"balance"`
	BalanceKWh  *float64  `json:"balance_kwh"`
	Debt        string    `json:"debt"`
	SpentToday  string    `json:"spent_today"`
	TodayKWh    float64   `json:"today_kwh"`
	SpentPerDay *string   `json:"spent_per_day"`
	PerKWh      *float64  `json:"hours_per_kwh"` // of credit, that one kWh more now costs
	Emergency   Emergency `json:"emergency"`
}

// Emergency is the emergency credit.
type Emergency struct {
	State     string `json:"state"`
	Amount    string `json:"amount"`
	Left      string `json:"left"`
	Owed      string `json:"owed"`
	Threshold string `json:"threshold"`
}

// RunOut is when the credit ends.
type RunOut struct {
	Known  bool       `json:"known"`
	Beyond bool       `json:"beyond"`
	At     *time.Time `json:"at"`
	Early  *time.Time `json:"early"`
	Late   *time.Time `json:"late"`
	Hours  *float64   `json:"hours"`
	Reach  *time.Time `json:"reach"` // the end of the last day that GET /api/v1/topup answers for
	With   []With     `json:"with"`  // how long it lasts with a top-up now: a small one, a middle one, a large one
	First  *time.Time `json:"first"` // about when a new site's first forecast comes; null: there is one, or was
}

// With is when the credit ends with a top-up that nobody has made.
type With struct {
	Amount string    `json:"amount"`
	Until  time.Time `json:"until"`
	Beyond bool      `json:"beyond"` // it lasts longer: the forecast reaches no further
}

// Until is how long the credit is to last, as a person asks, and what becomes of it.
type Until struct {
	At    time.Time  `json:"at"`
	By    string     `json:"by"`
	Since time.Time  `json:"since"`
	Known bool       `json:"known"` // false: no plan knows of it yet, and of the rest nothing
	Lasts bool       `json:"lasts"` // in nine of ten futures, as planned
	Sure  int        `json:"sure"`  // in so many of 100
	Ends  *time.Time `json:"ends"`  // where it does not last: in one future of ten it has ended by then
	Buy   *string    `json:"buy"`   // the smallest top-up with which it lasts; null: none is needed, or no one is enough
	Keep  *string    `json:"keep"`  // the smallest top-up with which nothing is left out; null as buy
	Given []GivenUp  `json:"given"` // what is left out for it
	Says  string     `json:"says"`  // in words
}

// GivenUp is what a load does without so that the credit lasts.
type GivenUp struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"` // when it would have run
	Hours float64   `json:"hours"`
	KWh   float64   `json:"kwh"`
	Later bool      `json:"later"` // it runs after the time asked for
}

// LastUntil asks that the credit lasts: POST /api/v1/until.
type LastUntil struct {
	Until string `json:"until"` // "Fri 18:00", "tomorrow 07:00", "2026-12-04 18:00", a time of RFC 3339, or "off"
}

// Expect tells of the use in a time to come, or takes back what was told: POST /api/v1/expect.
type Expect struct {
	Expect string `json:"expect"` // "away from 20 Dec until 3 Jan", "guests from Fri until Sun", "3 kWh from Sun 12:00", "back", "withdraw 2"
}

// Expected is what somebody has told of the use in a time: it is not as usual then.
type Expected struct {
	N     int       `json:"n"`    // by which it is taken back
	What  string    `json:"what"` // away, guests, extra or outage
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	KWh   float64   `json:"kwh,omitempty"` // extra: on top
	By    string    `json:"by"`
	Since time.Time `json:"since"`
	Lit   bool      `json:"lit,omitempty"` // an outage that has not come
	Says  string    `json:"says"`          // in words
}

// Outages are the times without mains that are announced, in the place of those sent before: POST /api/v1/outages, and
// over MQTT. Other keys are passed over.
type Outages struct {
	Events []Outage `json:"events"`
}

// Outage is one of them.
type Outage struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// ExpectAnswer answers an Expect.
type ExpectAnswer struct {
	Expected []Expected `json:"expected"`
}

// OptOut opts out: POST /api/v1/opt-out.
type OptOut struct {
	Of string `json:"of"` // none, local (the home's own plan), grid (a utility's events) or both
}

// OptedOut is what the household has opted out of.
type OptedOut struct {
	Of    string     `json:"of"`    // none, local, grid or both
	By    string     `json:"by"`    // page or api; "": nobody has said anything
	Since *time.Time `json:"since"` // null: nobody has said anything
}

// OptOutAnswer answers an OptOut.
type OptOutAnswer struct {
	OptOut *OptedOut `json:"opt_out"`
}

// UntilAnswer answers a LastUntil.
type UntilAnswer struct {
	Until *Until `json:"until"`
}

// Power is what is drawn at the meter.
type Power struct {
	W           *float64   `json:"w"`       // null: not known
	Derived     bool       `json:"derived"` // from the meter's register
	At          *time.Time `json:"at"`
	Freshness   string     `json:"freshness"`
	LimitW      *float64   `json:"limit_w"`
	CostPerHour *string    `json:"cost_per_hour"` // null: not known
}

// Registers is what was counted, in all and by tariff period.
type Registers struct {
	Device    string           `json:"device,omitempty"`
	ImportKWh *float64         `json:"import_kwh"` // null before the first sample
	ExportKWh *float64         `json:"export_kwh"`
	Periods   []PeriodRegister `json:"periods"`
	Demand    *Demands         `json:"demand"`
}

// PeriodRegister is what was counted while one tariff period was in force.
type PeriodRegister struct {
	Period    string  `json:"period"`
	ImportKWh float64 `json:"import_kwh"`
	ExportKWh float64 `json:"export_kwh"`
}

// Demands are the greatest mean powers of the month.
type Demands struct {
	WindowSeconds float64    `json:"window_seconds"`
	BlockW        float64    `json:"block_w"`
	BlockEnd      *time.Time `json:"block_end"`
	SlidingW      float64    `json:"sliding_w"`
	SlidingEnd    *time.Time `json:"sliding_end"`
}

// Tariff is the price now and its next change.
type Tariff struct {
	Name        string     `json:"name"`
	Price       *string    `json:"price"`
	Period      string     `json:"period"`
	NextAt      *time.Time `json:"next_at"`
	NextPrice   string     `json:"next_price"`
	NextPeriod  string     `json:"next_period"`
	FixedPerDay string     `json:"fixed_per_day"`
	FixedMonth  string     `json:"fixed_per_month"`
	Version     string     `json:"version,omitempty"`
	PushedUntil *time.Time `json:"pushed_until"`
	Stale       bool       `json:"stale"`
	Note        string     `json:"note,omitempty"`
	Block       *Block     `json:"block"`
}

// Block is where the month stands in rising blocks.
type Block struct {
	Number    int        `json:"number"`
	UsedKWh   float64    `json:"used_kwh"`
	UpToKWh   *float64   `json:"up_to_kwh"`
	NextPrice string     `json:"next_price"`
	ResetAt   *time.Time `json:"reset_at"`
}

// Plan is the schedule ahead: in the picture, and by itself over MQTT.
type Plan struct {
	Version       int        `json:"version"` // of this form: PlanVersion
	MadeAt        *time.Time `json:"made_at"`
	Cost          string     `json:"cost"`
	CostUnshifted string     `json:"cost_unshifted"`
	SolveSeconds  float64    `json:"solve_seconds"`
	Shortfalls    []string   `json:"shortfalls"`
	Slots         []Slot     `json:"slots"`
	Loads         []PlanLoad `json:"loads"`
}

// Slot is one step of the plan.
type Slot struct {
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Price   string    `json:"price"`
	LowW    float64   `json:"low_w"`
	MidW    float64   `json:"mid_w"`
	HighW   float64   `json:"high_w"`
	LimitW  *float64  `json:"limit_w,omitempty"`
}

// PlanLoad is a load's power in each slot of the plan.
type PlanLoad struct {
	ID string    `json:"id"`
	W  []float64 `json:"w"`
}

// Load is one thing that the agent switches.
type Load struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Class         string     `json:"class,omitempty"` // how much it matters: always_on, must_have, nice_to_have or can_wait; absent: it is only measured
	Order         int        `json:"order,omitempty"` // within its class: 0 is the most important
	State         string     `json:"state"`
	W             float64    `json:"w"`                // below zero: it gives
	Rated         bool       `json:"rated"`            // w is not measured
	ToldW         *float64   `json:"told_w,omitempty"` // that it may draw while it is on, of a load that is told so
	Why           string     `json:"why"`
	NextStart     *time.Time `json:"next_start"`
	NextEnd       *time.Time `json:"next_end"`
	DeliveredKWh  float64    `json:"delivered_kwh"`
	WantedKWh     *float64   `json:"wanted_kwh"`
	Deadline      *time.Time `json:"deadline"`
	Cost          string     `json:"cost"`
	RunKWh        *float64   `json:"run_kwh"`                 // that one run uses
	RunHours      *float64   `json:"run_hours"`               // of credit, that one run costs
	Showers       *float64   `json:"showers,omitempty"`       // that the water of a water heater is hot enough for; left out where that is not known
	Holds         *int       `json:"holds_percent,omitempty"` // how full a battery is; left out where that is not known
	Override      string     `json:"override"`
	OverrideUntil *time.Time `json:"override_until"`
	CanRun        bool       `json:"can_run"`
	CanSkip       bool       `json:"can_skip"`
}

// Gate is whether a token would be looked at now.
type Gate struct {
	Digits      []int      `json:"digits"`
	TriesLeft   int        `json:"tries_left"`
	LockedUntil *time.Time `json:"locked_until"`
	Closed      string     `json:"closed,omitempty"`
	Keypad      string     `json:"keypad,omitempty"` // what the keypad at the meter shows
	Left        string     `json:"left,omitempty"`   // which of several tokens entered together have not been taken
}

// Warning is something that the householder can act on.
type Warning struct {
	Code     string     `json:"code"`
	Subject  string     `json:"subject,omitempty"` // what it is about, where a code can stand for several things
	Severity string     `json:"severity"`          // info, caution or critical
	Since    *time.Time `json:"since"`
	Title    string     `json:"title"`
	Cause    string     `json:"cause"`
	Remedy   string     `json:"remedy"`
	Seen     bool       `json:"seen"`
}

// System is the state of the agent itself.
type System struct {
	Version   string     `json:"version"`
	Started   *time.Time `json:"started"`
	Meter     *Link      `json:"meter"`
	Broker    *Link      `json:"broker"`
	Telemetry *Link      `json:"telemetry"`
	Parts     []*Link    `json:"parts"`
	Outbox    Outbox     `json:"outbox"`
	LedgerSeq uint64     `json:"ledger_seq"`
	DiskFree  *int64     `json:"disk_free_bytes"`
}

// Link is one thing that the agent talks to.
type Link struct {
	Name      string     `json:"name"`
	Freshness string     `json:"freshness"`
	LastAt    *time.Time `json:"last_at"`
	Detail    string     `json:"detail,omitempty"`
}

// Outbox is what waits to be sent to InfluxDB.
type Outbox struct {
	Rows        int64      `json:"rows"`
	Oldest      *time.Time `json:"oldest"`
	Dropped     int64      `json:"dropped"`
	Quarantined int64      `json:"quarantined"`
}
