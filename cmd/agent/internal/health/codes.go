package health

// The codes.  docs/warnings.md lists them for users; a test keeps the two alike.
const (
	MeterSilent         Code = "meter_silent"
	MeterReply          Code = "meter_reply"
	MeterGap            Code = "meter_gap"
	RegisterJump        Code = "register_jump"
	RegisterBack        Code = "register_backwards"
	MeterReplaced       Code = "meter_replaced"
	ClockBack           Code = "clock_back"
	ClockAhead          Code = "clock_ahead"
	ClockUnconfirmed    Code = "clock_unconfirmed"
	StoreFull           Code = "store_full"
	StoreFailed         Code = "store_failed"
	StoreStuck          Code = "store_stuck"
	RecordsReplaced     Code = "records_replaced"
	ReserveMissing      Code = "reserve_missing"
	CutWaits            Code = "cut_waits"
	HeadUnkept          Code = "head_unkept"
	BrokerGone          Code = "broker_gone"
	BrokerRefused       Code = "broker_refused"
	InfluxGone          Code = "influx_gone"
	OutboxDropped       Code = "outbox_dropped"
	TokenRejected       Code = "token_rejected"
	TokenLocked         Code = "token_locked"
	BadMessage          Code = "bad_message"
	CreditLow           Code = "credit_low"
	CreditSpent         Code = "credit_spent"
	EmergencyOffered    Code = "emergency_offered"
	EmergencyInUse      Code = "emergency_in_use"
	SupplyArmed         Code = "supply_armed"
	SupplyWeld          Code = "supply_weld"
	SupplyCoil          Code = "supply_coil"
	SupplyUnknown       Code = "supply_unknown"
	SupplyBypass        Code = "supply_bypass"
	SupplySilent        Code = "supply_silent"
	CreditShed          Code = "credit_shed"
	CreditEnds          Code = "credit_ends"
	SwitchSilent        Code = "switch_silent"
	LoadShort           Code = "load_short"
	LedgerOld           Code = "ledger_old"
	LedgerUnsound       Code = "ledger_unsound"
	RecordsHeld         Code = "records_held"
	PINGuessed          Code = "pin_guessed"
	PlanStale           Code = "plan_stale"
	PlanFailed          Code = "plan_failed"
	PartFailed          Code = "part_failed"
	StepFailed          Code = "step_failed"
	TariffStale         Code = "tariff_stale"
	TariffUnsure        Code = "tariff_unsure"
	ConsumptionOpen     Code = "consumption_while_open"
	CoverOpen           Code = "cover_open"
	CurrentNoVoltage    Code = "current_without_voltage"
	FrequencyOff        Code = "frequency_deviation"
	MagnetNear          Code = "magnet_near"
	NeutralLoss         Code = "neutral_loss"
	NeutralMismatch     Code = "neutral_mismatch"
	Outage              Code = "outage"
	PowerDoubtful       Code = "power_doubtful"
	PowerUnknown        Code = "power_unknown"
	RegisterStuck       Code = "register_stuck"
	ReverseEnergy       Code = "reverse_energy"
	VoltageInterruption Code = "voltage_interruption"
	VoltageSag          Code = "voltage_sag"
	VoltageSwell        Code = "voltage_swell"
	VoltageUnbalance    Code = "voltage_unbalance"
)

