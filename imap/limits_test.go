package imap_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
)

// pours is a server that answers the first command behind the greeting with lines without an end. peak is the most memory in use meanwhile.
func pours(t *testing.T, caps string, before int, line func(n int) string) (s *imap.Session, peak *atomic.Uint64) {
	t.Helper()
	client, conn := net.Pipe()
	peak = new(atomic.Uint64)
	runtime.GC()
	var base runtime.MemStats
	runtime.ReadMemStats(&base)
	go func() {
		defer conn.Close()
		r := bufio.NewReader(conn)
		fmt.Fprintf(conn, "* PREAUTH [CAPABILITY IMAP4rev1 %s] hi\r\n", caps)
		for range before {
			command, _ := r.ReadString('\n')
			tag, _, _ := strings.Cut(command, " ")
			fmt.Fprintf(conn, "* ENABLED CONDSTORE QRESYNC\r\n* 9 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [HIGHESTMODSEQ 9] x\r\n%s OK\r\n", tag)
		}
		command, _ := r.ReadString('\n')
		go func() {
			for _, err := r.ReadString('\n'); err == nil; _, err = r.ReadString('\n') {
			}
		}()
		w := bufio.NewWriterSize(conn, 64<<10)
		for n, poured, looked := 1, 0, 0; ; n++ {
			m, err := w.WriteString(line(n) + "\r\n")
			if err != nil {
				return
			}
			if poured += m; poured-looked > 4<<20 {
				looked = poured
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapInuse-min(m.HeapInuse, base.HeapInuse)))
			}
			if n == 1<<20 || poured > 48<<20 { // none may last longer, but what is kept of it must not grow either
				tag, _, _ := strings.Cut(command, " ")
				fmt.Fprintf(w, "%s OK\r\n", tag)
				w.Flush()
				return
			}
		}
	}()
	s, err := imap.Connect(t.Context(), imap.Options{Dial: func(context.Context) (net.Conn, error) { return client, nil }, Idle: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, peak
}

// longFlags are many words that nobody said before.
func longFlags(n int) string {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, " a%d.%d", n, i)
	}
	return b.String()[1:]
}

// No answer fills the memory: beyond its limit it ends the session, or is not kept.
func TestFloods(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads hundreds of MB")
	}
	const many = 100 << 20
	selects := func(s *imap.Session) error {
		_, err := s.Select(t.Context(), "x", &imap.Resync{UIDValidity: 1, ModSeq: 5})
		return err
	}
	for _, tt := range []struct {
		name, caps string
		before     int
		line       func(n int) string
		do         func(s *imap.Session) error
		goes       bool // the session goes on
	}{
		{"LIST", "", 1, func(n int) string { return fmt.Sprintf(`* LIST () "/" "mailbox %d"`, n) },
			func(s *imap.Session) error { _, err := s.ListPlain(t.Context(), false); return err }, false},
		{"attributes of mailboxes", "", 0, func(n int) string {
			return fmt.Sprintf(`* LIST (%s\Sent) "/" "mailbox %d"`, strings.Repeat(strings.Repeat("x", 60)+" ", 32), n)
		},
			func(s *imap.Session) error { _, err := s.ListPlain(t.Context(), false); return err }, false},
		{"levels of mailboxes", "", 0, func(n int) string { return fmt.Sprintf(`* LIST () "/" "m%d%s"`, n, strings.Repeat("/x", 10000)) },
			func(s *imap.Session) error { _, err := s.ListPlain(t.Context(), false); return err }, false},
		{"long names in STATUS", "", 0, func(n int) string { return fmt.Sprintf(`* STATUS m%d%s (MESSAGES 3)`, n, strings.Repeat("x", 990)) },
			func(s *imap.Session) error { _, err := s.Status(t.Context(), "x"); return err }, false},
		{"ENABLED", "", 0, func(n int) string { return fmt.Sprintf(`* ENABLED X%d`, n) }, selects, true},
		{"CAPABILITY", "", 0, func(n int) string { return "* CAPABILITY" + strings.Repeat(" X", 8000) + fmt.Sprint(n) }, selects, true},
		{"flags within SELECT", "ENABLE CONDSTORE QRESYNC", 1, func(n int) string {
			return fmt.Sprintf(`* %d FETCH (UID %d FLAGS (%s) MODSEQ (7))`, n, n, longFlags(n))
		}, selects, true},
		{"halves with many flags", "", 0, func(n int) string { return fmt.Sprintf(`* %d FETCH (FLAGS (%s))`, n, longFlags(n)) },
			func(s *imap.Session) (err error) {
				for _, err = range s.FetchFlags(t.Context(), goimap.UIDSet{{Start: 1}}, 0, nil) {
				}
				return err
			}, false},
		{"ids of messages", "ENABLE CONDSTORE QRESYNC", 1, func(n int) string {
			return fmt.Sprintf(`* %d FETCH (UID %d EMAILID (%d%s) FLAGS ())`, n, n, n, strings.Repeat("x", 8000))
		}, selects, true},
		{"STATUS", "", 0, func(n int) string { return fmt.Sprintf(`* STATUS m%d (MESSAGES 3 UIDNEXT 4)`, n) },
			func(s *imap.Session) error { _, err := s.Status(t.Context(), "x"); return err }, false},
		{"response codes", "", 0, func(n int) string { return fmt.Sprintf("* OK [COPYUID 5 %d %d] x", n, n) },
			func(s *imap.Session) error { _, err := s.Copy(t.Context(), goimap.UIDSetNum(5), "x"); return err }, false},
		{"other response codes", "", 0, func(n int) string { return fmt.Sprintf("* OK [XYZZY %d] x", n) }, selects, true},
		{"FETCH within SELECT", "ENABLE CONDSTORE QRESYNC", 1, func(n int) string { return fmt.Sprintf(`* %d FETCH (UID %d FLAGS (\Seen) MODSEQ (7))`, n, n) }, selects, true},
		{"VANISHED", "ENABLE CONDSTORE QRESYNC", 1, func(n int) string {
			return fmt.Sprintf("* VANISHED (EARLIER) %d,%d,%d", 2*n, 2*n+100000000, 2*n+200000000)
		}, selects, false},
		{"halves of messages", "", 0, func(n int) string { return fmt.Sprintf(`* %d FETCH (UID %d)`, n, n) },
			func(s *imap.Session) (err error) {
				for _, err = range s.FetchFlags(t.Context(), goimap.UIDSet{{Start: 1}}, 0, nil) {
				}
				return err
			}, false},
		{"lines that cannot be read", "", 0, func(int) string { return "what is that" }, func(s *imap.Session) error { return s.Noop(t.Context()) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.before == 1 && tt.caps == "" {
				tt.before = 0
			}
			s, peak := pours(t, tt.caps, tt.before, tt.line)
			err := tt.do(s)
			if _, broke := errors.AsType[*imap.ProtocolError](err); broke == tt.goes {
				t.Errorf("got %v", err)
			}
			t.Logf("at most %d MB", peak.Load()>>20)
			if peak.Load() > many {
				t.Errorf("%d MB", peak.Load()>>20)
			}
		})
	}
}

