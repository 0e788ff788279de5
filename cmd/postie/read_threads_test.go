package main

import (
	"regexp"
	"testing"
)

// Threads and Cc are known of mail of which only the summary is here, which its mark tells.
func TestThreadsWithoutBodies(t *testing.T) {
	m := newMirrored(t, `bodies = "none"`, 1)
	m.server.Deliver(t, "alice", []byte("Message-ID: <re@x.test>\r\nReferences: <0@x.test> <1@x.test>\r\nFrom: bob@x.test\r\nCc: Dora <dora@x.test>\r\nSubject: an answer\r\n\r\nbody\r\n"))
	m.postie("sync")
	if out := m.postie("list", "--threads"); !regexp.MustCompile(`(?m)^work/INBOX/1 +N - .*  letter 1\nwork/INBOX/2 +N - .*  └ an answer$`).MatchString(out) {
		t.Error(out)
	}
	m.want("by Cc", m.ids("search", "cc:dora"), "work/INBOX/2")
	m.postie("show", "2")
	if out := m.postie("list"); !regexp.MustCompile(`(?m)^work/INBOX/2 +N +\d`).MatchString(out) {
		t.Error(out)
	}
}
