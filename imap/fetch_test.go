package imap_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/google/go-cmp/cmp"

	"postie/imap"
	"postie/imap/imaptest"
)

func TestFetchBodies(t *testing.T) {
	const begin = "C: A UID FETCH 5:6 (UID ... BODY.PEEK[])\n"
	const date = `INTERNALDATE \"01-Jan-2024 00:00:00 +0000\"`
	for _, tt := range []struct {
		name, script string
		want         []got
		missing      string
	}{
		{"ordinary", begin + `
			S= "* 1 FETCH (UID 5 FLAGS (\\Seen) ` + date + ` BODY[] {6}\r\nhello\n)\r\n"
			S= "* 2 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {0}\r\n)\r\n"
			S: A OK done`,
			[]got{{5, `\Seen`, "hello\n"}, {6, "", ""}}, ""},
		{"trap 3: UID after the body", begin + `
			S= "* 1 FETCH (BODY[] {3}\r\none ` + date + ` FLAGS (\\Seen) UID 5)\r\n"
			S= "* 2 FETCH (FLAGS () BODY[] {3}\r\ntwo UID 6 ` + date + `)\r\n"
			S: A OK done`,
			[]got{{5, `\Seen`, "one"}, {6, "", "two"}}, ""},
		{"trap 3: split over two responses", begin + `
			S= "* 1 FETCH (UID 5 FLAGS (\\Seen) ` + date + `)\r\n* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\n"
			S= "* 2 FETCH (UID 6 BODY[] {3}\r\ntwo)\r\n* 2 FETCH (FLAGS () ` + date + `)\r\n"
			S: A OK done`,
			[]got{{5, `\Seen`, "one"}, {6, "", "two"}}, ""},
		{"flags never said", begin + `
			S= "* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\n* 2 FETCH (BODY[] {3}\r\ntwo UID 6)\r\n"
			S: A OK done`,
			[]got{{5, "?", "one"}, {6, "?", "two"}}, ""},
		{"split, renumbered in between", begin + `
			S= "* 3 FETCH (UID 5 BODY[] {3}\r\none)\r\n* 1 EXPUNGE\r\n* 2 FETCH (UID 5 FLAGS (\\Seen))\r\n"
			S= "* 3 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {3}\r\ntwo)\r\n"
			S: A OK done`,
			[]got{{6, "", "two"}, {5, `\Seen`, "one"}}, ""},
		{"split, renumbered in between, the other half without UID", begin + `
			S= "* 3 FETCH (UID 5 BODY[] {3}\r\none)\r\n* 1 EXPUNGE\r\n* 2 FETCH (FLAGS (\\Seen))\r\n"
			S= "* 3 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {3}\r\ntwo)\r\n"
			S: A OK done`,
			[]got{{6, "", "two"}, {5, "?", "one"}}, ""},
		{"split, renumbered, both pending", begin + `
			S= "* 3 FETCH (UID 5 BODY[] {3}\r\none)\r\n* 1 EXPUNGE\r\n* 3 FETCH (UID 6 BODY[] {3}\r\ntwo)\r\n"
			S: A OK done`,
			[]got{{5, "?", "one"}, {6, "?", "two"}}, ""},
		{"missing, NIL, twice, another", begin + `
			S= "* 1 FETCH (UID 5 FLAGS () ` + date + ` BODY[] NIL)\r\n"
			S= "* 2 FETCH (UID 6 FLAGS () ` + date + ` BODY[] \"a \\\"b\\\"\")\r\n"
			S= "* 2 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {1}\r\nb)\r\n"
			S= "* 9 FETCH (UID 9 FLAGS () ` + date + ` BODY[] {1}\r\nc)\r\n"
			S: A OK done`,
			[]got{{6, "", `a "b"`}}, "5"},
		{"trap 8 and 10: unknown items and responses, bad date", begin + `
			S= "* XFOO {3}\r\n) ( bar\r\n* MORE \"\r\n* 7 SPAM (\r\n"
			S= "* 1 FETCH (X-A (1 (\"b\" {2}\r\n))) NIL) SAVEDATE NIL UID 5 X-B {2}\r\n)( INTERNALDATE \"no date\" FLAGS (\\seen $FORWARDED a]b[c \\Recent) PREVIEW \"\" BODY[] {3}\r\none X-C a)\r\n"
			S= "* OK [X-CODE ] ( {3} ] x] hm\r\n* ENVELOPE\r\n"
			S= "* 2 FETCH (UID 6 FLAGS () ENVELOPE (NIL \"\" (\"\" NIL NIL NIL)) ` + date + ` BODY[] ~{3}\r\ntwo)\r\n"
			S: A OK done`,
			[]got{{5, `\Seen $Forwarded a]b[c`, "one"}, {6, "", "two"}}, ""},
		{"unsolicited in the middle", begin + `
			S= "* 12 EXISTS\r\n* 3 FETCH (FLAGS (\\Deleted))\r\n* 1 RECENT\r\n* FLAGS (\\Seen)\r\n* STATUS other (MESSAGES 3)\r\n"
			S= "* 1 FETCH (UID 5 FLAGS () ` + date + ` BODY[] {3}\r\none)\r\n* LIST () \"/\" x\r\n* VANISHED 99\r\n"
			S= "* 2 FETCH (FLAGS (\\Seen) UID 6 ` + date + ` BODY[] {3}\r\ntwo)\r\n* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n* 2 EXPUNGE\r\n"
			S: A OK done`,
			[]got{{5, "", "one"}, {6, `\Seen`, "two"}}, ""},
		{"split within, renumbered before", begin + `
			S= "* 9 EXPUNGE\r\n* 1 FETCH (UID 5 BODY[] {3}\r\none FLAGS (\\Seen) ` + date + `)\r\n"
			S= "* 2 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {3}\r\ntwo RFC822.SIZE 99)\r\n"
			S: A OK done`,
			[]got{{5, `\Seen`, "one"}, {6, "", "two"}}, ""},
		{"refused in part", begin + `
			S= "* 2 FETCH (UID 6 FLAGS () ` + date + ` BODY[] {3}\r\ntwo)\r\n"
			S: A NO [SERVERBUG] some messages are broken`,
			[]got{{6, "", "two"}}, "5"},
	} {
		for _, dribble := range []bool{false, true} {
			name := tt.name
			if dribble {
				name += ", dribbled"
			}
			t.Run(name, func(t *testing.T) {
				text := loggedIn("") + tt.script + "\nC: B NOOP\nS: B OK\nhang"
				s := play(t, imaptest.Script{Text: text, Dribble: dribble}, imap.Options{})
				all, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSet{{Start: 5, Stop: 6}}))
				if diff := cmp.Diff(tt.want, all, cmp.AllowUnexported(got{})); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				var missing *imap.MissingError
				if tt.missing == "" && err != nil || tt.missing != "" && (!errors.As(err, &missing) || missing.UIDs.String() != tt.missing) {
					t.Errorf("error %v, want missing %q", err, tt.missing)
				}
				if err := s.Noop(t.Context()); err != nil {
					t.Errorf("the session is not alive: %v", err)
				}
			})
		}
	}
}

