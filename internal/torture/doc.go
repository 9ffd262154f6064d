// Torture does to running agents what goes wrong in homes, and counts what was lost.
//
// It builds the agent, runs it as a process beside a real broker, with a meter and
// switches of its own, injects faults, and judges by what lies on the disk and by what
// truly happened.  It imports nothing of what it judges: the records are read with a few
// structures of its own, tokens are made by its own hand.  Each fault has a control, an
// agent with the guard taken out, in which the judge must find the fault.
//
//	go run ./internal/torture -for 10m -seed 1 -write docs/reliability.md
package main
