package imap_test

import (
	"strings"
	"testing"

	"postie/imap"
	"postie/imap/imaptest"
)

// Cyrus 3.6.1 answers STATUS (MAILBOXID) with memory that it has freed, now and then with parentheses or line ends in
// it: "* STATUS INBOX.a (MESSAGES 44 UIDNEXT 45 UIDVALIDITY 7 MAILBOXID (w)z\xc3>V) UNSEEN 21 HIGHESTMODSEQ 45)". So
// it is not asked; SELECT says it right.
func TestCyrusStatusMailboxID(t *testing.T) {
	var asked []string
	o := imap.Options{Trace: func(dir byte, line string) {
		if dir == 'C' {
			asked = append(asked, line)
		}
	}}
	s := play(t, imaptest.Script{Text: loggedIn("CONDSTORE LIST-EXTENDED LIST-STATUS OBJECTID QRESYNC SPECIAL-USE") + `
		C: A LIST ...
		S: * LIST (\Subscribed \HasNoChildren) "." INBOX.a
		S: * STATUS INBOX.a (MESSAGES 44 UIDNEXT 45 UIDVALIDITY 1795310397 UNSEEN 21 HIGHESTMODSEQ 45)
		S: A OK Completed (0.001 secs 10 calls)
		C: B STATUS "INBOX.a" ...
		S: * STATUS INBOX.a (MESSAGES 44 UIDNEXT 45 UIDVALIDITY 1795310397 UNSEEN 21 HIGHESTMODSEQ 45)
		S: B OK Completed
		C: C SELECT "INBOX.a" (CONDSTORE)
		S: * 44 EXISTS
		S: * OK [UIDVALIDITY 1795310397] Ok
		S: * OK [HIGHESTMODSEQ 45] Ok
		S: * OK [MAILBOXID (wqfdgwm5jnmctl451ei6wgs9)] Ok
		S: C OK [READ-WRITE] Completed`}, o)
	if _, err := s.List(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Status(t.Context(), "INBOX.a"); err != nil {
		t.Fatal(err)
	}
	if box, err := s.Select(t.Context(), "INBOX.a", nil); err != nil || box.MailboxID != "wqfdgwm5jnmctl451ei6wgs9" {
		t.Fatal(box, err)
	}
	for _, line := range asked {
		if strings.Contains(line, "MAILBOXID") {
			t.Error(line)
		}
	}
}