// Advise is the advice for a code; an unknown code is Serious and says so.
func Advise(code Code) Advice {
	switch code {
	case MeterSilent:
		return Advice{Serious, "The meter does not answer", "Check the meter's cable and power. Consumption is not counted until it answers; a meter with a register is caught up then."}
	case MeterReply:
		return Advice{Caution, "The meter sends something that cannot be read", "Check the meter's type, address and wiring. The reading was left out."}
	case MeterGap:
		return Advice{Caution, "Some consumption could not be measured", "Nothing to do: the gap is not charged. If it comes often, use a meter with a register."}
	case RegisterJump:
		return Advice{Serious, "The meter's register made an impossible jump", "The jump was not charged. Compare the meter's display with the page, and check the meter."}
	case RegisterBack:
		return Advice{Serious, "The meter's register went backwards", "Nothing was credited. If the meter was reset or replaced, acknowledge this; else it is tampering."}
	case MeterReplaced:
		return Advice{Info, "Another meter answers", "If you replaced the meter, acknowledge this; counting goes on from the new register."}
	case ClockAhead:
		return Advice{Serious, "The clock jumped far ahead and is not believed", "Set the time right (NTP). If it is right, acknowledge this. Until then the agent goes on by its own count; after a day it follows a clock that is less than 45 days ahead."}
	case ClockUnconfirmed:
		return Advice{Info, "Nothing has confirmed the clock since the agent was off", "If the date and time shown are right, acknowledge this; a time server (NTP) confirms them by itself. Until then nothing is charged for the time the agent was off."}
	case ClockBack:
		return Advice{Caution, "The clock was set back", "Check that the time is right (NTP). Charges wait until the time they were made for has come again."}
	case StoreFull:
		return Advice{Critical, "The disk is full", "Free some space. Metering goes on in memory; no top-up is taken until it can be recorded."}
	case StoreFailed:
		return Advice{Critical, "The records cannot be written", "Check the storage (SD card). Metering goes on in memory; no top-up is taken until it can be recorded."}
	case StoreStuck:
		return Advice{Critical, "The storage does not answer", "Check the storage (SD card). Metering and protection go on in memory, and nobody is cut off for credit; no top-up is taken until it can be recorded."}
	case RecordsReplaced:
		return Advice{Critical, "The records were deleted or replaced while the agent runs", "Put the data folder back as it was, or stop the agent and restore the newest copy. Metering goes on in memory; no top-up is taken until then. If nobody here did it, tell the operator."}
	case ReserveMissing:
		return Advice{Caution, "There is no room for the reserve that the ledger needs on a full disk", "Free some space, or use a larger disk. Should the disk become full, top-ups can be recorded only as long as the reserve lasts."}
	case CutWaits:
		return Advice{Critical, "The credit is spent, and no top-up can be recorded", "See the warning about the records and put that right first: the supply stays on until a top-up can be entered again. What is used is owed."}
	case HeadUnkept:
		return Advice{Serious, "The second copy of the ledger's head cannot be written", "Check the folder of head_file. Top-ups are taken; an old copy of the records would not be noticed by it."}
	case BrokerGone:
		return Advice{Caution, "The MQTT broker cannot be reached", "Check the broker and the network. Nothing is lost: messages wait and are sent later."}
	case BrokerRefused:
		return Advice{Caution, "The MQTT broker refuses what the agent asks for", "Give the agent's user the right to read the topic in the broker's access list."}
	case InfluxGone:
		return Advice{Caution, "InfluxDB cannot be reached", "Check the server and the network. Nothing is lost: points wait and are sent later."}
	case OutboxDropped:
		return Advice{Caution, "Telemetry was dropped because the outbox is full", "Bring InfluxDB back, or raise telemetry.max_rows. The ledger is never dropped."}
	case TokenRejected:
		return Advice{Info, "A token was refused", "Compare the digits with your receipt and enter them again; if they are right, ask the vendor."}
	case TokenLocked:
		return Advice{Caution, "Token entry is locked for a while", "Too many wrong tokens came that way. Enter yours another way, or wait until the time shown and enter it with care."}
	case BadMessage:
		return Advice{Caution, "A message that cannot be read was ignored", "Correct the sender; the log has the topic and the fault."}
	case CreditLow:
		return Advice{Caution, "Credit is getting low", "Top up soon."}
	case CreditSpent:
		return Advice{Critical, "The credit is spent and the supply is off", "Enter a top-up token; the supply comes back by itself."}
	case EmergencyOffered:
		return Advice{Serious, "Emergency credit is offered", "Accept it on the page if you cannot top up now; top-ups pay back what is used of it."}
	case EmergencyInUse:
		return Advice{Serious, "You are using emergency credit", "Top up: what is used of it is paid back before there is credit again."}
	case SupplyArmed:
		return Advice{Serious, "The supply is ready to be switched on", "Make sure that nothing dangerous is switched on, then press Reconnect."}
	case SupplyWeld:
		return Advice{Critical, "The supply contactor was opened but is still closed", "Call an electrician: the contacts may be welded. Consumption is still charged."}
	case SupplyCoil:
		return Advice{Critical, "The supply contactor does not close", "Call an electrician: the coil or its wiring may have failed."}
	case SupplyBypass:
		return Advice{Critical, "The supply contactor is open, yet power flows", "Nothing to do for the householder; the operator must look for a bridge. Consumption is still charged."}
	case SupplySilent:
		return Advice{Critical, "The supply switch does not answer", "Check that the switch has power and is on the network."}
	case CreditShed:
		return Advice{Caution, "Some loads are held off because little credit is left", "Top up, or press Run now for a load that cannot wait."}
	case CreditEnds:
		return Advice{Serious, "The credit will soon be spent", "Top up before the time shown."}
	case SupplyUnknown:
		return Advice{Serious, "The state of the supply contactor is not known", "Check the relay and its feedback wire."}
	case SwitchSilent:
		return Advice{Caution, "A load does not do what it is told", "Check that the plug or relay has power and is on the network."}
	case LedgerOld:
		return Advice{Critical, "The ledger is not the one that was published", "An old copy of the records was put back, they were begun anew, their end was cut, or they were rewritten. No token is counted until this is settled, and each stays good. Restore the newest copy; acknowledge this only to go on from here all the same: tokens entered since might then count again."}
	case LedgerUnsound:
		return Advice{Critical, "The ledger is not sound", "Run agent ledger verify, which names the entry. Restore the newest sound backup, or correct what a doubled token gave with agent ledger adjust."}
	case RecordsHeld:
		return Advice{Critical, "The records do not agree: nothing is switched and no token is taken", "Restore data from the newest backup, or stop the agent and run agent ledger adopt, which takes the ledger's word. A token stays good, and what is used meanwhile is charged afterwards."}
	case LoadShort:
		return Advice{Caution, "A load will not get all the energy it needs in time", "Run it by hand, widen its hours, or top up."}
	case PINGuessed:
		return Advice{Caution, "Somebody is guessing the PIN", "Find the device by its address and take it off the network. Browsers that have given the right PIN, and the command line on the box, go on as usual; others wait."}
	case PlanStale:
		return Advice{Caution, "The plan is old", "Nothing to do now: loads follow the last plan. If this stays, restart the agent and report it."}
	case PlanFailed:
		return Advice{Serious, "No plan could be made", "Nothing to do now: loads follow the last plan, then their own hours. If this stays, report it with the cause."}
	case PartFailed:
		return Advice{Serious, "A part of the agent does not work", "Metering, top-ups and protection go on. A part that failed is started anew by itself; one that hangs needs the agent to be restarted. If it comes again, report it with the cause."}
	case StepFailed:
		return Advice{Critical, "The agent could not take something in", "It was left out, and all else goes on. Report it with the cause."}
	case TariffStale:
		return Advice{Caution, "The prices sent to the agent have come to an end", "Check what sends them (MQTT topic prices). Until new ones come, the tariff's own prices are charged."}
	case TariffUnsure:
		return Advice{Info, "The tariff's figures may not be current", "Compare them with your last bill."}
	case ConsumptionOpen:
		return Advice{Critical, "The supply contactor says open, yet power flows", "The operator must look for a weld or a bridge, and check the feedback wire. Consumption is still charged."}
	case CoverOpen:
		return Advice{Serious, "The cover of the meter is open", "Close the cover. If nobody is working at the meter, it is tampering: tell the operator."}
	case CurrentNoVoltage:
		return Advice{Serious, "Current flows on a phase that shows no voltage", "Have an electrician check the voltage wire and fuse of the meter: energy on this phase is not counted."}
	case FrequencyOff:
		return Advice{Caution, "The mains frequency is more than 1 Hz off", "Nothing to do on the grid. On a generator, have its speed set."}
	case MagnetNear:
		return Advice{Serious, "A magnet is near the meter", "Take the magnet away. If nobody knows of one, it is tampering: tell the operator."}
	case NeutralLoss:
		return Advice{Critical, "The neutral seems to be lost", "Switch sensitive appliances off at once and call an electrician: the voltage can destroy them."}
	case NeutralMismatch:
		return Advice{Serious, "Not all the current comes back through the meter", "Have an electrician look for leakage or for a load that bypasses the meter."}
	case Outage:
		return Advice{Serious, "The mains is down", "Wait for the mains to come back, or ask the utility. Loads come back one by one."}
	case PowerDoubtful:
		return Advice{Serious, "The power that the meter tells cannot be true", "Check the meter, its wiring and its model in the configuration, and meter.max_power. Nothing is cut or held off for this power; the register is charged."}
	case PowerUnknown:
		return Advice{Caution, "The meter tells no power, so the power limit cannot be kept", "Have the meter tell its power (many need a PIN for it), or use one that does."}
	case RegisterStuck:
		return Advice{Serious, "Power flows and the register of the meter stands still", "Check the meter: energy is not counted. Tell the operator if it stays."}
	case ReverseEnergy:
		return Advice{Caution, "Power flows out where nothing generates", "Check which way round the current transformer or the meter is wired. Where solar panels feed in, give the tariff an export price."}
	case VoltageInterruption:
		return Advice{Serious, "One phase has no voltage", "Check the fuse of this phase; if it is whole, ask the utility."}
	case VoltageSag:
		return Advice{Caution, "The voltage is low", "Switch something heavy off. If it comes often, ask the utility to look at the supply."}
	case VoltageSwell:
		return Advice{Serious, "The voltage is high", "Unplug sensitive appliances, and ask the utility to look at the supply."}
	case VoltageUnbalance:
		return Advice{Caution, "The phases have different voltages", "Spread single-phase loads over the phases. If it stays, ask the utility: motors run hot."}
	}
	return Advice{Serious, "Something is wrong (" + string(code) + ")", "Look in the log for this code."}
}

