package maildir

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func TestParseKeywords(t *testing.T) {
	for content, want := range map[string]string{
		"":                                   "",
		"0 a\n1 b\n":                         "0=a 1=b",
		"1 b\n0 a":                           "0=a 1=b",
		"0 a\r\n  25\tz  \r\n":               "0=a 25=z",
		"26 x\n-1 y\n999999 z\nx\n\n0\n0 \n": "",
		"0 first\n0 second\n":                "0=first",
		"3 two words\n":                      "3=two_words",
	} {
		var got []string
		for i, k := range parseKeywords(content) {
			if k != "" {
				got = append(got, fmt.Sprintf("%d=%s", i, k))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q", content, got)
		}
	}
}

func TestAddKeywords(t *testing.T) {
	d := newDir(t)
	path := d.sub(keywordFile)
	if table, err := d.AddKeywords(""); err != nil || table != (KeywordTable{}) {
		t.Error(table, err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file without need")
	}
	for _, step := range []struct{ file, add, want string }{
		{"", "b a", "0 a\n1 b\n"},
		{"0 a\n1 b\n", "A B", "0 a\n1 b\n"}, // nothing new: not touched
		{"4 x\nnonsense", "b", "4 x\nnonsense\n5 b\n"},
		{"25 z\n0 a\n", "b", "25 z\n0 a\n1 b\n"},
	} {
		must(t, os.WriteFile(path, []byte(step.file), 0o600))
		must(t, os.Chmod(path, 0o666))
		table, err := d.AddKeywords(Keywords(step.add))
		must(t, err)
		got, err := os.ReadFile(path)
		must(t, err)
		onDisk, err := d.Keywords()
		if string(got) != step.want || err != nil || onDisk != table {
			t.Errorf("%q + %q = %q, %v, table %v", step.file, step.add, got, err, table)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o666 {
			t.Error(fi.Mode(), err)
		}
	}
	if got := list(t, d); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
}

func TestKeywordsFull(t *testing.T) {
	d := newDir(t)
	var names []string
	for i := range 27 {
		names = append(names, fmt.Sprintf("k%02d", i))
	}
	ks := NewKeywords(names...)
	table, err := d.AddKeywords(ks)
	must(t, err)
	letters, without := table.Letters(ks)
	if letters != "abcdefghijklmnopqrstuvwxyz" || without != "k26" {
		t.Errorf("%s, without %q", letters, without)
	}
	if again, err := d.AddKeywords("k26"); err != nil || again != table {
		t.Error(again, err)
	}
}

func TestKeywordTable(t *testing.T) {
	table := KeywordTable{0: "Junk", 2: "$MDNSent"}
	ks, unlisted := table.Keywords("abcz!S")
	if ks != "$MDNSent Junk" || unlisted != "bz" {
		t.Errorf("%q %q", ks, unlisted)
	}
	letters, without := table.Letters("$mdnsent other JUNK")
	if letters != "ac" || without != "other" {
		t.Errorf("%q %q", letters, without)
	}
}

// Killed at any step the table is the old one or the new one, whole.
func TestKeywordsCrash(t *testing.T) {
	for _, stop := range []string{"fsync ", "rename ", "fsync-dir "} {
		d := newDir(t)
		must(t, os.WriteFile(d.sub(keywordFile), []byte("0 a\n"), 0o600))
		crash(func() {
			d.addKeywords("b", func(verb, path string) {
				if strings.HasPrefix(stop, verb+" ") {
					panic(crashed{})
				}
			})
		})
		got, err := os.ReadFile(d.sub(keywordFile))
		must(t, err)
		want := "0 a\n"
		if stop == "fsync-dir " {
			want += "1 b\n"
		}
		if string(got) != want {
			t.Errorf("at %s: %q", stop, got)
		}
	}
}

func TestKeywordsUnreadable(t *testing.T) {
	d := newDir(t)
	must(t, os.Mkdir(d.sub(keywordFile), fs.ModePerm))
	if _, err := d.Keywords(); err == nil {
		t.Error("no error")
	}
	if _, err := d.AddKeywords("a"); err == nil {
		t.Error("no error")
	}
}

// What a letter means that came from another folder.
func TestCarried(t *testing.T) {
	from, to := KeywordTable{"NonJunk", "Later", "Old"}, KeywordTable{"work", "later", "NonJunk"}
	for _, c := range []struct{ letters, before, had, want string }{
		{"a", "a", "NonJunk", "NonJunk"},           // as it was
		{"a", "a", "NonJunk many", "NonJunk many"}, // one has no letter
		{"c", "a", "NonJunk", "NonJunk"},           // translated
		{"ab", "a", "NonJunk", "NonJunk Later"},    // one more, then moved
		{"bc", "ab", "NonJunk Later", "NonJunk later"},
		{"d", "a", "NonJunk", ""},
		{"a", "", "", "NonJunk"}, // either reading: from's
		{"", "a", "NonJunk", ""},
		{"b", "a", "NonJunk many", "Later many"},
	} {
		got := Carried(c.letters, c.before, NewKeywords(c.had), &from, &to)
		if want := NewKeywords(c.want); got != want {
			t.Errorf("%q, before %q: %q, want %q", c.letters, c.before, got, want)
		}
	}
}
