package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func price(t testing.TB, s string) units.Price {
	t.Helper()
	p, err := units.ParsePrice(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func money(t testing.TB, s string) units.Money {
	t.Helper()
	m, err := units.ParseMoney(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x.UTC()
}

// TestConsumeJohannesburg reproduces the published vends of 2023/24.
func TestConsumeJohannesburg(t *testing.T) {
	tar, err := New(Document{Currency: "ZAR", Zone: "Africa/Johannesburg", Versions: []Version{{
		Energy: []EnergyCharge{{Name: "energy", Steps: []Step{
			{To: 350 * units.KilowattHour, Price: price(t, "2.0967")},
			{To: 500 * units.KilowattHour, Price: price(t, "2.405")},
			{Price: price(t, "2.7408")},
		}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kwh  units.Energy
		want string
	}{{350, "733.85"}, {374, "791.57"}} {
		acc, items := tar.Consume(Account{}, at(t, "2023-08-03T00:00:00Z"), at(t, "2023-08-20T07:13:00Z"), c.kwh*units.KilowattHour)
		if got := tar.Show(Sum(items)); got != c.want {
			t.Errorf("%d kWh: %s, want %s", c.kwh, got, c.want)
		}
		if acc.MonthToDate() != c.kwh*units.KilowattHour {
			t.Errorf("month to date %s", acc.MonthToDate())
		}
	}
}
