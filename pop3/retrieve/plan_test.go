package retrieve

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postie/maildir"
	"postie/maildir/index"
	"postie/pop3"
	"postie/pop3/ledger"
)

// The world of these tests, written down shortly. A message is SIZE and header NAME: its hash, and whether it tells.
//
//	listed:   "1:a/100"      number 1, UIDL a, 100 octets ("1:/100": no UIDL)
//	receipts: "a/100/H1"     stored: UIDL, size, header; + "!" gone, "@" away, "?" matched by content only, "-" its file is
//	                         missing, "*" not whole, "~" 20 days ago, "=" 100
//	heads:    "1=H1"         what TOP says; a small letter h has no Message-ID
//	local:    "100/H1"       a message in the Maildir that no receipt speaks of
func view(t *testing.T, listed, receipts, heads, local string) View {
	t.Helper()
	v := View{Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Heads: map[pop3.Number]Head{}, Missing: map[maildir.Key]bool{}, Damaged: map[maildir.Key]bool{}}
	for _, f := range strings.Fields(listed) {
		var it pop3.Item
		number, rest, _ := strings.Cut(f, ":")
		uidl, size, _ := strings.Cut(rest, "/")
		it.UIDL = uidl
		fmt.Sscan(number, &it.Number)
		fmt.Sscan(size, &it.Size)
		v.Items = append(v.Items, it)
	}
	for i, f := range strings.Fields(receipts) {
		name := strings.TrimRight(f, "!?-~@=*")
		marks := f[len(name):]
		part := strings.Split(name, "/")
		r := ledger.Receipt{ID: int64(i + 1), UIDL: part[0], State: ledger.Stored, Key: maildir.Key(fmt.Sprint("key", i+1)),
			Header: hash(part[2]), Read: !strings.Contains(marks, "?"), At: v.Now.Add(-time.Hour)}
		fmt.Sscan(part[1], &r.Listed)
		r.Wire.Size = r.Listed
		if strings.Contains(marks, "!") {
			r.State = ledger.Gone
		}
		if strings.Contains(marks, "@") {
			r.State = ledger.Away
		}
		if strings.Contains(marks, "=") {
			r.At = v.Now.AddDate(0, 0, -100)
		}
		if strings.Contains(marks, "~") {
			r.At = v.Now.AddDate(0, 0, -20)
		}
		v.Missing[r.Key], v.Damaged[r.Key] = strings.Contains(marks, "-"), strings.Contains(marks, "*")
		v.Receipts = append(v.Receipts, r)
	}
	for _, f := range strings.Fields(heads) {
		var n pop3.Number
		number, name, _ := strings.Cut(f, "=")
		fmt.Sscan(number, &n)
		v.Heads[n] = Head{Hash: hash(name), Telling: name[0] == 'H'}
	}
	for i, f := range strings.Fields(local) {
		size, name, _ := strings.Cut(f, "/")
		l := index.Brief{ID: int64(101 + i), Header: hash(name), Date: v.Now.Add(-time.Hour)}
		fmt.Sscan(size, &l.Wire.Size)
		v.Local = append(v.Local, l)
	}
	return v
}

func hash(name string) (h [32]byte) {
	copy(h[:], name)
	return h
}

// text writes a plan down: "fetch 1", "fetch 1 against r1 m101", "record 1 r1", "delete 1 r1", "skip 1", "forget r2".
func text(p Plan) string {
	if p.Guard != nil {
		return fmt.Sprintf("guard %d of %d", p.Guard.Would, p.Guard.Of)
	}
	name := func(c *Copy) string {
		if c.Receipt != 0 {
			return fmt.Sprint(" r", c.Receipt)
		}
		return fmt.Sprint(" m", c.Message)
	}
	var lines []string
	for _, op := range p.Ops {
		line := fmt.Sprint(op.Action, " ", op.Item.Number)
		if op.Action == RecordOnly || op.Action == Drop {
			line += name(op.Copy)
		}
		if op.Damaged != nil {
			line += " for" + name(op.Damaged)
		}
		if op.Check {
			line += " if TOP agrees"
		}
		for i, c := range op.Against {
			if i == 0 {
				line += " against"
			}
			line += name(c)
		}
		lines = append(lines, line)
	}
	for _, id := range p.Away {
		lines = append(lines, fmt.Sprint("away r", id))
	}
	for _, id := range p.Forget {
		lines = append(lines, fmt.Sprint("forget r", id))
	}
	return strings.Join(lines, ", ")
}

