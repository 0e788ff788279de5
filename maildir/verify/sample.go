package verify

import (
	"container/heap"
	"context"

	"postie/maildir/index"
)

// Sample is a choice of messages, the same for the same seed and the same messages. The zero value is all of them.
type Sample struct {
	N    int
	Seed uint64

	picked map[int64]bool
}

// Pick makes the choice, among the messages that have a body here. Before it Has says yes to all.
func (s *Sample) Pick(ctx context.Context, store *index.Store) error {
	if s.N == 0 {
		return nil
	}
	var least ranks // the N least, the greatest of them on top
	for last := int64(0); ; {
		ids, err := index.Rows(ctx, store, index.Number, "SELECT id FROM message WHERE id > ? AND key <> '' AND mailbox <> 0 ORDER BY id LIMIT ?", last, page)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if heap.Push(&least, rank{mix(s.Seed, uint64(id)), id}); len(least) > s.N {
				heap.Pop(&least)
			}
			last = id
		}
		if len(ids) < page {
			break
		}
	}
	s.picked = make(map[int64]bool, len(least))
	for _, r := range least {
		s.picked[r.id] = true
	}
	return nil
}

// Has says whether a message, by its NUMBER, is among those chosen.
func (s *Sample) Has(id int64) bool { return s.N == 0 || s.picked[id] }

// mix is splitmix64: a number that looks random.
func mix(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

type rank struct {
	by uint64
	id int64
}

type ranks []rank

func (r ranks) Len() int           { return len(r) }
func (r ranks) Less(i, j int) bool { return r[i].by > r[j].by }
func (r ranks) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *ranks) Push(x any)        { *r = append(*r, x.(rank)) }
func (r *ranks) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
