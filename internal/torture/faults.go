package main

import "time"

// faults are all that is tried.
func faults() []*fault {
	return []*fault{
		{
			name: "killed (kill -9) while tokens come by API, MQTT and command line", share: 8, short: true, once: kills,
			control: control{"the answer that waits for the record", []edit{{
				"cmd/agent/internal/control/recording.go",
				"	a := &aside{state: st, eff: eff, asker: asker}\n",
				"	if asker != nil {\n		asker.reply <- answer{reply: eff.Reply}\n		asker = nil\n	}\n	a := &aside{state: st, eff: eff, asker: asker}\n",
			}}},
		},
		{
			name: "power cut that takes what was not synced, whole or by sectors", share: 4, short: true, once: powerCuts,
			control: control{"the sync at each commit", []edit{{"internal/store/store.go", `s.main, err = s.connect(mainPath, "FULL", 1)`, `s.main, err = s.connect(mainPath, "NORMAL", 1)`}}},
		},
		{
			name: "more than the supply carries, and credit spent, with the disk hanging, the broker gone and the page attacked", share: 1, once: protection,
			control: control{"the commit beside the loop", []edit{{
				"cmd/agent/internal/control/recording.go",
				"	go func() { f.answered <- l.cfg.Journal.Commit(context.WithoutCancel(ctx), b) }()\n",
				"	f.answered <- l.cfg.Journal.Commit(context.WithoutCancel(ctx), b)\n",
			}}},
		},
		{name: "each sync of the disk takes 2.5 s", share: 1, once: ill{lasts: 12 * time.Second, keeps: true, begin: calls(syncs + ":delay_enter=2500000")}.siege},
		{name: "the disk hangs for 20 s", share: 1, once: ill{lasts: 14 * time.Second, keeps: true, begin: calls(syncs + ":delay_enter=20000000"), sees: []string{"store_stuck"}}.siege},
		{name: "syncs fail (EIO), every third", share: 1, once: ill{keeps: true, begin: calls(syncs + ":error=EIO:when=2+3")}.siege},
		{name: "writes of the records fail (ENOSPC), every fifth", share: 1, once: ill{keeps: true, begin: calls("pwrite64:error=ENOSPC:when=3+5", databases()...)}.siege},
		{name: "the disk is full, to the last byte", share: 1, once: ill{keeps: true, lasts: 10 * time.Second, before: small("24m"), begin: filled, sees: []string{"store_full", "reserve_missing"}}.siege},
		{name: "the disk is read-only from now on", share: 1, once: ill{keeps: true, lasts: 10 * time.Second, begin: calls("pwrite64,ftruncate,fsync,fdatasync,unlinkat:error=EROFS"), sees: []string{"store_failed", "store_full"}}.siege},
		{name: "the records are moved away while the agent runs", share: 1, once: ill{keeps: true, begin: moved, sees: []string{"records_replaced"}}.siege},
		{name: "a copy is put in the place of the records while the agent runs", share: 1, once: ill{keeps: true, begin: older, sees: []string{"records_replaced"}}.siege},
		{name: "a second agent is started on the same records", share: 1, once: ill{keeps: true, begin: second, least: 1}.siege},
		{name: "ended (SIGTERM) in the middle of a commit", share: 1, once: ill{keeps: true, lasts: time.Second, begin: termed}.siege},
		{name: "the broker is gone", share: 1, once: ill{keeps: true, begin: brokerless, least: 1}.siege},
		{name: "the broker hangs (SIGSTOP)", share: 1, once: ill{keeps: true, begin: stopped, least: 1}.siege},
		{name: "no more file descriptors", share: 1, once: ill{keeps: true, begin: few}.siege},
		{name: "a hundredth of the processor", share: 1, once: ill{keeps: true, begin: breathless}.siege},
		{name: "little memory (GOMEMLIMIT of 20 MiB)", share: 1, once: ill{
			keeps: true, least: 1, before: func(_ *room, h *site) error { h.env = append(h.env, "GOMEMLIMIT=20MiB"); return nil },
			begin: func(*room, *site) (func(), error) { return func() {}, nil },
		}.siege},
		{name: "the meter is silent, or answers errors", share: 1, once: ill{keeps: true, least: 1, begin: showing(quiet, refusing), sees: []string{"meter_silent", "meter_reply"}}.siege},
		{name: "the meter's register stands still", share: 1, once: ill{keeps: true, least: 1, begin: showing(stuck())}.siege},
		{name: "the meter's register spikes", share: 1, once: ill{keeps: true, least: 1, lasts: 10 * time.Second, begin: showing(spiking)}.siege},
		{name: "the meter's register goes back", share: 1, once: ill{keeps: true, least: 1, lasts: 10 * time.Second, begin: showing(backwards)}.siege},
		{name: "the meter says what is no number", share: 1, once: ill{keeps: true, least: 1, begin: showing(garbled)}.siege},
	}
}

// seams put the harness in the place of machines that are not here.
func seams() []edit { return lines() }
