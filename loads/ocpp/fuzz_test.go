package ocpp

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Whatever a station says, it is answered or passed over, what it draws is no nonsense, and the
// switch never claims what was not heard.
func FuzzAStationMaySayAnything(f *testing.F) {
	for _, seed := range []string{
		`[2,"1","BootNotification",{"chargePointVendor":"v","chargePointModel":"m"}]`,
		`[2,"2","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging","timestamp":"2026-11-29T10:00:00Z"}]`,
		`[2,"3","StatusNotification",{"connectorId":"1","status":" \"SuspendedEV\" "}]`,
		`[2,"4","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"timestamp":"2026-11-29T10:00:00Z","sampledValue":[{"value":" 7.2 ","measurand":"Power.Active.Import","unit":"kW"}]}]}]`,
		`[2,"5","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[{"value":"16","measurand":"Current.Import","phase":"L1"},{"value":"230","measurand":"Voltage","phase":"L1-N"}]}]}]`,
		`[2,"6","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":1,"timestamp":"2026-11-29T10:00:00Z"}]`,
		`[2,"7","StopTransaction",{"transactionId":7,"reason":"Local"}]`,
		`[3,"k1",{"status":"Accepted"}]`, `[4,"k1","InternalError","",{}]`, `[2,8,"Authorize",{"idTag":5}]`, `[2,"9","DataTransfer",{}]`, `[]`, `{`, `[2,"1","Heartbeat",null]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		now := time.Unix(1_800_000_000, 0)
		c := NewCentral("", quick(), func() time.Time { return now }, quiet())
		sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
		if err != nil {
			t.Fatal(err)
		}
		frame, err := parseFrame(data)
		if err != nil || frame.kind != kindCall {
			return
		}
		st := c.stations["CP1"]
		st.session = newSession(st, nil)
		answer, err := st.hear(st.session, frame.action, frame.payload)
		if (answer == nil) == (err == nil) && err == nil {
			t.Errorf("%s is not answered", data)
		}
		o, err := sw.Observed(t.Context())
		if err != nil || o.HasPower && (o.Power > 1000*units.Kilowatt || o.Power < -1000*units.Kilowatt) || o.HasSet {
			t.Errorf("after %s it says %+v, %v", data, o, err)
		}
	})
}
