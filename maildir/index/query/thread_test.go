package query

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postie/maildir/index"
)

// Threads as RFC 5256 makes them. A message is "NAME SUBJECT <- REFERENCES", one day after the one before; a thread is shown with
// its answers in parentheses, the threads that were written in last first.
func TestThreads(t *testing.T) {
	for name, c := range map[string]struct {
		mail []string
		want string
	}{
		"none":                       {[]string{"a x", "b y"}, "b a"},
		"an answer":                  {[]string{"a x", "b Re: x <- a", "c y"}, "c a(b)"},
		"answers of answers":         {[]string{"a x", "b Re: x <- a", "c Re: x <- a b", "d Re: x <- a"}, "a(b(c) d)"},
		"the answer came first":      {[]string{"b Re: x <- a", "a x"}, "a(b)"},
		"something between is lost":  {[]string{"a x", "c Re: x <- a b"}, "a(c)"},
		"the first is lost":          {[]string{"b Re: x <- a", "c Re: x <- a"}, "b(c)"},
		"by subject":                 {[]string{"a x", "b Re: x", "c AW: [list] X"}, "a(b c)"},
		"one subject, no answers":    {[]string{"a x", "b x"}, "a(b)"},
		"another subject":            {[]string{"a x", "b y <- a"}, "a(b)"},
		"no subject":                 {[]string{"a ", "b "}, "b a"},
		"a ring":                     {[]string{"a x <- b", "b y <- a"}, "b(a)"},
		"itself":                     {[]string{"a x <- a"}, "a"},
		"what it says itself counts": {[]string{"a p", "b q", "c r <- a d", "d s <- b"}, "b(d(c)) a"},
		"one ID twice":               {[]string{"a x", "a y", "b z <- a"}, "a(b) a"},
		"a thread that wakes up":     {[]string{"a x", "b y", "c Re: x <- a"}, "a(c) b"},
		"deep":                       {[]string{"a x", "b 1 <- a", "c 2 <- a b", "d 3 <- a b c", "e 4 <- a b c d"}, "a(b(c(d(e))))"},
	} {
		s, root := opened(t)
		for i, m := range c.mail {
			text, refs, _ := strings.Cut(m, " <- ")
			id, subject, _ := strings.Cut(text, " ")
			if refs != "" {
				refs = "References: <" + strings.ReplaceAll(refs, " ", "@x> <") + "@x>\n"
			}
			put(t, root, fmt.Sprintf("cur/%02d:2,S", i), fmt.Sprintf("Message-ID: <%s@x>\nSubject: %s\nDate: %d Nov 2026 10:00:00 +0000\n%s\nx\n", id, subject, i+1, refs))
		}
		refreshed(t, s)
		var out strings.Builder
		depth := 0
		for m, err := range Threads(t.Context(), s, ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case m.Depth > depth:
				out.WriteString(strings.Repeat("(", m.Depth-depth))
			case out.Len() > 0:
				out.WriteString(strings.Repeat(")", depth-m.Depth) + " ")
			}
			out.WriteString(strings.TrimSuffix(m.Summary.MessageID, "@x"))
			depth = m.Depth
		}
		want(t, name, out.String()+strings.Repeat(")", depth), c.want)
	}
}

// Threads are known of mail without a body, by what the run that fetched its header recorded, and are kept when the index is made anew.
func TestThreadsAfterRebuild(t *testing.T) {
	s, root := opened(t)
	put(t, root, "cur/1:2,S", "Message-ID: <a@x>\nSubject: x\n\nx\n")
	put(t, root, "cur/2:2,S", "Message-ID: <b@x>\nSubject: y\nIn-Reply-To: <a@x>\n\nx\n")
	refreshed(t, s)
	indexText(t, s, TextOptions{Bodies: true, Anew: true})
	for m, err := range Threads(t.Context(), s, ListOptions{}) {
		if err != nil || (m.Depth == 1) != (m.Summary.MessageID == "b@x") || m.Root != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

func TestSort(t *testing.T) {
	s, root := opened(t)
	for i, m := range []string{
		"From: zoe@x\nSubject: Re: pears\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n\n" + strings.Repeat("x", 10),
		"From: \"ann\" <a@x>\nSubject: quinces\nDate: Wed, 04 Nov 2026 10:00:00 +0000\n\n" + strings.Repeat("x", 300),
		"From: Bob <b@x>\nSubject: Apples\n\n" + strings.Repeat("x", 200), // no date of its own
		"From: Ann <c@x>\nSubject: [list] pears\nDate: Tue, 03 Nov 2026 10:00:00 +0000\n\n" + strings.Repeat("x", 100),
	} {
		file := filepath.Join("cur", fmt.Sprintf("%d:2,", i+1))
		put(t, root, file, m)
		at := testNow().AddDate(0, 0, i)
		if err := os.Chtimes(filepath.Join(string(root), file), at, at); err != nil {
			t.Fatal(err)
		}
	}
	refreshed(t, s)
	key := func(m index.Message) string { return string(m.Entry.Key) }
	for sort, want := range map[Sort]string{ByArrival: "4 3 2 1", ByDate: "3 2 4 1", ByFrom: "4 2 3 1", BySize: "2 3 4 1", BySubject: "3 4 1 2"} {
		for _, limit := range []int{0, 2} {
			var got []string
			var ms []index.Message
			for m, err := range List(t.Context(), s, ListOptions{Sort: sort, Limit: limit}) {
				if err != nil {
					t.Fatal(err)
				}
				got, ms = append(got, key(m)), append(ms, m)
			}
			if g := strings.Join(got, " "); limit == 0 && g != want || limit > 0 && g != want[:3] {
				t.Errorf("%s, limit %d: %s, want %s", sort, limit, g, want)
			}
			if !slices.IsSortedFunc(ms, sort.Compare) {
				t.Errorf("%s: Compare has another order", sort)
			}
		}
	}
}
