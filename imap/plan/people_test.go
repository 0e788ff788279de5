package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"pgregory.net/rapid"

	"postie/maildir"
)

// people change both sides at random. They remember what they did, so that one can ask whether it was respected.
type people struct {
	*rapid.T
	w          *world
	copies     bool // equal copies are made
	renumbered bool // a mailbox got new UIDs
	running    bool // a run is under way, which holds the lock
	made       int
	deleted    map[string]bool
	touched    map[string]Side // moved, by whom
}

func newPeople(t *rapid.T, w *world) *people {
	return &people{T: t, w: w, deleted: map[string]bool{}, touched: map[string]Side{}}
}

func (p *people) n(n int) int { return rapid.IntRange(0, n-1).Draw(p.T, "n") }

func (p *people) chance(n int) bool { return p.n(n) == 0 }

func (p *people) content() string {
	if p.copies {
		return fmt.Sprintf("copy%d", p.n(3))
	}
	p.made++
	return fmt.Sprintf("m%04d", p.made)
}

func (p *people) flags() maildir.Flags {
	f := maildir.Flags{Set: maildir.FlagSet(p.n(4)) << 3} // R, S
	if p.chance(4) {
		f.Keywords = []maildir.Keywords{"work", "home", "home work"}[p.n(3)]
	}
	if p.chance(12) {
		f.Set |= trashed
	}
	return f
}

func pick[K ~string | ~uint32, V any](p *people, m map[K]V) (k K, ok bool) {
	if len(m) == 0 {
		return k, false
	}
	return slices.Sorted(maps.Keys(m))[p.n(len(m))], true
}

// gone notes a deletion. Of a message that was never agreed on nobody can tell that it was deleted.
func (p *people) gone(content string) {
	p.deleted[content] = true
	for _, b := range p.w.base {
		if slices.ContainsFunc(b.rows, func(r row) bool { return r.content == content }) {
			return
		}
	}
	p.touched[content] = Both
}

func (p *people) here() {
	w := p.w
	box, ok := pick(p, w.local)
	if !ok {
		return
	}
	k, some := pick(p, w.local[box])
	action := p.n(8)
	p.Logf("here %s %s %d", box, k, action)
	switch {
	case action == 0 || !some:
		w.file(box, "", p.content(), p.flags())
	case action == 1:
		p.gone(w.local[box][k].content)
		delete(w.local[box], k)
	case action == 2:
		w.local[box][k].flags = p.flags()
	case action == 3: // renamed
		w.file(box, "", w.local[box][k].content, w.local[box][k].flags)
		delete(w.local[box], k)
	case action <= 5:
		to, _ := pick(p, w.local)
		f := w.local[box][k]
		p.touched[f.content] |= Local
		delete(w.local[box], k)
		if p.chance(2) {
			k = ""
		}
		w.file(to, k, f.content, f.flags)
	case action == 6:
		p.free(box, k)
	default:
		p.pend(box)
	}
}

// free drops a body that the server has as it is here.
func (p *people) free(box string, k maildir.Key) {
	b := p.w.base[box]
	if b == nil || p.running {
		return
	}
	for i := range b.rows {
		r := &b.rows[i]
		if r.Key == k && r.UID != 0 && r.State == Agreed && r.Local == p.w.local[box][k].flags && r.content == p.w.local[box][k].content {
			r.Key, r.Freed = "", true
			delete(p.w.local[box], k)
			return
		}
	}
}

// pend is for messages that have no body here.
func (p *people) pend(box string) {
	b := p.w.base[box]
	if b == nil || p.running { // what is pending during a run is for the next one: maildir/index sees to that
		return
	}
	bodyless := map[imap.UID]row{}
	for _, r := range b.rows {
		if r.Key == "" && r.State == Agreed && !p.w.pending[box][r.UID].Delete { // what is deleted is not shown any more
			bodyless[r.UID] = r
		}
	}
	uid, ok := pick(p, bodyless)
	if !ok {
		return
	}
	pending := maildir.PendingChange{UID: uid}
	switch p.n(3) {
	case 0:
		f := p.flags()
		pending.Flags = &f
	case 1:
		pending.Delete = true
		p.deleted[bodyless[uid].content] = true
	default:
		pending.To, _ = pick(p, p.w.local)
		p.touched[bodyless[uid].content] |= Local
	}
	if p.w.pending[box] == nil {
		p.w.pending[box] = map[imap.UID]maildir.PendingChange{}
	}
	p.w.pending[box][uid] = pending
}

