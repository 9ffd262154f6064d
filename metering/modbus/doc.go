// Package modbus reads electricity meters over Modbus, on a serial line (RTU)
// or a network (TCP): the Eastron SDM family, the PZEM-004T, and any other meter
// whose registers are described in the configuration.
//
// A Bus is one line or connection; it carries one question at a time, so that
// several meters can share it.  A Meter is one device on a Bus.
//
// Only reading functions are ever sent (3 and 4).  The protocol has no
// identification of a question on a serial line, so a late answer could be taken
// for the answer to the next question: after any failure the Bus waits until the
// line is quiet, and it refuses answers of another unit, function or length.
package modbus
