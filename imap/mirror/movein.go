package mirror

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"postie/imap/changes"
)

// moveIn finds out, in the first sync, which mailbox of the server a folder holds that is called as none: another program may keep
// INBOX elsewhere, join hierarchies by a separator of its own, or give names of its own. The mail tells. Such a folder stays what
// it is and becomes the mailbox's, so that nothing is fetched that is here. The rest stays to be reported (onlyHere).
func (o *observer) moveIn(ctx context.Context) error {
	folders := o.those(func(b *box) bool { return o.firstSync.onlyHere(b) && len(b.fresh) > 0 })
	mailboxes := o.those(o.withoutFolder)
	if !o.firstSync.first || len(folders) == 0 {
		return nil
	}
	var found []resemblance
	for _, m := range mailboxes {
		there, err := o.messageIDs(ctx, m)
		if err != nil && !single(err) {
			return err
		}
		for _, f := range folders {
			if l := compareMail(f, m, there); err == nil && l.most() {
				found = append(found, l)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b resemblance) int { return cmp.Compare(b.same, a.same) })
	for _, l := range found {
		if l.mailbox.here || l.folder.Folder == "" {
			continue
		}
		o.note(l.mailbox.Name, fmt.Sprintf("the folder %s holds it, as its mail tells (%d messages are the same): it stays there", l.folder.Folder, l.same))
		l.mailbox.maildirSide, l.mailbox.Folder, l.mailbox.mustMatch = l.folder.maildirSide, l.folder.Folder, true
		l.folder.Folder = ""
		delete(o.byName, l.folder.Name)
	}
	o.boxes = slices.DeleteFunc(o.boxes, func(b *box) bool { return b.Folder == "" })
	return nil
}

// withoutFolder says whether nothing is known of a mailbox, and it has no folder here.
func (o *observer) withoutFolder(b *box) bool {
	return b.remote != nil && !b.here && !b.known && b.ID == 0 && !b.outside && !o.oneSided(b)
}

// messageIDs counts the Message-IDs of a mailbox on the server. It is not brought into view.
func (o *observer) messageIDs(ctx context.Context, of *box) (map[string]int, error) {
	b := &box{Mailbox: of.Mailbox, serverSide: serverSide{server: of.server, remote: of.remote}}
	if s, err := o.selected(ctx, b, nil); err != nil || s.Exists == 0 {
		return nil, err
	}
	if _, err := o.identifier.identifyThere(ctx, b, changes.Every(), changes.Ask{Header: true}); err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, m := range b.delta.Messages {
		count[m.ID.MessageID]++
	}
	return count, nil
}

// resemblance says how much of a folder and of a mailbox is the same mail, by Message-ID.
type resemblance struct {
	folder, mailbox   *box
	same, here, there int
}

func compareMail(folder, mailbox *box, there map[string]int) resemblance {
	l := resemblance{folder: folder, mailbox: mailbox}
	here := map[string]int{}
	for _, m := range folder.fresh {
		here[m.Summary.MessageID]++
	}
	for id, n := range here {
		if id != "" {
			l.here, l.same = l.here+n, l.same+min(n, there[id])
		}
	}
	for id, n := range there {
		if id != "" {
			l.there += n
		}
	}
	return l
}

// most: most of the folder is in the mailbox. Where few messages say so it has to be most of the mailbox too, since a message may be
// a copy by chance; and many that are most of the mailbox say it of a folder that holds more than the server does.
func (l resemblance) most() bool {
	const few, many = 3, 20
	here, there := 2*l.same > l.here, 2*l.same > l.there
	return here && (there || l.same >= few) || there && l.same >= many
}
