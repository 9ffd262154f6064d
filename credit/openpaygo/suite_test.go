package openpaygo_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/credittest"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/units"
)

func TestTheSuiteOfSchemes(t *testing.T) {
	credittest.Run(t, func(t testing.TB) credittest.Kit {
		doc := openpaygo.Document{Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: 516959010, Unit: openpaygo.Money, ValueDivider: 1}
		s, err := openpaygo.New(doc)
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		return credittest.Kit{
			Scheme: s, Mode: credit.InMoney, Worth: 7 * units.One, Window: 8, Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Locks: true,
			Vend: func(t testing.TB) string {
				token, n, err := s.Issue(last, credit.AddCredit, 7)
				if err != nil {
					t.Fatal(err)
				}
				last = n
				return token
			},
		}
	})
}
