package plan

import (
	"testing"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

func TestIdentity(t *testing.T) {
	h := func(b byte) (s [32]byte) { s[0] = b; return s }
	for _, test := range []struct {
		name string
		a, b Identity
		want bool
	}{
		{"nothing known", Identity{Size: 5}, Identity{Size: 5}, false},
		{"the bytes", Identity{Hash: h(1), MessageID: "<a>", Size: 5}, Identity{Hash: h(1), MessageID: "<b>", Size: 6}, true},
		{"other bytes, same Message-ID", Identity{Hash: h(1), MessageID: "<a>", Size: 5}, Identity{Hash: h(2), MessageID: "<a>", Size: 5}, false},
		{"EMAILID", Identity{EmailID: "M1", Size: 5}, Identity{EmailID: "M1", Size: 6}, true},
		{"other EMAILID, same Message-ID", Identity{EmailID: "M1", MessageID: "<a>", Size: 5}, Identity{EmailID: "M2", MessageID: "<a>", Size: 5}, false},
		{"EMAILID of one only", Identity{EmailID: "M1", MessageID: "<a>", Size: 5}, Identity{MessageID: "<a>", Size: 5}, true},
		{"Message-ID, other size", Identity{MessageID: "<a>", Size: 5}, Identity{MessageID: "<a>", Size: 6}, false},
		{"Message-ID of one only", Identity{MessageID: "<a>", Header: h(1), Size: 5}, Identity{Header: h(1), Size: 5}, false},
		{"header", Identity{Header: h(1), Size: 5}, Identity{Header: h(1), Size: 5}, true},
		{"marked here, not there", Identity{MessageID: "<a>", Size: 27, Marks: 22}, Identity{MessageID: "<a>", Size: 5}, true},
		{"marked otherwise there", Identity{MessageID: "<a>", Size: 27, Marks: 22}, Identity{MessageID: "<a>", Size: 43, Marks: 38}, true},
		{"marked, which the base does not know", Identity{Header: h(1), Size: 27}, Identity{Header: h(1), Size: 27, Marks: 22}, true},
		{"marked, other size", Identity{MessageID: "<a>", Size: 27, Marks: 22}, Identity{MessageID: "<a>", Size: 6}, false},
		{"header, other size", Identity{Header: h(1), Size: 5}, Identity{Header: h(1), Size: 6}, false},
	} {
		if got, back := test.a.Same(test.b), test.b.Same(test.a); got != test.want || back != test.want {
			t.Errorf("%s: %v, the other way %v; want %v", test.name, got, back, test.want)
		}
		files := newPool(filesOf)
		files.add(&newcomer[File]{it: File{ID: test.a}})
		if found := files.find(test.b, nil) != nil; found != test.want {
			t.Errorf("%s: found %v; want %v", test.name, found, test.want)
		}
	}
}

// Where only the dates tell equal copies apart, those of one date find each other, whatever the order.
func TestDatesTellCopiesApart(t *testing.T) {
	file := func(k string, d int) File {
		f := File{ID: identityOf("a")}
		f.Key, f.ID.Date = maildir.Key(k), day(d)
		return f
	}
	message := func(uid int, d int) Message {
		m := Message{ID: identityOf("a")}
		m.UID, m.ID.Date, m.ID.Hash = imap.UID(uid), day(d), [32]byte{}
		return m
	}
	plan, err := Diff([]Mailbox{{Name: "INBOX", Known: true, Exist: Both,
		Files:    Seq([]File{file("x", 1), file("y", 2), file("z", 3)}),
		Messages: Seq([]Message{message(1, 3), message(2, 2), message(3, 9)})}}, Policy{Create: Both})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, op := range plan.Ops {
		got[string(op.Pair.Key)] = int(op.Pair.UID)
	}
	if len(got) != 3 || got["z"] != 1 || got["y"] != 2 || got["x"] != 3 {
		t.Error(got)
	}
}
