package talk

import (
	"strconv"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// waiting is the result of a token that was not looked at.
const waiting = "waiting"

// tokenResult is what became of the tokens of a message: of the one, or of the
// one that the list ended at, else of all together.
func (a *Agent) tokenResult(receipts []control.Receipt, st *control.State) api.TokenResult {
	supply := present.SupplyOf(a.site, st)
	out := api.TokenResult{Balance: st.Credit.Available().String(), Supply: string(supply.State), Pay: api.PayOf(supply), At: st.Now}
	var bought units.Money
	var each []api.TokenReceipt
	stopped := false
	for i, r := range receipts {
		one := api.TokenReceipt{N: i + 1, Result: waiting, Text: a.words.T("topup.waiting")}
		if t := r.Result; t != nil {
			one.Result, one.Text, one.Fingerprint = string(t.Token.Code), a.plain.Say(t.Says), t.Fingerprint
			if t.Bought != 0 {
				one.Bought = t.Bought.String()
			}
			bought += t.Bought
			// The one that the list ended at speaks for all, else one that was taken.
			if ends := !r.Entered(); !stopped && (out.Result == "" || ends || t.Accepted()) {
				stopped = ends
				out.Result, out.Text, out.Wait = one.Result, one.Text, t.Wait.Seconds()
				out.Fingerprint = one.Fingerprint
			}
		}
		each = append(each, one)
	}
	if len(receipts) > 1 {
		out.Tokens, out.Fingerprint = each, ""
		n, refused := 0, 0
		for _, r := range receipts {
			switch {
			case !r.Entered():
			case r.Result.Accepted() || r.Result.Token.Code == credit.Used:
				n++
			default:
				refused++
			}
		}
		all := a.words.T("topup.list", "n", strconv.Itoa(n), "of", strconv.Itoa(len(receipts)))
		out.Text = all + "."
		if refused > 0 {
			out.Text += " " + a.words.N("topup.list.refused", refused)
		}
		if stopped {
			for i, r := range receipts {
				if r.Result != nil && !r.Entered() {
					out.Text += " " + strconv.Itoa(i+1) + ": " + each[i].Text
				}
			}
		}
	}
	if bought != 0 {
		out.Bought = bought.String()
	}
	if supply.State == present.Disconnected && supply.Cause == present.ByCredit && supply.Spent {
		say := a.words.For(a.maker.Unit(), a.site.Zone, st.Now)
		out.Text = say.Sentence(out.Text) + " " + say.Pay(supply, "still")
	}
	return out
}
