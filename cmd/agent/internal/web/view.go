package web

import "github.com/keeplit/keeplit/cmd/agent/internal/picture"

// View is the picture that the page draws, adding nothing to it; the others are
// its parts.
type (
	View           = picture.View
	Unit           = picture.Unit
	Supply         = picture.Supply
	EmergencyState = picture.EmergencyState
	Emergency      = picture.Emergency
	Credit         = picture.Credit
	RunOut         = picture.RunOut
	Freshness      = picture.Freshness
	PowerNow       = picture.PowerNow
	Registers      = picture.Registers
	PeriodRegister = picture.PeriodRegister
	Demand         = picture.Demand
	Tariff         = picture.Tariff
	TariffDetail   = picture.TariffDetail
	Source         = picture.Source
	TariffWeek     = picture.TariffWeek
	TariffMoment   = picture.TariffMoment
	Advice         = picture.Advice
	Block          = picture.Block
	Plan           = picture.Plan
	PlanSlot       = picture.PlanSlot
	PlanLoad       = picture.PlanLoad
	LoadState      = picture.LoadState
	Override       = picture.Override
	Load           = picture.Load
	TopUpGate      = picture.TopUpGate
	Severity       = picture.Severity
	Warning        = picture.Warning
	System         = picture.System
	Link           = picture.Link
	Outbox         = picture.Outbox
	Demo           = picture.Demo
	LogRow         = picture.LogRow
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
