package imap_test

import (
	"errors"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	diff "github.com/google/go-cmp/cmp"

	"postie/imap"
	"postie/imap/imaptest"
)

// Trap 10: a name that is not modified UTF-7, or not as it would be written again, stands as it came; one that no command can hold is
// told, and cannot be selected.
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
		S: * LIST () "/" ""
		S: * LIST (\noselect) "." inBOX ("CHILDINFO" ("SUBSCRIBED"))
		S: * LIST () "" x&-y
		S: * LIST () "/" two words 
		S: B OK`}, imap.Options{Event: ev.add})
	all, err := s.List(t.Context(), false)
	want := []imap.Mailbox{
		{Name: "INBOX", Delim: '.', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNoSelect}},
		{Name: "a", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrHasNoChildren, "x]y"}, Subscribed: true},
		{Name: "c d"}, {Name: "two words", Delim: '/'}, {Name: "x&y"}, {Name: `ä"b`, Delim: '/'},
		{Name: "\uFDD026AGE-", Delim: '/'}, {Name: "\uFDD026AOQ-\uFDD026AOQ-", Delim: '/'}, {Name: "\uFDD026bad", Delim: '/'}, {Name: "\uFDD0FF", Delim: '/'},
	}
	want = append([]imap.Mailbox{{Delim: '/', Unusable: true}}, want...)
	for i := range want {
		want[i].Told = true
	}
	if d := diff.Diff(want, all, diff.AllowUnexported(imap.Mailbox{})); d != "" || err != nil {
		t.Errorf("%v, %s", err, d)
	}
	if d := diff.Diff([]imap.Event{imap.Unusable("")}, ev.get()); d != "" {
		t.Error(d)
	}
}

