package main

import (
	"fmt"
	"time"
)

// recorded is an answer that says "recorded" whatever the disk has said.
func recorded() control {
	return control{"the look at whether it was recorded", []edit{{
		"cmd/agent/internal/control/recording.go", "	if err == nil {\n		l.stored, l.retryAt", "	if err = nil; err == nil {\n		l.stored, l.retryAt",
	}}}
}

// plausible is a meter of which everything is believed.
func plausible() control {
	return control{"the bound of what a supply can carry", []edit{{
		"metering/counter.go", "	most := units.Energy(math.MaxInt64)\n	if st.lim.MaxPower > 0 {", "	most := units.Energy(math.MaxInt64)\n	if st.lim.MaxPower < 0 {",
	}}}
}

// blind is a store that does not look whether its files are still those of the folder.
func blind() control {
	return control{"the look at the folder before and after a commit", []edit{{
		"internal/store/held.go", "	for _, h := range s.held {\n", "	for _, h := range s.held[:0] {\n",
	}}}
}

// inline is a loop that waits for each commit.
func inline() control {
	return control{"the commit beside the loop", []edit{{
		"cmd/agent/internal/control/recording.go",
		"	go func() { f.answered <- l.cfg.Journal.Commit(context.WithoutCancel(ctx), b) }()\n",
		"	f.answered <- l.cfg.Journal.Commit(context.WithoutCancel(ctx), b)\n",
	}}}
}

// early is an answer that is given before anything is recorded.
func early() edit {
	return edit{
		"cmd/agent/internal/control/recording.go",
		"	a := &aside{state: st, eff: eff, asker: asker}\n",
		"	if asker != nil {\n		asker.reply <- answer{reply: eff.Reply}\n		asker = nil\n	}\n	a := &aside{state: st, eff: eff, asker: asker}\n",
	}
}

// sentIsThere is a forwarder that forgets what it has sent, whatever InfluxDB has said.
func sentIsThere() control {
	return control{"the point that waits until InfluxDB has it", []edit{{
		"cmd/agent/internal/telemetry/forwarder.go", "	err := r.f.send(ctx, rows)\n	if err == nil {\n		ids :=", "	err := r.f.send(ctx, rows)\n	if err = nil; err == nil {\n		ids :=",
	}}}
}

