package health

import (
	"slices"
	"time"
)

// The codes.  Each has its row in Rows, its title and remedy in the catalogue of
// present, and its row for users in docs/warnings.md; a test finds what lacks one.
const (
	AlertFailed           Code = "alert_failed"
	MeterSilent           Code = "meter_silent"
	MeterReply            Code = "meter_reply"
	MeterGap              Code = "meter_gap"
	RegisterJump          Code = "register_jump"
	RegisterBack          Code = "register_backwards"
	MeterReplaced         Code = "meter_replaced"
	MetersDiffer          Code = "meters_differ"
	ClockBack             Code = "clock_back"
	ClockAhead            Code = "clock_ahead"
	ClockUnconfirmed      Code = "clock_unconfirmed"
	StoreFull             Code = "store_full"
	StoreFailed           Code = "store_failed"
	StoreStuck            Code = "store_stuck"
	RecordsReplaced       Code = "records_replaced"
	ReserveMissing        Code = "reserve_missing"
	CutWaits              Code = "cut_waits"
	HeadUnkept            Code = "head_unkept"
	BrokerGone            Code = "broker_gone"
	BrokerRefused         Code = "broker_refused"
	InfluxGone            Code = "influx_gone"
	OutboxDropped         Code = "outbox_dropped"
	TokenRejected         Code = "token_rejected"
	TokenLocked           Code = "token_locked"
	BadMessage            Code = "bad_message"
	BuyBefore             Code = "buy_before"
	NotEmpty              Code = "not_empty"
	CreditLow             Code = "credit_low"
	CreditSpent           Code = "credit_spent"
	EmergencyOffered      Code = "emergency_offered"
	EmergencyInUse        Code = "emergency_in_use"
	SupplyArmed           Code = "supply_armed"
	SupplyWeld            Code = "supply_weld"
	SupplyCoil            Code = "supply_coil"
	SupplyUnknown         Code = "supply_unknown"
	SupplyBypass          Code = "supply_bypass"
	SupplySilent          Code = "supply_silent"
	CreditShed            Code = "credit_shed"
	CreditEnds            Code = "credit_ends"
	SwitchSilent          Code = "switch_silent"
	LoadShort             Code = "load_short"
	SunSilent             Code = "sun_silent"
	LimitInForce          Code = "limit_in_force"
	LimitFailSafe         Code = "limit_failsafe"
	PolicyRefused         Code = "policy_refused"
	DisconnectionNear     Code = "disconnection_near"
	DisconnectedByUtility Code = "disconnected_by_utility"
	UtilityMessage        Code = "utility_message"
	UtilityAlert          Code = "utility_alert"
	UtilityEvent          Code = "utility_event"
	ClocksDiffer          Code = "clocks_differ"
	LedgerOld             Code = "ledger_old"
	LedgerUnsound         Code = "ledger_unsound"
	RecordsHeld           Code = "records_held"
	RecordsRestored       Code = "records_restored"
	PINGuessed            Code = "pin_guessed"
	PlanStale             Code = "plan_stale"
	PlanFailed            Code = "plan_failed"
	PartFailed            Code = "part_failed"
	StepFailed            Code = "step_failed"
	TariffStale           Code = "tariff_stale"
	TariffUnsure          Code = "tariff_unsure"
	ConsumptionOpen       Code = "consumption_while_open"
	CoverOpen             Code = "cover_open"
	CurrentNoVoltage      Code = "current_without_voltage"
	FrequencyOff          Code = "frequency_deviation"
	MagnetNear            Code = "magnet_near"
	NeutralLoss           Code = "neutral_loss"
	NeutralMismatch       Code = "neutral_mismatch"
	Outage                Code = "outage"
	PowerDoubtful         Code = "power_doubtful"
	PowerUnknown          Code = "power_unknown"
	RegisterStuck         Code = "register_stuck"
	ReverseEnergy         Code = "reverse_energy"
	VoltageInterruption   Code = "voltage_interruption"
	VoltageSag            Code = "voltage_sag"
	VoltageSwell          Code = "voltage_swell"
	VoltageUnbalance      Code = "voltage_unbalance"
)

// About is what the subject of a warning names.
type About int

// What subjects name.
const (
	Nothing About = iota // there is one such warning at a time
	Load                 // a load, by its id
	Supply               // the supply's switch, by its id
	Phase                // "phase 2"; "" all of them
	Way                  // a way of entry
	Topic                // of MQTT
	Part                 // of the agent
	Refusal              // why what a utility sent was refused, by its code
	Notice               // of the utility, by the id of its event
)

// Row is what is known of a code beside its words.
type Row struct {
	Code     Code
	Severity Severity
	About    About
	// Lasts is how long the warning of one moment stays: nothing comes to end it,
	// so it goes when somebody has seen it, or by itself.  Zero: it stands until
	// its cause is gone.
	Lasts time.Duration
	// Settled: a person's word that it is settled ends it, and nothing else does.
	Settled bool
	// Card: the page has a card of its own that says so.
	Card bool
	// OfCredit: it speaks of the credit, and goes where nobody knows what that is.
	OfCredit bool
}

// Passing tells whether the warning is about one moment.
func (r Row) Passing() bool { return r.Lasts > 0 }

const day = 24 * time.Hour