// Trap 2: the library reads a literal that was cut short as a whole one.
func TestTrap2LiteralCutShort(t *testing.T) {
	for name, end := range map[string]string{
		"by the server": "close", "by BYE": `S= "* BYE"` + "\nclose", "in the line after it": `S= "lo\n FLA"` + "\nclose",
	} {
		t.Run(name, func(t *testing.T) {
			s := script(t, "", `C: A UID FETCH 5 (...)
				S= "* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[] {60}\r\nhel"
				`+end)
			var bodyErr, seqErr error
			for m, err := range s.FetchBodies(t.Context(), goimap.UIDSetNum(5)) {
				if seqErr = err; err == nil {
					_, bodyErr = io.ReadAll(m.Body)
				}
			}
			if seqErr == nil || name != "in the line after it" && !errors.Is(bodyErr, io.ErrUnexpectedEOF) {
				t.Errorf("body: %v, sequence: %v", bodyErr, seqErr)
			}
			if err := s.Noop(t.Context()); err == nil {
				t.Error("the session lives on")
			}
		})
	}
}

// What comes in the order asked for is streamed; what does not, and cannot be kept, ends the session with the reason.
func TestFetchSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/no")
	s := script(t, "", `C: A UID FETCH 5 (...)
		S= "* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[] {3}\r\none)\r\n"
		S: A OK
		C: B UID FETCH 5 (...)
		S= "* 1 FETCH (BODY[] {3}\r\none UID 5 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\")\r\n"
		hang`)
	if got, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSetNum(5))); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSetNum(5))); !errors.Is(err, fs.ErrNotExist) || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// A body that is far longer than the message is said to be is not taken: it would fill the disk. Nor is one of any length whose size is not said.
