package imap_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	s := script(t, "CONDSTORE", `C: A UID STORE 3:9 (UNCHANGEDSINCE 50) +FLAGS (\Seen $x)
		S: * 3 FETCH (UID 3 MODSEQ (60))
		S: * 8 FETCH (UID 99 FLAGS (\Deleted) MODSEQ (61))
		S: A OK [MODIFIED 7,9:12] conditional
		C: B UID STORE 3 (UNCHANGEDSINCE 50) -FLAGS (\Seen)
		S: B NO [MODIFIED 3] gone
		C: C UID STORE 3 -FLAGS (\Seen)
		S: C NO [NOPERM] no
		C: D UID STORE 3 FLAGS ()
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

func TestSearch(t *testing.T) {
	s := script(t, "ESEARCH", `C: A UID SEARCH RETURN (ALL) ALL
		S: * ESEARCH (TAG "T1") UID ALL 1:3,9
		S: A OK
		C: B UID SEARCH RETURN (ALL) DELETED
		S: * ESEARCH (TAG "T2") UID
		S: B OK
		C: C UID SEARCH RETURN (ALL) HEADER "Message-ID" "<a@b>"
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
	header := goimap.SearchCriteriaHeaderField{Key: "Message-ID", Value: "<a@b>"}
	if all, err := s.Search(t.Context(), &goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{header}}); err != nil || all.String() != "9,12" {
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
	for _, text := range []string{"S: T9 OK", "S: T1 WHAT", "S: * 1 FETCH (" + strings.Repeat("X (", 100), "S: * LIST () \"/\" {99999999}", strings.Repeat("S: what\n", 1001)} {
		s := script(t, "", "C: A UID SEARCH ALL\n"+text+"\nhang")
		_, err := s.SearchAll(t.Context())
		if !errors.As(err, new(*imap.ProtocolError)) {
			t.Errorf("%s: got %v", text, err)
		}
		s.Close()
	}
}

// A line that cannot be read is passed over, with the literals in it: what it was to say is missing then, and no more.
func TestStrayLines(t *testing.T) {
	for _, text := range []string{"S: what", "S: [COPYUID 5 1 2] done", `S= "* {25}\r\n* SEARCH 9 9 9 9 9 9 9 9 9\r\n"`, "S: * 1 FETCH UID", "S: * 1 FETCH (UID x)",
		"S: * 99999999999 EXISTS", "S: * LIST foo", `S: * LIST (\X) "/" "a"b" c`, `S: * STATUS "a"b" (MESSAGES 3)`, `S= "* STATUS \"a\"b\" (X {12}\r\n* SEARCH 9\r\n)\r\n"`,
		`S: * 1 FETCH (UID 1 FLAGS (\Seen)`, "S: * 1 FETCH (UID 1 FLAGS ()) MODSEQ (5)", `S= "* 1 FETCH (UID 1) BODY[] {12}\r\n* SEARCH 9\r\n)\r\n"`, "S: 1 FETCH (UID 1 FLAGS ())"} {
		s := script(t, "", "C: A UID SEARCH ALL\n"+text+"\nS: * SEARCH 7\nS: A OK")
		if found, err := s.SearchAll(t.Context()); err != nil || found.String() != "7" {
			t.Errorf("%s: got %v, %v", text, found, err)
		}
	}
}

// A line that cannot be read, and that counts, fails the command that gathers such lines: what is left is not taken for all there is. Any
// other command goes on, and the session does too.
func TestUnreadable(t *testing.T) {
	search := func(s *imap.Session) error { _, err := s.SearchAll(t.Context()); return err }
	selects := func(s *imap.Session) error {
		_, err := s.Select(t.Context(), "x", &imap.Resync{UIDValidity: 1, ModSeq: 5})
		return err
	}
	for _, tt := range []struct {
		caps, before, command string
		lines                 []string
		do                    func(*imap.Session) error
	}{
		{"", "", "UID SEARCH ALL", []string{"* SEARCH x", "* SEARCH 1 2 x 3", "* SEARCH 1:5", "* SEARCH 0", "* SEARCH 4294967296", "* SEARCH -1", "* SEARCH (",
			"* SEARCH 3 {4}\r\n* 1 ", "* ESEARCH UID ALL x", "* ESEARCH (TAG", "* ESEARCH UID ALL 1:*", "* ESEARCH UID ALL 0", "* ESEARCH UID ALL"}, search},
		{"ENABLE CONDSTORE QRESYNC", "C: E ENABLE CONDSTORE QRESYNC\nS: * ENABLED CONDSTORE QRESYNC\nS: E OK\n", "SELECT \"x\" (QRESYNC (1 5))",
			[]string{"* VANISHED (EARLIER) x", "* VANISHED (EARLIER)", "* VANISHED (EARLIER 3", "* VANISHED x", "* VANISHED (EARLIER) 1:*", "* VANISHED (EARLIER) {1}\r\nx"}, selects},
	} {
		for _, line := range tt.lines {
			s := script(t, tt.caps, tt.before+"C: A "+tt.command+"\nS: * 3 EXISTS\nS= "+strconv.Quote(line+"\r\n")+
				"\nS: * OK [UIDVALIDITY 1] x\nS: * OK [HIGHESTMODSEQ 9] x\nS: A OK\nC: B NOOP\nS= "+strconv.Quote(line+"\r\n")+"\nS: B OK")
			if err := tt.do(s); !errors.As(err, new(*imap.UnreadableError)) || errors.As(err, new(*imap.ProtocolError)) {
				t.Errorf("%s: got %v", line, err)
			}
			if err := s.Noop(t.Context()); err != nil {
				t.Errorf("behind %s: %v", line, err)
			}
		}
	}
}

// Rows of FETCH that are almost right are read.
func TestStrayFetch(t *testing.T) {
	s := script(t, "", `C: A UID FETCH 1:9 (UID FLAGS)
		S: 1 FETCH (UID 1 FLAGS (\Seen))
		S: * 2 FETCH (UID 2 FLAGS ()) MODSEQ (7)
		S: * 3 FETCH (UID 3 FLAGS (
		S: [COPYUID 1 2 3]
		S: * 4 FETCH (UID 4 FLAGS ())
		S: A OK`)
	all, err := collect(t, s.FetchFlags(t.Context(), goimap.UIDSet{{Start: 1, Stop: 9}}, 0, nil))
	if want := []got{{1, `\Seen`, ""}, {2, "", ""}, {4, "", ""}}; err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("%v, %v", all, err)
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
