package look

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"postie/maildir"
)

// A listing gives back what was read, sorted by key and then as it came, and takes little more than the names do.
func TestListing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var want []maildir.Entry
	var l listing
	octets := 0
	for n := range 20000 {
		name := fmt.Sprintf("%d.M%dP1.host%s", random.IntN(15000), n%2, []string{"", ":2,", ":2,S", ",S=12:2,FS", ":2,Sa"}[random.IntN(5)])
		if n%5000 == 0 {
			name += strings.Repeat("x", 200)
		}
		e := maildir.EntryOf(name, random.IntN(2) == 0)
		want = append(want, e)
		l.add(e)
		octets += len(name)
	}
	slices.SortStableFunc(want, func(a, b maildir.Entry) int { return cmp.Compare(a.Key, b.Key) })
	l.sort()
	if got := slices.Collect(Entries{&l, l.at}.All()); !slices.Equal(got, want) {
		t.Error("another order, or other entries")
	}
	held := 4 * cap(l.at)
	for _, b := range l.blocks {
		held += cap(b)
	}
	if held > 2*octets {
		t.Errorf("%d octets for names of %d", held, octets)
	}
	for _, e := range want[:10] {
		if !l.has(l.at, e.Key) || l.has(l.at, e.Key+"0") {
			t.Errorf("%s is not found", e.Key)
		}
	}
}
