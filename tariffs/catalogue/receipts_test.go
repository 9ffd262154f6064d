package catalogue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// peak is an hour of so many kWh, by the local clock.
type peak struct {
	at  string
	kWh float64
}

// receipts are what a billing month comes to: published where it is said, else reckoned
// from the published rates by other code than the engine's, in fractions.  The energy is
// even over the month; the months before were so many kWh each.
func receipts() []receipt {
	return []receipt{
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 50, want: "4.2400"},     // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 100, want: "9.0100"},    // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 200, want: "25.9700"},   // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 250, want: "38.1600"},   // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 300, want: "50.3500"},   // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 350, want: "63.6000"},   // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 400, want: "76.8500"},   // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 500, want: "104.4100"},  // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 600, want: "131.9700"},  // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 700, want: "159.5300"},  // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 800, want: "187.0900"},  // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 900, want: "214.6500"},  // published
		{doc: "zw-zetdc-domestic-prepaid", month: "2024-01", kWh: 1000, want: "242.2100"}, // published
		{doc: "ug-umeme-domestic", month: "2022-05", kWh: 15, want: "7110.0000"},
		{doc: "ug-umeme-domestic", month: "2022-05", kWh: 100, want: "63937.5000"},
		{doc: "ug-umeme-domestic", month: "2022-05", kWh: 200, want: "121912.5000"},
		{doc: "rw-reg-residential", month: "2025-06", kWh: 10, want: "890.0000"},
		{doc: "rw-reg-residential", month: "2025-06", kWh: 40, want: "6635.0000"},
		{doc: "rw-reg-residential", month: "2025-06", kWh: 120, want: "26185.0000"},
		{doc: "rw-reg-residential", month: "2025-11", kWh: 20, want: "1780.0000"},
		{doc: "rw-reg-residential", month: "2025-11", kWh: 40, want: "7980.0000"},
		{doc: "rw-reg-residential", month: "2025-11", kWh: 120, want: "36910.0000"},
		{doc: "rw-reg-non-residential", month: "2025-06", kWh: 150, want: "35450.0000"},
		{doc: "rw-reg-non-residential", month: "2025-11", kWh: 150, want: "54300.0000"},
		{doc: "tz-tanesco-d1", month: "2018-03", kWh: 75, want: "7500.0000"},
		{doc: "tz-tanesco-d1", month: "2018-03", kWh: 100, want: "16250.0000"},
		{doc: "zm-zesco-residential", month: "2020-06", kWh: 100, want: "47.0000"},
		{doc: "zm-zesco-residential", month: "2020-06", kWh: 300, want: "217.0000"},
		{doc: "zm-zesco-residential", month: "2020-06", kWh: 350, want: "314.0000"},
		{doc: "zm-zesco-commercial", month: "2020-06", kWh: 500, want: "769.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 30, want: "390.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 31, want: "560.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 60, want: "1140.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 61, want: "1930.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 90, want: "2800.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 120, want: "4900.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 150, want: "6900.0000"},
		{doc: "lk-ceb-domestic", month: "2024-04", kWh: 250, want: "14150.0000"},
		{doc: "lk-ceb-domestic-tou", month: "2022-09", kWh: 240, want: "16300.0000"},
		{doc: "ca-on-time-of-use", month: "2024-12", kWh: 700, want: "67.6516"},
		{doc: "ca-on-ultra-low-overnight", month: "2024-12", kWh: 700, want: "71.0914"},
		{doc: "ca-on-time-of-use", month: "2025-02", kWh: 700, want: "68.4000"},
		{doc: "ca-on-ultra-low-overnight", month: "2025-02", kWh: 700, want: "72.5979"},
		{doc: "ca-on-time-of-use", month: "2025-03", kWh: 700, want: "68.3946"},
		{doc: "ca-on-ultra-low-overnight", month: "2025-03", kWh: 700, want: "72.6172"},
		{doc: "ca-on-tiered", month: "2025-01", kWh: 700, want: "65.1000"},
		{doc: "ca-on-tiered", month: "2025-01", kWh: 1200, want: "115.0000"},
		{doc: "in-delhi-domestic", month: "2020-09", kWh: 150, want: "490.0000"},
		{doc: "in-delhi-domestic", month: "2020-09", kWh: 500, want: "2190.0000"},
		{doc: "in-delhi-domestic", month: "2020-09", kWh: 1500, want: "9340.0000"},
		{doc: "in-tamil-nadu-domestic", month: "2012-05", months: 2, kWh: 80, want: "100.0000"},  // published
		{doc: "in-tamil-nadu-domestic", month: "2012-05", months: 2, kWh: 130, want: "215.0000"}, // published
		{doc: "in-tamil-nadu-domestic", month: "2012-05", months: 2, kWh: 230, want: "520.0000"}, // published
		{doc: "in-tamil-nadu-domestic", month: "2012-05", months: 2, kWh: 600, want: "2415.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 10, want: "30.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 50, want: "335.0000"}, // published
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 20, want: "90.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 80, want: "645.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 120, want: "1050.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 200, want: "1860.0000"},
		{doc: "np-nea-domestic-5a", month: "2020-08", kWh: 500, want: "5235.0000"},
		{doc: "vn-evn-domestic", month: "2024-01", kWh: 50, want: "90300.0000"},
		{doc: "vn-evn-domestic", month: "2024-01", kWh: 250, want: "536750.0000"},
		{doc: "vn-evn-domestic", month: "2024-01", kWh: 450, want: "1135750.0000"},
		{doc: "th-mea-small", month: "2016-02", kWh: 60, want: "210.0426"},
		{doc: "th-mea-small", month: "2016-02", kWh: 140, want: "524.2288"},
		{doc: "th-mea-small", month: "2016-02", kWh: 450, want: "1929.8943"},
		{doc: "th-mea-normal", month: "2026-06", kWh: 350, want: "1511.9581"}, // published as about 1,512
		{doc: "no-hsev", month: "2022-10", peaks: []peak{{"2022-10-03T18:00", 6}, {"2022-10-03T19:00", 5.5}, {"2022-10-08T07:00", 4.2}, {"2022-10-11T23:00", 3.9}, {"2022-10-20T12:00", 2.5}}, want: "386.7477"},
		{doc: "no-lysna", month: "2022-10", peaks: []peak{{"2022-10-11T23:00", 3.9}, {"2022-10-20T12:00", 2.5}}, want: "378.3226"},
		{doc: "no-elvia", month: "2023-03", peaks: []peak{{"2023-03-03T18:00", 6}, {"2023-03-03T19:00", 5.5}, {"2023-03-08T07:00", 4.2}, {"2023-03-11T23:00", 3.9}, {"2023-03-20T12:00", 2.5}, {"2023-03-04T12:00", 9}}, want: "282.7378"},
		{doc: "no-glitre", month: "2024-02", peaks: []peak{{"2024-02-03T18:00", 6}, {"2024-02-03T19:00", 5.5}, {"2024-02-08T07:00", 4.2}, {"2024-02-11T23:00", 3.9}, {"2024-02-20T12:00", 2.5}}, want: "203.8339"},
		{doc: "no-glitre", month: "2024-05", peaks: []peak{{"2024-05-03T18:00", 6}, {"2024-05-03T19:00", 5.5}, {"2024-05-08T07:00", 4.2}, {"2024-05-11T23:00", 3.9}, {"2024-05-20T12:00", 2.5}, {"2024-05-29T12:00", 30}}, want: "715.9728"},
		{doc: "no-griug", month: "2024-02", peaks: []peak{{"2024-02-03T18:00", 6}, {"2024-02-03T19:00", 5.5}, {"2024-02-08T07:00", 4.2}, {"2024-02-11T23:00", 3.9}, {"2024-02-20T12:00", 2.5}, {"2024-02-02T17:00", 8}}, want: "503.3661"},
		{doc: "no-griug", month: "2024-06", peaks: []peak{{"2024-06-03T18:00", 6}, {"2024-06-03T19:00", 5.5}, {"2024-06-08T07:00", 4.2}, {"2024-06-11T23:00", 3.9}, {"2024-06-20T12:00", 2.5}, {"2024-06-07T17:00", 8}}, want: "504.8728"},
		{doc: "no-telemark", month: "2023-01", peaks: []peak{{"2023-01-03T18:00", 6}, {"2023-01-03T19:00", 5.5}, {"2023-01-08T07:00", 4.2}, {"2023-01-11T23:00", 3.9}, {"2023-01-20T12:00", 2.5}}, want: "361.2821"},
		{doc: "fr-edf-bleu-base", month: "2025-10", kWh: 500, want: "113.0700"},
		{doc: "ca-qc-rate-d", month: "2015-04", kWh: 1200, want: "89.1120"},
		{doc: "ca-qc-rate-d", month: "2015-05", kWh: 1200, want: "88.6424"},
		{doc: "kr-kepco-residential", month: "2025-08", kWh: 280, want: "34510.0000"},
		{doc: "kr-kepco-residential", month: "2025-08", kWh: 427, want: "64854.2000"},
		{doc: "kr-kepco-residential", month: "2025-08", kWh: 500, want: "90855.0000"},
		{doc: "kr-kepco-residential", month: "2025-10", kWh: 180, want: "22510.0000"},
		{doc: "kr-kepco-residential", month: "2025-10", kWh: 280, want: "42768.0000"},
		{doc: "kr-kepco-residential", month: "2025-10", kWh: 427, want: "82517.1000"},
		{doc: "kr-kepco-six-steps", month: "2012-01", kWh: 100, want: "6000.0000"},
		{doc: "kr-kepco-six-steps", month: "2012-01", kWh: 200, want: "18070.0000"},
		{doc: "kr-kepco-six-steps", month: "2012-01", kWh: 350, want: "50560.0000"},
		{doc: "kr-kepco-six-steps", month: "2012-01", kWh: 600, want: "174730.0000"},
		{doc: "my-tnb-domestic", month: "2010-03", kWh: 10, want: "3.0000"},
		{doc: "my-tnb-domestic", month: "2010-03", kWh: 300, want: "78.1000"},
		{doc: "my-tnb-domestic", month: "2010-03", kWh: 400, want: "112.6000"},
		{doc: "my-tnb-domestic", month: "2010-03", kWh: 401, want: "120.3000"},
		{doc: "my-tnb-domestic", month: "2010-03", kWh: 950, want: "336.0000"},
		{doc: "pk-residential", month: "2026-01", kWh: 180, before: []float64{150, 150, 150, 150, 150, 201}, want: "4557.6000"},
		{doc: "pk-residential", month: "2026-01", kWh: 180, before: []float64{150, 150, 150, 150, 150, 200}, want: "2094.8000"},
		{doc: "pk-residential", month: "2025-05", kWh: 650, want: "23317.0000"},
		{doc: "be-flanders-capacity", month: "2023-05", peaks: []peak{{"2023-05-03T18:00", 2}}, want: "8.4250"},
		{doc: "be-flanders-capacity", month: "2023-05", peaks: []peak{{"2023-05-03T18:00", 6}}, want: "20.2200"},
		{doc: "dk-dinel-c", month: "2023-06", kWh: 300, want: "134.2115"},
		{doc: "dk-radius-c", month: "2021-06", kWh: 100, want: "175.0625"}, // published: 142.04 øre with moms
		{doc: "dk-radius-c", month: "2021-11", kWh: 240, want: "388.7050"}, // published: 142.04 and 191.33 øre with moms
		{doc: "za-eskom-homelight-20a", month: "2024-06", kWh: 400, want: "889.8585"},
		{doc: "za-eskom-homelight-20a", month: "2025-06", kWh: 400, want: "994.1060"},
		{doc: "za-eskom-homelight-60a", month: "2024-06", kWh: 800, want: "2511.1170"},
		{doc: "za-eskom-homelight-60a", month: "2025-06", kWh: 800, want: "2527.4240"},
	}
}

