// Package crosscheck holds the parts of the repository that must agree against each other: function folders, handlers, routes, queues, containers, settings, metrics and
// permissions, each as the code, the infrastructure, the samples and the docs have it. It is tests only; what they find is named by file and line.
//
// Each test also spoils every item of every side, one at a time, and sees that this is found: a check that reads nothing would fail there.
package crosscheck
