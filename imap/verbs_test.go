package imap_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	diff "github.com/google/go-cmp/cmp"

	"postie/imap"
	"postie/imap/imaptest"
)

// Trap 1: without MOVE the library would copy, mark and expunge, even when the copy was refused.
func TestTrap1MoveOnlyWithMove(t *testing.T) {
	s := script(t, "UIDPLUS", "C: A NOOP\nS: A OK") // nothing of the move is sent
	var unsupported *imap.UnsupportedError
	if _, err := s.Move(t.Context(), goimap.UIDSetNum(1), "x"); !errors.As(err, &unsupported) || unsupported.Cap != goimap.CapMove {
		t.Errorf("got %v", err)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMoveAndCopy(t *testing.T) {
	s := script(t, "UIDPLUS MOVE", `C: A UID MOVE 3,5:6 "x"
		S: * OK [COPYUID 77 5,3,6 10:12] moved
		S: * 1 EXPUNGE
		S: A OK done
		C: B UID MOVE 3 "x"
		S: B NO [TRYCREATE] no such mailbox
		C: C UID COPY 3:4 "&AOQ-"
		S: C OK [COPYUID 77 3:4 20] does not add up
		C: D UID COPY 3:4 INBOX
		S: D OK [COPYUID 77 1:4294967295 1:4294967295] done
		C: E UID COPY 3:4 INBOX
		S: E OK [COPYUID what] done`)
	got, err := s.Move(t.Context(), goimap.UIDSetNum(3, 5, 6), "x")
	if want := (imap.Copied{UIDValidity: 77, Source: []goimap.UID{5, 3, 6}, Dest: []goimap.UID{10, 11, 12}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	var refused *imap.Error
	if _, err := s.Move(t.Context(), goimap.UIDSetNum(3), "x"); !errors.As(err, &refused) || refused.Code != "TRYCREATE" {
		t.Errorf("got %v", err)
	}
	for _, box := range []string{"ä", "inbox", "INBOX"} {
		if got, err := s.Copy(t.Context(), goimap.UIDSetNum(3, 4), box); err != nil || len(got.Source) > 0 {
			t.Errorf("%s: got %v, %v", box, got, err)
		}
	}
}

// Trap 4: the library throws MODIFIED away.
func TestTrap4StoreModified(t *testing.T) {
	s := script(t, "CONDSTORE", `C: A UID STORE 3:9 (UNCHANGEDSINCE 50) +FLAGS.SILENT (\Seen $x)
		S: * 3 FETCH (UID 3 MODSEQ (60))
		S: * 8 FETCH (UID 99 FLAGS (\Deleted) MODSEQ (61))
		S: A OK [MODIFIED 7,9:12] conditional
		C: B UID STORE 3 (UNCHANGEDSINCE 50) -FLAGS.SILENT (\Seen)
		S: B NO [MODIFIED 3] gone
		C: C UID STORE 3 -FLAGS.SILENT (\Seen)
		S: C NO [NOPERM] no
		C: D UID STORE 3 FLAGS.SILENT ()
		S: D OK`)
	got, err := s.Store(t.Context(), goimap.UIDSet{{Start: 3, Stop: 9}}, goimap.StoreFlagsAdd, []imap.Flag{goimap.FlagSeen, "$x"}, 50)
	if err != nil || got.Modified.String() != "7,9" || len(got.Changed) != 1 || got.Changed[0].ModSeq != 60 {
		t.Errorf("got %+v, %v", got, err)
	}
	one := goimap.UIDSetNum(3)
	if got, err = s.Store(t.Context(), one, goimap.StoreFlagsDel, []imap.Flag{goimap.FlagSeen}, 50); err != nil || got.Modified.String() != "3" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err = s.Store(t.Context(), one, goimap.StoreFlagsDel, []imap.Flag{goimap.FlagSeen}, 0); !errors.As(err, new(*imap.Error)) {
		t.Errorf("got %v", err)
	}
	if _, err = s.Store(t.Context(), one, goimap.StoreFlagsSet, nil, 0); err != nil {
		t.Error(err)
	}
}

// Trap 7: a line without an end is not read without an end.
func TestTrap7LongLine(t *testing.T) {
	for name, text := range map[string]string{"greeting": "", "command": loggedIn("") + "C: A NOOP\n"} {
		t.Run(name, func(t *testing.T) {
			srv := imaptest.Script{Text: text + fmt.Sprintf("S= %q\nclose", "* OK "+strings.Repeat("x", 3<<20))}.Start()
			s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial})
			if err == nil {
				err = s.Noop(t.Context())
				s.Close()
			}
			var protocol *imap.ProtocolError
			if !errors.As(err, &protocol) || !strings.Contains(protocol.Problem, "line of more than") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("SEARCH may be long", func(t *testing.T) {
		var uids strings.Builder
		for i := 1; i < 300000; i += 2 {
			fmt.Fprintf(&uids, " %d", i)
		}
		s := script(t, "", "C: A UID SEARCH ALL\nS: * SEARCH"+uids.String()+"\nS: A OK")
		if found, err := s.SearchAll(t.Context()); err != nil || len(found) != 150000 {
			t.Errorf("%d, %v", len(found), err)
		}
	})
}

// Trap 8: what the library closes the connection for never reaches it, in either direction.
func TestTrap8RefusedBeforeSent(t *testing.T) {
	s := script(t, "UIDPLUS MOVE", "C: A NOOP\nS: A OK")
	ctx := t.Context()
	for name, f := range map[string]func() error{
		"append keyword": func() error {
			_, err := s.Append(ctx, "x", imap.Upload{Flags: []imap.Flag{"a b"}, Size: 1, Body: strings.NewReader("a")})
			return err
		},
		"store keyword": func() error {
			_, err := s.Store(ctx, goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []imap.Flag{"a{"}, 0)
			return err
		},
		"store recent": func() error {
			_, err := s.Store(ctx, goimap.UIDSetNum(1), goimap.StoreFlagsAdd, []imap.Flag{`\Recent`}, 0)
			return err
		},
		"search keyword": func() error {
			_, err := s.Search(ctx, &goimap.SearchCriteria{NotFlag: []imap.Flag{"ä"}})
			return err
		},
		"search nested": func() error {
			_, err := s.Search(ctx, &goimap.SearchCriteria{Or: [][2]goimap.SearchCriteria{{{}, {Not: []goimap.SearchCriteria{{UID: []goimap.UIDSet{nil}}}}}}})
			return err
		},
		"name empty":   func() error { return s.Create(ctx, "") },
		"name NUL":     func() error { return s.Delete(ctx, "a\x00") },
		"name CRLF":    func() error { return s.Rename(ctx, "a", "a\r\nT9 LOGOUT") },
		"name no UTF8": func() error { _, err := s.Select(ctx, "a\xff", nil); return err },
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, f := range map[string]func() error{
		"store":  func() error { _, err := s.Store(ctx, nil, goimap.StoreFlagsAdd, []imap.Flag{"a"}, 0); return err },
		"copy":   func() error { _, err := s.Copy(ctx, nil, "x"); return err },
		"move":   func() error { _, err := s.Move(ctx, nil, "x"); return err },
		"expung": func() error { return s.Expunge(ctx, nil) },
		"fetch":  func() error { _, err := collect(t, s.FetchBodies(ctx, nil)); return err },
	} {
		if err := f(); err != nil {
			t.Errorf("empty set: %s: %v", name, err)
		}
	}
	if err := s.Noop(ctx); err != nil {
		t.Error(err)
	}
}

// Traps 8 and 11: APPEND, its literal small and large, with and without LITERAL+, taken and refused.
func TestTrap8And11Append(t *testing.T) {
	big := strings.Repeat("x", 5000)
	date := time.Date(2024, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	const args = `A APPEND "x" (\Seen) " 3-Feb-2024 04:05:06 +0100" `
	for _, tt := range []struct {
		name, caps, script, body string
		want                     imap.Appended
		code                     string
	}{
		{"synchronised", "", "C: " + args + "{2}\nS: + go\n" + `C= "ab\r\n"` + "\nS: A OK [APPENDUID 5 6] done", "ab", imap.Appended{UIDValidity: 5, UID: 6}, ""},
		{"LITERAL+, large", "LITERAL+", "C: " + args + "{5000+}\n" + fmt.Sprintf("C= %q\n", big+"\r\n") + "S: A OK done", big, imap.Appended{}, ""},
		{"LITERAL-, small", "LITERAL-", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A OK [APPENDUID 5 x] done", "ab", imap.Appended{}, ""},
		{"LITERAL-, large", "LITERAL-", "C: " + args + "{5000}\nS: + go\n" + fmt.Sprintf("C= %q\n", big+"\r\n") + "S: A OK [APPENDUID 0 1]", big, imap.Appended{}, ""},
		{"empty message", "", "C: " + args + "{0}\nS: + go\n" + `C= "\r\n"` + "\nS: A OK done", "", imap.Appended{}, ""},
		{"refused before the literal", "", "C: " + args + "{5000}\nS: A NO [TRYCREATE] no such mailbox", big, imap.Appended{}, "TRYCREATE"},
		{"refused before the literal, small", "", "C: " + args + "{2}\nS: * 5 EXISTS\nS: A NO [OVERQUOTA] full", "ab", imap.Appended{}, "OVERQUOTA"},
		{"refused in the literal", "", "C: " + args + "{5000}\nS: + go\n" + fmt.Sprintf("C= %q\n", big[:100]) + "S: A NO [OVERQUOTA] full\n" + fmt.Sprintf("C= %q\n", big[100:]+"\r\n"), big, imap.Appended{}, "OVERQUOTA"},
		{"alert", "LITERAL+", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A OK [ALERT] x", "ab", imap.Appended{}, ""},
		{"refused behind the literal", "LITERAL+", "C: " + args + "{2+}\n" + `C= "ab\r\n"` + "\nS: A NO [LIMIT] x", "ab", imap.Appended{}, "LIMIT"},
		{"refused with a code the library cannot read", "", "C: " + args + "{2}\nS: A NO [APPENDUID x] hm", "ab", imap.Appended{}, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, tt.caps, tt.script+"\nC: B NOOP\nS: B OK")
			got, err := s.Append(t.Context(), "x", imap.Upload{Flags: []imap.Flag{goimap.FlagSeen}, Date: date, Size: int64(len(tt.body)), Body: strings.NewReader(tt.body)})
			var refused *imap.Error
			if errors.As(err, &refused) != (tt.code != "") || refused != nil && cmp.Or(refused.Code, "none") != tt.code || refused == nil && err != nil || got != tt.want {
				t.Errorf("got %v, %v", got, err)
			}
			if err := s.Noop(t.Context()); err != nil {
				t.Errorf("the session is not alive: %v", err)
			}
		})
	}
}

// A file may have any mtime. A date that the syntax has no room for is left out: a server would take the message behind it for
// commands.
func TestAppendDate(t *testing.T) {
	for _, year := range []int{-1, 0, 10000, 292277026596} {
		s := script(t, "LITERAL+", `C: A APPEND "x" {2+}
			C= "a1\r\n"
			S: A OK done`)
		if _, err := s.Append(t.Context(), "x", imap.Upload{Date: time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC), Size: 2, Body: strings.NewReader("a1")}); err != nil {
			t.Errorf("%d: %v", year, err)
		}
	}
}

func TestAppendAll(t *testing.T) {
	s := script(t, "LITERAL+ APPENDLIMIT=9", `C: A APPEND "x" {2+}
		C= "a1\r\n"
		C: B APPEND "x" {2+}
		C= "a2\r\n"
		S: A OK [APPENDUID 7 1] done
		S: B NO [OVERQUOTA] full
		C: C APPEND "x" {2+}
		C= "a4\r\n"
		S: C OK done
		C: D NOOP
		S: D OK`)
	var got []string
	for a, err := range s.AppendAll(t.Context(), "x", func(yield func(imap.Upload) bool) {
		for _, body := range []string{"a1", "a2", "1234567890", "a4"} {
			if !yield(imap.Upload{Size: int64(len(body)), Body: strings.NewReader(body)}) {
				return
			}
		}
	}) {
		got = append(got, fmt.Sprint(a, message(err)))
	}
	want := []string{"{7 1}", "{0 0}APPEND: server refused: [OVERQUOTA] full",
		"{0 0}APPEND: server refused: [TOOBIG] the server takes messages of up to 9 octets", "{0 0}"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

// A source that has not the octets that were said: the command is not ended, so the server keeps nothing.
// BYE is an *Error too, but nothing goes on after it.
func TestBye(t *testing.T) {
	var bye *imap.Error
	s := script(t, "", "C: A UID FETCH ...\nS: * BYE [UNAVAILABLE] restart\nhang")
	_, err := collect(t, s.FetchBodies(t.Context(), goimap.UIDSetNum(5)))
	if errors.As(err, new(*imap.MissingError)) || !errors.As(err, &bye) || bye.Status != "BYE" {
		t.Errorf("got %v", err)
	}
	s = script(t, "LITERAL+", "C: A APPEND ...\n"+`C= "a\r\n"`+"\nS: * BYE restart\nhang")
	results := 0
	for _, err := range s.AppendAll(t.Context(), "x", func(yield func(imap.Upload) bool) {
		for yield(imap.Upload{Size: 1, Body: strings.NewReader("a")}) {
		}
	}) {
		results++
		if !errors.As(err, &bye) || bye.Status != "BYE" {
			t.Errorf("got %v", err)
		}
	}
	if results == 0 || results > 17 {
		t.Errorf("%d results", results)
	}
}

func TestAppendWrongSize(t *testing.T) {
	for body, want := range map[string]string{"abc": "2 octets short", "abcdef": "more than 5 octets"} {
		s := script(t, "", "C: A APPEND \"x\" {5}\nS: + go\nhang")
		if _, err := s.Append(t.Context(), "x", imap.Upload{Size: 5, Body: strings.NewReader(body)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
		if err := s.Noop(t.Context()); err == nil {
			t.Error("half a message was sent and the session lives on")
		}
	}
}

// Trap 10: a name that is not modified UTF-7, or not as it would be written again, is told and not listed.
func TestTrap10BadNames(t *testing.T) {
	var ev events
	s := play(t, imaptest.Script{Text: loggedIn("") + `C: A LSUB "" "*"
		C: B LIST "" "*"
		S: * LSUB () "/" a
		S: * LSUB (\Noselect) "/" gone
		S: A OK
		S: * LIST (\HasNoChildren x]y) "/" a
		S: * LIST () "/" "&AOQ-\"b"
		S: * LIST () NIL {3}
		S: c d
		S: * LIST () "/" "&bad"
		S: * LIST () "/" "&AGE-"
		S= "* LIST () \"/\" \"\xff\"\r\n"
		S: * LIST () "/" "&AOQ-&AOQ-"
		S: * LIST (\noselect) "." inBOX ("CHILDINFO" ("SUBSCRIBED"))
		S: * LIST () "" x&-y
		S: * LIST () "/" two words 
		S: B OK`}, imap.Options{Event: ev.add})
	all, err := s.List(t.Context(), false)
	want := []imap.Mailbox{
		{Name: "INBOX", Delim: '.', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNoSelect}},
		{Name: "a", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrHasNoChildren, "x]y"}, Subscribed: true},
		{Name: "c d"}, {Name: "two words", Delim: '/'}, {Name: "x&y"}, {Name: `ä"b`, Delim: '/'},
	}
	if d := diff.Diff(want, all, diff.AllowUnexported(imap.Mailbox{})); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
	if d := diff.Diff([]imap.Event{imap.Unusable("&bad"), imap.Unusable("&AGE-"), imap.Unusable("\xff"), imap.Unusable("&AOQ-&AOQ-")}, ev.get()); d != "" {
		t.Error(d)
	}
}

func TestList(t *testing.T) {
	yes := func(s string) *imap.Status { return &imap.Status{Messages: uint32(len(s))} }
	for _, tt := range []struct{ name, caps, script string }{
		{"one round trip", "LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE OBJECTID", `
			C: A LIST "" "*" RETURN (SUBSCRIBED STATUS (...) SPECIAL-USE)
			S: * LIST (\Subscribed \Trash) "/" aa
			S: * LIST (\NonExistent) "/" no
			S: * LIST () "/" b
			S: * STATUS b (MESSAGES 1)
			S: * STATUS "aa" (X (1 2) UIDNEXT 4294967296 MESSAGES 2)
			S: A OK`},
		{"one status did not come", "LIST-EXTENDED LIST-STATUS SPECIAL-USE", `
			C: A LIST "" "*" RETURN (SUBSCRIBED STATUS (...) SPECIAL-USE)
			S: * LIST (\Subscribed \Trash) "/" aa
			S: * STATUS "aa" (MESSAGES 2)
			S: * LIST () "/" b
			S: * LIST (\NonExistent) "/" no
			S: A OK
			C: B STATUS "b" (...)
			S: * STATUS b (MESSAGES 1)
			S: B OK`},
		{"old server", "", `
			C: A LSUB "" "*"
			C: B LIST "" "*"
			S: A BAD what
			S: * LIST (\Subscribed \Trash) "/" aa
			S: * LIST () "/" b
			S: * LIST (\NonExistent) "/" no
			S: B OK
			C: C STATUS "aa" (...)
			C: D STATUS "b" (...)
			S: * STATUS aa (MESSAGES 2)
			S: C OK
			S: * STATUS b (MESSAGES 1)
			S: D OK`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, tt.caps, tt.script)
			all, err := s.List(t.Context(), true)
			want := []imap.Mailbox{
				{Name: "aa", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrSubscribed, goimap.MailboxAttrTrash}, Subscribed: true, Status: yes("12")},
				{Name: "b", Delim: '/', Status: yes("1")},
				{Name: "no", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNonExistent}},
			}
			if d := diff.Diff(want, all, diff.AllowUnexported(imap.Mailbox{})); d != "" || err != nil {
				t.Errorf("%v, %s", err, d)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	var ev events
	s := play(t, imaptest.Script{Text: loggedIn("CONDSTORE OBJECTID") + `C: A STATUS INBOX (...)
		C: B STATUS "no" (...)
		S: * STATUS other (MESSAGES 1)
		S: * LIST () "/" new
		S: * STATUS inbox (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 UNSEEN 1 HIGHESTMODSEQ 99999999999 MAILBOXID (F1))
		S: A OK
		S: B NO [NONEXISTENT] no
		C: C NOOP
		S: C OK`}, imap.Options{Event: ev.add})
	got, err := s.Status(t.Context(), "inbox", "no")
	want := map[string]*imap.Status{"INBOX": {Messages: 3, UIDNext: 9, UIDValidity: 7, Unseen: 1, HighestModSeq: 99999999999}}
	if d := diff.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
	if d := diff.Diff([]imap.Event{imap.Listed{Name: "new", Delim: '/'}, imap.ChangedMailbox{Name: "other", Status: imap.Status{Messages: 1}}}, ev.get(), diff.AllowUnexported(imap.Listed{})); d != "" {
		t.Error(d)
	}
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

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

func TestSearch(t *testing.T) {
	s := script(t, "ESEARCH", `C: A UID SEARCH RETURN (ALL) ALL
		S: * ESEARCH (TAG "T1") UID ALL 1:3,9
		S: A OK
		C: B UID SEARCH RETURN (ALL) DELETED
		S: * ESEARCH (TAG "T2") UID
		S: B OK
		C: C UID SEARCH RETURN (ALL) UID 10:* HEADER "Message-ID" "<a@b>"
		S: * SEARCH 9 12
		S: C OK
		C: D UID SEARCH RETURN (ALL) ALL
		S: D NO [LIMIT] no`)
	if all, err := s.SearchAll(t.Context()); err != nil || all.String() != "1:3,9" {
		t.Errorf("%s, %v", all, err)
	}
	if all, err := s.SearchDeleted(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%s, %v", all, err)
	}
	if all, err := s.SearchHeader(t.Context(), "Message-ID", "<a@b>", 10); err != nil || all.String() != "12" {
		t.Errorf("%s, %v", all, err)
	}
	if _, err := s.SearchAll(t.Context()); !errors.As(err, new(*imap.Error)) {
		t.Error(err)
	}
}

func TestExpunge(t *testing.T) {
	var ev events
	s := play(t, imaptest.Script{Text: loggedIn("UIDPLUS") + `C: A UID EXPUNGE 3:4
		S: * 1 EXPUNGE
		S: * VANISHED 4
		S: A OK
		C: B EXPUNGE
		S: B NO read-only`}, imap.Options{Event: ev.add})
	if err := s.Expunge(t.Context(), goimap.UIDSetNum(3, 4)); err != nil {
		t.Error(err)
	}
	if err := s.ExpungeAll(t.Context()); !errors.As(err, new(*imap.Error)) {
		t.Error(err)
	}
	if d := diff.Diff([]imap.Event{imap.Expunged(1), imap.Vanished(goimap.UIDSetNum(4))}, ev.get()); d != "" {
		t.Error(d)
	}
	if err := script(t, "", "").Expunge(t.Context(), goimap.UIDSetNum(3)); !errors.As(err, new(*imap.UnsupportedError)) {
		t.Error(err)
	}
}

func TestMailboxVerbs(t *testing.T) {
	s := script(t, "UNSELECT", `C: A CREATE "a&AOQ-&-"
		S: A OK
		C: B DELETE "a\"\\"
		S: B NO [CANNOT] no
		C: C RENAME "a" "b"
		S: C OK
		C: D SUBSCRIBE INBOX
		S: D OK
		C: E UNSUBSCRIBE "a"
		S: E OK
		C: F UNSELECT
		S: F OK
		C: G LOGOUT
		hang`)
	ctx := t.Context()
	if err := s.Create(ctx, "aä&"); err != nil {
		t.Error(err)
	}
	var refused *imap.Error
	if err := s.Delete(ctx, `a"\`); !errors.As(err, &refused) || refused.Code != "CANNOT" || refused.Command != "DELETE" {
		t.Error(err)
	}
	for _, err := range []error{s.Rename(ctx, "a", "b"), s.Subscribe(ctx, "inbox"), s.Unsubscribe(ctx, "a"), s.Unselect(ctx), s.Logout(ctx)} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestNamespace(t *testing.T) {
	for caps, text := range map[string]string{
		"NAMESPACE": "C: A NAMESPACE\n" + `S: * NAMESPACE (("INBOX." ".")) NIL (("shared." "."))` + "\nS: A OK",
		"":          "C: A LIST \"\" \"\"\n" + `S: * LIST (\Noselect) "." ""` + "\nS: A OK",
	} {
		prefix, delim, err := script(t, caps, text).Namespace(t.Context())
		if want := map[string]string{"NAMESPACE": "INBOX."}[caps]; prefix != want || delim != '.' || err != nil {
			t.Errorf("%s: %q, %q, %v", caps, prefix, delim, err)
		}
	}
}

// Unsolicited responses at any time become events, in order.
func TestEvents(t *testing.T) {
	var ev events
	arrived := make(chan struct{})
	s := play(t, imaptest.Script{Text: loggedIn("IDLE NOTIFY") + `C: A NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))
		S: * STATUS other (MESSAGES 3 UIDNEXT 4)
		S: A OK
		S: * LIST (\NonExistent) "/" gone
		S: + nobody asked
		C: B IDLE
		S: + idling
		S: * 5 EXISTS
		S: * 2 FETCH (FLAGS (\Seen) UID 7)
		S: * OK [ALERT] fire
		S: * OK still here
		S: * 2 EXPUNGE
		C: DONE
		S: * 4 EXISTS
		S: B OK
		C: C IDLE
		S: + idling
		S: C OK timeout
		C: D IDLE
		S: D NO not now
		C: E NOOP
		S: * BYE [UNAVAILABLE] restart
		hang`}, imap.Options{Event: func(e imap.Event) {
		ev.add(e)
		if _, ok := e.(imap.Expunged); ok {
			close(arrived)
		}
	}})
	ctx := t.Context()
	if err := s.Notify(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Idle(ctx, arrived); err != nil {
		t.Error(err)
	}
	if err := s.Idle(ctx, nil); err != nil { // the server ends it
		t.Error(err)
	}
	if err := s.Idle(ctx, nil); !errors.As(err, new(*imap.Error)) {
		t.Error(err)
	}
	var bye *imap.Error
	if err := s.Noop(ctx); !errors.As(err, &bye) || bye.Status != "BYE" || bye.Code != "UNAVAILABLE" {
		t.Error(err)
	}
	want := []imap.Event{imap.ChangedMailbox{Name: "other", Status: imap.Status{Messages: 3, UIDNext: 4}},
		imap.Listed{Name: "gone", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNonExistent}},
		imap.Exists(5), imap.Changed{Seq: 2, UID: 7, Flags: []imap.Flag{goimap.FlagSeen}, Size: -1}, imap.Alert("fire"), imap.Expunged(2), imap.Exists(4)}
	if d := diff.Diff(want, ev.get(), diff.AllowUnexported(imap.Listed{})); d != "" {
		t.Error(d)
	}
}

func TestNonsense(t *testing.T) {
	for _, text := range []string{"S: what", "S: T9 OK", "S: T1 WHAT", "S: * 1 FETCH UID", "S: * 1 FETCH (UID x)", "S: * 99999999999 EXISTS",
		"S: * SEARCH x", "S: * VANISHED x", "S: * LIST foo", "S: * 1 FETCH (" + strings.Repeat("X (", 100), "S: * 1 FETCH (UID 1 FLAGS (\\Seen)"} {
		s := script(t, "", "C: A UID SEARCH ALL\n"+text+"\nhang")
		_, err := s.SearchAll(t.Context())
		if !errors.As(err, new(*imap.ProtocolError)) {
			t.Errorf("%s: got %v", text, err)
		}
		s.Close()
	}
}

func TestCloseEndsACommand(t *testing.T) {
	srv := imaptest.Script{Text: loggedIn("") + "C: A NOOP\nhang"}.Start()
	var s *imap.Session
	ready := make(chan struct{})
	s, err := imap.Connect(t.Context(), imap.Options{Dial: srv.Dial, Trace: func(dir byte, _ string) {
		if dir == 'C' {
			go func() { <-ready; s.Close() }()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	if err := s.Noop(context.Background()); err == nil || !strings.Contains(err.Error(), "session closed") {
		t.Errorf("got %v", err)
	}
	if slices.Contains([]string{""}, message(s.Noop(t.Context()))) {
		t.Error("a command on a closed session")
	}
}
