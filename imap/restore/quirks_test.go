package restore

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/testdata/dovecot"
)

// What servers do to what they are given. Each is restored to twice; the second run does nothing.
func TestServers(t *testing.T) {
	next := street(t, dovecot.Options{})
	root := dovecot.Dir(t)
	put(t, root, "INBOX/dovecot-keywords", "0 work\n1 a(b)\n", 0)
	for n := range 5 {
		put(t, root, fmt.Sprintf("INBOX/cur/%d.a:2,Fa%s", n, []string{"", "b"}[n%2]), letter(n), n)
	}
	put(t, root, "INBOX/cur/5.nameless:2,", "Subject: nameless\n\na\n", 5)
	put(t, root, "INBOX/cur/6.large:2,", letter(6)+strings.Repeat("a long message\n", 1000), 6)
	merged := 0
	for name, c := range map[string]struct {
		quirks         []imaptest.Quirk
		uploaded, rest int // by the first run, in each that follows
		failures       []string
		notices        []string
	}{
		"a keyword that cannot be one": {nil, 7, 0, nil, []string{"INBOX: the server does not keep a(b) (2 messages) there"}},
		"no keywords":                  {[]imaptest.Quirk{imaptest.Replace(` \\\*\)`, ")")}, 7, 0, nil, []string{"INBOX: the server does not keep a(b) (2 messages), work (5 messages) there"}},
		"no flags":                     {[]imaptest.Quirk{imaptest.Replace(`PERMANENTFLAGS \(.*?\)`, "PERMANENTFLAGS ()")}, 7, 0, nil, []string{`INBOX: the server does not keep \Flagged (5 messages), a(b) (2 messages), work (5 messages) there`}},
		"APPENDLIMIT":                  {[]imaptest.Quirk{imaptest.Replace(`IMAP4rev1`, "IMAP4rev1 APPENDLIMIT=10000")}, 6, 0, []string{"INBOX 6.large:2,: APPEND: server refused: [TOOBIG] the server takes messages of up to 10000 octets"}, nil},
		"one is refused":               {[]imaptest.Quirk{imaptest.Refuse(`(?s)^APPEND .*letter 3`, 0, "NO [CANNOT] spam")}, 6, 0, []string{"INBOX 3.a:2,Fab: APPEND: server refused: [CANNOT] spam"}, nil},
		"a field is added":             {[]imaptest.Quirk{imaptest.Without("MULTIAPPEND"), imaptest.Adds("X-Server: mine")}, 7, 0, nil, nil},
		"no APPENDUID":                 {[]imaptest.Quirk{imaptest.Replace(`\[APPENDUID [^]]*\] `, "")}, 7, 0, nil, nil},
		"equal ones are merged":        {[]imaptest.Quirk{imaptest.Without("MULTIAPPEND"), imaptest.Merges(&merged)}, 7, 0, nil, nil},
		"it says OK and keeps nothing": {[]imaptest.Quirk{imaptest.Without("MULTIAPPEND"), imaptest.Refuse(`(?s)^APPEND .*letter 3`, 0, "OK done")}, 6, 0, []string{"INBOX 3.a:2,Fab: the server said that it took it, and does not show it"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := next(t)
			a.quirks = c.quirks
			for n := range 3 {
				r, err := a.run(root, nil)
				a.ok(err)
				if want := map[bool]int{true: c.uploaded, false: c.rest}[n == 0]; r.Uploaded != want || r.Failed != len(c.failures) {
					t.Errorf("run %d: %+v", n, r)
				}
				if got := a.failures(); len(got) != len(c.failures) || len(got) > 0 && got[0] != c.failures[0] {
					t.Errorf("run %d: failures %q, want %q", n, got, c.failures)
				}
				if got := a.notices(); c.notices != nil && !slices.Equal(got, c.notices) {
					t.Errorf("run %d: notices %q, want %q", n, got, c.notices)
				}
				if n := len(a.there()["INBOX"]); n != c.uploaded {
					t.Errorf("%d messages are there", n)
				}
			}
		})
	}
}

// Cyrus, and servers that add a field, change the header. Messages without a Message-ID, and those of which there are copies, are known
// all the same: another run puts none of them there once more. One that was not there is told from them.
func TestHeaderChanged(t *testing.T) {
	next := street(t, dovecot.Options{})
	for name, quirk := range map[string]imaptest.Quirk{"octets above 127": imaptest.Munges(), "a field more": imaptest.Adds("X-Server: mine")} {
		t.Run(name, func(t *testing.T) {
			a := next(t)
			a.quirks = []imaptest.Quirk{imaptest.Without("MULTIAPPEND"), quirk}
			root := dovecot.Dir(t)
			put(t, root, "INBOX/cur/1.nameless:2,S", "Subject: caf\xe9\n\n\xe9\n", 1)
			put(t, root, "INBOX/cur/2.nameless:2,", "Subject: f\xfcr\n dich\nFrom: Ä <a@example.org>\n\n", 1)
			for n := range 2 {
				put(t, root, fmt.Sprintf("INBOX/cur/%d.twin:2,", 3+n), "Subject: caf\xe9\nMessage-ID: <1@example.org>\n\ntwice\n", 3)
			}
			if r := a.restore(root); r.Uploaded != 4 {
				t.Errorf("%+v", r)
			}
			a.rests(root)
			put(t, root, "INBOX/cur/5.nameless:2,", "Subject: caf\xe9s\n\n\xe9\n", 1)
			if r := a.restore(root); r.Uploaded != 1 {
				t.Errorf("%+v", r)
			}
			a.rests(root)
		})
	}
}

