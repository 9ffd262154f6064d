// Package simulate runs a site through months or years in far less: the very step,
// guard, planner and ledger of the agent, without clocks, network or disk.  What the
// agent cannot know is the World's: who lives there, what is behind each switch, when
// people buy, when the mains fail.  The same world is lived through once for each
// Policy, which differ in who makes the plan and in nothing else, and what came of it
// is counted: money, and beside it always the service.
//
// All that is random hangs on the seed, on what it is for and on the day, so that each
// policy sees the same showers, outages and prices, and a run is the same to the byte.
package simulate
