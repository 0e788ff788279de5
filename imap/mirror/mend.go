package mirror

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"postie/imap/plan"
	"postie/maildir"
)

// mender repairs in the Maildirs what observing found amiss.
type mender struct{ *account }

// parting is the new name of a file whose key another one has.
type parting struct{ from, to maildir.Entry }

// mend does to the Maildirs what observing them found in want of it, and writes down what they are called by now: before anything
// is agreed that stands on it. Mailboxes that are guarded stay as they are, so that the next run sees the same.
func (m *mender) mend(ctx context.Context, p *plan.Plan, broken map[string]bool) error {
	for _, b := range m.boxes {
		guarded := slices.ContainsFunc(p.Guards, func(g plan.Guard) bool { return g.Mailbox == b.Name })
		if b.outside || !b.here || guarded || broken[b.Name] {
			continue
		}
		for _, do := range []func(*box) error{m.complete, m.name} {
			if err := do(b); err != nil && !single(err) {
				return err
			} else if err != nil {
				broken[b.Name] = true
				m.fail(plan.Op{Mailbox: b.Name}, err)
			}
		}
		if err := m.base.Renamed(ctx, b.renamed); err != nil {
			return err
		}
		b.renamed = nil
	}
	return nil
}

// complete makes the folders that a Maildir lacks: backups and version control leave out those that are empty.
func (m *mender) complete(b *box) error {
	if len(b.lost) == 0 {
		return nil
	}
	m.step("mkdir " + b.Folder)
	err := b.dir.Ensure()
	if err == nil {
		b.lost = nil
	}
	return err
}

// name gives files the keys and letters that they are to have, durably: keywords are agreed that the old letters do not say.
func (m *mender) name(b *box) error {
	renamed := 0
	for _, rel := range slices.Sorted(maps.Keys(b.parted)) {
		p := b.parted[rel]
		if !b.holds(p.to.Key) {
			continue
		}
		m.step("rename " + p.from.Name)
		if err := os.Rename(b.dir.Path(p.from), b.dir.Path(p.to)); err == nil {
			renamed++
		} else if !errors.Is(err, fs.ErrNotExist) { // else it has another name by now: the next run's
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.respell)) {
		changed, err := m.spell(b, key, b.respell[key])
		if changed {
			renamed++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	b.parted, b.respell = nil, nil
	if renamed == 0 {
		return nil
	}
	m.step("fsync-dir " + b.Name)
	return b.dir.Sync()
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
