package imap_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/testdata/dovecot"
)

// real connects to a Dovecot by STARTTLS.
func real(t *testing.T, srv *dovecot.Server, o imap.Options) *imap.Session {
	t.Helper()
	pem, err := os.ReadFile(srv.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	o.TLS = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	o.Dial = srv.DialIMAP
	if o.Login == nil {
		o.Login = &who{client: sasl.NewPlainClient("", "alice", dovecot.Password)}
	}
	s, err := imap.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func message822(i int) string {
	return fmt.Sprintf("From: a@example.org\r\nSubject: number %d\r\nMessage-ID: <%d@example.org>\r\n\r\nbody %d\r\n%s\r\n", i, i, i, strings.Repeat("x", i*100))
}

// All verbs, on every rung of capabilities that a server may stand on.
func TestDovecot(t *testing.T) {
	for name, o := range map[string]dovecot.Options{
		"everything": {Compress: true, Notify: true, ListIndex: true},
		"old":        {IMAPCapability: "IMAP4rev1 LITERAL-", Separator: ".", Prefix: "INBOX."},
		"bare":       {IMAPCapability: "IMAP4rev1"},
		"condstore":  {IMAPCapability: "IMAP4rev1 ENABLE CONDSTORE UIDPLUS ESEARCH LITERAL+ NAMESPACE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := dovecot.Start(t, o)
			s := real(t, srv, imap.Options{Compress: true, ID: map[string]string{"name": "postie"}})
			if s.Compressed() != o.Compress || s.QResync() != (name == "everything") {
				t.Errorf("compressed %v, QRESYNC %v", s.Compressed(), s.QResync())
			}
			prefix, delim, err := s.Namespace(t.Context())
			if err != nil || delim != rune(("/" + o.Separator)[len(o.Separator)]) || name == "old" && prefix != "" && prefix != "INBOX." {
				t.Errorf("namespace %q %q %v", prefix, delim, err)
			}
			mailboxes(t, s, o.Prefix, o.Separator)
			messages(t, s, o.Prefix+"Löschen & Räumen")
			other := real(t, srv, imap.Options{})
			changes(t, s, other, o.Prefix+"Löschen & Räumen")
			if err := s.Logout(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func mailboxes(t *testing.T, s *imap.Session, prefix, sep string) {
	ctx := t.Context()
	if sep == "" {
		sep = "/"
	}
	box, sub := prefix+"Löschen & Räumen", prefix+"up"+sep+"日本"
	for _, err := range []error{s.Create(ctx, box), s.Create(ctx, sub), s.Create(ctx, prefix+"old"), s.Rename(ctx, prefix+"old", prefix+"new"),
		s.Subscribe(ctx, box), s.Create(ctx, prefix+"gone"), s.Delete(ctx, prefix+"gone"), s.Subscribe(ctx, "INBOX"), s.Unsubscribe(ctx, "INBOX")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var refused *imap.Error
	if err := s.Create(ctx, box); !errors.As(err, &refused) || refused.Code != "ALREADYEXISTS" {
		t.Errorf("got %v", err)
	}
	all := must[[]imap.Mailbox](t)(s.List(ctx, true))
	var names []string
	for _, m := range all {
		if m.Selectable() != (m.Status != nil) || m.Subscribed != (m.Name == box) {
			t.Errorf("%+v, status %v", m, m.Status)
		}
		if m.Selectable() {
			names = append(names, m.Name)
		}
	}
	if want := []string{"INBOX", box, prefix + "new", sub}; !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(want))) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func messages(t *testing.T, s *imap.Session, box string) {
	ctx := t.Context()
	date := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", -5*3600))
	var refused *imap.Error
	if _, err := s.Append(ctx, box+"x", imap.Upload{Date: date, Size: 5000, Body: strings.NewReader(strings.Repeat("x", 5000))}); !errors.As(err, &refused) || refused.Code != "TRYCREATE" {
		t.Fatalf("got %v", err)
	}
	i := 0
	for a, err := range s.AppendAll(ctx, box, func(yield func(imap.Upload) bool) {
		for i := range 60 {
			m := message822(i)
			if !yield(imap.Upload{Flags: []imap.Flag{goimap.FlagSeen, "$key"}, Date: date, Size: int64(len(m)), Body: strings.NewReader(m)}) {
				return
			}
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Has(goimap.CapUIDPlus) && int(a.UID) != i+1 { // without, Dovecot says it all the same
			t.Errorf("appended %v", a)
		}
		i++
	}
	sel := must[*imap.Selected](t)(s.Select(ctx, box, nil))
	if sel.Exists != 60 || sel.UIDNext != 61 || sel.UIDValidity == 0 || sel.ReadOnly || !sel.Keywords || s.CondStore() != (sel.HighestModSeq > 0) {
		t.Errorf("got %+v", sel)
	}
	st := must[map[string]*imap.Status](t)(s.Status(ctx, box, "nowhere"))
	if len(st) != 1 || st[box].Messages != 60 || st[box].UIDValidity != sel.UIDValidity {
		t.Errorf("got %+v", st)
	}
	got, err := collect(t, s.FetchBodies(ctx, goimap.UIDSet{{Start: 1, Stop: 62}}))
	var missing *imap.MissingError
	if !errors.As(err, &missing) || missing.UIDs.String() != "61:62" || len(got) != 60 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	for i, g := range got {
		if g.body != message822(i) || g.flags != `\Seen $key` && g.flags != `$key \Seen` {
			t.Errorf("message %d: %s, %d octets", i, g.flags, len(g.body))
		}
	}
	for m, err := range s.FetchHeaders(ctx, goimap.UIDSetNum(7), "Message-ID") {
		if err != nil || !m.Date.Equal(date) || m.Size != int64(len(message822(6))) || s.CondStore() != (m.ModSeq > 0) {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if found := must[goimap.UIDSet](t)(s.Search(ctx, &goimap.SearchCriteria{Header: []goimap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: "<6@example.org>"}}})); found.String() != "7" {
		t.Errorf("found %s", found)
	}
	if found := must[goimap.UIDSet](t)(s.SearchAll(ctx)); found.String() != "1:60" {
		t.Errorf("found %s", found)
	}
	must[*imap.Selected](t)(s.Examine(ctx, box, nil))
}

// changes of another session are seen: by STORE's condition, by QRESYNC, by CHANGEDSINCE, and unasked.
func changes(t *testing.T, s, other *imap.Session, box string) {
	ctx := t.Context()
	before := must[*imap.Selected](t)(s.Select(ctx, box, nil))
	must[*imap.Selected](t)(other.Select(ctx, box, nil))
	stored := must[imap.Stored](t)(other.Store(ctx, goimap.UIDSetNum(3, 5), goimap.StoreFlagsAdd, []imap.Flag{goimap.FlagFlagged, goimap.FlagDeleted}, 0))
	if s.CondStore() && (len(stored.Changed) != 2 || stored.Changed[0].ModSeq <= before.HighestModSeq) {
		t.Errorf("stored %+v", stored)
	}
	if s.CondStore() {
		again := must[imap.Stored](t)(s.Store(ctx, goimap.UIDSetNum(3, 4), goimap.StoreFlagsDel, []imap.Flag{goimap.FlagSeen}, before.HighestModSeq))
		if again.Modified.String() != "3" || len(again.Changed) == 0 {
			t.Errorf("stored %+v", again)
		}
		got, err := collect(t, s.FetchFlags(ctx, goimap.UIDSet{{Start: 1}}, before.HighestModSeq, nil))
		if len(got) != 3 || err != nil {
			t.Errorf("changed %v, %v", got, err)
		}
	}
	if found := must[goimap.UIDSet](t)(other.SearchDeleted(ctx)); found.String() != "3,5" {
		t.Errorf("deleted %s", found)
	}
	expunge(t, other)
	copied := must[imap.Copied](t)(other.Copy(ctx, goimap.UIDSetNum(7, 8), "INBOX"))
	if s.Has(goimap.CapUIDPlus) && (len(copied.Source) != 2 || copied.Dest[1] != 2) {
		t.Errorf("copied %+v", copied)
	}
	if s.Has(goimap.CapMove) {
		if moved := must[imap.Copied](t)(other.Move(ctx, goimap.UIDSetNum(9), "INBOX")); len(moved.Dest) != 1 || moved.Dest[0] != 3 {
			t.Errorf("moved %+v", moved)
		}
	}
	if !s.QResync() {
		return
	}
	after := must[*imap.Selected](t)(s.Select(ctx, box, &imap.Resync{UIDValidity: before.UIDValidity, ModSeq: before.HighestModSeq, Known: goimap.UIDSet{{Start: 1, Stop: 60}}}))
	if !after.Resynced || after.Vanished.String() != "3,5,9" || len(after.Changed) != 1 || after.Changed[0].UID != 4 {
		t.Errorf("resync %+v", after)
	}
	var vanished goimap.UIDSet
	if got, err := collect(t, s.FetchFlags(ctx, goimap.UIDSet{{Start: 1, Stop: 60}}, before.HighestModSeq, &vanished)); len(got) != 1 || err != nil || vanished.String() != "3,5,9" {
		t.Errorf("changed %v, vanished %s, %v", got, vanished, err)
	}
}

func expunge(t *testing.T, s *imap.Session) {
	t.Helper()
	err := s.Expunge(t.Context(), goimap.UIDSetNum(3))
	if errors.As(err, new(*imap.UnsupportedError)) {
		err = s.ExpungeAll(t.Context())
	} else if err == nil {
		err = s.Expunge(t.Context(), goimap.UIDSetNum(4, 5))
	}
	if err != nil {
		t.Error(err)
	}
}

func TestDovecotPush(t *testing.T) {
	t.Parallel()
	srv := dovecot.Start(t, dovecot.Options{Notify: true, ListIndex: true})
	ev := make(chan imap.Event, 100)
	s := real(t, srv, imap.Options{Event: func(e imap.Event) { ev <- e }})
	writer := real(t, srv, imap.Options{})
	must[*imap.Selected](t)(s.Select(t.Context(), "INBOX", nil))
	if err := s.Create(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	if err := s.Notify(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop, idled := make(chan struct{}), make(chan error)
	go func() { idled <- s.Idle(t.Context(), stop) }()
	for _, box := range []string{"INBOX", "other"} {
		must[imap.Appended](t)(writer.Append(t.Context(), box, imap.Upload{Size: 4, Body: strings.NewReader("a: b")}))
	}
	seen := map[string]bool{}
	for !seen["INBOX"] || !seen["other"] {
		switch e := (<-ev).(type) {
		case imap.Exists:
			seen["INBOX"] = true
		case imap.ChangedMailbox:
			seen[e.Name] = e.Status.Messages == 1 || seen[e.Name]
		}
	}
	close(stop)
	if err := <-idled; err != nil {
		t.Error(err)
	}
}

func TestDovecotLogin(t *testing.T) {
	t.Parallel()
	srv := dovecot.Start(t, dovecot.Options{Extra: "service anvil {\n unix_listener anvil-auth-penalty {\n mode = 0\n }\n}"})
	s := real(t, srv, imap.Options{Login: &who{user: "alice", password: dovecot.Password}})
	if err := s.Noop(t.Context()); err != nil {
		t.Error(err)
	}
	dial := srv.DialIMAP
	implicit := &who{client: sasl.NewPlainClient("", "alice", dovecot.Password)}
	s, err := imap.Connect(t.Context(), imap.Options{Login: implicit, TLS: &tls.Config{}, Dial: func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", dovecot.Address(srv.IMAPS))
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Noop(t.Context()); err != nil || implicit.state == nil || s.TLS() == nil {
		t.Errorf("implicit TLS: %v, %v", err, implicit.state)
	}
	var login *imap.LoginError
	for _, l := range []*who{{user: "alice", password: "wrong"}, {client: sasl.NewPlainClient("", "alice", "wrong")}} {
		if _, err := imap.Connect(t.Context(), imap.Options{Dial: dial, Login: l}); !errors.As(err, &login) || !login.Refused() {
			t.Errorf("got %v", err)
		}
	}
	if !bytes.Contains([]byte(login.Error()), []byte("AUTHENTICATIONFAILED")) {
		t.Errorf("got %v", login)
	}
}
