// Package watchdog lets the machine restart an agent that no longer does its
// work: the kernel's watchdog device, and the service manager's by the
// sd_notify protocol.
//
// Both are fed only while metering and persistence go on.  A reading that
// failed is metering too, and so is a full disk that was told: nobody is to lose
// the supply over a cable or a disk, which a restart does not mend.  What is not
// fed is an agent that hangs.
//
//	start ──► both fed, until metering and persistence have moved once
//	      ──► fed while each has moved within the patience
//	      ──► not fed: the machine or the service is started again
//
// Because of the first line a fault that a restart does not mend leads to one
// restart and not to a loop of them.
package watchdog
