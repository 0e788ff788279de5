package base

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/message"
)

// based is an account with a mailbox INBOX (fs) and one A.
func based(t testing.TB) (*index.Store, *Account, *Mailbox, *Mailbox) {
	t.Helper()
	s := open(t, newRoot(t))
	a, err := Open(t.Context(), s, index.Login{User: "alice", Host: "Mail.Example.ORG"})
	if err != nil {
		t.Fatal(err)
	}
	in, other := &Mailbox{Name: "INBOX", Folder: "INBOX"}, &Mailbox{Name: "A/B", Folder: "A/B"}
	must(t, a.Enter(t.Context(), in), a.Enter(t.Context(), other))
	return s, a, in, other
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// paired is the agreement on a message that is new here.
func paired(box *Mailbox, uid imap.UID, key string) Agreement {
	g := Agreement{Mailbox: box.ID, Pair: plan.Pair{UID: uid, Key: maildir.Key(key), Size: 100 + int64(uid), Date: time.Unix(1e9+int64(uid), 0).UTC()}, EmailID: fmt.Sprint("E", uid)}
	g.Message = &index.Message{Date: g.Pair.Date, Wire: maildir.Wire{Size: g.Pair.Size, Hash: [32]byte{byte(uid)}, Exact: true},
		Header: [32]byte{1, byte(uid)}, Summary: message.Summary{Subject: fmt.Sprint("letter ", uid), MessageID: fmt.Sprint(uid, "@x")}}
	if key != "" {
		g.Entry = maildir.EntryOf(key+":2,S", false)
		g.Pair.Local.Set = maildir.FlagSeen
	}
	return g
}

// shown shows all rows and messages.
func shown(t testing.TB, s *index.Store, a *Account) string {
	t.Helper()
	var lines []string
	boxes, err := a.Mailboxes(t.Context())
	must(t, err)
	for _, b := range boxes {
		seen := map[int64]bool{}
		add := func(r Row, err error) {
			must(t, err)
			if !seen[r.ID] {
				seen[r.ID] = true
				lines = append(lines, fmt.Sprintf("%s %d %s %d %s|%s m%d", b.Name, r.UID, r.Key, r.State, r.Local.Set, r.Remote.Set, r.Message))
			}
		}
		for r, err := range a.ByUID(t.Context(), b.ID, nil) {
			add(r, err)
		}
		for r, err := range a.ByKey(t.Context(), b.ID) {
			add(r, err)
		}
		if n, err := a.Count(t.Context(), b.ID); err != nil || len(seen) != n || b.Some != (n > 0) {
			t.Errorf("%s counts %d (%t) of %d, %v", b.Name, n, b.Some, len(seen), err)
		}
	}
	ms, err := s.Select(t.Context(), "", "TRUE ORDER BY m.date DESC, m.id DESC")
	must(t, err)
	for _, m := range ms {
		lines = append(lines, fmt.Sprintf("m%d %s %s %q %s", m.ID, m.Mailbox, m.Entry.Rel(), m.Summary.Subject, strings.TrimPrefix(s.Path(m), string(root(s)))))
	}
	return strings.Join(lines, "\n")
}

// Agreements, by the rule of plan.Op.
func TestAgree(t *testing.T) {
	s, a, in, other := based(t)
	ctx := t.Context()
	must(t, a.Agree(ctx, []Agreement{paired(in, 1, "k1"), paired(in, 2, "k2"), paired(in, 3, "")}))
	want(t, "entered", shown(t, s, a), `INBOX 1 k1 0 S| m1
INBOX 2 k2 0 S| m2
INBOX 3  0 | m3
m3 INBOX cur/ "letter 3" 
m2 INBOX cur/k2:2,S "letter 2" /INBOX/cur/k2:2,S
m1 INBOX cur/k1:2,S "letter 1" /INBOX/cur/k1:2,S`)

	move := Agreement{Mailbox: in.ID, To: other.ID, UID: 1, Key: "k1", Pair: plan.Pair{UID: 9, Key: "k1"}, Entry: maildir.EntryOf("k1:2,", false)}
	body := paired(in, 3, "k3")
	body.UID = 3
	must(t, a.Agree(ctx, []Agreement{move, {Mailbox: in.ID, UID: 2, Key: "k2"}, body}))
	want(t, "moved, forgotten, embodied", shown(t, s, a), `A/B 9 k1 0 | m1
INBOX 3 k3 0 S| m3
m3 INBOX cur/k3:2,S "letter 3" /INBOX/cur/k3:2,S
m1 A/B cur/k1:2, "letter 1" /A/B/cur/k1:2,`)
	id, _, err := a.Identify(ctx, other.ID, plan.Pair{UID: 9, Key: "k1"})
	if err != nil || id.EmailID != "E1" || id.MessageID != "1@x" || id.Hash[0] != 1 {
		t.Errorf("%+v %v", id, err)
	}

	orphan := paired(in, 4, "k4")
	orphan.Pair.UID, orphan.Pair.State = 0, plan.Orphan
	must(t, a.Agree(ctx, []Agreement{orphan}))
	always, err := a.AlwaysInView(ctx, in.ID)
	if err != nil || len(always) != 2 { // k3's flags differ from the server's
		t.Errorf("%v %v", always, err)
	}
	up := Agreement{Mailbox: in.ID, Key: "k4", Pair: plan.Pair{UID: 5, Key: "k4"}}
	must(t, a.Agree(ctx, []Agreement{up, up})) // twice is as good as once
	want(t, "uploaded", shown(t, s, a), `A/B 9 k1 0 | m1
INBOX 3 k3 0 S| m3
INBOX 5 k4 0 | m4
m4 INBOX cur/k4:2,S "letter 4" /INBOX/cur/k4:2,S
m3 INBOX cur/k3:2,S "letter 3" /INBOX/cur/k3:2,S
m1 A/B cur/k1:2, "letter 1" /A/B/cur/k1:2,`)

	r, err := s.Refresh(ctx)
	if err != nil || r != (index.Refreshed{Scanned: 0}) {
		t.Errorf("a refresh touched what mirror keeps: %+v %v", r, err)
	}
	other.Name, other.Folder = "C", "C"
	must(t, a.Enter(ctx, other), a.Drop(ctx, in.ID))
	want(t, "renamed, dropped", shown(t, s, a), `C 9 k1 0 | m1
m1 C cur/k1:2, "letter 1" /C/cur/k1:2,`)
}

// What was about to be published when a run was stopped: found, or asked for again.
func TestArriving(t *testing.T) {
	s, a, in, _ := based(t)
	ctx := t.Context()
	known := paired(in, 2, "")
	must(t, a.Agree(ctx, []Agreement{known}))
	again := paired(in, 2, "k2")
	again.UID = 2
	_, err := a.Arrive(ctx, []Agreement{paired(in, 1, "k1"), again, paired(in, 3, "k3")})
	must(t, err)
	rows, err := a.Arriving(ctx, in.ID)
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v %v", rows, err)
	}
	must(t, a.Arrived(ctx, rows[:1], rows[1:]))
	want(t, "resumed", shown(t, s, a), strings.Replace(`INBOX 1 x 0 S| m2
INBOX 2  0 S| m1
INBOX 3  0 S| m3
m3 INBOX cur/ "letter 3" 
m1 INBOX cur/ "letter 2" 
m2 INBOX cur/k1:2,S "letter 1" /INBOX/cur/k1:2,S`, "x", string(rows[0].Key), 1))
}