// faults are all that is tried.
func faults() []*fault {
	return []*fault{
		{
			name: "killed (kill -9) while tokens come by API, MQTT and command line", share: 12, atOnce: 6, short: true, once: kills,
			control: control{"the answer that waits for the record", []edit{early()}},
		},
		{
			name: "power cut that takes what was not synced, whole or by sectors", share: 4, atOnce: 3, short: true, once: powerCuts,
			control: control{"the sync at each commit", []edit{{"internal/store/store.go", `s.main, err = s.connect(mainPath, "FULL", 1)`, `s.main, err = s.connect(mainPath, "NORMAL", 1)`}}},
		},
		{
			name: "more than the supply carries, with the disk hanging, the broker gone and the page attacked", share: 1, once: overload,
			control: inline(),
		},
		{name: "credit spent, with a slow disk, the broker gone and the page attacked", share: 1, once: spent, control: control{"the cut where the credit is spent", []edit{{
			"credit/supply.go", "	default:\n		s.NoCredit = true\n", "	default:\n		s.NoCredit = false\n",
		}}}},

		{name: "each sync of the disk takes 2.5 s", share: 1, control: inline(), once: ill{lasts: 12 * time.Second, keeps: true, begin: shedding(2*time.Second, calls(syncs+":delay_enter=2500000"))}.siege},
		{name: "the disk hangs for 20 s", share: 1, control: inline(), once: ill{lasts: 14 * time.Second, keeps: true, begin: calls(syncs + ":delay_enter=20000000"), sees: []string{"store_stuck"}}.siege},
		{name: "syncs fail (EIO), every third", share: 1, control: recorded(), once: ill{keeps: true, begin: calls(syncs + ":error=EIO:when=2+3")}.siege},
		{name: "writes of the records fail (ENOSPC), every fifth", share: 1, control: recorded(), once: ill{keeps: true, begin: calls("pwrite64:error=ENOSPC:when=3+5", databases()...)}.siege},
		{name: "the disk is full, to the last byte", share: 1, control: control{"the reserve, and the look at whether it was recorded", append([]edit{{
			"internal/store/reserve.go", "func (s *Store) releaseBallast() bool {\n", "func (s *Store) releaseBallast() bool {\n	if s != nil {\n		return false\n	}\n",
		}}, recorded().edits...)}, once: ill{keeps: true, lasts: 20 * time.Second, before: small("24m"), begin: filled, sees: []string{"store_full", "reserve_missing", "outbox_dropped"}}.siege},
		{
			name: "the disk takes nothing any more (EROFS)", share: 1, control: recorded(),
			once: ill{keeps: true, lasts: 10 * time.Second, begin: calls("pwrite64,ftruncate,fsync,fdatasync,unlinkat:error=EROFS"), sees: []string{"store_failed", "store_full"}}.siege,
		},
		{
			name: "the file system becomes read-only under the agent, for an error that the kernel finds in it", share: 1, control: recorded(),
			once: ill{keeps: true, lasts: 10 * time.Second, before: onDisk, begin: readOnly, sees: []string{"store_failed", "store_full"}}.siege,
		},
		{name: "a disk of fifty writes and syncs a second, and killed on it", share: 1, once: ill{keeps: true, begin: slowly, least: 1}.siege, control: control{"the answer that waits for the record", []edit{early()}}},
		{name: "the records are deleted while the agent runs", share: 1, control: blind(), once: ill{keeps: true, begin: deleted, sees: []string{"records_replaced"}}.siege},
		{name: "bits of the records are flipped, pages zeroed, files cut while the agent runs, and it is killed", share: 1, once: damaged, control: unchecked()},
		{name: "the records are moved away while the agent runs", share: 1, control: blind(), once: ill{keeps: true, begin: moved, sees: []string{"records_replaced"}}.siege},
		{name: "a copy is put in the place of the records while the agent runs", share: 1, control: blind(), once: ill{keeps: true, begin: older, sees: []string{"records_replaced"}}.siege},
		{name: "a second agent is started on the same records", share: 1, once: ill{keeps: true, begin: second, least: 1}.siege, control: control{"the lock of the folder", []edit{{
			"internal/store/lock_unix.go", "	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {", "	if err := error(nil); err != nil {",
		}}}},
		{name: "ended (SIGTERM), in the middle of a commit and in between", share: 1, control: abrupt(), once: ends},

		{name: "an upgrade is cut off by power at each write of its first start, and taken back", share: 2, upgrade: true, once: upgrades, control: control{"the migration as one transaction", []edit{{
			"internal/store/schema.go", "		tx, err := db.BeginTx(ctx, nil)\n", "		if _, err := db.ExecContext(ctx, fmt.Sprintf(\"PRAGMA user_version=%d\", v+1)); err != nil {\n			return err\n		}\n		tx, err := db.BeginTx(ctx, nil)\n",
		}}}},
		{name: "two boxes with one id, one key and one broker", share: 1, once: twins, control: control{"the look at the ledger's published head", []edit{{
			"cmd/agent/internal/talk/head.go", "	if cause != \"\" {\n		if _, err := a.loop.Feed", "	if cause == \"never\" {\n		if _, err := a.loop.Feed",
		}}}},

		{name: "the broker is gone", share: 1, control: unsaid(), once: office(ill{keeps: true, begin: brokerless, least: 1})},
		{name: "the broker hangs (SIGSTOP)", share: 1, control: waiting(), once: office(ill{keeps: true, begin: ordered(stopped), least: 6, lasts: 8 * time.Second})},
		{name: "InfluxDB answers 500", share: 1, control: sentIsThere(), once: forwarding("errors", 0)},
		{name: "InfluxDB takes points and says so too late", share: 1, control: restamped(), once: forwarding("late", 0)},
		{name: "InfluxDB refuses one entry for ever", share: 1, control: control{"the halving until the bad point is alone", []edit{{
			"cmd/agent/internal/telemetry/forwarder.go", "	if len(rows) == 1 {\n		r.bad", "	if len(rows) >= 1 {\n		for _, m := range rows[1:] {\n			_ = r.f.queue.Done(ctx, m.ID)\n		}\n		r.bad",
		}}}, once: forwarding("refuses one", 1)},
		{name: "broker and InfluxDB are away for a simulated day", share: 2, control: sentIsThere(), once: day},

		{name: "nothing, for thirty simulated days with five loads, a broker, InfluxDB and pages that are looked at", once: month},

		{name: "no more file descriptors", share: 1, control: unkept(), once: ill{keeps: true, begin: shedding(2*time.Second, few)}.siege},
		{name: "a hundredth of the processor", share: 1, control: bridgeless(), once: ill{keeps: true, begin: shedding(10*time.Second, breathless)}.siege},
		{name: "128 MiB of memory, out of which the kernel kills it (a cgroup), and the PIN guessed from forty sides at once", share: 1, once: confined(128 << 20), control: crowded()},
		{name: "the cables to the broker and to InfluxDB are pulled (namespaces of their own): half-open connections", share: 1, once: halfOpen, control: deaf()},

		{name: "the clock is set, by a second to ten years or to 1970, and the agent started anew with a wrong one", share: 2, seams: wrongClocks, once: leaps, control: undoubted()},
		{name: "clocks are put forward and back, the year ends, and the site's zone is changed, twice", share: 1, seams: wrongClocks, once: turns, control: forgetful()},

		{name: "the meter does not answer", share: 1, control: bridgeless(), once: ill{keeps: true, least: 1, lasts: 70 * time.Second, begin: showing(quiet), sees: []string{"meter_silent"}}.siege},
		{name: "the meter answers errors", share: 1, control: bridgeless(), once: ill{keeps: true, least: 1, begin: showing(refusing), sees: []string{"meter_reply"}}.siege},
		{name: "the meter's register stands still", share: 1, control: impatient(), once: ill{
			keeps: true, least: 1, lasts: 112 * time.Second, begin: busy(still), sees: []string{"register_stuck"}, settings: settings{most: "8 kW"},
		}.siege},
		{name: "the meter's register spikes", share: 1, control: plausible(), once: ill{keeps: true, least: 1, lasts: 10 * time.Second, begin: showing(spiking), sees: []string{"register_jump"}}.siege},
		{name: "the meter's register goes back", share: 1, control: plausible(), once: ill{keeps: true, least: 1, lasts: 10 * time.Second, begin: showing(backwards), sees: []string{"register_backwards", "register_jump"}}.siege},
		{name: "the meter says what is no number", share: 1, once: ill{keeps: true, least: 1, begin: showing(garbled), sees: []string{"meter_reply"}, never: []string{"register_backwards", "register_jump", "power_doubtful"}}.siege, control: credulous()},

		{name: "a load's switch does nothing, and says what it was told", share: 1, control: reckoned(), once: ill{
			keeps: true, least: 1, begin: liar, settings: settings{loads: fmt.Sprintf("- {id: pump, name: Pump, kind: onoff, power: 3 kW, priority: 1, need: {for: 1h}, min_on: 0s, min_off: 0s, switch: %s}\n", fmt.Sprintf(byMQTT, "pump"))},
		}.siege},
		{name: "a load's switch does not answer", share: 1, control: trusting(), once: ill{keeps: true, least: 1, lasts: 26 * time.Second, sees: []string{"switch_silent"}, begin: switched(func(r *relay) { r.deaf = true })}.siege},
		{name: "a load's switch does it and says nothing", share: 1, control: pressing(), once: ill{keeps: true, least: 1, lasts: 26 * time.Second, sees: []string{"switch_silent"}, begin: switched(func(r *relay) { r.mute = true })}.siege},

		{name: "a load's switch says what it does 8 s late", share: 1, control: pressing(), once: ill{keeps: true, least: 1, lasts: 12 * time.Second, begin: switched(func(r *relay) { r.late = 8 * time.Second })}.siege},
		{name: "the contactor is welded when the credit is spent", share: 1, once: stuck(func(r *relay) { r.welded = true }, "supply_weld"), control: control{"the look at what the contactor says when it was opened", []edit{{
			"credit/contactor.go", "	case s.Told == SaysOpen && s.Fault != Bypassed:\n		s.Fault = Welded\n", "	case s.Told == SaysOpen && s.Fault != Bypassed:\n		s.Fault = Sound\n",
		}}}},
		{name: "the contactor is bridged when the credit is spent", share: 1, control: control{"the look at what an open contactor lets through", []edit{
			{"credit/contactor.go", "	case s.Told == SaysOpen && s.Proven:\n		s.Fault, s.Proven = Bypassed, false\n", "	case s.Told == SaysOpen && s.Proven:\n		s.Proven = true\n"},
			{"cmd/agent/internal/control/internal/watch/signs.go", "	case metering.ConsumptionWhileOpen:\n", "	case metering.EventKind(\"never\"):\n"},
		}}, once: stuck(func(r *relay) { r.bridged = true }, "supply_bypass", "consumption_while_open")},
		{name: "the contactor's coil is dead when there is credit again", share: 1, control: control{"the look at what the contactor says when it was closed", []edit{{
			"credit/contactor.go", "	case s.Told == SaysClosed && s.Fault != Dropped:\n		s.Fault = DeadCoil\n", "	case s.Told == SaysClosed && s.Fault != Dropped:\n		s.Fault = Sound\n",
		}}}, once: stuck(func(r *relay) { r.dead = true }, "supply_coil")},

		{name: "mutated messages on every topic", share: 1, once: messages, control: timeless()},
		{name: "mutated requests to the page and the API", share: 1, once: requests, control: pinless()},
		{name: "a look for secrets, and for files that others may read", share: 1, short: true, once: secrets, control: control{"the silence of the log about passwords", []edit{{
			"cmd/agent/run.go", `	log.Info("keeplit runs",`, `	log.Info(cfg.MQTT.Password)` + "\n" + `	log.Info("keeplit runs",`,
		}}}},
	}
}

// seams put the harness in the place of machines that are not here.
func seams() []edit { return lines() }
