// Package pop3test is the other side of POP3, for tests and demonstrations. Server is a small server that works, with
// maildrops in memory and faults on demand. Script plays a dialogue that no sane server would hold.
//
// It needs nothing of package testing.
package pop3test
