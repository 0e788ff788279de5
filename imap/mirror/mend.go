package mirror

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"postie/imap/plan"
	"postie/maildir"
)

// mender repairs in the Maildirs what observing found amiss, as a plan has it.
type mender struct{ *agreements }

// defects are the repairs as a plan is shown them: one for the Maildir, and one for each file.
func (b *box) defects() (all []plan.Defect) {
	if len(b.lost) > 0 {
		all = append(all, plan.Defect{Reason: strings.Join(b.lost, "/ and ") + "/ is not there"})
	}
	twins := map[maildir.Key]bool{}
	parted := map[maildir.Key]bool{}
	for _, p := range b.parted {
		if b.holds(p.to.Key) {
			twins[p.from.Key], parted[p.to.Key] = true, true
		}
	}
	for key := range twins {
		all = append(all, plan.Defect{Key: key, Reason: "two messages have that name: one gets another"})
	}
	for key := range b.respell {
		if !parted[key] {
			all = append(all, plan.Defect{Key: key, Reason: "its letters mean other keywords here"})
		}
	}
	slices.SortFunc(all, func(a, b plan.Defect) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Reason, b.Reason)) })
	return all
}

// mend does what a mailbox needs: makes folders, and gives files the keys and letters that they are to have, durably: keywords are agreed that
// the old letters do not say.
func (m *mender) mend(ops []plan.Op) error {
	b := m.byName[ops[0].Mailbox]
	renamed := 0
	var failed error
	for _, op := range ops {
		n, err := m.repair(b, op)
		renamed += n
		if op.Key != "" && errors.Is(err, fs.ErrNotExist) { // it has another name by now: the next run's
			m.spoil(op)
			continue
		}
		if err != nil {
			failed = err
			break
		}
		m.done(op)
	}
	if renamed > 0 { // also beside a failure: what was renamed is believed from now on
		m.step("fsync-dir " + b.Name)
		if err := b.dir.Sync(); err != nil {
			return err
		}
	}
	return failed
}

// repair does one operation, and says how many files have another name by it.
func (m *mender) repair(b *box, op plan.Op) (renamed int, err error) {
	if op.Key == "" {
		return 0, m.complete(b)
	}
	keys := []maildir.Key{op.Key}
	for _, rel := range slices.Sorted(maps.Keys(b.parted)) {
		p := b.parted[rel]
		if p.from.Key != op.Key || !b.holds(p.to.Key) {
			continue
		}
		m.step("rename " + p.from.Name)
		if err := os.Rename(b.dir.Path(p.from), b.dir.Path(p.to)); err != nil {
			return renamed, err
		}
		delete(b.parted, rel)
		renamed, keys = renamed+1, append(keys, p.to.Key)
	}
	for _, key := range keys {
		s, other := b.respell[key]
		if !other {
			continue
		}
		changed, err := m.spell(b, key, s)
		if err != nil {
			return renamed, err
		}
		delete(b.respell, key)
		if changed {
			renamed++
		}
	}
	return renamed, nil
}

// complete makes the folders that a Maildir lacks: backups and version control leave out those that are empty.
func (m *mender) complete(b *box) error {
	m.step("mkdir " + b.Folder)
	err := b.dir.Ensure()
	if err == nil {
		b.lost = nil
	}
	return err
}

// spell writes keywords into the name of a file by the table of the folder that it is in, and says whether that gave it another name.
func (m *mender) spell(b *box, key maildir.Key, s spelling) (bool, error) {
	table, err := b.dir.AddKeywords(s.keywords)
	if err != nil {
		return false, err
	}
	e := b.entries[key]
	letters, _ := table.Letters(s.keywords)
	_, unlisted := table.Keywords(s.unlisted)
	if letters+unlisted == e.Letters {
		return false, nil
	}
	m.step("letters " + string(key))
	if e, err = b.dir.SetFlags(e, e.Set, letters+unlisted); err != nil {
		return false, err
	}
	b.entries[key] = e
	if fresh := b.fresh[key]; fresh != nil {
		fresh.Entry = e
	}
	return true, nil
}
