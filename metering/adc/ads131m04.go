package adc

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"github.com/keeplit/keeplit/metering"
)

// The ADS131M04's frames are six words of 24 bits: status (or the answer to the
// former command), four inputs, check sum.
const (
	word       = 3
	frameWords = 6
	frameSize  = word * frameWords

	cmdReset = 0x0011
	ackReset = 0xFF24
	cmdWrite = 0x6000
	cmdRead  = 0xA000

	regID    = 0x00
	regClock = 0x03

	statusReady = 0x000F // new data of each input
)

// clock is the frequency that the converter is driven with.
const clock = 8_192_000

// crc24 is CRC-CCITT over a frame without its last word.
func crc24(b []byte) uint16 {
	v := uint16(0xFFFF)
	for _, c := range b {
		v ^= uint16(c) << 8
		for range 8 {
			if v&0x8000 != 0 {
				v = v<<1 ^ 0x1021
			} else {
				v <<= 1
			}
		}
	}
	return v
}

// ADS131M04 is a converter with four inputs that are sampled together: U and I
// of one phase, or U and three currents; here inputs 0 and 1 are U and I of
// phase 1, and 2 and 3 those of phase 2.
type ADS131M04 struct {
	conn   spi.Conn
	ready  gpio.PinIn
	phases int
	rate   float64
	now    func() time.Time
	batch  int

	pace    pacer
	codes   []int32
	tx, rx  []byte
	packets []spi.Packet
	lost    int
}

// NewADS131M04 opens the port in the converter's mode.  ready is its data-ready
// output, which falls with each sample; batch is how many samples are moved by
// one system call, zero takes 2, which is what the converter can hold.
func NewADS131M04(port spi.Port, ready gpio.PinIn, phases int, rate float64, now func() time.Time) (*ADS131M04, error) {
	if phases < 1 || phases > 2 {
		return nil, fmt.Errorf("adc: %d phases; the four inputs are U and I of one or two", phases)
	}
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	if _, err := oversampling(rate); err != nil {
		return nil, err
	}
	conn, err := port.Connect(8*physic.MegaHertz, spi.Mode1, 8)
	if err != nil {
		return nil, fmt.Errorf("adc: open the SPI port in mode 1: %w", err)
	}
	a := &ADS131M04{conn: conn, ready: ready, phases: phases, rate: rate, now: now, batch: 2}
	a.tx, a.rx = make([]byte, frameSize*a.batch), make([]byte, frameSize*a.batch)
	for i := range a.batch {
		a.packets = append(a.packets, spi.Packet{W: a.tx[i*frameSize : (i+1)*frameSize], R: a.rx[i*frameSize : (i+1)*frameSize]})
	}
	return a, nil
}

// oversampling is the converter's ratio for a rate.
func oversampling(rate float64) (uint16, error) {
	for i := range uint16(8) {
		if float64(clock)/2/float64(int(128)<<i) == rate {
			return i, nil
		}
	}
	return 0, fmt.Errorf("adc: the ADS131M04 has 250, 500, 1000, 2000, 4000, 8000, 16000 or 32000 samples per second, not %v", rate)
}

// frame moves one frame, with a command in the first word.
func (a *ADS131M04) frame(command uint16, value uint16) (answer uint16, err error) {
	var w, r [frameSize]byte
	w[0], w[1] = byte(command>>8), byte(command)
	w[word], w[word+1] = byte(value>>8), byte(value)
	if err := a.conn.Tx(w[:], r[:]); err != nil {
		return 0, err
	}
	if !a.whole(r[:]) {
		return 0, metering.Fail(metering.Checksum, "talk to the ADS131M04", "shorten the SPI wires, or lower the speed", "a frame's check sum is wrong")
	}
	return uint16(r[0])<<8 | uint16(r[1]), nil
}

func (a *ADS131M04) whole(r []byte) bool {
	end := frameSize - word
	return crc24(r[:end]) == uint16(r[end])<<8|uint16(r[end+1])
}

// Start implements Source.
func (a *ADS131M04) Start(ctx context.Context) error {
	if err := a.ready.In(gpio.PullUp, gpio.FallingEdge); err != nil {
		return fmt.Errorf("data-ready line %s: %w", a.ready, err)
	}
	if _, err := a.frame(cmdReset, 0); err != nil && metering.CodeOf(err) != metering.Checksum {
		return err // what it answers to the first frame is of no matter
	}
	wait, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	<-wait.Done()
	cancel()
	if answer, err := a.frame(0, 0); err != nil {
		return err
	} else if answer != ackReset {
		return metering.Fail(metering.UnknownReply, "reset the ADS131M04", "check the chip select and that the board has power", "it answers 0x%04X, not 0x%04X", answer, ackReset)
	}
	osr, err := oversampling(a.rate)
	if err != nil {
		return err
	}
	setting := 0x0F00 | osr<<2 | 2 // all inputs, high resolution
	if _, err := a.frame(cmdWrite|regClock<<7, setting); err != nil {
		return err
	}
	if _, err := a.frame(cmdRead|regClock<<7, 0); err != nil {
		return err
	}
	if got, err := a.frame(0, 0); err != nil {
		return err
	} else if got != setting {
		return metering.Fail(metering.UnknownReply, "set up the ADS131M04", "check the wiring", "its clock register is 0x%04X, not 0x%04X", got, setting)
	}
	a.pace, a.lost = pacer{rate: a.rate}, 0
	return nil
}

// Next implements Source: it gathers some 20 ms of samples.
func (a *ADS131M04) Next(ctx context.Context) (Block, error) {
	want := int(a.rate / 50)
	a.codes = a.codes[:0]
	// What was missed in the middle of a block ends it: samples on both sides
	// of a break do not belong together.
	lost := a.lost
	a.lost = 0
	for n, quiet, wrong := 0, 0, 0; n < want; {
		if err := ctx.Err(); err != nil {
			return Block{}, err
		}
		if !a.ready.WaitForEdge(100 * time.Millisecond) {
			if quiet++; quiet == 5 {
				return Block{}, metering.Fail(metering.Silent, "wait for the ADS131M04", "check its clock and its data-ready wire", "no sample for half a second")
			}
			continue
		}
		quiet = 0
		if err := a.conn.TxPackets(a.packets); err != nil {
			return Block{}, err
		}
		fresh, bad := 0, 0
		for i := range a.batch {
			r := a.rx[i*frameSize : (i+1)*frameSize]
			if !a.whole(r) {
				bad++
				continue
			}
			if (uint16(r[0])<<8|uint16(r[1]))&statusReady != statusReady {
				continue // read before the next sample was there
			}
			if bad > 0 {
				break
			}
			for k := range 2 * a.phases {
				p := r[word*(1+k):]
				a.codes = append(a.codes, int32(uint32(p[0])<<24|uint32(p[1])<<16|uint32(p[2])<<8)>>8)
			}
			fresh++
		}
		if bad > 0 && fresh == 0 {
			bad = 1 // the second frame of a batch holds a sample only now and then
		}
		n += fresh
		if fresh > 0 {
			wrong = 0
		} else if wrong += bad; wrong > want {
			return Block{}, metering.Fail(metering.Checksum, "read the ADS131M04", "shorten the SPI wires, or lower the speed", "%d frames in a row have a wrong check sum", wrong)
		}
		missed := bad + a.pace.missed(a.now(), fresh+bad, want/2)
		if missed > 0 {
			if n == 0 {
				lost += missed
				continue
			}
			a.lost = missed
			break
		}
	}
	return Block{Codes: a.codes, Lost: lost}, nil
}
