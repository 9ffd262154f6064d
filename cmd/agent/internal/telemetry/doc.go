// Package telemetry brings the agent's figures to InfluxDB without losing any
// of them on the way.
//
// A Point becomes one line of the line protocol and one row of the store's
// outbox, in the transaction of what it reports.  The Forwarder writes the rows
// in batches and removes them only after the server has confirmed them; points
// that the server refuses for what they are, are set aside with the reason, and
// those behind them go on.  Writing a point twice leaves one: InfluxDB keeps
// one value for a series, a field and a time.
//
// It works with InfluxDB 1.8 (token "user:password", bucket
// "database/retention policy"), 2.x and 3, and reads nothing back.
package telemetry
