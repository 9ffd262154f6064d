package metering

import (
	"bufio"
	"io"
	"strconv"
	"time"
)

// WriteProfile writes intervals as CSV, one line a slot: its UTC start and
// length in seconds, energies in kWh with all their digits, greatest power and
// demand in W, the part of the slot that was measured, and the quality.
func WriteProfile(w io.Writer, intervals []Interval) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString("time,seconds,import_kwh,export_kwh,max_power_w,max_demand_w,covered,quality\n") // bufio keeps the error for Flush
	var line []byte
	for _, i := range intervals {
		line = i.Slot.Start.UTC().AppendFormat(line[:0], time.RFC3339)
		line = strconv.AppendInt(append(line, ','), int64(i.Slot.Len/time.Second), 10)
		for _, v := range []float64{i.Import.KWh(), i.Export.KWh(), i.MaxPower.W(), i.MaxDemand.W(), float64(i.Covered) / float64(max(i.Slot.Len, 1))} {
			line = strconv.AppendFloat(append(line, ','), v, 'f', -1, 64)
		}
		line = append(append(append(line, ','), i.Quality.String()...), '\n')
		_, _ = b.Write(line)
	}
	return b.Flush()
}
