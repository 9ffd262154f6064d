package adc

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/metering"
)

// MCP3208 is a converter of 12 bits whose inputs are read one after the other:
// inputs 0 and 1 are U and I of phase 1, 2 and 3 those of phase 2, 4 and 5 of
// phase 3.  It converts when it is asked, so the SPI transfer itself is the
// sampling clock, and a batch of transfers in one system call is what keeps it
// even.  Between batches some samples are missed on most boxes; they are told
// as lost.
type MCP3208 struct {
	conn   spi.Conn
	phases int
	rate   float64
	now    func() time.Time

	pace    pacer
	batch   int
	codes   []int32
	tx, rx  []byte
	packets []spi.Packet
}

// One transfer of three bytes takes 24 clocks.
const transferBits = 24

// maxTransfer is what the kernel's SPI driver moves in one call.
const maxTransfer = 4096

// NewMCP3208 opens the port.  rate is samples per second of each input; the bus
// is clocked so that a round of all inputs takes exactly so long.
func NewMCP3208(port spi.Port, phases int, rate float64, now func() time.Time) (*MCP3208, error) {
	if phases < 1 || phases > 3 {
		return nil, fmt.Errorf("adc: %d phases, not 1 to 3", phases)
	}
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	hz := rate * float64(2*phases) * transferBits
	if hz > 2_000_000 {
		return nil, fmt.Errorf("adc: %v samples per second of %d inputs need a bus of %.1f MHz; the MCP3208 has 2 MHz", rate, 2*phases, hz/1e6)
	}
	conn, err := port.Connect(physic.Frequency(hz)*physic.Hertz, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("adc: open the SPI port in mode 0: %w", err)
	}
	m := &MCP3208{conn: conn, phases: phases, rate: rate, now: now}
	inputs := 2 * phases
	m.batch = maxTransfer / 3 / inputs
	m.tx, m.rx = make([]byte, 3*inputs*m.batch), make([]byte, 3*inputs*m.batch)
	for i := range inputs * m.batch {
		input := i % inputs
		w := m.tx[3*i : 3*i+3]
		w[0], w[1] = byte(0x06|input>>2), byte(input<<6) // start, single-ended, input
		m.packets = append(m.packets, spi.Packet{W: w, R: m.rx[3*i : 3*i+3]})
	}
	return m, nil
}

// Skew is by how much later the current of a phase is sampled than its voltage.
func (m *MCP3208) Skew() time.Duration {
	return time.Duration(float64(time.Second) / m.rate / float64(2*m.phases))
}

// Start implements Source.
func (m *MCP3208) Start(context.Context) error {
	m.pace = pacer{rate: m.rate}
	return nil
}

// Next implements Source: one batch.
func (m *MCP3208) Next(ctx context.Context) (Block, error) {
	if err := ctx.Err(); err != nil {
		return Block{}, err
	}
	if err := m.conn.TxPackets(m.packets); err != nil {
		return Block{}, err
	}
	m.codes = m.codes[:0]
	stuck := true
	for i := range m.packets {
		r := m.packets[i].R
		if r[1]&0x10 != 0 { // the null bit before the twelve
			return Block{}, metering.Fail(metering.UnknownReply, "read the MCP3208", "check MISO, the chip select and that the board has power", "the null bit is one: nothing answers")
		}
		v := int32(r[1]&0x0F)<<8 | int32(r[2])
		stuck = stuck && v == 0
		m.codes = append(m.codes, v)
	}
	if stuck {
		return Block{}, metering.Fail(metering.Silent, "read the MCP3208", "check its reference voltage and the wiring", "all inputs are at zero")
	}
	// A break lies before the batch that it was found after: the count of the
	// batch itself is known.
	lost := m.pace.missed(m.now(), m.batch, 2)
	return Block{Codes: m.codes, Lost: lost}, nil
}
