package restore

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	goimap "github.com/emersion/go-imap/v2"

	"postie/imap"
	"postie/imap/plan"
	"postie/maildir"
	"postie/maildir/source"
)

// decision is what is to be done in one mailbox.
type decision struct {
	upload []*source.Message // in the order in which they arrived
	flags  []change          // of messages that are there
	there  goimap.UIDSet     // messages that are some of ours
	alike  int               // of those: by Message-ID, header or date, since the server changed what it took
	copies []*source.Message // missing too, but octet for octet equal to one that is there or before it: some servers keep only one
}

// all is what is missing.
func (d *decision) all() []*source.Message { return slices.Concat(d.upload, d.copies) }

// change adds flags that messages lack.
type change struct {
	add maildir.Flags
	set goimap.UIDSet
}

// arrived puts messages into the order in which they arrived, so that their UIDs will be in that order too.
func arrived(all []*source.Message) {
	slices.SortStableFunc(all, func(a, b *source.Message) int { return a.Date.Compare(b.Date) })
}

// viewOf is a mailbox as plan.Rematch wants it: our messages as files that nothing is known of, by their place in the order.
func viewOf(name string, ours []*source.Message, theirs []plan.Message) plan.Mailbox {
	files := make([]plan.File, len(ours))
	for i, m := range ours {
		files[i] = plan.File{Key: key(i), Flags: m.Flags, ID: plan.Identity{Size: m.Size, Marks: m.Marks, Date: m.Date, MessageID: m.MessageID, Header: m.Header, Fields: m.Fields, Hash: m.Hash}}
	}
	return plan.Mailbox{Name: name, Files: plan.Seq(files), Messages: plan.Seq(theirs)}
}

func key(i int) maildir.Key { return maildir.Key(fmt.Sprintf("%09d", i)) }

// place is the i of a key.
func place(k maildir.Key) int {
	i, _ := strconv.Atoi(string(k))
	return i
}

// decide compares our messages with theirs, by the rules of a first sync over full Maildirs (plan.Rematch): what is there is not put
// there again, equal copies are matched by count, and of the flags of what is there none is taken away. keeps is what the
// mailbox keeps.
func decide(name string, ours []*source.Message, theirs []plan.Message, keeps plan.PermanentFlags) (d decision, err error) {
	pairs, alike, err := plan.Rematch(viewOf(name, ours, theirs))
	if err != nil {
		return d, err
	}
	d.alike = alike
	matched := map[maildir.Key]goimap.UID{}
	for _, p := range pairs {
		if p.UID != 0 {
			matched[p.Key] = p.UID
			d.there.AddNum(p.UID)
		}
	}
	once := map[[32]byte]bool{}
	lacking := map[maildir.Flags]goimap.UIDSet{}
	for i, m := range ours {
		if uid := matched[key(i)]; uid != 0 {
			once[m.Hash] = true
			if add := lacks(m, theirs, uid, keeps); add != (maildir.Flags{}) {
				set := lacking[add]
				set.AddNum(uid)
				lacking[add] = set
			}
		}
	}
	for i, m := range ours {
		switch {
		case matched[key(i)] != 0:
		case once[m.Hash]:
			d.copies = append(d.copies, m)
		default:
			once[m.Hash] = true
			d.upload = append(d.upload, m)
		}
	}
	for add, set := range lacking {
		d.flags = append(d.flags, change{add, set})
	}
	slices.SortFunc(d.flags, func(a, b change) int { return cmp.Compare(a.set[0].Start, b.set[0].Start) })
	return d, nil
}

// lacks is what a message there lacks of our flags. \Deleted is given to none that is there: somebody may expunge it.
func lacks(m *source.Message, theirs []plan.Message, uid goimap.UID, keeps plan.PermanentFlags) maildir.Flags {
	i, ok := slices.BinarySearchFunc(theirs, uid, func(m plan.Message, uid goimap.UID) int { return cmp.Compare(m.UID, uid) })
	if !ok {
		return maildir.Flags{}
	}
	add := kept(m.Flags, keeps).Without(theirs[i].Flags)
	add.Set &^= maildir.FlagTrashed
	return add
}

// kept is what a mailbox keeps of flags. What IMAP cannot say (RFC 9051 section 9, atom) it keeps nowhere.
func kept(f maildir.Flags, keeps plan.PermanentFlags) maildir.Flags {
	all := maildir.Flags{Set: f.Set & keeps.Set}
	var words []string
	for _, k := range f.Keywords.Names() {
		if imap.IsKeyword(k) && (keeps.Any || (maildir.Flags{Keywords: maildir.Keywords(k)}).And(keeps.Flags).Keywords != "") {
			words = append(words, k)
		}
	}
	all.Keywords = maildir.NewKeywords(words...)
	return all
}
