// Package platform holds what every layer above the domain needs from the machine: settings, the clock, ids, logs.
package platform
