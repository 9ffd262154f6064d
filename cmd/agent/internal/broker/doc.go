// Package broker keeps the agent's one MQTT session.
//
// A Session is given what to subscribe to and is then run; it connects, comes
// back after every loss, and subscribes anew each time.  Publish tells whether
// a message got there, and what it could not deliver is never sent later
// behind the caller's back: a "switch on" that failed must not arrive an hour
// afterwards.  What must not be lost goes through the store's outbox and the
// Forwarder, which removes a row only after the broker's acknowledgement.
//
// Messages that come in are handed over in order, one subscription apart from
// the others.  With SubscribeAck a message is acknowledged only after the
// handler has stored it, so the broker keeps it until then.
//
// The package also holds the topic names (topics.go) and the small broker that
// the demo runs in its own process (embedded.go).
package broker
