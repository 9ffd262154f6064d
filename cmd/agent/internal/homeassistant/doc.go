// Package homeassistant writes how a site announces itself to Home Assistant: one message that
// describes the site as a device with its entities, each of them a view of a topic on which the
// agent speaks anyway.  It publishes nothing and hears nothing.
//
// The form is Home Assistant's device discovery (from version 2024.11 on).  Names of people
// stand in it only where Home Assistant takes plain text; no topic, template, key or identifier
// has a part that a person wrote freely.
package homeassistant