func TestDiff(t *testing.T) {
	keep, until, days := Keep{Mode: Forever}, Keep{Mode: UntilDeleted}, Keep{Mode: For, Age: 14 * 24 * time.Hour}
	tests := []struct {
		name                           string
		policy                         Policy
		listed, receipts, heads, local string
		doubts, more                   string // numbers; more: when heads are seen
		want                           string
	}{
		{name: "empty", want: ""},
		{name: "all new", listed: "1:a/100 2:b/200", want: "fetch 1, fetch 2"},
		{name: "all new, kept", policy: Policy{Keep: keep}, listed: "1:a/100 2:b/200", want: "fetch 1, fetch 2"},
		{name: "too large", policy: Policy{MaxSize: 150}, listed: "1:a/100 2:b/200", want: "fetch 1, skip 2"},
		{name: "as large as the limit", policy: Policy{MaxSize: 200}, listed: "1:b/200", want: "fetch 1"},
		{name: "limit", policy: Policy{Limit: 1}, listed: "1:a/100 2:b/200", want: "fetch 1"},
		{name: "limit does not count what is known", policy: Policy{Limit: 1, Keep: keep}, listed: "1:a/100 2:b/200 3:c/300",
			receipts: "a/100/H1", want: "fetch 2"},

		{name: "stored, not yet deleted", listed: "1:a/100", receipts: "a/100/H1", doubts: "", heads: "", want: "delete 1 r1 if TOP agrees"},
		{name: "deleted by QUIT, and still listed", listed: "1:a/100", receipts: "a/100/H1!", doubts: "", heads: "", want: "delete 1 r1 if TOP agrees"},
		{name: "UIDL reused, other size", listed: "1:a/101", receipts: "a/100/H1", want: "fetch 1 against r1"},
		{name: "UIDL reused, other header", listed: "1:a/100", receipts: "a/100/H1", doubts: "", heads: "1=H2", want: "fetch 1 against r1"},
		{name: "UIDL reused for a deleted message", listed: "1:a/100", receipts: "a/100/H1!", doubts: "", heads: "1=H2", want: "fetch 1 against r1"},
		{name: "matched by content is no licence", listed: "1:a/100", receipts: "a/100/H1?", doubts: "1", heads: "1=H1", want: "fetch 1 against r1"},
		{name: "no longer listed", listed: "1:a/100", receipts: "b/200/H2 c/300/H3!", want: "fetch 1, away r1, forget r2"},

		{name: "kept and known: nothing is asked", policy: Policy{Keep: keep}, listed: "1:a/100 2:b/200", receipts: "a/100/H1 b/200/H2", want: ""},
		{name: "kept, UIDL reused, other size", policy: Policy{Keep: keep}, listed: "1:a/101", receipts: "a/100/H1", want: "fetch 1 against r1"},
		{name: "kept for days: young", policy: Policy{Keep: days}, listed: "1:a/100", receipts: "a/100/H1", want: ""},
		{name: "kept for days: old", policy: Policy{Keep: days}, listed: "1:a/100", receipts: "a/100/H1~", doubts: "", heads: "", want: "delete 1 r1 if TOP agrees"},
		{name: "kept for days: old and reused", policy: Policy{Keep: days}, listed: "1:a/100", receipts: "a/100/H1~", doubts: "", heads: "1=H2", want: "fetch 1 against r1"},
		{name: "until deleted: still here", policy: Policy{Keep: until}, listed: "1:a/100", receipts: "a/100/H1", want: ""},
		{name: "until deleted: gone here", policy: Policy{Keep: until, MaxDelete: .3}, listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2",
			doubts: "", heads: "", want: "delete 1 r1 if TOP agrees"},
		{name: "until deleted: the only one", policy: Policy{Keep: until, MaxDelete: .3}, listed: "1:a/100", receipts: "a/100/H1-",
			doubts: "", heads: "", want: "delete 1 r1 if TOP agrees"},
		{name: "until deleted: emptied", policy: Policy{Keep: until, MaxDelete: .3}, listed: "1:a/100 2:b/200 3:c/300", receipts: "a/100/H1- b/200/H2-",
			doubts: "", heads: "", want: "guard 2 of 2"},
		{name: "until deleted: emptied, without TOP", policy: Policy{Keep: until, MaxDelete: .3}, listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2-",
			doubts: "", heads: "", want: "guard 2 of 2"},
		{name: "until deleted: emptied and renumbered", policy: Policy{Keep: until, MaxDelete: .3}, listed: "1:x/100 2:y/200", receipts: "a/100/H1- b/200/H2-",
			doubts: "1 2", heads: "1=H1 2=H2", want: "guard 2 of 2"},
		{name: "until deleted: emptied, allowed", policy: Policy{Keep: until, MaxDelete: .3, AllowMassDelete: true}, listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2-",
			doubts: "", heads: "", want: "delete 1 r1 if TOP agrees, delete 2 r2 if TOP agrees"},
		{name: "until deleted: emptied, by one who does that", policy: Policy{Keep: until, MaxDelete: 1}, listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2-",
			doubts: "", heads: "", want: "delete 1 r1 if TOP agrees, delete 2 r2 if TOP agrees"},
		{name: "to be deleted: some are gone here", policy: Policy{MaxDelete: .3}, listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2",
			want: "delete 1 r1 if TOP agrees, delete 2 r2 if TOP agrees"},
		{name: "to be deleted: a copy is damaged", policy: Policy{MaxDelete: .3}, listed: "1:a/100 2:b/200", receipts: "a/100/H1* b/200/H2",
			want: "fetch 1 for r1, delete 2 r2 if TOP agrees"},
		{name: "to be deleted: a copy that is known by content is damaged", policy: Policy{MaxDelete: .3}, listed: "1:a/100", receipts: "a/100/H1?*", doubts: "1",
			heads: "1=H1", want: "fetch 1 against r1"},
		{name: "kept: damage is nobody's concern", policy: Policy{Keep: keep}, listed: "1:a/100", receipts: "a/100/H1*", want: ""},
		{name: "kept for days: young, and gone here", policy: Policy{Keep: days}, listed: "1:a/100", receipts: "a/100/H1-", want: ""},
		{name: "kept for days: old, and damaged", policy: Policy{Keep: days}, listed: "1:a/100", receipts: "a/100/H1*~", want: "fetch 1 for r1"},

		{name: "numbers for UIDLs: one header tells that nothing changed", policy: Policy{Keep: keep}, listed: "1:1/100 2:2/100 3:3/100", receipts: "1/100/H1 2/100/H2",
			doubts: "2", heads: "2=H2", want: "fetch 3"},
		{name: "numbers for UIDLs: the first was deleted by others", policy: Policy{Keep: keep}, listed: "1:1/100 2:2/100 3:3/100", receipts: "1/100/H1 2/100/H2 3/100/H3",
			doubts: "3", heads: "3=H4", more: "1 2", want: "fetch 1, fetch 2, fetch 3, away r1, away r2, away r3"},
		{name: "numbers for UIDLs: the first was deleted by others, all headers", policy: Policy{Keep: keep}, listed: "1:1/100 2:2/100 3:3/100",
			receipts: "1/100/H1 2/100/H2 3/100/H3", doubts: "3", heads: "1=H2 2=H3 3=H4", want: "record 1 r2, record 2 r3, fetch 3, away r1"},
		{name: "numbers for UIDLs: the first was deleted by others, other sizes", policy: Policy{Keep: keep}, listed: "1:1/200 2:2/300", receipts: "1/100/H1 2/200/H2 3/300/H3",
			doubts: "1 2", heads: "1=H2 2=H3", want: "record 1 r2, record 2 r3, forget r1"},
		{name: "few, and all gone here: the default deletes anyway", listed: "1:a/100 2:b/200", receipts: "a/100/H1- b/200/H2-",
			doubts: "", heads: "", want: "delete 1 r1 if TOP agrees, delete 2 r2 if TOP agrees"},

		{name: "away, and still so", policy: Policy{Keep: keep}, listed: "1:b/200", receipts: "a/100/H1@", want: "fetch 1"},
		{name: "away for long", policy: Policy{Keep: keep}, listed: "1:b/200", receipts: "a/100/H1@=", want: "fetch 1, forget r1"},
		{name: "away, and back", policy: Policy{Keep: keep}, listed: "1:a/100", receipts: "a/100/H1@", doubts: "1", heads: "1=H1", want: "record 1 r1"},
		{name: "away, and its UIDL reused", policy: Policy{Keep: keep}, listed: "1:a/100", receipts: "a/100/H1@", doubts: "1", heads: "1=H2", want: "fetch 1 against r1"},
		{name: "nothing listed at all", policy: Policy{Keep: keep}, receipts: "a/100/H1 b/200/H2", want: "away r1, away r2"},

		{name: "twins, both known", listed: "1:a/100 2:a/100", receipts: "a/100/H1 a/100/H1", doubts: "1 2", heads: "1=H1 2=H1", want: "delete 1 r1, delete 2 r2"},
		{name: "twins, one known", listed: "1:a/100 2:a/100", receipts: "a/100/H1", doubts: "1 2", heads: "1=H1 2=H1", want: "fetch 1 against r1, fetch 2 against r1"},
		{name: "twins of different headers, one known", listed: "1:a/100 2:a/100", receipts: "a/100/H1", doubts: "1 2", heads: "1=H2 2=H1",
			want: "fetch 1, delete 2 r1"},
		{name: "twins of different sizes, kept", policy: Policy{Keep: keep}, listed: "1:a/100 2:a/200", receipts: "a/100/H1 a/200/H2",
			doubts: "1 2", heads: "1=H1 2=H2", want: ""},
		{name: "one left of two twins", listed: "1:a/100", receipts: "a/100/H1 a/100/H1", doubts: "1", heads: "1=H1", want: "delete 1 r1, forget r2"},

		{name: "renumbered, kept", policy: Policy{Keep: keep}, listed: "1:x/100 2:y/200", receipts: "a/100/H1 b/200/H2", doubts: "1 2", heads: "1=H1 2=H2",
			want: "record 1 r1, record 2 r2"},
		{name: "renumbered, kept, equal copies by count", policy: Policy{Keep: keep}, listed: "1:x/100 2:y/100 3:z/100", receipts: "a/100/H1 b/100/H1",
			doubts: "1 2 3", heads: "1=H1 2=H1 3=H1", want: "record 1 r1, record 2 r2, fetch 3"},
		{name: "renumbered, kept, header tells nothing", policy: Policy{Keep: keep}, listed: "1:x/100", receipts: "a/100/h1", doubts: "1", heads: "1=h1",
			want: "fetch 1, away r1"},
		{name: "renumbered, kept, no TOP", policy: Policy{Keep: keep}, listed: "1:x/100", receipts: "a/100/H1", doubts: "1", want: "fetch 1, away r1"},
		{name: "renumbered, to be deleted: read first", listed: "1:x/100", receipts: "a/100/H1", doubts: "1", heads: "1=H1", want: "fetch 1 against r1"},
		{name: "new message as large as an old one", policy: Policy{Keep: keep}, listed: "1:x/100", receipts: "a/100/H1", doubts: "1", heads: "1=H2",
			want: "fetch 1, away r1"},
		{name: "new message as large as a deleted one", listed: "1:x/100", receipts: "a/100/H1!", want: "fetch 1, forget r1"},

		{name: "no UIDL, all new", listed: "1:/100 2:/200", want: "fetch 1, fetch 2"},
		{name: "no UIDL, kept and known", policy: Policy{Keep: keep}, listed: "1:/100 2:/200", receipts: "derived/100/H1", doubts: "1", heads: "1=H1", want: "fetch 2"},
		{name: "no UIDL, known, to be deleted: read first", listed: "1:/100", receipts: "derived/100/H1", doubts: "1", heads: "1=H1", want: "fetch 1 against r1"},
		{name: "no UIDL, kept, no TOP", policy: Policy{Keep: keep}, listed: "1:/100", receipts: "derived/100/H1", doubts: "1", want: "fetch 1, away r1"},

		{name: "lost ledger, kept", policy: Policy{Keep: keep}, listed: "1:a/100 2:b/200", local: "100/H1", doubts: "1", heads: "1=H1", want: "record 1 m101, fetch 2"},
		{name: "lost ledger, never deleted unread", listed: "1:a/100", local: "100/H1", doubts: "1", heads: "1=H1", want: "fetch 1 against m101"},
		{name: "lost ledger, no UIDL", policy: Policy{Keep: keep}, listed: "1:/100", local: "100/H1", doubts: "1", heads: "1=H1", want: "record 1 m101"},
		{name: "lost ledger, other header", policy: Policy{Keep: keep}, listed: "1:a/100", local: "100/H1", doubts: "1", heads: "1=H2", want: "fetch 1"},
		{name: "lost ledger, too large, known", policy: Policy{Keep: keep, MaxSize: 50}, listed: "1:a/100", local: "100/H1", doubts: "1", heads: "1=H1", want: "record 1 m101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := view(t, tt.listed, tt.receipts, tt.heads, tt.local)
			unasked := v
			unasked.Heads = nil
			if got := strings.Trim(fmt.Sprint(Doubts(unasked, tt.policy)), "[]"); got != tt.doubts {
				t.Errorf("doubts: %q, want %q", got, tt.doubts)
			}
			if got := strings.Trim(fmt.Sprint(Doubts(v, tt.policy)), "[]"); len(tt.heads) > 0 && got != tt.more {
				t.Errorf("doubts when heads are seen: %q, want %q", got, tt.more)
			}
			if got := text(Diff(v, tt.policy)); got != tt.want {
				t.Errorf("plan: %q, want %q", got, tt.want)
			}
		})
	}
}