// An account that has no INBOX yet, and says only then where its mailboxes lie: one run puts all there, also what lies below others, and where
// no mail goes into INBOX. A dry run foretells it.
func TestNoInbox(t *testing.T) {
	next := street(t, rungs()["below INBOX"])
	for name, letters := range map[string][]string{"with mail for INBOX": {"INBOX/cur/1.a:2,", "A/cur/2.a:2,", "Lists/go/cur/3.a:2,S"}, "with none": {"A/cur/2.a:2,", "Lists/go/cur/3.a:2,S"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := next(t)
			a.quirks = []imaptest.Quirk{imaptest.NoInbox()}
			root := dovecot.Dir(t)
			for n, path := range letters {
				put(t, root, path, letter(n), n)
			}
			for _, dry := range []bool{true, false} {
				r, err := a.run(root, func(o *Options) { o.DryRun = dry })
				a.ok(err)
				if r.Failed > 0 || r.Uploaded != len(letters) || r.Created != 3 {
					t.Errorf("dry %v: %+v, %q", dry, r, a.failures())
				}
			}
			a.equal(here(t, root), name)
			a.rests(root)
		})
	}
}

// A server that makes no INBOX says so once.
func TestNoInboxRefused(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	a.quirks = []imaptest.Quirk{imaptest.Refuse("^CREATE", 0, "NO Permission denied"), imaptest.NoInbox()}
	root := dovecot.Dir(t)
	put(t, root, "INBOX/cur/1.a:2,", letter(1), 1)
	r, err := a.run(root, nil)
	a.ok(err)
	if failures := a.failures(); r.Uploaded+r.Created != 0 || r.Failed != 1 || len(failures) != 1 || failures[0] != "INBOX .: CREATE: server refused: Permission denied" {
		t.Errorf("%+v, %q", r, failures)
	}
}

// A server that keeps equal messages once: one copy is tried, the others are not, and it is said.
func TestMerged(t *testing.T) {
	next := street(t, dovecot.Options{})
	root := dovecot.Dir(t)
	for n := range 5 {
		put(t, root, fmt.Sprintf("INBOX/cur/%d.a:2,", n), letter(n/4), n)
	}
	for name, more := range map[string][]imaptest.Quirk{
		"with APPENDUID": nil, "without": {imaptest.Replace(`\[APPENDUID [^]]*\] `, "")}, "Gmail": {imaptest.Replace("IMAP4rev1", "IMAP4rev1 X-GM-EXT-1")},
	} {
		t.Run(name, func(t *testing.T) {
			a := next(t)
			appends := 0
			a.quirks = append(more, imaptest.Without("MULTIAPPEND"), imaptest.Merges(&appends))
			for n := range 3 {
				appends = 0
				r := a.restore(root)
				if most := map[bool]int{true: 3, false: 1}[n == 0]; appends > most || r.Uploaded != map[bool]int{true: 2, false: 0}[n == 0] {
					t.Errorf("run %d: %d APPENDs, %+v", n, appends, r)
				}
				if got := strings.Join(a.notices(), "\n"); got != "INBOX: the server keeps equal messages once: 3 more copies are not there" {
					t.Errorf("run %d: %s", n, got)
				}
			}
		})
	}
}

// A mailbox that refuses everything is left after a while, and the others go on.
func TestRefusing(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	a.quirks = []imaptest.Quirk{imaptest.Refuse(`^APPEND "?Full`, 0, "NO [OVERQUOTA] full")}
	root := dovecot.Dir(t)
	for n := range 200 {
		put(t, root, fmt.Sprintf("Full/cur/%d.a:2,", n), letter(n), n)
	}
	put(t, root, "Other/cur/1.a:2,", letter(1), 1)
	r, err := a.run(root, nil)
	a.ok(err)
	if n := len(a.failures()); r.Uploaded != 1 || r.Failed != 200 || n != mostRefused+1 {
		t.Errorf("%+v, %d failures", r, n)
	}
}

// A server that offers LITERAL+ and does not know it.
func TestLiteralRefused(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	a.quirks = []imaptest.Quirk{imaptest.LiteralPlusRefused()}
	root := tree(t)
	a.restore(root)
	a.equal(here(t, root), "without LITERAL+")
}

// The same server, and a message that cannot be read: the second connection meets it too, so it is told once, and it is in the report.
func TestLiteralRefusedAndOneFails(t *testing.T) {
	a := street(t, dovecot.Options{})(t)
	a.quirks = []imaptest.Quirk{imaptest.LiteralPlusRefused()}
	root := dovecot.Dir(t)
	put(t, root, "INBOX/cur/1.a:2,", letter(1), 1)
	put(t, root, "INBOX/cur/2.empty:2,", "", 2)
	r, err := a.run(root, nil)
	a.ok(err)
	if failures := a.failures(); r.Uploaded != 1 || r.Failed != 1 || len(failures) != 1 {
		t.Errorf("%+v, %q", r, failures)
	}
}

// A mailbox that refuses everything, and a connection that ends behind it: what was left of it is counted once.
func TestRefusingCountedOnce(t *testing.T) {
	r := &run{once: map[string]bool{}, Options: Options{Log: slog.New(slog.DiscardHandler)}}
	for range 2 {
		s := r.sending(&box{name: "Full"}, decision{})
		s.left, s.last = 168, errors.New("full")
		if err := s.finish(t.Context()); err != nil || r.report.Failed != 168 {
			t.Errorf("%v, %+v", err, r.report)
		}
	}
}
