package tariffs

import (
	"reflect"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"pgregory.net/rapid"
)

// TestCorruptedDocumentsAreRefusedOrCharged changes a few values of a good
// document to the odd and the extreme.  Either Check names a path and a remedy,
// or everything a tariff can do is done without a panic and adds up.
func TestCorruptedDocumentsAreRefusedOrCharged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := rich()
		if rapid.Bool().Draw(t, "drawn") {
			doc = drawDocument(t, everything())
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			corrupt(t, reflect.ValueOf(&doc).Elem())
		}
		faults := doc.Check()
		for _, f := range faults {
			if f.Path == "" || f.Problem == "" || f.Remedy == "" {
				t.Fatalf("a fault without path or remedy: %+v", f)
			}
		}
		tar, err := New(doc)
		if (err == nil) != (len(faults) == 0) {
			t.Fatalf("Check finds %d faults, New says %v", len(faults), err)
		}
		if err != nil {
			return
		}
		start := begin(t)
		load := cut(t, drawLoad(t, start, 4, true))
		acc := Account{Debt: cents(700)}
		var sum units.Money
		for _, r := range load {
			var items []Item
			acc, items = tar.ConsumeReading(acc, r)
			sum += Sum(items)
			acc, items = tar.Elapse(acc, r.From, r.To)
			sum += Sum(items)
			acc, items = tar.Purchase(acc, r.To, cents(2000))
			sum += Sum(items)
		}
		if len(acc.Past) == 0 && booked(acc) != sum {
			t.Fatalf("items %s, account %s", sum, booked(acc))
		}
		tar.Table(acc, units.Slots(start, 30*time.Minute, 48), make([]units.Energy, 48))
		tar.Vend(acc, start, cents(5000))
		tar.Weeks(start)
		tar.NextChange(start)
		tar.PriceAt(acc, start)
		tar.Bill(Account{}, load)
	})
}

// corrupt changes one value somewhere below v.
func corrupt(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		} else if rapid.IntRange(0, 5).Draw(t, "nil") == 0 {
			v.SetZero()
		} else {
			corrupt(t, v.Elem())
		}
	case reflect.Struct:
		corrupt(t, v.Field(rapid.IntRange(0, v.NumField()-1).Draw(t, v.Type().Name())))
	case reflect.Slice:
		n := v.Len()
		switch k := rapid.IntRange(0, 7).Draw(t, "slice"); {
		case k == 0 || n == 0:
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		case k == 1:
			v.Set(v.Slice(0, n-1))
		case k == 2:
			v.Set(reflect.Append(v, v.Index(rapid.IntRange(0, n-1).Draw(t, "twice"))))
		default:
			corrupt(t, v.Index(rapid.IntRange(0, n-1).Draw(t, "index")))
		}
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "peak", "low", "a", "class a", "first_purchase", "day", "month", "week", "kVA", "UTC", "Local", "past_average", "Asia/Beirut", "weekday"}).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		all := []int64{0, 1, -1, 2, 7, 12, 13, 31, 32, 60, 1439, 1440, 1441, 9999, 1_000_000, -1_000_000, 1 << 31, 1<<62 + 1, -1 << 62, 3_600_000_000_000, 1e18}
		x := rapid.SampledFrom(all).Draw(t, "number")
		if v.OverflowInt(x) {
			x = -1
		}
		v.SetInt(x)
	}
}
