package sts_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/credittest"
	"github.com/keeplit/keeplit/credit/sts"
	"github.com/keeplit/keeplit/internal/units"
)

func TestTheSuiteOfSchemes(t *testing.T) {
	credittest.Run(t, func(t testing.TB) credittest.Kit {
		doc := sts.Defaults()
		doc.DecoderKey, doc.BaseDate = "00112233445566778899aabbccddeeff", 2014
		s, err := sts.New(doc)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sts.NewVendor(doc)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
		at := now
		return credittest.Kit{
			Scheme: s, Mode: credit.InKWh, Worth: 5 * units.One, Window: 50, Now: now, Locks: true,
			Vend: func(t testing.TB) string {
				at = at.Add(time.Minute)
				token, err := v.Credit(at, 50, 3)
				if err != nil {
					t.Fatal(err)
				}
				return token
			},
		}
	})
}
