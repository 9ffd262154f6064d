package meteringtest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/keeplit/keeplit/metering"
)

// Vector is an encrypted telegram that was not made by what opens it.
type Vector struct {
	Name              string  `json:"name"`
	What              string  `json:"what"` // ciphertext, dlms or p1
	Hex               string  `json:"hex"`
	Key               string  `json:"key"`
	AuthenticationKey string  `json:"authentication_key"`
	Plain             string  `json:"plain"`
	Says              *Spoken `json:"says"`

	Data []byte `json:"-"` // of Hex
}

// Spoken is what a telegram says: Wh, W, mV, mA and mHz.
type Spoken struct {
	Import    int64 `json:"import_wh"`
	Export    int64 `json:"export_wh"`
	Power     int64 `json:"power_w"`
	Voltage   int64 `json:"voltage_mv"`
	Current   int64 `json:"current_ma"`
	Frequency int64 `json:"frequency_mhz"`
}

// Vectors reads those of a kind from a file.
func Vectors(tb testing.TB, file, what string) (out []Vector) {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var all []Vector
	if err := json.Unmarshal(text, &all); err != nil {
		tb.Fatal(err)
	}
	for _, v := range all {
		if v.What != what {
			continue
		}
		if v.Data, err = hex.DecodeString(v.Hex); err != nil {
			tb.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		tb.Fatalf("%s has no vector of %s", file, what)
	}
	return out
}

// Agrees tells whether a sample says it.
func (s Spoken) Agrees(m metering.Sample) bool {
	return s == Spoken{
		Import: int64(m.Import) / 3_600_000_000, Export: int64(m.Export) / 3_600_000_000, Power: int64(m.Power) / 1000,
		Voltage: int64(m.Voltage), Current: int64(m.Current), Frequency: int64(m.Frequency),
	}
}
