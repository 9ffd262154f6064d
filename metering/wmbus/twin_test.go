package wmbus

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// A meter that goes silent after good telegrams, while others go on, is silent: its good
// telegrams are not told as such that could not be taken.
func TestASilenceAfterGoodTelegramsIsOne(t *testing.T) {
	a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
	for k := range 5 {
		a.want(s.five(kWh(float64(k+1))), "000")
		a.at = a.at.Add(time.Minute)
	}
	other := &sender{address: house(), key: houseKey()}
	other.address.number[0]++
	a.want(other.five(kWh(700)), "")
	if err := a.m.silence(100); err == nil || !strings.Contains(err.Error(), "nothing of meter 12345678") || !strings.Contains(err.Error(), "1 telegrams of others") {
		t.Error(err)
	}
}

// A meter of another maker with our number and a key of its own says nothing of our key.
func TestATwinWithAnotherKeyIsNotOurs(t *testing.T) {
	ours := &sender{address: house(), key: houseKey()}
	twin := &sender{address: house(), key: bytes.Repeat([]byte{7}, 16)}
	twin.address.maker = [2]byte{0x2D, 0x2C}
	a := newAir(t, nil)
	a.want(ours.five(kWh(1)), "1.000")
	for k := range 3 {
		a.at = a.at.Add(time.Minute)
		a.want(twin.five(kWh(500)), "")
		a.want(twin.seven(kWh(500)), "")
		a.want(frameOf(twin.address, append([]byte{ciShort, byte(k), 0, 0, 0}, kWh(9)...)), "")
		a.want(ours.five(kWh(float64(k+2))), "000")
	}

	a.want(frameOf(ours.address, append([]byte{ciShort, 99, 0, 0, 0}, kWh(9)...)), "in its name")

	open := newAir(t, func(c *Config) { c.Key = nil })
	plain := func(s *sender, v float64) []byte {
		s.access++
		return frameOf(s.address, append([]byte{ciShort, s.access, 0, 0, 0}, kWh(v)...))
	}
	open.want(plain(ours, 1), "1.000")
	open.want(twin.five(kWh(500)), "two meters have this number: APA-12345678 and KAM-12345678")
	open.want(plain(twin, 500), "two meters have this number")
}

// Nothing tells two meters of one number apart where neither maker nor key is written: what
// the first one is is chance, and none is read until the other has been gone for a day.
func TestOfTwoMetersThatNothingTellsApartNoneIsRead(t *testing.T) {
	ours, twin := &sender{address: house()}, &sender{address: house()}
	twin.address.maker = [2]byte{0x2D, 0x2C}
	water := &sender{address: house()}
	water.address.kind = 0x07
	plain := func(s *sender, v float64) []byte {
		s.access++
		return frameOf(s.address, append([]byte{ciShort, s.access, 0, 0, 0}, kWh(v)...))
	}
	a := newAir(t, func(c *Config) { c.Key = nil })
	a.want(plain(water, 3), "a water meter")
	a.want(plain(ours, 1), "1.000")
	a.want(plain(water, 3), "")
	const said = "two meters have this number: APA-12345678 and KAM-12345678"
	a.want(plain(twin, 500), said)
	for range 3 {
		a.at = a.at.Add(time.Minute)
		a.want(plain(ours, 2), said)
		a.want(plain(ours, 2), "until then none of them is read")
	}
	a.at = a.at.Add(24 * time.Hour)
	a.want(plain(ours, 3), "3.000")

	named := newAir(t, func(c *Config) { c.Key, c.Maker = nil, "APA" })
	named.want(plain(ours, 4), "4.000")
	named.want(plain(twin, 501), "")
	named.want(plain(ours, 5), "5.000")
	again := &sender{address: house()}
	again.address.version++
	named.want(plain(again, 500), "start the agent again where the meter was exchanged")
	named.want(plain(ours, 6), "6.000")
}

// Whoever has a transmitter and no key can change the address of an old telegram, where
// nothing proves it, and have it heard before the meter is: the meter is read all the same.
func TestAForgedAddressKeepsNoMeterOut(t *testing.T) {
	t.Run("mode 5, another version", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
		old := s.five(kWh(1))
		old[8] ^= 0x40 // the version, which turns over one bit of the register too
		a.want(old, "4195.304")
		lost := 0
		for a.hears(s.five(kWh(2))) != "2.000" {
			a.at = a.at.Add(time.Minute)
			if lost++; lost == 3 {
				_ = a.m.silence(100)
			}
			if lost > 5 {
				t.Fatal("it is not read")
			}
		}
	})
	t.Run("mode 7, another maker", func(t *testing.T) {
		a, s := newAir(t, nil), &sender{address: house(), key: houseKey()}
		old, next := s.seven(kWh(1)), s.seven(kWh(2))
		old[2] ^= 1
		again := bytes.Clone(next)
		again[2] ^= 1
		a.want(old, "1.000")
		_ = a.m.silence(100)
		a.want(next, "2.000")
		_ = a.m.silence(100)
		a.want(again, "") // played again under another maker: its counter was had
		a.want(s.seven(kWh(3)), "3.000")
	})
}
