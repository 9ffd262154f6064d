package credit

// The causes of ledger entries are record, not speech: they are part of what is
// hashed, so they stay byte for byte as they are, whatever language the page has.
// What a person is told now is codes and values; see Result.Says and Decision.Why.

// record is a reason as the ledger has it; order is that of a utility.
func (p *posting) record(r reason, d Decision, order string) string {
	switch r {
	case protected:
		return "no credit, but it is not cut before " + d.Until.In(p.loc).Format("Mon 15:04") + "; what is used is owed"
	case spared:
		return "no credit, but it is not cut while no top-up can be recorded; what is used is owed"
	case pending:
		return "no credit; it is cut when that can be recorded"
	case waiting:
		return "no credit; it is cut as soon as the load can be broken"
	case paidOff:
		return "on: paid off"
	case onEmergency:
		return "on: emergency credit, " + p.say(p.Left()) + " left"
	case onCredit:
		return "on: credit " + p.say(p.Available())
	case ready:
		return "ready: close it when nothing dangerous is switched on"
	case offFault:
		return "off: a fault; see the warnings"
	case offTamper:
		return "off: tampering was reported; call the operator"
	case offUtility:
		if order == "" {
			return "off by order of the utility"
		}
		return "off by order of the utility: " + order
	case offOverload:
		return "off: too much power was drawn; it comes back by itself"
	case offCustomer:
		return "off: switched off here"
	case offNoCredit:
	}
	return "off: no credit"
}
