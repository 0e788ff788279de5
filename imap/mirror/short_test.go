package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/testdata/dovecot"
)

// body changes the bodies, or headers, of one message of INBOX: nil takes them away. Others stay, as does RFC822.SIZE.
func body(uid int, change func(value string) []imaptest.Item) imaptest.Quirk {
	this := imaptest.Item{Name: "UID", Value: fmt.Sprint(uid)}
	return imaptest.Fetches(func(d *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		if d.Selected != "INBOX" || !slices.Contains(items, this) {
			return [][]imaptest.Item{items}
		}
		var out []imaptest.Item
		for _, i := range items {
			switch {
			case i.Name == "RFC822.SIZE":
				out = append(out, imaptest.Item{Name: i.Name, Value: "5700"})
			case i.Name == "BODY[]" || strings.HasPrefix(i.Name, "BODY[HEADER]"):
				for _, c := range change(i.Value) {
					out = append(out, imaptest.Item{Name: i.Name, Value: c.Value})
				}
			default:
				out = append(out, i)
			}
		}
		return [][]imaptest.Item{out}
	})
}

// What comes for a message is grossly less than the server says that it has, or nothing: it is not stored, and told of in each
// run; the others come. When the server is mended, it comes too.
func TestShortBody(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	value := func(s string) []imaptest.Item { return []imaptest.Item{{Value: s}} }
	cut := func(n int) func(string) []imaptest.Item {
		return func(v string) []imaptest.Item {
			_, text, _ := strings.Cut(v, "\r\n")
			return value(fmt.Sprintf("{%d}\r\n%s", n, text[:n]))
		}
	}
	for name, change := range map[string]func(string) []imaptest.Item{
		"empty literal": func(string) []imaptest.Item { return value("{0}\r\n") },
		"empty string":  func(string) []imaptest.Item { return value(`""`) },
		"NIL":           func(string) []imaptest.Item { return value("NIL") },
		"no body":       func(string) []imaptest.Item { return nil },
		"half a header": cut(50),
		"header only":   cut(130),
		"a little":      func(v string) []imaptest.Item { return value(v[strings.Index(v, "{"):]) }, // all of some 150 octets
	} {
		for _, none := range []bool{false, true} {
			if none && (name == "half a header" || name == "header only" || name == "a little") {
				continue // of a header nobody knows how long it is
			}
			t.Run(fmt.Sprint(name, none), func(t *testing.T) {
				t.Parallel()
				d := w.device(t, body(5, change))
				if none {
					d.policy.Bodies = plan.Bodies{None: true}
				}
				beginning(d, d.remote())
				for n := range 2 {
					r, err := d.run(nil)
					if err != nil || r.New != []int{11, 0}[n] || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+r.Uploaded+len(r.Guards) > 0 {
						t.Errorf("run %d: %+v, %v, %v", n, r, err, d.failures())
					}
				}
				if fails := d.failures(); len(fails) != 1 || !strings.HasPrefix(fails[0], "INBOX5") {
					t.Errorf("failed: %q", fails)
				}
				d.quirks = nil
				if r := d.sync(); r.New != 1 {
					t.Errorf("mended: %+v", r)
				}
				d.quiet()
			})
		}
	}
}

// A FETCH that ends with OK and says nothing of a message that is there, whatever it was asked for.
func TestFetchWithoutRow(t *testing.T) {
	w := newStreet(t, dovecot.Options{})
	for _, item := range []string{"BODY[]", "RFC822.SIZE", "BODY[HEADER"} {
		t.Run(item, func(t *testing.T) {
			t.Parallel()
			this := imaptest.Item{Name: "UID", Value: "5"}
			drop := imaptest.Fetches(func(d *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
				has := slices.ContainsFunc(items, func(i imaptest.Item) bool { return strings.HasPrefix(i.Name, item) })
				if d.Selected == "INBOX" && slices.Contains(items, this) && has {
					return nil
				}
				return [][]imaptest.Item{items}
			})
			d := w.device(t)
			s := d.remote()
			d.put(s, "INBOX", 300, 301)
			d.sync()
			beginning(d, s)
			runs := 2
			if item == "BODY[HEADER" {
				d.deliver("INBOX", 400) // headers are asked for while there is a new file
				runs = 1
			}
			d.quirks = quirks{drop}
			for range runs {
				if r, err := d.run(nil); err != nil || r.Failed != 1 || r.DeletedLocal+r.DeletedRemote+len(r.Guards) > 0 {
					t.Errorf("%+v, %v, %v", r, err, d.failures())
				}
			}
			d.quirks = nil
			d.does(func() { d.sync() }, 1)
			d.quiet()
		})
	}
}