func (p *people) there() {
	w := p.w
	box, ok := pick(p, w.server)
	if !ok {
		return
	}
	s := w.server[box]
	u, some := pick(p, s.msgs)
	action := p.n(6)
	p.Logf("there %s %d %d", box, u, action)
	switch {
	case action == 0 || !some:
		w.put(box, p.content(), p.flags())
	case action == 1:
		p.gone(s.msgs[u].content)
		delete(s.msgs, u)
	case action <= 3:
		w.modseq++
		s.msgs[u].flags, s.msgs[u].modseq = p.flags(), w.modseq
	default:
		to, _ := pick(p, w.server)
		m := s.msgs[u]
		p.touched[m.content] |= Remote
		delete(s.msgs, u)
		w.put(to, m.content, m.flags)
	}
}

// rooms changes mailboxes.
func (p *people) rooms() {
	w := p.w
	name := []string{"Archive", "Lists", "Lists/go", "Old"}[p.n(4)]
	to := []string{"Work", "Home", "Archive"}[p.n(3)]
	action := p.n(6)
	p.Logf("rooms %s %s %d", name, to, action)
	switch action {
	case 0:
		if w.local[name] == nil {
			w.local[name] = map[maildir.Key]*mail{}
		}
	case 1:
		if w.server[name] == nil {
			w.makeServer(name)
		}
	case 2:
		p.shaken(name, true)
		delete(w.local, name)
	case 3:
		p.shaken(name, true)
		delete(w.server, name)
	case 4:
		p.shaken(name, false)
		w.rename(Op{Side: Local, Mailbox: name, To: to})
	case 5:
		p.shaken(name, false)
		w.rename(Op{Side: Remote, Mailbox: name, To: to})
	}
}

// shaken: a mailbox that is removed or renamed may be made anew, and then it is a recovery, in which a deletion is undone.
func (p *people) shaken(name string, removed bool) {
	contents := map[string]bool{}
	for _, f := range p.w.local[name] {
		contents[f.content] = true
	}
	if s := p.w.server[name]; s != nil {
		for _, m := range s.msgs {
			contents[m.content] = true
		}
	}
	for c := range contents {
		p.deleted[c] = p.deleted[c] || removed
	}
	if b := p.w.base[name]; b != nil {
		for _, r := range b.rows {
			contents[r.content] = true
		}
	}
	for c := range contents {
		p.touched[c] = Both
	}
}

func (p *people) change(n int) {
	for range p.n(n + 1) {
		switch p.n(9) {
		case 0:
			p.rooms()
		case 1, 2, 3, 4:
			p.here()
		default:
			p.there()
		}
	}
}

// begin fills a world and agrees on it.
func (p *people) begin() {
	p.w.makeServer("INBOX")
	p.w.makeServer("Archive")
	for range 2 + p.n(4) {
		p.w.put([]string{"INBOX", "Archive"}[p.n(2)], p.content(), p.flags())
	}
	p.rest()
}

// rest lets the world come to rest, and demands that it does at once.
func (p *people) rest() {
	p.Helper()
	before := p.w.String()
	p.sync(nil, nil)
	first := p.w.ops
	plan := p.sync(nil, nil)
	if len(plan.Ops)+len(plan.Guards) > 0 {
		p.Fatalf("a second plan is not empty: %v %v\nfirst: %v\nbefore\n%s\nafter\n%s", plan.Ops, plan.Guards, first, before, p.w)
	}
	p.revived()
	waits := slices.ContainsFunc(plan.Notices, func(n Notice) bool { return strings.Contains(n.Text, "wait") })
	if diff := p.w.differences(); diff != "" && !waits {
		p.Fatalf("the sides differ: %s\nplan: %v\nbefore\n%s\nafter\n%s", diff, first, before, p.w)
	}
}

