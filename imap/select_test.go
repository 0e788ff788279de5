package imap_test

import (
	"errors"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	diff "github.com/google/go-cmp/cmp"

	"postie/imap"
)

// Trap 12: QRESYNC.
func TestTrap12Select(t *testing.T) {
	s := script(t, "ENABLE QRESYNC", `C: A ENABLE CONDSTORE QRESYNC
		S: * ENABLED QRESYNC
		S: A OK
		C: B SELECT "a (CONDSTORE)" (QRESYNC (7 50 1:9))
		S: * 9 EXISTS
		S: * OK [UIDNOTSTICKY] x
		S: * OK [CLOSED] old one
		S: * FLAGS (\Seen a]b)
		S: * OK [PERMANENTFLAGS (\Seen a]b \*)] x
		S: * 3 EXISTS
		S: * OK [UIDVALIDITY 7] x
		S: * OK [UIDNEXT 12] x
		S: * OK [HIGHESTMODSEQ 60] x
		S: * OK [MAILBOXID (F7)] x
		S: * VANISHED (EARLIER) 2:4,8
		S: * 1 FETCH (UID 1 FLAGS (\Seen) MODSEQ (55))
		S: B OK [READ-WRITE] done
		C: C EXAMINE "b" (QRESYNC (8 50))
		S: * OK [UIDVALIDITY 9] x
		S: * OK [NOMODSEQ] x
		S: * OK [UIDNOTSTICKY] x
		S: * OK [UIDNEXT 99999999999] x
		S: C OK [READ-ONLY] done
		C: D SELECT "c" (CONDSTORE)
		S: D NO [NONEXISTENT] no`)
	got, err := s.Select(t.Context(), "a (CONDSTORE)", &imap.Resync{UIDValidity: 7, ModSeq: 50, Known: goimap.UIDSet{{Start: 1, Stop: 9}}})
	want := &imap.Selected{Name: "a (CONDSTORE)", Exists: 3, UIDValidity: 7, UIDNext: 12, HighestModSeq: 60, MailboxID: "F7",
		Flags: []imap.Flag{goimap.FlagSeen, "a]b"}, PermanentFlags: []imap.Flag{goimap.FlagSeen, "a]b"}, Keywords: true,
		Resynced: true, Vanished: goimap.UIDSet{{Start: 2, Stop: 4}, {Start: 8, Stop: 8}},
		Changed: []imap.Message{{Seq: 1, UID: 1, Flags: []imap.Flag{goimap.FlagSeen}, ModSeq: 55, Size: -1}}}
	if d := diff.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
	got, err = s.Examine(t.Context(), "b", &imap.Resync{UIDValidity: 8, ModSeq: 50, Known: goimap.UIDSet{{Start: 1}}})
	if d := diff.Diff(&imap.Selected{Name: "b", UIDValidity: 9, NotSticky: true, ReadOnly: true}, got); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
	if _, err = s.Select(t.Context(), "c", nil); !errors.As(err, new(*imap.Error)) {
		t.Errorf("got %v", err)
	}
}

// RFC 7162 section 3.1.2.2: where NOMODSEQ is, whoever asks for MODSEQ is refused.
func TestNoModSeq(t *testing.T) {
	s := script(t, "CONDSTORE", `C: A SELECT "a" (CONDSTORE)
		S: * OK [NOMODSEQ] none
		S: A OK
		C: B UID FETCH 1 (UID FLAGS)
		S: B OK`)
	if m, err := s.Select(t.Context(), "a", nil); err != nil || m.HighestModSeq != 0 {
		t.Fatal(m, err)
	}
	if _, err := collect(t, s.FetchFlags(t.Context(), goimap.UIDSetNum(1), 0, nil)); err != nil {
		t.Error(err)
	}
	var unsupported *imap.UnsupportedError
	if _, err := collect(t, s.FetchFlags(t.Context(), goimap.UIDSetNum(1), 5, nil)); !errors.As(err, &unsupported) {
		t.Error(err)
	}
	if _, err := s.Store(t.Context(), goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []imap.Flag{"a"}, 5); !errors.As(err, &unsupported) {
		t.Error(err)
	}
}
