package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// world is a server, Maildirs, and the base between them, in memory; with an executor that applies plans to it. Contents
// are strings: equal contents are equal copies.
type world struct {
	policy    Policy
	server    map[string]*srvBox
	local     map[string]map[maildir.Key]*mail
	base      map[string]*baseBox
	pending   map[string]map[imap.UID]maildir.PendingChange
	permanent PermanentFlags
	keys      int
	validity  UIDValidity
	modseq    ModSeq
	restrict  bool                 // observe as little as QRESYNC and folder mtimes would show
	only      string               // what a run is limited to; "": everything
	hidden    map[maildir.Key]bool // what a scan that never came to rest does not show
	marks     bool                 // no UIDPLUS
	ops       []Op                 // done
	intent    Op                   // being done: a stopped rename is finished from it
	faults    []string
	seen      map[string]string // contents by key, or mailbox and UID, when the plan was made
}

type mail struct {
	content string
	flags   maildir.Flags
	modseq  ModSeq
}

type srvBox struct {
	validity UIDValidity
	next     imap.UID
	readonly bool
	msgs     map[imap.UID]*mail
}

type row struct {
	Pair
	content string
}

type baseBox struct {
	validity UIDValidity
	rows     []row
}

func newWorld() *world {
	w := &world{server: map[string]*srvBox{}, local: map[string]map[maildir.Key]*mail{}, base: map[string]*baseBox{},
		pending: map[string]map[imap.UID]maildir.PendingChange{}, permanent: PermanentFlags{Flags: maildir.Flags{Set: 63}, Any: true}}
	w.policy = Policy{MaxDelete: 0.3, Expunge: true, Create: Both, AllowMassDelete: true}
	return w
}

func (w *world) makeServer(name string) {
	w.validity++
	w.server[name] = &srvBox{validity: w.validity, next: 1, msgs: map[imap.UID]*mail{}}
}

func (w *world) put(name, content string, f maildir.Flags) imap.UID {
	b := w.server[name]
	uid := b.next
	b.next++
	w.modseq++
	b.msgs[uid] = &mail{content, f, w.modseq}
	return uid
}

func (w *world) file(name string, k maildir.Key, content string, f maildir.Flags) maildir.Key {
	if k == "" {
		w.keys++
		k = maildir.Key(fmt.Sprintf("k%03d", w.keys))
	}
	w.local[name][k] = &mail{content: content, flags: f}
	return k
}

func contentID(content string) Identity {
	id := Identity{Size: int64(1000 + len(content)), MessageID: "<" + content + ">"}
	copy(id.Hash[:], content)
	copy(id.Header[:], content)
	return id
}

func (w *world) names() []string {
	all := map[string]bool{}
	for n := range w.server {
		all[n] = true
	}
	for n := range w.local {
		all[n] = true
	}
	for n := range w.base {
		all[n] = true
	}
	if w.policy.Trash != "" {
		all[w.policy.Trash] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (w *world) known(name string) *baseBox {
	if w.base[name] == nil {
		w.base[name] = &baseBox{}
	}
	if s := w.server[name]; s != nil && w.base[name].validity == 0 {
		w.base[name].validity = s.validity
	}
	return w.base[name]
}

// differences compares the sides at rest; it leaves out what the base says that policy keeps apart.
func (w *world) differences() string {
	var lines []string
	for _, name := range w.names() {
		if (w.server[name] == nil) != (w.local[name] == nil) {
			lines = append(lines, name+" exists on one side only")
		}
		if w.server[name] == nil || w.local[name] == nil {
			continue
		}
		count, permanent := map[string]int{}, w.permanent
		if w.server[name] != nil && w.server[name].readonly {
			permanent = PermanentFlags{}
		}
		apart := map[imap.UID]bool{}
		alone := map[maildir.Key]bool{}
		if b := w.base[name]; b != nil {
			for _, r := range b.rows {
				if r.State != Agreed || r.Key == "" {
					apart[r.UID], alone[r.Key] = true, true
				}
			}
		}
		for k, f := range w.local[name] {
			if !alone[k] {
				count[describe(f, permanent)]++
			}
		}
		for u, m := range w.server[name].msgs {
			if !apart[u] {
				count[describe(m, permanent)]--
			}
		}
		for what, n := range count {
			if n != 0 {
				lines = append(lines, fmt.Sprintf("%s: %s: %+d here", name, what, n))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func describe(m *mail, k PermanentFlags) string {
	return m.content + " " + between(maildir.Flags{}, k.only(m.flags)).String()
}

func (w *world) String() string {
	var b strings.Builder
	for _, name := range w.names() {
		fmt.Fprintf(&b, "%s:", name)
		if r := w.base[name]; r != nil {
			for _, r := range r.rows {
				fmt.Fprintf(&b, " [%d %s %d %s %s|%s]", r.UID, r.Key, r.State, r.content, between(maildir.Flags{}, r.Local), between(maildir.Flags{}, r.Remote))
			}
		}
		fmt.Fprint(&b, "\n  here:")
		for _, k := range slices.Sorted(maps.Keys(w.local[name])) {
			fmt.Fprintf(&b, " %s=%s", k, describe(w.local[name][k], PermanentFlags{Flags: maildir.Flags{Set: 63}, Any: true}))
		}
		fmt.Fprint(&b, "\n  there:")
		if s := w.server[name]; s != nil {
			for _, u := range slices.Sorted(maps.Keys(s.msgs)) {
				fmt.Fprintf(&b, " %d=%s", u, describe(s.msgs[u], PermanentFlags{Flags: maildir.Flags{Set: 63}, Any: true}))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
