package plan

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

// Not every server gives back what it was given, or tells a message's octets: Exchange estimates RFC822.SIZE, Proton's gluon
// adds fields to the header of what is appended, and another server than before counts in its own way. So what is left over by
// the exact rules is matched by less. Of two contents that are matched wrongly neither is lost, but one is not seen on the
// other side; therefore these rules ask for more than a Message-ID. It is that of the draft, too, that a message is an edited
// form of, and a copy has it that came through a mailing list. A file that is not here is never matched by less: that
// would delete on the server what may be another message.

// few is how many messages have to speak for each other where their dates do not.
const few = 3

// couple is a file and a message that may be the same.
type couple struct {
	file    *candidate
	message *newcomer[Message]
}

// dated says whether both have one date, which is known.
func (c couple) dated() bool {
	return !c.file.id.Date.IsZero() && c.file.id.Date.Equal(c.message.it.ID.Date)
}

// draft says whether it is one, which may have been edited on either side.
func (c couple) draft() bool {
	return (c.file.file.Flags.Set|c.message.it.Flags.Set)&maildir.FlagDraft != 0
}

func (r *rematch) join(c couple) {
	c.file.take(c.message)
	r.alike++
}

// left are the files and messages that have no partner.
func (r *rematch) left() (files []*candidate, messages []*newcomer[Message]) {
	for _, cs := range [][]candidate{r.here, r.fresh} {
		for i := range cs {
			if !cs[i].matched {
				files = append(files, &cs[i])
			}
		}
	}
	for _, n := range r.all {
		if !n.taken {
			messages = append(messages, n)
		}
	}
	return files, messages
}

// lone are those of what is left whose Message-ID the mailbox has once on either side.
func (r *rematch) lone(files []*candidate, messages []*newcomer[Message]) (couples []couple) {
	if len(files) == 0 || len(messages) == 0 {
		return nil
	}
	here, there := map[string]int{}, map[string]int{}
	for _, c := range slices.Concat(r.here, r.gone, r.fresh) {
		here[c.id.MessageID]++
	}
	for _, n := range r.all {
		there[n.it.ID.MessageID]++
	}
	by := map[string]*newcomer[Message]{}
	for _, n := range messages {
		by[n.it.ID.MessageID] = n
	}
	for _, c := range files {
		if id := c.id.MessageID; id != "" && here[id] == 1 && there[id] == 1 && by[id] != nil {
			couples = append(couples, couple{c, by[id]})
		}
	}
	return couples
}

// dated matches what has one date, and a Message-ID that nothing else has. That asks for no header.
func (r *rematch) dated() {
	for _, c := range r.lone(r.left()) {
		if c.dated() {
			r.join(c)
		}
	}
}

// doubts names the messages that a header may tell: those that have the Message-ID of a file that is left, and of those that
// have none the ones of its size or date; and the files that have the Message-ID and date of one of them.
func (r *rematch) doubts() (uids []imap.UID, keys []maildir.Key) {
	files, messages := r.left()
	ids, sizes, dates := map[string]bool{}, map[int64]bool{}, map[int64]bool{}
	for _, c := range files {
		if c.id.MessageID != "" {
			ids[c.id.MessageID] = true
		} else if !c.id.Date.IsZero() {
			dates[c.id.Date.Unix()] = true
		}
	}
	for _, cs := range [][]candidate{r.here, r.gone, r.fresh} {
		for _, c := range cs {
			for _, n := range c.id.Sizes() {
				sizes[n] = sizes[n] || !c.matched && c.id.MessageID == ""
			}
		}
	}
	for _, n := range messages {
		id := n.it.ID
		fits := dates[id.Date.Unix()] || slices.ContainsFunc(id.Sizes(), func(n int64) bool { return sizes[n] })
		if id.Header == [32]byte{} && (ids[id.MessageID] || id.MessageID == "" && fits) {
			uids = append(uids, n.it.UID)
		}
	}
	arrived := map[arrival]bool{}
	for _, n := range messages {
		arrived[arrivalOf(n.it.ID)] = !n.it.ID.Date.IsZero()
	}
	for _, f := range files {
		if arrived[arrivalOf(f.id)] {
			keys = append(keys, f.file.Key)
		}
	}
	return uids, keys
}

