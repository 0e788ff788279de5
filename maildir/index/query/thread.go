package query

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"postie/maildir/index"
	"postie/maildir/message"
)

// Threaded is a message in its thread.
type Threaded struct {
	index.Message
	Root   int64     // NUMBER of the first message of the thread that is here
	Depth  int       // answers of answers: 0 for the first
	Latest time.Time // of the thread: when the last of its messages was written
}

// Threads gives the messages of a list by threads, as RFC 5256 (REFERENCES) makes them: the thread in which something was written last
// comes first; in a thread answers follow what they answer, the oldest first. Sort and Limit do not count.
func Threads(ctx context.Context, s *index.Store, o ListOptions) iter.Seq2[Threaded, error] {
	return func(yield func(Threaded, error) bool) {
		all, err := headers(ctx, s, o)
		if err != nil {
			yield(Threaded{}, verb("list threads", err))
			return
		}
		var rows []Threaded
		for _, root := range threads(all) {
			rows = root.rows(rows, 0, 0, root.latest())
		}
		for page := range slices.Chunk(rows, listPage) {
			ids := make([]int64, len(page))
			for i := range page {
				ids[i] = page[i].ID
			}
			ms, err := s.ByIDs(ctx, ids)
			if err != nil {
				yield(Threaded{}, verb("list threads", err))
				return
			}
			for i := 0; i < len(page) && len(ms) > 0; i++ {
				if page[i].ID != ms[0].ID {
					continue // it is gone meanwhile
				}
				page[i].Message, ms = ms[0], ms[1:]
				if !yield(page[i], nil) {
					return
				}
			}
		}
	}
}

// header is what threads are made by, of one message. Message-IDs are hashes: there may be a million messages.
type header struct {
	id    int64
	msgid uint64
	refs  []uint64
	base  uint64 // of the subject; 0: it has none
	reply bool
	when  int64
}

func headers(ctx context.Context, s *index.Store, o ListOptions) ([]header, error) {
	by, where, args := o.conditions()
	if !o.Until.IsZero() {
		where, args = append(where, "m.date < ?"), append(args, o.Until.UnixMilli())
	}
	seed := maphash.MakeSeed()
	hash := func(text string) uint64 {
		if text == "" {
			return 0
		}
		return max(maphash.String(seed, text), 1)
	}
	return index.Rows(ctx, s, func(rows *sql.Rows) (l header, err error) {
		var msgid, subject, refs string
		err = rows.Scan(&l.id, &msgid, &subject, &l.when, &refs)
		base, reply := message.SplitSubject(subject)
		l.msgid, l.base, l.reply = hash(msgid), hash(strings.ToLower(base)), reply
		for _, ref := range strings.Fields(refs) {
			l.refs = append(l.refs, hash(ref))
		}
		return l, err
	}, fmt.Sprintf("SELECT m.id, m.message_id, m.subject, %s, coalesce(d.refs, '') FROM message m INDEXED BY %s LEFT JOIN detail d ON d.message = m.id WHERE %s",
		ownDate, by, strings.Join(append(where, "TRUE"), " AND ")), args...)
}

// place is a place in a thread. Without a letter it stands for a message that others refer to and that is not here.
type place struct {
	letter   *header
	parent   *place
	children []*place
}

// threads makes the threads of messages, by the steps of RFC 5256 section 3, THREAD=REFERENCES.
func threads(all []header) []*place {
	slices.SortFunc(all, func(a, b header) int { return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.id, b.id)) })
	places := map[uint64]*place{}
	at := func(msgid uint64) *place {
		if places[msgid] == nil {
			places[msgid] = &place{}
		}
		return places[msgid]
	}
	var order []*place // so that the outcome is always the same
	for i := range all {
		l := &all[i]
		p := &place{} // step 1: without a Message-ID, or with one that another message has, it is by itself
		if l.msgid != 0 && at(l.msgid).letter == nil {
			p = at(l.msgid)
		}
		p.letter = l
		order = append(order, p)
		var last *place
		for _, ref := range l.refs {
			next := at(ref)
			if last != nil && next.parent == nil && next.letter == nil {
				last.adopt(next)
			}
			order, last = append(order, next), next
		}
		if last != nil { // what it says itself counts more than what others said of it
			last.adopt(p)
		}
	}
	return bySubject(roots(order))
}