// The guard, at its edges: more than max_delete and more than ten.
func TestGuard(t *testing.T) {
	tests := []struct {
		lost, of int
		max      float64
		stopped  bool
	}{
		{0, 0, .3, false}, {1, 1, .3, false}, {2, 2, .3, true}, {2, 2, 1, false}, {10, 11, .3, false}, {10, 10, .3, true},
		{11, 12, .3, true}, {11, 12, 1, false}, {12, 12, 1, false}, {30, 100, .3, false}, {31, 100, .3, true}, {11, 12, 0, true}, {5, 100, 0, false},
	}
	for _, tt := range tests {
		p := Policy{MaxDelete: tt.max, Keep: Keep{Mode: UntilDeleted}}
		if got := p.guard(tt.lost, tt.of, nil) != nil; got != tt.stopped {
			t.Errorf("%d of %d with max_delete %v: stopped %v", tt.lost, tt.of, tt.max, got)
		}
		p.AllowMassDelete = true
		if p.guard(tt.lost, tt.of, []string{"cur"}) != nil {
			t.Errorf("%d of %d stopped although allowed", tt.lost, tt.of)
		}
	}
}

// What is due goes although few of it are gone here, or not whole; many are the guard, as is a folder that vanished.
func TestGuardOfWhatIsDue(t *testing.T) {
	for _, tt := range []struct {
		lost, of int
		max      float64
		folders  bool
		stopped  bool
	}{
		{0, 100, .3, false, false}, {0, 100, .3, true, false}, {1, 100, .3, true, true}, {10, 10, .3, false, false}, {11, 11, .3, false, true},
		{11, 100, .3, false, false}, {31, 100, .3, false, true}, {100, 100, 1, false, false}, {1, 1, 1, true, true},
	} {
		for _, mode := range []Mode{Delete, For} {
			p := Policy{MaxDelete: tt.max, Keep: Keep{Mode: mode}}
			var folders []string
			if tt.folders {
				folders = []string{"new"}
			}
			if got := p.guard(tt.lost, tt.of, folders) != nil; got != tt.stopped {
				t.Errorf("%+v: stopped %v", tt, got)
			}
			p.AllowMassDelete = true
			if p.guard(tt.lost, tt.of, folders) != nil {
				t.Errorf("%+v: stopped although allowed", tt)
			}
		}
	}
}
