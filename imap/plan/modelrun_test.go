package plan

import (
	"cmp"
	"fmt"
	"slices"

	"postie/maildir"
)

// run is one sync. after is asked with each operation done, before its agreement (false) and after it (true): false stops the run.
func (w *world) run(between func(Plan), after func(agreed bool) bool) (Plan, error) {
	if err := w.recover(); err != nil {
		return Plan{}, err
	}
	plan, err := Diff(w.observe(), w.policy)
	if err != nil {
		return plan, err
	}
	w.seen = map[string]string{}
	for name, b := range w.server {
		for u, m := range b.msgs {
			w.seen[fmt.Sprint(name, u)] = m.content
		}
	}
	for _, b := range w.local {
		for k, f := range b {
			w.seen[string(k)] = f.content
		}
	}
	if between != nil {
		between(plan)
	}
	broken := map[string]bool{} // mailboxes that could not be made or renamed: the next run's
	for _, op := range plan.Ops {
		if broken[op.Mailbox] || broken[op.To] || broken[op.At()] {
			continue
		}
		w.intent = op
		pairs, ok := w.do(op)
		if !ok {
			if op.Kind == Create || op.Kind == Rename {
				broken[op.Mailbox], broken[op.To] = true, op.To != ""
			}
			continue
		}
		if after != nil && !after(false) {
			return plan, nil
		}
		w.agree(op, pairs)
		if after != nil && !after(true) {
			return plan, nil
		}
	}
	return plan, nil
}

