package manifest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"postie/maildir"
)

// entry is a message of such a text.
func entry(text, mailbox, id string, set maildir.FlagSet, keywords ...string) Entry {
	return Entry{maildir.Wire{Size: int64(len(text)), Hash: sha256.Sum256([]byte(text))}, maildir.Flags{Set: set, Keywords: maildir.NewKeywords(keywords...)}, mailbox, id}
}

func written(t testing.TB, h Header, es ...Entry) string {
	t.Helper()
	var s Sorter
	for _, e := range es {
		if err := s.Add(e.String()); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := Write(&out, h, s.All()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func read(text string) (all []Entry, err error) {
	r, err := NewReader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func TestLine(t *testing.T) {
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte("x")))
	for _, tt := range []struct {
		e    Entry
		want string
	}{
		{entry("x", "INBOX", "1@x", 0), "1 - INBOX 1@x"},
		{entry("x", "INBOX", "", maildir.FlagSeen|maildir.FlagFlagged), "1 FS INBOX -"},
		{entry("x", "-", "-", 0, "$Label1", "a,b"), "1 -,$Label1,a%2Cb %2D %2D"},
		{entry("x", "Änderung/zwei Worte\n", "a b%\x00\xff@x", maildir.FlagSeen, "work"), "1 S,work Änderung/zwei%20Worte%0A a%20b%25%00%FF@x"},
		{entry("x", "\u202eevil\u0085", "\u00a0", 0), "1 - %E2%80%AEevil%C2%85 %C2%A0"},
	} {
		if got := tt.e.String(); got != hash+" "+tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if back, err := Parse(tt.e.String()); err != nil || back != tt.e {
			t.Errorf("%s: got back %+v, %v", tt.want, back, err)
		}
	}
	for _, bad := range []string{"", "x", hash + " 1 - INBOX", hash + " 1 - INBOX - -", hash + " 01 - INBOX -", hash + " -1 - INBOX -", strings.ToUpper(hash) + " 1 - INBOX -",
		hash[2:] + " 1 - INBOX -", hash + " 1 SF INBOX -", hash + " 1 SS INBOX -", hash + " 1 S,b,a INBOX -", hash + " 1 S, INBOX -", hash + " 1 x INBOX -", hash + " 1 - IN%42OX -", hash + " 1 - %2 -", hash + " 1 - INBOX a%2d"} {
		if e, err := Parse(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, e)
		}
	}
}

// Equal mail gives equal octets, in whatever order it is met; what was cut, or changed, or sorted otherwise is none.
func TestManifest(t *testing.T) {
	a, b, c := entry("a", "INBOX", "1@x", 0), entry("b", "INBOX", "", maildir.FlagSeen), entry("a", "Lists/go", "1@x", 0, "work")
	first := written(t, Header{}, a, b, c, b)
	if again := written(t, Header{}, b, c, b, a); again != first {
		t.Errorf("got\n%s and\n%s", first, again)
	}
	sum, err := Hash(strings.NewReader(first))
	if err != nil || sum != sha256.Sum256([]byte(first)) {
		t.Errorf("%x, %v", sum, err)
	}
	second := written(t, Header{sum}, a)
	r, err := NewReader(strings.NewReader(second))
	if err != nil || r.Header.After != sum {
		t.Fatalf("%+v, %v", r, err)
	}
	if all, err := read(first); err != nil || len(all) != 4 {
		t.Errorf("%v, %v", all, err)
	}
	lines := strings.SplitAfter(first, "\n")
	for name, text := range map[string]string{
		"empty":             "",
		"a letter":          "Subject: hello\n\ntext\n",
		"newer":             strings.Replace(first, "manifest 1", "manifest 2", 1),
		"without end":       strings.Join(lines[:4], ""),
		"cut within a line": first[:len(first)-3],
		"a line is missing": strings.Join(slices.Delete(slices.Clone(lines), 2, 3), ""),
		"two are exchanged": strings.Join([]string{lines[0], lines[4], lines[2], lines[3], lines[1], lines[5]}, ""),
		"more follows":      first + "x",
		"CRLF":              strings.ReplaceAll(first, "\n", "\r\n"),
		"a hash before":     strings.Replace(second, "sha256:", "sha256:0", 1),
	} {
		if all, err := read(text); !errors.As(err, new(*FormatError)) {
			t.Errorf("%s: got %v, %v", name, all, err)
		}
	}
}

func TestCompare(t *testing.T) {
	a, b := entry("a", "INBOX", "1@x", 0), entry("b", "INBOX", "2@x", 0)
	seen, moved, other := a, a, entry("A", "INBOX", "1@x", 0)
	seen.Flags.Set, moved.Mailbox = maildir.FlagSeen, "Old"
	for name, tt := range map[string]struct {
		then, now []Entry
		want      string
	}{
		"equal":                      {[]Entry{a, b, a}, []Entry{a, a, b}, "same 3 new 0"},
		"new":                        {[]Entry{a}, []Entry{a, b, a}, "same 1 new 2"},
		"gone":                       {[]Entry{a, b}, []Entry{a}, "2@x gone, same 1 new 0"},
		"one of two copies is gone":  {[]Entry{a, a}, []Entry{a}, "1@x gone, same 1 new 0"},
		"all is gone":                {[]Entry{a, b}, nil, "2@x gone, 1@x gone, same 0 new 0"},
		"flags":                      {[]Entry{a, b}, []Entry{b, seen}, "1@x flags, same 1 new 0"},
		"moved":                      {[]Entry{a}, []Entry{moved}, "1@x moved, same 0 new 0"},
		"copied":                     {[]Entry{a}, []Entry{moved, a}, "same 1 new 1"},
		"moved, and a copy is there": {[]Entry{a, moved}, []Entry{moved, moved}, "1@x moved, same 1 new 0"},
		"changed":                    {[]Entry{a}, []Entry{other, b}, "1@x changed, same 0 new 1"},
		"changed, and copied":        {[]Entry{a, a}, []Entry{other, a}, "1@x changed, same 1 new 0"},
		"a copy of what is there":    {[]Entry{a, other}, []Entry{other, other}, "1@x changed, same 1 new 0"},
		"flags of one of two":        {[]Entry{a, a}, []Entry{seen, a}, "1@x flags, same 1 new 0"},
	} {
		var s Sorter
		for _, e := range tt.now {
			s.Add(e.String())
		}
		then := slices.SortedFunc(slices.Values(tt.then), func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })
		var counts Counts
		got := ""
		for c, err := range Compare(values(then), s.All, &counts) {
			if err != nil {
				t.Fatal(err)
			}
			got += c.Was.MessageID + " " + []string{"?", "gone", "changed", "moved", "flags"}[c.Kind] + ", "
		}
		if got += fmt.Sprintf("same %d new %d", counts.Same, counts.New); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func values(es []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// However many lines there are, they come sorted, from memory or from files, and again.
func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, limit := range []int{0, 1, 100, 5000} {
		s := Sorter{limit: limit}
		var want []string
		for range 500 {
			line := fmt.Sprint(r.IntN(200))
			want = append(want, line)
			if err := s.Add(line); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		for range 2 {
			var got []string
			for line, err := range s.All() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("limit %d: got %v", limit, got)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever a file holds, reading it ends well, and what is taken for a manifest is written again octet for octet.
func FuzzManifest(f *testing.F) {
	a, b := entry("a", "INBOX", "1@x", 0), entry("b", "zwei Worte", "", maildir.FlagSeen, "work", "$x")
	f.Add(written(f, Header{}, a, b))
	f.Add(written(f, Header{sha256.Sum256(nil)}))
	f.Add(magic + nothing + "\nend 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(strings.NewReader(text))
		if err != nil {
			return
		}
		var s Sorter
		for e, err := range r.All() {
			if err != nil {
				return
			}
			if err := s.Add(e.String()); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		if err := Write(&out, r.Header, s.All()); err != nil || out.String() != text {
			t.Errorf("%v: got %q of %q", err, out.String(), text)
		}
	})
}

// Whatever an entry holds, its line is one line that Parse understands.
func FuzzLine(f *testing.F) {
	f.Add("INBOX", "1@x", "work", uint8(3), int64(5))
	f.Add("a/b c\n", "%", "a,b", uint8(0), int64(0))
	f.Fuzz(func(t *testing.T, mailbox, id, keyword string, set uint8, size int64) {
		e := Entry{maildir.Wire{Size: max(size, 0)}, maildir.Flags{Set: maildir.FlagSet(set & 63), Keywords: maildir.NewKeywords(keyword)}, mailbox, id}
		if back, err := Parse(e.String()); err != nil || back != e || strings.Contains(e.String(), "\n") {
			t.Errorf("%q: %+v, %v, want %+v", e.String(), back, err, e)
		}
	})
}
