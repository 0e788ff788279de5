package plan

import (
	"cmp"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// Doubt names a message whose header must be seen.
type Doubt struct {
	Mailbox string
	UID     imap.UID
}

// Missing names a pair of which must be known who it is.
type Missing struct {
	Mailbox string // in which view the base is
	Pair    Pair
}

// Doubts names what a Diff of these views has to know besides: the new messages that it could only recognise with their Message-ID and
// header hash, which are those of the size of something that is missing, or new here; and the pairs that are missing somewhere, or
// that a new file may be the body of. Mostly there are none. Messages that have either are not asked for again.
// Once Known says of a pair what octets its file gives (Identity.Own), there may be more of the former.
func Doubts(boxes []Mailbox, p Policy) (doubts []Doubt, pairs []Missing, err error) {
	boxes, _, err = renamed(boxes, p)
	if err != nil {
		return nil, nil, err
	}
	d, err := observe(boxes, p)
	if err != nil {
		return nil, nil, err
	}
	missing := map[int64]bool{}
	d.each(func(t *trio) {
		if t.on == nil || t.home.Outside && t.at == nil {
			for _, n := range t.who().Sizes() {
				missing[n] = true
			}
		}
		if t.on == nil || t.at == nil {
			pairs = append(pairs, t.home.missing(t.pair))
		}
	})
	for _, b := range d.boxes {
		for _, f := range b.files {
			for _, n := range f.it.ID.Sizes() {
				missing[n] = missing[n] || strays(f)
			}
		}
	}
	for _, b := range d.boxes {
		for _, t := range b.bodyless {
			pairs = append(pairs, b.missing(t.pair))
		}
		for _, p := range b.unnamed {
			pairs = append(pairs, b.missing(p))
		}
		for _, m := range b.messages {
			id := m.it.ID
			wanted := slices.ContainsFunc(id.Sizes(), func(n int64) bool { return missing[n] || b.sizes[n] })
			if wanted && id.MessageID == "" && id.Header == [32]byte{} {
				doubts = append(doubts, Doubt{b.Name, m.it.UID})
			}
		}
	}
	return doubts, pairs, nil
}

func (b *box) missing(p Pair) Missing { return Missing{cmp.Or(b.base, b.Name), p} }