// A base that was matched again keeps the NUMBERs.
func TestRebase(t *testing.T) {
	s, a, in, _ := based(t)
	ctx := t.Context()
	must(t, a.Agree(ctx, []Agreement{paired(in, 1, "k1"), paired(in, 2, ""), paired(in, 3, "k3"), paired(in, 4, "")}))
	one, two := paired(in, 1, "k1"), paired(in, 2, "")
	one.Pair.UID, two.Pair.UID = 2, 1
	lost := paired(in, 7, "") // nothing is known of it
	must(t, a.Rebase(ctx, in.ID, []Agreement{one, two, lost, paired(in, 3, "k5")}))
	want(t, "rebased", shown(t, s, a), `INBOX 1  0 | m2
INBOX 2 k1 0 S| m1
INBOX 3 k5 0 S| m5
m5 INBOX cur/k5:2,S "letter 3" /INBOX/cur/k5:2,S
m2 INBOX cur/ "letter 2" 
m1 INBOX cur/k1:2,S "letter 1" /INBOX/cur/k1:2,S`)
}

// State, intents, pending changes and notices are read as they were written.
func TestRemembered(t *testing.T) {
	_, a, in, other := based(t)
	ctx := t.Context()
	in.UIDValidity, in.MailboxID, in.UIDNext, in.Messages, in.ModSeq = 7, "F1", 8, 9, 1<<62
	in.Stamp, in.PermanentFlags, in.ReadOnly, in.Made = maildir.Stamp{New: 1, Cur: 2}, plan.PermanentFlags{Flags: maildir.Flags{Set: 5, Keywords: "a b"}, Any: true}, true, true
	must(t, a.Record(ctx, *in))
	boxes, err := a.Mailboxes(ctx)
	if err != nil || len(boxes) != 2 || boxes[1] != *in {
		t.Errorf("%+v %v", boxes, err)
	}
	is := []Intent{{Mailbox: in.ID, Key: "k", To: in.ID, UIDValidity: 7, UIDNext: 8}, {Mailbox: in.ID, UID: 3, To: other.ID, UIDNext: 1}}
	must(t, a.Intend(ctx, is), a.Fruitless(ctx, is[0]), a.Intend(ctx, is[:1]), a.Settled(ctx, is[1]))
	got, err := a.Intents(ctx)
	if err != nil || len(got) != 1 || got[0] != is[0] || got[0].Tries != 1 {
		t.Errorf("%+v %v", got, err)
	}
	f := maildir.Flags{Set: maildir.FlagSeen, Keywords: "work"}
	must(t, a.Pend(ctx, in.ID, maildir.PendingChange{UID: 1, Flags: &f}), a.Pend(ctx, in.ID, maildir.PendingChange{UID: 2, To: "A"}),
		a.Pend(ctx, in.ID, maildir.PendingChange{UID: 3, Delete: true}), a.Pend(ctx, in.ID, maildir.PendingChange{UID: 3}))
	ws, err := a.Pending(ctx, in.ID)
	if err != nil || len(ws) != 2 || *ws[0].Flags != f || ws[1] != (maildir.PendingChange{UID: 2, To: "A"}) {
		t.Errorf("%+v %v", ws, err)
	}
	must(t, a.Agree(ctx, []Agreement{{Mailbox: in.ID, UID: 1}}))
	if ws, err = a.Pending(ctx, in.ID); err != nil || len(ws) != 1 {
		t.Errorf("a pending change outlived its pair: %+v %v", ws, err)
	}
	must(t, a.Said(ctx, []string{"x"}))
	if said, err := a.Notices(ctx); err != nil || fmt.Sprint(said) != "[x]" {
		t.Errorf("%v %v", said, err)
	}
}

