package voucher_test

import (
	"testing"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/credittest"
	"github.com/keeplit/keeplit/internal/units"
)

func TestTheSuiteOfSchemes(t *testing.T) {
	credittest.Run(t, func(t testing.TB) credittest.Kit {
		serial := uint64(0)
		return credittest.Kit{
			Scheme: scheme(t, nil), Mode: credit.InMoney, Worth: 50 * units.One, Window: 20, Now: day(1),
			Vend: func(t testing.TB) string {
				serial++
				return signed(t, fifty(serial), 1, meter)
			},
		}
	})
}
