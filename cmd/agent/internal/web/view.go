package web

import "github.com/keeplit/keeplit/cmd/agent/internal/picture"

// The page draws a picture and adds nothing to it: these are its parts.

type (
	// View is picture.View.
	View = picture.View
	// Unit is what Money counts.
	Unit = picture.Unit
	// Supply is whether there is power, and why.
	Supply = picture.Supply
	// EmergencyState is where the emergency credit stands.
	EmergencyState = picture.EmergencyState
	// Emergency is the emergency credit.
	Emergency = picture.Emergency
	// Credit is the account.
	Credit = picture.Credit
	// RunOut is when the credit ends.
	RunOut = picture.RunOut
	// Freshness is how far a value can be trusted by its age.
	Freshness = picture.Freshness
	// PowerNow is the site's power at the meter.
	PowerNow = picture.PowerNow
	// Registers is picture.Registers.
	Registers = picture.Registers
	// PeriodRegister is what was counted while one tariff period was in force.
	PeriodRegister = picture.PeriodRegister
	// Demand is a greatest mean power.
	Demand = picture.Demand
	// Tariff is the price now and the next change.
	Tariff = picture.Tariff
	// TariffDetail is the whole tariff for people.
	TariffDetail = picture.TariffDetail
	// Source is where figures come from.
	Source = picture.Source
	// TariffWeek is an ordinary week by half hours of the clock, from Monday.
	TariffWeek = picture.TariffWeek
	// TariffMoment is what holds in one half hour of a week.
	TariffMoment = picture.TariffMoment
	// Advice is what changes for the customer when the next billing month begins.
	Advice = picture.Advice
	// Block is where the month stands in rising blocks.
	Block = picture.Block
	// Plan is the schedule ahead, at least 24 h where a forecast exists.
	Plan = picture.Plan
	// PlanSlot is one step of the plan.
	PlanSlot = picture.PlanSlot
	// PlanLoad is a load's power in each slot of the plan (as many as Slots).
	PlanLoad = picture.PlanLoad
	// LoadState is what a load does now.
	LoadState = picture.LoadState
	// Override is what the householder asked for, against the plan.
	Override = picture.Override
	// Load is one thing the agent switches.
	Load = picture.Load
	// TopUpGate is whether a token would be looked at now.
	TopUpGate = picture.TopUpGate
	// Severity orders warnings.
	Severity = picture.Severity
	// Warning is something the householder can act on.
	Warning = picture.Warning
	// System is the state of the agent itself.
	System = picture.System
	// Link is one thing the agent talks to.
	Link = picture.Link
	// Outbox is what waits to be sent to InfluxDB.
	Outbox = picture.Outbox
	// Demo is what a trial run tells the visitor.
	Demo = picture.Demo
	// LogRow is something that happened.
	LogRow = picture.LogRow
)

// Their codes.
const (
	EmergencyNone    = picture.EmergencyNone
	EmergencyIdle    = picture.EmergencyIdle
	EmergencyOffered = picture.EmergencyOffered
	EmergencyInUse   = picture.EmergencyInUse
	EmergencySpent   = picture.EmergencySpent

	Fresh  = picture.Fresh
	Stale  = picture.Stale
	Silent = picture.Silent
	Never  = picture.Never

	LoadOff     = picture.LoadOff
	LoadWaiting = picture.LoadWaiting
	LoadRunning = picture.LoadRunning
	LoadDone    = picture.LoadDone
	LoadSkipped = picture.LoadSkipped
	LoadShed    = picture.LoadShed
	LoadFault   = picture.LoadFault

	NoOverride   = picture.NoOverride
	OverrideRun  = picture.OverrideRun
	OverrideSkip = picture.OverrideSkip

	Info     = picture.Info
	Caution  = picture.Caution
	Critical = picture.Critical
)
