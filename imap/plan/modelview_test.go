package plan

import (
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// observe shows everything, or with restrict only what changed and what has to be shown always.
func (w *world) observe() []Mailbox {
	var boxes []Mailbox
	for _, name := range w.names() {
		boxes = append(boxes, w.look(name))
	}
	return boxes
}

func (w *world) look(name string) Mailbox {
	m := Mailbox{Name: name, PermanentFlags: w.permanent, Expunges: !w.marks, ModSeq: w.modseq,
		Unstable: len(w.hidden) > 0, Outside: w.only != "" && name != w.only && (w.base[name] != nil || w.local[name] != nil || name == w.policy.Trash)}
	var files []File
	var messages []Message
	if l, ok := w.local[name]; ok {
		m.Exist |= Local
		for _, k := range slices.Sorted(maps.Keys(l)) {
			if w.hidden[k] {
				continue
			}
			files = append(files, File{Key: k, Flags: l[k].flags, ID: contentID(l[k].content)})
		}
	}
	if s, ok := w.server[name]; ok {
		m.Exist |= Remote
		m.UIDValidity, m.ReadOnly = s.validity, s.readonly
		for _, u := range slices.Sorted(maps.Keys(s.msgs)) {
			id := contentID(s.msgs[u].content)
			id.Hash = [32]byte{}
			messages = append(messages, Message{UID: u, Flags: s.msgs[u].flags, ModSeq: s.msgs[u].modseq, ID: id})
		}
	}
	for _, u := range slices.Sorted(maps.Keys(w.pending[name])) {
		m.Pending = append(m.Pending, w.pending[name][u])
	}
	var pairs []Pair
	if b := w.base[name]; b != nil {
		m.Known, m.Count, m.Base.UIDValidity = true, len(b.rows), b.validity
		for _, r := range b.rows {
			pairs = append(pairs, r.Pair)
		}
	}
	byKey, byUID := pairs, pairs
	if m.Outside {
		byUID, messages = nil, nil
	} else if w.restrict && m.Known && m.Exist == Both {
		byKey, files = w.changedFiles(pairs, files)
		byUID, messages = w.changedMessages(name, pairs, messages)
	}
	base := m.Base
	m.Base.ByKey, m.Base.ByUID = BaseOf(byKey).ByKey, BaseOf(byUID).ByUID
	m.Base.UIDValidity = base.UIDValidity
	m.Base.Known = map[PairID]Identity{}
	if b := w.base[name]; b != nil {
		for _, r := range b.rows {
			m.Base.Known[r.ID()] = contentID(r.content)
		}
	}
	m.Files, m.Messages = Seq(files), Seq(messages)
	return m
}

// changedFiles leaves out what is as it was. What has a state is always shown, as Still.
func (w *world) changedFiles(pairs []Pair, files []File) (ps []Pair, fs []File) {
	seen := map[maildir.Key]File{}
	for _, f := range files {
		seen[f.Key] = f
	}
	quiet := map[maildir.Key]bool{}
	for _, p := range pairs {
		f, here := seen[p.Key]
		if p.Key != "" && here && p.State == Agreed && f.Flags == p.Local {
			quiet[p.Key] = true
			continue
		}
		ps = append(ps, p)
	}
	for _, f := range files {
		if !quiet[f.Key] {
			fs = append(fs, f)
		}
	}
	return ps, fs
}

func (w *world) changedMessages(name string, pairs []Pair, messages []Message) (ps []Pair, ms []Message) {
	seen := map[imap.UID]Message{}
	for _, m := range messages {
		seen[m.UID] = m
	}
	shown := map[imap.UID]bool{}
	for _, p := range pairs {
		m, there := seen[p.UID]
		_, waits := w.pending[name][p.UID]
		still := there && m.Flags == p.Remote
		if still && p.State == Agreed && p.Key != "" && p.Local == p.Remote && !waits {
			shown[p.UID] = true
			continue
		}
		ps = append(ps, p)
		if still {
			shown[p.UID] = true
			ms = append(ms, Message{UID: p.UID, Still: true})
		}
	}
	for _, m := range messages {
		if !shown[m.UID] {
			ms = append(ms, m)
		}
	}
	slices.SortFunc(ms, func(a, b Message) int { return int(a.UID) - int(b.UID) })
	return ps, ms
}