// revived: a message that was deleted here and only marked is hidden for as long as it is marked, and no longer.
func (p *people) revived() {
	p.Helper()
	for name, b := range p.w.base {
		for _, r := range b.rows {
			if s := p.w.server[name]; s != nil && r.State == Marked && s.msgs[r.UID] != nil && s.msgs[r.UID].flags.Set&trashed == 0 {
				p.Fatalf("%s %d is not marked any more, and hidden still\n%s", name, r.UID, p.w)
			}
		}
	}
}

func (p *people) sync(between func(Plan), after func(bool) bool) Plan {
	p.Helper()
	p.running = true
	defer func() { p.running = false }()
	p.w.ops = nil
	if err := p.w.recover(); err != nil {
		p.Fatal(err)
	}
	p.w.restrict = false
	full, err := Diff(p.w.observe(), p.w.policy)
	p.w.restrict = true
	small, err2 := Diff(p.w.observe(), p.w.policy)
	if err == nil && err2 == nil && fmt.Sprint(full) != fmt.Sprint(small) {
		p.Fatalf("what changed gives another plan than everything does:\n%v\n%v\n%s", full.Ops, small.Ops, p.w)
	}
	p.w.restrict = p.chance(2)
	p.Logf("sync %v", full)
	plan, err := p.w.run(between, after)
	p.Logf("done %v", p.w.ops)
	if err != nil {
		p.Fatalf("%v\n%s", err, p.w)
	}
	for _, f := range p.w.faults {
		p.Fatal(f)
	}
	return plan
}

// respected: what nobody deleted is on both sides, and what somebody deleted is gone unless somebody else moved it.
func (p *people) respected() {
	here, there := map[string]bool{}, map[string]bool{}
	for _, b := range p.w.local {
		for _, f := range b {
			here[f.content] = true
		}
	}
	for _, b := range p.w.server {
		for _, m := range b.msgs {
			there[m.content] = true
		}
	}
	for _, b := range p.w.base {
		for _, r := range b.rows {
			if r.Key == "" {
				here[r.content] = true
			}
		}
	}
	for i := 1; i <= p.made; i++ {
		c := fmt.Sprintf("m%04d", i)
		switch {
		case !p.deleted[c] && !here[c], !p.deleted[c] && !there[c]:
			p.Fatalf("%s was lost\n%s", c, p.w)
		case p.deleted[c] && p.touched[c] == 0 && (here[c] || there[c]):
			p.Fatalf("%s was deleted and is back\n%s", c, p.w)
		}
	}
}

// narrow makes a run see less than there is: a Maildir whose files are renamed all the time, or -m.
func (p *people) narrow() {
	switch p.n(4) {
	case 0:
		p.w.hidden = map[maildir.Key]bool{"": true}
		for _, name := range slices.Sorted(maps.Keys(p.w.local)) {
			if k, ok := pick(p, p.w.local[name]); ok {
				p.w.hidden[k] = true
			}
		}
	case 1:
		p.w.only, _ = pick(p, p.w.server)
	}
}

func (p *people) policy() {
	q := &p.w.policy
	p.w.marks = p.chance(4)
	q.Expunge = p.chance(2)
	q.Trash = []string{"", "Trash"}[p.n(2)]
	q.Bodies = []Bodies{{}, {None: true}, {MaxSize: 1004}}[p.n(3)]
	if p.chance(3) {
		p.w.permanent = PermanentFlags{Flags: maildir.Flags{Set: maildir.FlagSeen | maildir.FlagTrashed, Keywords: "home"}}
	} else {
		p.w.permanent = PermanentFlags{Flags: maildir.Flags{Set: 63}, Any: true}
	}
	for _, name := range slices.Sorted(maps.Keys(p.w.server)) {
		p.w.server[name].readonly = name == "Archive" && p.chance(3)
	}
}

// kept: contents that nobody deleted are somewhere on the server, or on this side alone where the server took nothing.
func (p *people) kept() {
	there := map[string]bool{}
	for _, b := range p.w.server {
		for _, m := range b.msgs {
			there[m.content] = true
		}
	}
	for _, b := range p.w.local {
		for _, f := range b {
			there[f.content] = true
		}
	}
	for i := 1; i <= p.made; i++ {
		if c := fmt.Sprintf("m%04d", i); !p.deleted[c] && !there[c] {
			p.Fatalf("%s was lost\n%s", c, p.w)
		}
	}
}