// Rows is every code, in alphabetical order: the one list of them.
func Rows() []Row {
	return []Row{
		{Code: AlertFailed, Severity: Caution, About: Part},
		{Code: BadMessage, Severity: Caution, About: Topic, Lasts: day},
		{Code: BrokerGone, Severity: Caution},
		{Code: BrokerRefused, Severity: Caution},
		{Code: BuyBefore, Severity: Serious, OfCredit: true},
		{Code: ClockAhead, Severity: Serious},
		{Code: ClockBack, Severity: Caution, Lasts: day},
		{Code: ClockUnconfirmed, Severity: Info},
		{Code: ClocksDiffer, Severity: Caution},
		{Code: ConsumptionOpen, Severity: Critical, About: Phase},
		{Code: CoverOpen, Severity: Serious, About: Phase},
		{Code: CreditEnds, Severity: Serious, OfCredit: true},
		{Code: CreditLow, Severity: Caution, OfCredit: true},
		{Code: CreditShed, Severity: Caution},
		{Code: CreditSpent, Severity: Critical, Card: true, OfCredit: true},
		{Code: CurrentNoVoltage, Severity: Serious, About: Phase},
		{Code: CutWaits, Severity: Critical},
		{Code: DisconnectedByUtility, Severity: Critical},
		{Code: DisconnectionNear, Severity: Serious},
		{Code: EmergencyInUse, Severity: Serious, Card: true, OfCredit: true},
		{Code: EmergencyOffered, Severity: Serious, Card: true, OfCredit: true},
		{Code: FrequencyOff, Severity: Caution, About: Phase},
		{Code: HeadUnkept, Severity: Serious},
		{Code: InfluxGone, Severity: Caution},
		{Code: LedgerOld, Severity: Critical, Settled: true},
		{Code: LedgerUnsound, Severity: Critical, About: Part, Settled: true},
		{Code: LimitFailSafe, Severity: Serious},
		{Code: LimitInForce, Severity: Caution},
		{Code: LoadShort, Severity: Caution, OfCredit: true},
		{Code: MagnetNear, Severity: Serious, About: Phase},
		{Code: MeterGap, Severity: Caution, Lasts: day},
		{Code: MeterReplaced, Severity: Info, Lasts: day},
		{Code: MeterReply, Severity: Caution},
		{Code: MeterSilent, Severity: Serious},
		{Code: MetersDiffer, Severity: Serious},
		{Code: NeutralLoss, Severity: Critical, About: Phase},
		{Code: NeutralMismatch, Severity: Serious, About: Phase},
		{Code: NotEmpty, Severity: Caution},
		{Code: Outage, Severity: Serious, About: Phase},
		{Code: OutboxDropped, Severity: Caution, Lasts: day},
		{Code: PartFailed, Severity: Serious, About: Part},
		{Code: PINGuessed, Severity: Caution, Lasts: day},
		{Code: PlanFailed, Severity: Serious},
		{Code: PlanStale, Severity: Caution},
		{Code: PolicyRefused, Severity: Caution, About: Refusal, Lasts: day},
		{Code: PowerDoubtful, Severity: Serious},
		{Code: PowerUnknown, Severity: Caution},
		{Code: RecordsHeld, Severity: Critical},
		{Code: RecordsReplaced, Severity: Critical},
		{Code: RecordsRestored, Severity: Critical, Settled: true},
		{Code: RegisterBack, Severity: Serious, Lasts: day},
		{Code: RegisterJump, Severity: Serious, Lasts: day},
		{Code: RegisterStuck, Severity: Serious, About: Phase},
		{Code: ReserveMissing, Severity: Caution},
		{Code: ReverseEnergy, Severity: Caution, About: Phase},
		{Code: StepFailed, Severity: Critical},
		{Code: StoreFailed, Severity: Critical},
		{Code: StoreFull, Severity: Critical},
		{Code: StoreStuck, Severity: Critical},
		{Code: SunSilent, Severity: Caution, About: Load},
		{Code: SupplyArmed, Severity: Serious, Card: true, OfCredit: true},
		{Code: SupplyBypass, Severity: Critical, About: Supply},
		{Code: SupplyCoil, Severity: Critical, About: Supply},
		{Code: SupplySilent, Severity: Critical, About: Supply},
		{Code: SupplyUnknown, Severity: Serious, About: Supply},
		{Code: SupplyWeld, Severity: Critical, About: Supply},
		{Code: SwitchSilent, Severity: Caution, About: Load},
		{Code: TariffStale, Severity: Caution},
		{Code: TariffUnsure, Severity: Info},
		{Code: TokenLocked, Severity: Caution, About: Way},
		{Code: TokenRejected, Severity: Info, Lasts: time.Hour},
		{Code: UtilityAlert, Severity: Serious, About: Notice},
		{Code: UtilityEvent, Severity: Info, About: Notice},
		{Code: UtilityMessage, Severity: Info, About: Notice},
		{Code: VoltageInterruption, Severity: Serious, About: Phase},
		{Code: VoltageSag, Severity: Caution, About: Phase},
		{Code: VoltageSwell, Severity: Serious, About: Phase},
		{Code: VoltageUnbalance, Severity: Caution, About: Phase},
	}
}

// Of is the row of a code; an unknown one is Serious.
func Of(code Code) Row {
	rows := Rows()
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Code == code }); i >= 0 {
		return rows[i]
	}
	return Row{Code: code, Severity: Serious}
}

// Known tells whether the code is one of the list.
func Known(code Code) bool {
	return slices.ContainsFunc(Rows(), func(r Row) bool { return r.Code == code })
}