// arrival is what a server keeps of a message whose header it changes: its Message-ID, which may be none, and its date in seconds.
type arrival struct {
	messageID string
	date      int64
}

func arrivalOf(id Identity) arrival { return arrival{id.MessageID, id.Date.Unix()} }

// held matches what has one Message-ID and date where the header there has all fields of the file. A server adds fields to what it takes (Proton's
// gluon, Exchange), or writes X for what is not ASCII (Cyrus): that changes the header, by which alone those are known that have no
// Message-ID, or one that others have too. Those of one size come first.
func (r *rematch) held() {
	files, messages := r.left()
	by := byField(messages)
	for _, exact := range []bool{true, false} {
		for _, f := range files {
			for _, n := range withRarestField(by, f.id) {
				if !f.matched && !n.taken && (!exact || f.id.fits(n.it.ID)) && holds(n.it.ID.Fields, f.id.Fields) {
					r.join(couple{f, n})
				}
			}
		}
	}
}

// arrivedField is a field of a message that arrived so.
type arrivedField struct {
	arrival
	field string
}

func byField(messages []*newcomer[Message]) map[arrivedField][]*newcomer[Message] {
	by := map[arrivedField][]*newcomer[Message]{}
	for _, n := range messages {
		for line := range strings.Lines(n.it.ID.Fields) {
			if field, _, _ := strings.Cut(line, " "); !n.it.ID.Date.IsZero() {
				of := arrivedField{arrivalOf(n.it.ID), field}
				by[of] = append(by[of], n)
			}
		}
	}
	return by
}

// withRarestField are the messages with that field of a file that the fewest have: of those that have no Message-ID there may be very many of
// one date, and each with all fields of the file is among these.
func withRarestField(by map[arrivedField][]*newcomer[Message], id Identity) (few []*newcomer[Message]) {
	at, first := arrivalOf(id), true
	for line := range strings.Lines(id.Fields) {
		field, munged, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		have := by[arrivedField{at, field}]
		if munged != field {
			have = slices.Concat(have, by[arrivedField{at, munged}])
		}
		if first || len(have) < len(few) {
			few, first = have, false
		}
	}
	return few
}

// holds says whether a header there has all fields of one here, and there are some; those here perhaps as Cyrus keeps them.
func holds(there, here string) bool {
	left := map[string]int{}
	for line := range strings.Lines(there) {
		field, _, _ := strings.Cut(line, " ")
		left[field]++
	}
	for line := range strings.Lines(here) {
		field, munged, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if left[field] == 0 {
			field = munged
		}
		if left[field]--; left[field] < 0 {
			return false
		}
	}
	return here != ""
}

// headed matches what has one Message-ID and one header, those of one date first. Drafts, and what has no Message-ID, must have
// one date.
func (r *rematch) headed() {
	files, messages := r.left()
	by := map[mark][]*newcomer[Message]{}
	for _, n := range messages {
		if id := n.it.ID; id.Header != [32]byte{} {
			m := mark{text: id.MessageID, sum: id.Header}
			by[m] = append(by[m], n)
		}
	}
	for _, exact := range []bool{true, false} {
		for _, f := range files {
			for _, n := range by[mark{text: f.id.MessageID, sum: f.id.Header}] {
				c := couple{f, n}
				if !f.matched && !n.taken && (c.dated() || !exact && f.id.MessageID != "" && !c.draft()) {
					r.join(c)
				}
			}
		}
	}
}

// most matches what has a Message-ID that nothing else has, if that holds for most of what is left: then it is the server's way,
// or that of the program which put the files here, and not a coincidence.
func (r *rematch) most() {
	files, messages := r.left()
	couples := slices.DeleteFunc(r.lone(files, messages), couple.draft)
	if len(couples) < few || 2*len(couples) <= min(len(files), len(messages)) {
		return
	}
	for _, c := range couples {
		r.join(c)
	}
}