// Codes lists every code, in alphabetical order.
func Codes() []Code {
	return []Code{
		BadMessage, BrokerGone, BrokerRefused, ClockAhead, ClockBack, ClockUnconfirmed, ConsumptionOpen, CoverOpen, CreditEnds, CreditLow,
		CreditShed, CreditSpent, CurrentNoVoltage, CutWaits, EmergencyInUse, EmergencyOffered, FrequencyOff, HeadUnkept, InfluxGone, LedgerOld,
		LedgerUnsound, LoadShort, MagnetNear, MeterGap, MeterReplaced, MeterReply, MeterSilent, NeutralLoss, NeutralMismatch, Outage,
		OutboxDropped, PINGuessed, PartFailed, PlanFailed, PlanStale, PowerDoubtful, PowerUnknown, RecordsHeld, RecordsReplaced, RegisterBack,
		RegisterJump, RegisterStuck, ReserveMissing, ReverseEnergy, StepFailed, StoreFailed, StoreFull, StoreStuck, SupplyArmed, SupplyBypass,
		SupplyCoil, SupplySilent, SupplyUnknown, SupplyWeld, SwitchSilent, TariffStale, TariffUnsure, TokenLocked, TokenRejected,
		VoltageInterruption, VoltageSag, VoltageSwell, VoltageUnbalance,
	}
}