// Sets that come in the worst order take time that grows little faster than they do; numbers at the edge do not overflow.
func TestSetsAtTheEdge(t *testing.T) {
	var down strings.Builder
	for n := 600000; n > 0; n-- {
		fmt.Fprintf(&down, " %d", 2*n)
	}
	began := time.Now()
	s := script(t, "", "C: A UID SEARCH ALL\nS: * SEARCH"+down.String()+"\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH 4294967295 1\nS: B OK")
	found, err := s.SearchAll(t.Context())
	if err != nil || len(found) != 600000 || found[0].Start != 2 {
		t.Errorf("%d ranges, %v", len(found), err)
	}
	if took := time.Since(began); took > 30*time.Second { // one by one it took minutes
		t.Errorf("took %v", took)
	}
	found, err = s.SearchAll(t.Context())
	if all := slices.Collect(imap.UIDs(found)); err != nil || !slices.Equal(all, []goimap.UID{1, 1<<32 - 1}) {
		t.Errorf("%v, %v", all, err)
	}
}

// A mod-sequence that does not fit into 63 bits (RFC 7162 section 3.1.1), and a size that no message has, are not known.
func TestNumbersAtTheEdge(t *testing.T) {
	s := script(t, "CONDSTORE", `C: A SELECT "x" (CONDSTORE)
		S: * OK [UIDVALIDITY 1] x
		S: * OK [HIGHESTMODSEQ 9223372036854775808] x
		S: * 1 EXISTS
		S: A OK
		C: B UID FETCH 1:* ...
		S: * 1 FETCH (UID 4294967295 FLAGS () INTERNALDATE "01-Jan-10000 00:00:00 +0000" RFC822.SIZE 9223372036854775808)
		S: B OK
		C: C STATUS "x" ...
		S: * STATUS x (MESSAGES -1 UIDNEXT 4294967296 HIGHESTMODSEQ 18446744073709551615)
		S: C OK`)
	m, err := s.Select(t.Context(), "x", nil)
	if err != nil || m.HighestModSeq != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	for m, err := range s.FetchSizes(t.Context(), goimap.UIDSet{{Start: 1}}) {
		if err != nil || m.UID != 1<<32-1 || m.Size != -1 || !m.Date.IsZero() {
			t.Errorf("%+v, %v", m, err)
		}
	}
	st, err := s.Status(t.Context(), "x")
	if err != nil || st["x"].Messages != 0 || st["x"].UIDNext != 0 || st["x"].HighestModSeq != 0 {
		t.Errorf("%+v, %v", st["x"], err)
	}
}