// adopt puts child below p, unless that would make a ring.
func (p *place) adopt(child *place) {
	for up := p; up != nil; up = up.parent {
		if up == child {
			return
		}
	}
	child.leave()
	child.parent = p
	p.children = append(p.children, child)
}

func (p *place) leave() {
	if p.parent != nil {
		i := slices.Index(p.parent.children, p)
		p.parent.children = slices.Delete(p.parent.children, i, i+1)
		p.parent = nil
	}
}

// roots are what is nobody's answer, each once, without what is not here (steps 2 and 3).
func roots(order []*place) (roots []*place) {
	seen := map[*place]bool{}
	for _, p := range order {
		if p.parent == nil && !seen[p] {
			seen[p] = true
			roots = append(roots, p.prune()...)
		}
	}
	return roots
}

// prune takes away what stands for a message that is not here: nobody or one takes its place, and of several the oldest.
func (p *place) prune() []*place {
	var children []*place
	for _, c := range p.children {
		children = append(children, c.prune()...)
	}
	if p.letter == nil {
		for _, c := range children {
			c.parent = p.parent
		}
		if p.parent != nil || len(children) < 2 {
			return children
		}
	}
	for _, c := range children {
		c.parent = p
	}
	p.children = children
	return []*place{p}
}

// bySubject joins threads of one subject, of which their headers do not tell (steps 4 and 5), and sorts them (step 6).
func bySubject(roots []*place) []*place {
	table := map[uint64]*place{}
	for _, r := range roots {
		base := r.first().base
		if t := table[base]; base != 0 && (t == nil || r.letter == nil && t.letter != nil || t.letter != nil && t.first().reply && !r.first().reply) {
			table[base] = r
		}
	}
	var joined []*place
	for _, r := range roots {
		t := table[r.first().base]
		switch {
		case r.first().base == 0, t == r:
			joined = append(joined, r)
		case t.letter == nil && r.letter == nil:
			for _, c := range slices.Clone(r.children) {
				t.adopt(c)
			}
		case t.letter == nil, r.first().reply && !t.first().reply:
			t.adopt(r)
		default: // both answers, or neither: they stand side by side
			i := slices.Index(joined, t)
			side := &place{}
			side.adopt(t)
			side.adopt(r)
			table[r.first().base] = side
			if i >= 0 {
				joined[i] = side
			} else {
				joined = append(joined, side)
			}
		}
	}
	for _, r := range joined {
		r.sort()
	}
	slices.SortStableFunc(joined, func(a, b *place) int { return cmp.Compare(b.latestWhen(), a.latestWhen()) })
	return joined
}

// first is the first letter of a thread.
func (p *place) first() *header {
	for p.letter == nil {
		p = p.children[0]
	}
	return p.letter
}

func (p *place) sort() {
	for _, c := range p.children {
		c.sort()
	}
	slices.SortStableFunc(p.children, func(a, b *place) int { return cmp.Compare(a.first().when, b.first().when) })
}

func (p *place) latestWhen() int64 {
	when := int64(-1 << 62)
	if p.letter != nil {
		when = p.letter.when
	}
	for _, c := range p.children {
		when = max(when, c.latestWhen())
	}
	return when
}

func (p *place) latest() time.Time { return time.UnixMilli(p.latestWhen()).UTC() }

// rows appends the letters of a thread in the order of a list. What all answer and is not here takes no line: the first takes its place.
func (p *place) rows(rows []Threaded, root int64, depth int, latest time.Time) []Threaded {
	if p.letter != nil {
		root = cmp.Or(root, p.letter.id)
		rows = append(rows, Threaded{Message: index.Message{ID: p.letter.id}, Root: root, Depth: depth, Latest: latest})
		depth++
	}
	for _, c := range p.children {
		before := len(rows)
		if rows = c.rows(rows, root, depth, latest); root == 0 {
			root, depth = rows[before].ID, 1
		}
	}
	return rows
}