// recover is what comes before a comparison: mailboxes whose UIDs mean something else now are matched again.
func (w *world) recover() error {
	if op := w.intent; op.Kind == Rename && w.base[op.Mailbox] != nil && w.base[op.To] == nil && w.server[op.To] != nil && w.local[op.To] != nil {
		w.agree(op, row{})
	}
	w.intent = Op{}
	for _, name := range w.names() {
		if s, b := w.server[name], w.base[name]; s != nil && b != nil && b.validity != s.validity {
			if err := w.rematch(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// rematch is recovery, in one transaction.
func (w *world) rematch(name string) error {
	quiet := w.restrict
	w.restrict = false
	m := w.look(name)
	w.restrict = quiet
	pairs, _, err := Rematch(m)
	b := &baseBox{validity: w.server[name].validity}
	for _, p := range pairs {
		content := ""
		if f := w.local[name][p.Key]; f != nil {
			content = f.content
		} else {
			content = w.server[name].msgs[p.UID].content
		}
		b.rows = append(b.rows, row{p, content})
	}
	w.base[name] = b
	delete(w.pending, name)
	return err
}

// do is the work of one operation on the world as it is by now. It answers with the pair to write, false: it could not
// be done, and is left to the next run.
func (w *world) do(op Op) (row, bool) {
	if slices.Contains([]Kind{Expunge, Mark, Trash, Remove}, op.Kind) && w.rowOf(op) == nil {
		w.faults = append(w.faults, "deletes what the base does not know: "+op.String())
	}
	if r := w.rowOf(op); r != nil && len(w.hidden) > 0 && op.Side == Remote && slices.Contains([]Kind{Expunge, Mark, Trash}, op.Kind) && r.State == Agreed && r.Key != "" {
		w.faults = append(w.faults, "believes a scan that never came to rest: "+op.String())
	}
	w.refuses(op)
	w.ops = append(w.ops, op)
	r := row{Pair: op.Pair}
	if known := w.rowOf(op); known != nil {
		r.content = known.content
	}
	src, dst := w.server[op.Mailbox], w.server[op.To]
	switch op.Kind {
	case Create:
		if op.Side&Local != 0 && w.local[op.Mailbox] == nil {
			w.local[op.Mailbox] = map[maildir.Key]*mail{}
		}
		if op.Side&Remote != 0 && src == nil {
			w.makeServer(op.Mailbox)
		}
	case Rename:
		return r, w.rename(op)
	case Move:
		if op.Side == Remote {
			return w.uidMove(op, r, src, dst)
		}
		return w.moveFile(op, r)
	case Upload:
		f := w.local[op.Mailbox][op.Key]
		if f == nil || src == nil {
			return r, false
		}
		r.content, r.UID = f.content, w.put(op.Mailbox, f.content, op.Pair.Remote)
	case Download, FetchSummary:
		return w.fetch(op, r, op.Mailbox)
	case RecordOnly, Forget:
		if r.content == "" {
			r.content = cmp.Or(w.seen[string(op.Pair.Key)], w.seen[fmt.Sprint(cmp.Or(op.To, op.Mailbox), op.Pair.UID)])
		}
		// no I/O: what is written is what was seen, whatever is there by now
	case Flags:
		return r, w.flags(op, &r)
	case Expunge, Mark, Trash:
		if w.local[op.Mailbox][op.Key] != nil { // the second look
			return r, false
		}
		return w.delete(op, r, src, dst)
	case Remove:
		if w.local[op.At()][op.Key] == nil { // perhaps it has another key by now
			return r, false
		}
		delete(w.local[op.At()], op.Key)
	case Drop:
		if op.Side&Local != 0 && len(w.local[op.Mailbox]) > 0 || op.Side&Remote != 0 && src != nil && len(src.msgs) > 0 {
			return r, false
		}
		if op.Side&Local != 0 {
			delete(w.local, op.Mailbox)
		}
		if op.Side&Remote != 0 {
			delete(w.server, op.Mailbox)
		}
	}
	return r, true
}

// refuses notes an operation that policy forbids, or that would change a mailbox that is read-only on the server.
func (w *world) refuses(op Op) {
	readonly := func(name string) bool { return w.server[name] != nil && w.server[name].readonly }
	if op.Kind == Expunge && !w.policy.Expunge || op.Kind == Trash && (op.To != w.policy.Trash || op.To == op.Mailbox) {
		w.faults = append(w.faults, "against policy: "+op.String())
	}
	moves := op.Kind == Trash || op.Kind == Move && op.Side == Remote
	if slices.Contains([]Kind{Upload, Expunge, Mark}, op.Kind) && readonly(op.Mailbox) ||
		moves && (readonly(op.Mailbox) || readonly(op.To)) || op.Push != (Change{}) && !moves && readonly(cmp.Or(op.To, op.Mailbox)) {
		w.faults = append(w.faults, "changes a read-only mailbox: "+op.String())
	}
}

func (w *world) rename(op Op) bool {
	if op.Side == 0 {
		return true
	}
	if op.Side == Local {
		if w.local[op.At()] == nil || w.local[op.To] != nil {
			return false
		}
		w.local[op.To] = w.local[op.At()]
		delete(w.local, op.At())
		return true
	}
	if w.server[op.Mailbox] == nil || w.server[op.To] != nil {
		return false
	}
	w.server[op.To] = w.server[op.Mailbox]
	delete(w.server, op.Mailbox)
	return true
}

// store is a STORE, conditional if since says so.
func (w *world) store(m *mail, c Change, since ModSeq) bool {
	if c == (Change{}) {
		return true
	}
	if since != 0 && m.modseq > since {
		return false
	}
	w.modseq++
	m.flags, m.modseq = c.On(m.flags), w.modseq
	return true
}

func (w *world) uidMove(op Op, r row, src, dst *srvBox) (row, bool) {
	if src == nil || dst == nil || src.msgs[op.UID] == nil {
		return r, false
	}
	m := src.msgs[op.UID]
	if !w.store(m, op.Push, op.Since) {
		return r, false
	}
	r.content, r.UID = m.content, w.put(op.To, m.content, m.flags)
	delete(src.msgs, op.UID)
	if f := w.local[op.To][op.Key]; f != nil {
		f.flags = op.Pull.On(f.flags)
	}
	return r, true
}

func (w *world) moveFile(op Op, r row) (row, bool) {
	f := w.local[op.At()][op.Key]
	if f == nil && op.Key != "" || w.local[op.To] == nil || w.server[op.To] == nil {
		return r, false
	}
	m := w.server[op.To].msgs[op.Pair.UID]
	if op.Push != (Change{}) && (m == nil || !w.store(m, op.Push, op.Since)) {
		return r, false
	}
	if op.Key == "" { // only the row moves
		return r, true
	}
	if w.local[op.To][op.Key] != nil || slices.ContainsFunc(w.known(op.To).rows, func(r row) bool { return r.Key == op.Key }) {
		w.keys++
		r.Key = maildir.Key(fmt.Sprintf("k%03d", w.keys))
	}
	w.local[op.To][r.Key] = f
	delete(w.local[op.At()], op.Key)
	f.flags = op.Pull.On(f.flags)
	return r, true
}

func (w *world) fetch(op Op, r row, name string) (row, bool) {
	if w.server[name] == nil || w.local[name] == nil || w.server[name].msgs[r.UID] == nil {
		return r, false
	}
	m := w.server[name].msgs[r.UID]
	if !w.store(m, op.Push, op.Since) {
		return r, false
	}
	r.content = m.content
	if op.Kind != FetchSummary {
		r.Key = w.file(name, "", m.content, op.Pair.Local)
	}
	return r, true
}

func (w *world) flags(op Op, r *row) bool {
	name := op.Mailbox
	if op.To != "" {
		name = op.To
	}
	if op.Push != (Change{}) {
		if w.server[name] == nil || w.server[name].msgs[op.Pair.UID] == nil || !w.store(w.server[name].msgs[op.Pair.UID], op.Push, op.Since) {
			return false
		}
	}
	f := w.local[name][op.Pair.Key]
	if f == nil && op.Pair.Key != "" {
		return false
	}
	if f != nil {
		f.flags = op.Pull.On(f.flags)
		r.content = f.content
	}
	return true
}

func (w *world) delete(op Op, r row, src, dst *srvBox) (row, bool) {
	if src == nil || src.msgs[op.UID] == nil {
		return r, false
	}
	m := src.msgs[op.UID]
	switch op.Kind {
	case Mark:
		return r, w.store(m, Change{Add: maildir.Flags{Set: trashed}}, 0)
	case Trash:
		if dst == nil {
			return r, false
		}
		r.content, r.UID = m.content, w.put(op.To, m.content, m.flags)
		if w.marks { // it was copied, and could not be expunged
			return r, w.store(m, Change{Add: maildir.Flags{Set: trashed}}, 0)
		}
	}
	delete(src.msgs, op.UID)
	return r, true
}

// rowOf is the row that an operation speaks of.
func (w *world) rowOf(op Op) *row {
	b := w.base[op.Mailbox]
	if b == nil {
		return nil
	}
	for i, r := range b.rows {
		if op.UID != 0 && r.UID == op.UID || r.UID == 0 && op.Key != "" && r.Key == op.Key {
			return &b.rows[i]
		}
	}
	return nil
}

// agree writes an operation's agreement, by the rule that Op gives.
func (w *world) agree(op Op, r row) {
	switch op.Kind {
	case Create:
		if w.local[op.Mailbox] == nil || w.server[op.Mailbox] == nil || w.only != "" && op.Mailbox != w.only {
			return // a trash that is not kept here
		}
		b := w.known(op.Mailbox)
		if op.Side&Remote != 0 {
			b.validity = w.server[op.Mailbox].validity
			for i := range b.rows {
				if b.rows[i].State != Archived {
					b.rows[i].UID, b.rows[i].State = 0, Orphan
				}
			}
		}
		return
	case Rename:
		w.base[op.To] = w.base[op.Mailbox]
		w.base[op.To].validity = w.server[op.To].validity
		w.pending[op.To] = w.pending[op.Mailbox]
		delete(w.pending, op.Mailbox)
		delete(w.base, op.Mailbox)
		return
	case Drop:
		delete(w.base, op.Mailbox)
		delete(w.pending, op.Mailbox)
		return
	}
	to := op.Mailbox
	if op.To != "" {
		to = op.To
	}
	if old := w.rowOf(op); op.Kind == Trash && w.marks && old != nil {
		stone := *old
		stone.Key, stone.State = "", Marked
		stone.Remote.Set |= trashed
		defer func() { w.known(op.Mailbox).rows = append(w.known(op.Mailbox).rows, stone) }()
	}
	for _, name := range []string{op.Mailbox, to} {
		if b := w.base[name]; b != nil {
			b.rows = slices.DeleteFunc(b.rows, func(r row) bool {
				return name == op.Mailbox && op.UID != 0 && r.UID == op.UID || r.UID == 0 && r.Key == op.Key
			})
		}
	}
	delete(w.pending[op.Mailbox], op.UID)
	if op.Pair == (Pair{}) {
		return
	}
	w.known(to).rows = append(w.known(to).rows, r)
	if op.Body {
		down := Op{Kind: Download, Mailbox: to, UID: r.UID, Pair: r.Pair}
		if r, ok := w.fetch(down, r, to); ok {
			w.agree(down, r)
		}
	}
}