type receipt struct {
	doc, month string
	months     int // of one bill, 1 where not given
	kWh        float64
	peaks      []peak
	before     []float64
	want       string
}

// load is the receipt's month as readings; its first purchase is by its middle.
func (r *receipt) load(t *testing.T, tariff *tariffs.Tariff) (before, month []tariffs.Reading) {
	t.Helper()
	m, err := time.ParseInLocation("2006-01", r.month, tariff.Location())
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range r.before {
		a := m.AddDate(0, i-len(r.before), 0)
		before = append(before, tariffs.Reading{From: a.UTC(), To: a.AddDate(0, 1, 0).UTC(), Energy: units.FromKWh(e)})
	}
	end := m.AddDate(0, max(1, r.months), 0)
	month = halfHours(m.UTC(), end.UTC(), units.FromKWh(r.kWh))
	for _, p := range r.peaks {
		at, err := time.ParseInLocation("2006-01-02T15:04", p.at, tariff.Location())
		if err != nil {
			t.Fatal(err)
		}
		for i := range month {
			if d := month[i].From.Sub(at); d >= 0 && d < time.Hour {
				month[i].Energy += units.FromKWh(p.kWh / 2)
			}
		}
	}
	return before, month
}

func TestEachReadyTariffBillsItsReceipts(t *testing.T) {
	for _, r := range receipts() {
		tariff := load(t, r.doc)
		before, month := r.load(t, tariff)
		_, acc := tariff.Bill(tariffs.Account{}, before)
		bill, _ := tariff.BillWhole(acc, month)
		if d := bill.Total - money(t, r.want); d < -5_000 || d > 5_000 { // half a cent, as published
			t.Errorf("%s in %s, %g kWh: %s, want %s", r.doc, r.month, r.kWh, bill.Total, r.want)
		}
	}
}

// TestEveryReadyTariffHasAReceipt: the older ones have tests of their own.
func TestEveryReadyTariffHasAReceipt(t *testing.T) {
	own := []string{
		"bd-residential-prepaid", "gb-economy7-prepay", "gh-residential", "ke-kplc-ci1", "ke-kplc-domestic", "ng-band-a",
		"za-eskom-homeflex", "za-johannesburg-prepaid-high",
	}
	all := receipts()
	names := catalogue.Names()
	if len(names) < 40 {
		t.Errorf("there are %d documents", len(names))
	}
	for _, name := range names {
		if !slices.Contains(own, name) && !slices.ContainsFunc(all, func(r receipt) bool { return r.doc == name }) {
			t.Errorf("%s has no receipt", name)
		}
	}
}