// A name that is not modified UTF-7 is sent as it came, by every command that takes one.
func TestRawNamesGoAsTheyCame(t *testing.T) {
	s := play(t, imaptest.Script{Text: loggedIn("IMAP4rev1 MOVE UIDPLUS") + `C: A LSUB "" "*"
		C: B LIST "" "*"
		S: A OK
		S: * LIST () "/" "Rock & Roll"
		S= "* LIST () \"/\" \"Entw\xfcrfe\"\r\n"
		S: * LIST () "/" "a&-b"
		S: B OK
		C: C STATUS "Rock & Roll" (...)
		S: * STATUS "Rock & Roll" (MESSAGES 3)
		S: C OK
		C: D SELECT "Rock & Roll"
		S: * 3 EXISTS
		S: * OK [UIDVALIDITY 7] x
		S: D OK [READ-WRITE]
		C: E UID COPY 1 "Rock & Roll"
		S: E OK
		C: F UID MOVE 1 "Rock & Roll"
		S: F OK
		C: G RENAME "Rock & Roll" "Rock &- Roll"
		S: G OK
		C: H SUBSCRIBE "Rock & Roll"
		S: H OK
		C: I CREATE "Rock & Roll/sub"
		S: I OK
		C: J DELETE "Rock & Roll"
		S: J OK
`}, imap.Options{})
	all, err := s.List(t.Context(), false)
	if err != nil || len(all) != 3 {
		t.Fatalf("%v %v", all, err)
	}
	ctx, name := t.Context(), all[1].Name
	if wire, ok := imap.Raw(name); !ok || wire != "Rock & Roll" || imap.Shown(name, false) != "Rock & Roll" {
		t.Fatalf("%q is %q %v", name, wire, ok)
	}
	if wire, ok := imap.Raw(all[0].Name); !ok || wire != "Entw\xfcrfe" {
		t.Errorf("%q %v", wire, ok)
	}
	if st, err := s.Status(ctx, name); err != nil || st[name] == nil || st[name].Messages != 3 {
		t.Errorf("%v %v", st, err)
	}
	if sel, err := s.Select(ctx, name, nil); err != nil || sel.Name != name || sel.Exists != 3 {
		t.Errorf("%v %v", sel, err)
	}
	_, copyErr := s.Copy(ctx, goimap.UIDSetNum(1), name)
	_, moveErr := s.Move(ctx, goimap.UIDSetNum(1), name)
	for i, err := range []error{copyErr, moveErr, s.Rename(ctx, name, "Rock & Roll"), s.Subscribe(ctx, name), s.Create(ctx, name+"/sub"), s.Delete(ctx, name)} {
		if err != nil {
			t.Errorf("command %d: %v", i, err)
		}
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
				{Name: "aa", Delim: '/', Attrs: []goimap.MailboxAttr{goimap.MailboxAttrSubscribed, goimap.MailboxAttrTrash}, Subscribed: true, Told: true, Status: yes("12")},
				{Name: "b", Delim: '/', Told: tt.caps != "", Status: yes("1")},
				{Name: "no", Delim: '/', Told: tt.caps != "", Attrs: []goimap.MailboxAttr{goimap.MailboxAttrNonExistent}},
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
		C: F SELECT "a"
		S: F OK
		C: G UNSELECT
		S: G OK
		C: H LOGOUT
		hang`)
	ctx := t.Context()
	if err := s.Create(ctx, "aä&"); err != nil {
		t.Error(err)
	}
	var refused *imap.Error
	if err := s.Delete(ctx, `a"\`); !errors.As(err, &refused) || refused.Code != "CANNOT" || refused.Command != "DELETE" {
		t.Error(err)
	}
	for _, err := range []error{s.Rename(ctx, "a", "b"), s.Subscribe(ctx, "inbox"), s.Unsubscribe(ctx, "a"), s.Unselect(ctx)} { // nothing is selected
		if err != nil {
			t.Error(err)
		}
	}
	_, err := s.Select(ctx, "a", nil)
	for _, err := range []error{err, s.Unselect(ctx), s.Unselect(ctx), s.Logout(ctx)} {
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

// MYRIGHTS in all the forms that a server may choose (RFC 4314 section 3.8), and a server that says nothing.
func TestMyRights(t *testing.T) {
	s := script(t, "ACL", `C: A MYRIGHTS "Lists"
		S: * MYRIGHTS Lists lrswtikcd
		S: A OK done
		C: B MYRIGHTS "Lists"
		S= "* MYRIGHTS \"Lists\" {2}\r\nlr\r\n"
		S: B OK done
		C: C MYRIGHTS "Lists"
		S: C OK done
		C: D MYRIGHTS "Lists"
		S: D NO what is that?`)
	for _, want := range []imap.Rights{{Insert: true, Delete: true}, {}, {Insert: true, Delete: true, Expunge: true}} {
		if got, err := s.MyRights(t.Context(), "Lists"); err != nil || got != want {
			t.Errorf("%+v %v", got, err)
		}
	}
	if _, err := s.MyRights(t.Context(), "Lists"); err == nil {
		t.Error("no error")
	}
}

// Asked for when the session begins, the namespace costs no round trip of its own. A server that would not tell then is asked again.
func TestNaming(t *testing.T) {
	const told = "\nS: * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\n"
	for name, text := range map[string]string{
		"told":       "C: A NAMESPACE" + told + "S: A OK",
		"unreadable": "C: A NAMESPACE\nS: * NAMESPACE ((x\nS: A OK\nC: B LIST \"\" \"\"\nS: * LIST (\\Noselect) \".\" \"\"\nS: B OK",
		"refused":    "C: A NAMESPACE\nS: A NO [LIMIT] later\nC: B NAMESPACE" + told + "S: B OK",
	} {
		s := play(t, imaptest.Script{Text: "S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi\n" + text}, imap.Options{Naming: true})
		want := "INBOX."
		if name == "unreadable" {
			want = "" // done without
		}
		for range 2 {
			prefix, delim, err := s.Namespace(t.Context())
			if prefix != want || delim != '.' || err != nil {
				t.Errorf("%s: %q, %q, %v", name, prefix, delim, err)
			}
			if name != "told" {
				break
			}
		}
	}
}