func TestFetchTooLong(t *testing.T) {
	for items, want := range map[string]string{
		"RFC822.SIZE 5700 BODY[] {268458257}": "a body of 268458257 octets for a message of 5700",
		"RFC822.SIZE 0 BODY[] {4294967297}":   "a body of 4294967297 octets",
		"BODY[] {4294967297}":                 "a body of 4294967297 octets",
	} {
		s := script(t, "", `C: A UID FETCH 5 (...)
			S= "* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" `+items+`\r\nand so on"
			hang`)
		all, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSetNum(5)))
		if _, ok := errors.AsType[*imap.ProtocolError](err); !ok || !strings.Contains(err.Error(), want) || len(all) > 0 {
			t.Errorf("%s: %v, %v", items, all, err)
		}
	}
}

func TestFetchLeftEarly(t *testing.T) {
	s := script(t, "", `C: A UID FETCH 1:3 (...)
		S= "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[] {6}\r\nhello\n)\r\n"
		S= "* 2 FETCH (UID 2 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[] {6}\r\nhello\n)\r\n"
		S= "* 3 FETCH (UID 3 BODY[] {6}\r\nhello\n)\r\n"
		S: A OK
		C: B NOOP
		S: B OK`)
	for _, err := range s.FetchBodies(t.Context(), goimap.UIDSet{{Start: 1, Stop: 3}}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Noop(t.Context()); err == nil {
			t.Error("another command in the middle of a sequence")
		}
		break
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFetchHeaders(t *testing.T) {
	s := script(t, "OBJECTID", `C: A UID FETCH 7 (UID EMAILID ... BODY.PEEK[HEADER.FIELDS ("Subject" "From")])
		S= "* 1 FETCH (UID 7 RFC822.SIZE 9000 FLAGS () EMAILID (M1) INTERNALDATE \" 1-Feb-2024 01:02:03 +0100\" BODY[HEADER.FIELDS (SUBJECT FROM)] {14}\r\nSubject: x\r\n\r\n)\r\n"
		S: A OK
		C: B UID FETCH 8 (UID EMAILID ... BODY.PEEK[HEADER])
		S= "* 2 FETCH (BODY[HEADER] {2}\r\n\r\n RFC822.SIZE 2 UID 8 FLAGS () EMAILID NIL INTERNALDATE \" 1-Feb-2024 01:02:03 +0100\")\r\n"
		S: B OK`)
	for m, err := range s.FetchHeaders(t.Context(), goimap.UIDSetNum(7), "Subject", "From") {
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(m.Body)
		if m.Size != 9000 || m.EmailID != "M1" || string(body) != "Subject: x\r\n\r\n" || !m.Date.Equal(time.Date(2024, 2, 1, 0, 2, 3, 0, time.UTC)) {
			t.Errorf("got %+v, %q", m, body)
		}
	}
	for m, err := range s.FetchHeaders(t.Context(), goimap.UIDSetNum(8)) {
		if err != nil || m.Size != 2 || m.UID != 8 {
			t.Errorf("got %+v, %v", m, err)
		}
	}
}

func TestFetchFlags(t *testing.T) {
	const caps = "ENABLE CONDSTORE QRESYNC"
	s := script(t, caps, `C: A ENABLE CONDSTORE QRESYNC
		S: * ENABLED CONDSTORE QRESYNC
		S: A OK
		C: B UID FETCH 1:* (UID ...) (CHANGEDSINCE 77 VANISHED)
		S: * VANISHED (EARLIER) 3:5,9
		S: * 1 FETCH (FLAGS (\Seen) MODSEQ (80) UID 1)
		S: * 7 FETCH (UID 8 FLAGS () MODSEQ (81))
		S: B OK
		C: C UID FETCH 1:9 (UID ...)
		S: C OK`)
	var vanished goimap.UIDSet
	all, err := collect(t, s.FetchFlags(t.Context(), goimap.UIDSet{{Start: 1}}, 77, &vanished))
	if diff := cmp.Diff([]got{{1, `\Seen`, ""}, {8, "", ""}}, all, cmp.AllowUnexported(got{})); diff != "" || err != nil || vanished.String() != "3:5,9" {
		t.Errorf("%v, vanished %s, %s", err, vanished, diff)
	}
	if all, err = collect(t, s.FetchFlags(t.Context(), goimap.UIDSet{{Start: 1, Stop: 9}}, 0, nil)); len(all) > 0 || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
}

// A set that is too long for a line goes in portions, the next one sent before the first is answered.
func TestFetchInPortions(t *testing.T) {
	var set goimap.UIDSet
	for u := goimap.UID(100001); u < 100401; u += 2 {
		set.AddNum(u)
	}
	s := script(t, "", `C: A UID FETCH 100001,...,100255 (...)
		C: B UID FETCH 100257,...,100399 (...)
		S: * 1 FETCH (UID 100001 FLAGS ())
		S: A OK
		S: * 1 FETCH (UID 100399 FLAGS ())
		S: B OK`)
	all, err := collect(t, s.FetchFlags(t.Context(), set, 0, nil))
	if len(all) != 2 || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
	s = script(t, "CONDSTORE", "C: A UID FETCH 100001,...,100399 (...)\nS: A OK") // RFC 7162 section 4
	if all, err = collect(t, s.FetchFlags(t.Context(), set, 0, nil)); len(all) != 0 || err != nil {
		t.Errorf("got %v, %v", all, err)
	}
}

// Items in any order, in any number of responses, with anything in between: every message arrives whole, with its flags and date.
func TestTrap3AnyOrder(t *testing.T) {
	noise := []string{"* 9 EXISTS\r\n", "* XFOO {4}\r\n)\r\n(\r\n", "* 99 FETCH (FLAGS (\\Deleted))\r\n", "* OK [ALERT] x\r\n", "* SEARCH\r\n", "* 98 FETCH (UID 98 FLAGS ())\r\n", "\r\n"}
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		var want []got
		for i := range 5 {
			g := got{uint32(i + 1), []string{"", `\Seen`, `\Flagged $x`}[rnd.IntN(3)], strings.Repeat("x)\r\n", rnd.IntN(4))}
			want = append(want, g)
			items := []string{fmt.Sprintf("FLAGS (%s)", g.flags), `INTERNALDATE "01-Jan-2024 00:00:00 +0000"`, fmt.Sprintf("BODY[] {%d}\r\n%s", len(g.body), g.body), `X-JUNK ("a" (NIL {2}` + "\r\n))))"}
			rnd.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
			for len(items) > 0 {
				n := 1 + rnd.IntN(len(items))
				part := append([]string{fmt.Sprintf("UID %d", i+1)}, items[:n]...)
				items = items[n:]
				rnd.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
				fmt.Fprintf(&text, "* %d FETCH (%s)\r\n%s", i+1, strings.Join(part, " "), noise[rnd.IntN(len(noise))])
			}
		}
		s := script(t, "", fmt.Sprintf("C: A UID FETCH 1:5 (...)\nS= %q\nS: A OK", text.String()))
		all, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSet{{Start: 1, Stop: 5}}))
		slices.SortFunc(all, func(a, b got) int { return int(a.uid) - int(b.uid) })
		if diff := cmp.Diff(want, all, cmp.AllowUnexported(got{})); diff != "" || err != nil {
			t.Fatalf("seed %d: %v\n%s\n%q", seed, err, diff, text.String())
		}
	}
}
