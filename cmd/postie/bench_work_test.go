package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postie/testdata/messages"
)

// rows are all kinds of work, in an order in which one prepares another.
func (t *table) rows() []row {
	s, imap, pop := t.sizes, t.server.IMAP, t.server.POP3
	slow := delayed(t.B, imap, 25*time.Millisecond)
	small := sync.OnceValue(func() *contest { return t.contest("small", s.small, 12<<10, imap) })
	popSmall := sync.OnceValue(func() *contest { return small().at("popsmall", pop) })
	large := sync.OnceValue(func() *contest { return t.contest("large", s.large, 2<<10, imap) })
	boxes := sync.OnceValue(func() *contest { return t.boxes("boxes", s.boxes, 1, slow) })
	few := sync.OnceValue(func() *contest { return t.boxes("few", 20, 1, slow) })
	up := sync.OnceValue(func() *contest { return t.contest("up", 1, 1<<10, slow) })
	disk := sync.OnceValue(func() *contest { return t.onDisk(t.contest("disk", s.medium, 12<<10, imap)) })
	narrow := sync.OnceValue(func() *contest { return t.contest("narrow", s.medium, 12<<10, t.throttled(imap, 5<<20)) })
	kept := sync.OnceValue(func() *contest { return t.contest("kept", s.large, 2<<10, pop) })
	slowPop := sync.OnceValue(func() *contest { return t.contest("slow", s.medium, 4<<10, delayed(t.B, pop, 25*time.Millisecond)) })
	popDisk := sync.OnceValue(func() *contest { return t.onDisk(t.contest("popdisk", s.medium, 12<<10, pop)) })

	all := []row{
		t.first(row{name: fmt.Sprintf("first IMAP sync, %d of 12 KB", s.small), aim: 0.8, memory: 64}, small),
		t.first(row{name: fmt.Sprintf("first IMAP sync, %d of 2 KB", s.large), aim: 0.4, memory: 64}, large),
		t.each(row{name: fmt.Sprintf("nothing changed, one mailbox of %d", s.large), aim: 0.15, memory: 64}, large, nil),
		t.each(row{name: fmt.Sprintf("%d flags changed on each side, %d messages", s.changes, s.large), aim: 0.4, memory: 64}, large, t.flags),
		t.each(row{name: fmt.Sprintf("nothing changed, %d mailboxes, round trip 50 ms", s.boxes), aim: 0.02, memory: 64}, boxes, nil),
		t.each(row{name: fmt.Sprintf("%d new down, 20 mailboxes, round trip 50 ms", s.few), aim: 0.3, memory: 64}, few,
			func(p *contest, side, round int) { t.append(p.users[side], 20, s.few/20, 1+round) }),
		t.each(row{name: fmt.Sprintf("%d new up, round trip 50 ms", s.few), aim: 0.3, memory: 64}, up,
			func(p *contest, side, round int) { t.put(filepath.Join(p.dirs[side], "INBOX"), s.few, round) }),
		t.first(row{name: fmt.Sprintf("first IMAP sync onto the disk, %d of 12 KB", s.medium), aim: 0.6, memory: 64}, disk),
		t.first(row{name: fmt.Sprintf("first IMAP sync, %d of 12 KB, 5 MB/s for each connection", s.medium), aim: 0.4, memory: 64}, narrow),
		t.popped(row{name: fmt.Sprintf("POP3 fetch with keep, %d of 12 KB", s.small), aim: 0.8, memory: 64}, popSmall, true, true),
		t.popped(row{name: fmt.Sprintf("POP3 fetch with keep, %d of 4 KB, round trip 50 ms", s.medium), aim: 0.3, memory: 64}, slowPop, true, true),
		t.popped(row{name: fmt.Sprintf("POP3 fetch with keep onto the disk, %d of 12 KB", s.medium), aim: 0.6, memory: 64}, popDisk, true, true),
		t.popped(row{name: fmt.Sprintf("POP3 fetch with keep, %d of 2 KB", s.large), aim: 0.8, memory: 64}, kept, true, true),
		t.popped(row{name: fmt.Sprintf("POP3, nothing new, %d kept on the server", s.large), aim: 0.5, memory: 64}, kept, true, false),
	}
	all = append(all, t.searches(func() string { return filepath.Join(kept().dirs[0], "inbox") })...)
	return append(all, t.one(s.huge, pop))
}

// boxes fills two accounts with so many mailboxes besides INBOX.
func (t *table) boxes(name string, boxes, each, port int) *contest {
	p := t.contest(name, 1, 1<<10, port)
	for _, user := range p.users {
		t.append(user, boxes, each, 0)
	}
	return p
}

// at is the same accounts by another port, in other folders.
func (p *contest) at(name string, port int) *contest {
	q := &contest{name: name, users: p.users, ports: [2]int{port, port}}
	for i, dir := range p.dirs {
		q.dirs[i] = filepath.Join(filepath.Dir(dir), name+filepath.Base(dir))
	}
	return q
}

// onDisk lets a contest lie where nothing is lost when the power is.
func (t *table) onDisk(p *contest) *contest {
	dir, err := os.MkdirTemp("/var/tmp", "postie-bench")
	t.ok(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i := range p.dirs {
		p.dirs[i] = filepath.Join(dir, filepath.Base(p.dirs[i]))
	}
	return p
}

// one is a row of one very large message.
func (t *table) one(size, port int) row {
	p := sync.OnceValue(func() *contest {
		p := t.contest("huge", 1, 1<<10, port)
		body, err := io.ReadAll(messages.Large(size / 4 * 3))
		t.ok(err)
		for _, user := range p.users {
			t.server.Deliver(t, user, body)
		}
		return p
	})
	return t.popped(row{name: fmt.Sprintf("POP3 fetch, one message of %d MB", size>>20), memory: 40}, p, true, true)
}