// Streams give every row once, over the edges of pages, and a part of them by a set.
func TestStreams(t *testing.T) {
	_, a, in, _ := based(t)
	ctx := t.Context()
	var as []Agreement
	const many = 2*pairPage + 7
	for n := range many {
		as = append(as, paired(in, imap.UID(2*n+1), fmt.Sprintf("k%05d", many-n)))
	}
	must(t, a.Agree(ctx, as))
	n, last := 0, imap.UID(0)
	for r, err := range a.ByUID(ctx, in.ID, nil) {
		if must(t, err); r.UID <= last {
			t.Fatalf("%d after %d", r.UID, last)
		}
		n, last = n+1, r.UID
	}
	keys, lastKey := 0, maildir.Key("")
	for r, err := range a.ByKey(ctx, in.ID) {
		if must(t, err); r.Key <= lastKey {
			t.Fatalf("%s after %s", r.Key, lastKey)
		}
		keys, lastKey = keys+1, r.Key
	}
	part := 0
	for _, err := range a.ByUID(ctx, in.ID, imap.UIDSet{{Start: 1, Stop: 4}, {Start: 9, Stop: 9}, {Start: many, Stop: ^imap.UID(0)}}) {
		must(t, err)
		part++
	}
	held, err := a.Held(ctx, in.ID)
	if n != many || keys != many || part != 3+many/2+1 || held != many || err != nil {
		t.Errorf("%d %d %d %d %v", n, keys, part, held, err)
	}
}

// What entering 10,000 messages costs, in batches of a few hundred.
func BenchmarkAgree(b *testing.B) {
	_, a, in, _ := based(b)
	uid := imap.UID(0)
	for b.Loop() {
		as := make([]Agreement, 256)
		for i := range as {
			uid++
			as[i] = paired(in, uid, fmt.Sprint("k", uid))
		}
		rows, err := a.Arrive(context.Background(), as)
		must(b, err, a.Arrived(context.Background(), rows, nil))
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(uid), "µs/message")
}
