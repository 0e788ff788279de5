package imap

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
)

// fed is a wire that reads input and then the end, and remembers what it wrote.
func fed(input string, o *Options) (*wire, *bytes.Buffer) {
	written := &bytes.Buffer{}
	return newWire(&canned{r: strings.NewReader(input), w: written}, o), written
}

type canned struct {
	net.Conn
	r io.Reader
	w io.Writer
}

func (c *canned) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c *canned) Write(p []byte) (int, error)      { return c.w.Write(p) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// The exact octets that go out, however the library cuts its writes into pieces.
func TestWireOut(t *testing.T) {
	for _, tt := range []struct {
		name, in, out, toLibrary string
		amend                    *amendment
		nonSync                  bool
	}{
		{name: "plain", in: "T1 NOOP\r\n", out: "T1 NOOP\r\n"},
		{name: "literal announced", in: "T1 APPEND x {3}\r\n", out: "T1 APPEND x {3}\r\n"},
		{name: "literal", in: "T1 APPEND x {3}\r\na\r\n\r\nT2 NOOP\r\n", out: "T1 APPEND x {3+}\r\na\r\n\r\nT2 NOOP\r\n", toLibrary: "+ \r\n", nonSync: true},
		{name: "literal that looks like a command", in: "T1 X {9}\r\n{5}\r\n{6}\r {0}\r\n y\r\n", out: "T1 X {9+}\r\n{5}\r\n{6}\r {0+}\r\n y\r\n", toLibrary: "+ \r\n+ \r\n", nonSync: true},
		{name: "amended at its last place", in: "T1 SELECT \"(CONDSTORE)\" (CONDSTORE)\r\nT2 X (CONDSTORE)\r\n", out: "T1 SELECT \"(CONDSTORE)\" (Q)\r\nT2 X (CONDSTORE)\r\n", amend: &amendment{"(CONDSTORE)", "(Q)", false}},
		{name: "amended at its first place", in: "T1 LIST \"\" \" LIST \"\r\n", out: "T1 LSUB \"\" \" LIST \"\r\n", amend: &amendment{" LIST ", " LSUB ", true}},
		{name: "amended behind a literal", in: "T1 SELECT {1}\r\na (C)\r\n", out: "T1 SELECT {1+}\r\na (Q)\r\n", toLibrary: "+ \r\n", amend: &amendment{"(C)", "(Q)", false}, nonSync: true},
		{name: "DONE without IDLE", in: "DONE\r\nT1 NOOP\r\n", out: "T1 NOOP\r\n"},
		{name: "DONE", in: "T1 IDLE\r\nDONE\r\n", out: "T1 IDLE\r\nDONE\r\n"},
	} {
		for range 20 {
			w, written := fed("", &Options{})
			w.nonSync = func(int64) bool { return tt.nonSync }
			if tt.amend != nil {
				w.amend(*tt.amend)
			}
			for rest := tt.in; rest != ""; {
				n := 1 + rand.IntN(len(rest))
				if _, err := w.Write([]byte(rest[:n])); err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				rest = rest[n:]
			}
			w.stream.flush()
			if got := written.String(); got != tt.out || string(w.toLibrary.buf) != tt.toLibrary {
				t.Fatalf("%s: wrote %q, to the library %q", tt.name, got, w.toLibrary.buf)
			}
		}
	}
}

// The library of another version may write otherwise: that ends the session, and nothing wrong is sent.
func TestWireUnknownCommandForm(t *testing.T) {
	w, written := fed("", &Options{})
	w.amend(amendment{" (CONDSTORE)", " (QRESYNC (1 2))", false})
	if _, err := w.Write([]byte("T1 SELECT a\r\n")); err == nil || written.Len() > 0 || w.cause() == nil {
		t.Errorf("got %v, wrote %q", err, written)
	}
}

// Exactly what the library gets of what the server says.
func TestWireIn(t *testing.T) {
	for in, want := range map[string]string{
		"* 5 EXISTS\r\n* 1 RECENT\r\n* 3 EXPUNGE\r\n":                         "",
		"* FOO {3}\r\nabc\r\n* SEARCH 1 2\r\n":                                "",
		"* ESEARCH (TAG \"T1\") UID ALL 1:3\n":                                "",
		"+ idle\r\nT1 OK [X ] y\r\n+ more\r\n":                                "+ \r\nT1 OK done\r\n",
		"T1 OK\r\n":                                                           "T1 OK done\r\n",
		"T1 no [MODIFIED 5] z\r\n":                                            "T1 NO [MODIFIED] z\r\n",
		"T1 BAD [COPYUID ( x]\r\n":                                            "T1 BAD \r\n",
		"* OK [APPENDUID x] y\r\n* CAPABILITY ]\r\n* LIST \r\n":               "",
		"* 1 FETCH (BODY[] {5}\r\n* OK\r UID 4 X {0}\r\n)\r\n\r\nT1 OK x\r\n": "T1 OK done\r\n",
	} {
		w, _ := fed(in, &Options{})
		w.Write([]byte("T1 IDLE\r\n"))
		for w.response() == nil {
		}
		if got := string(w.toLibrary.buf); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Trap 2 in detail: a response may stop at any octet; only the whole one ends without an error.
func TestWireCutAnywhere(t *testing.T) {
	const whole = "* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {5}\r\nhello X {2}\r\nab)\r\n"
	for n := range len(whole) + 1 {
		w, _ := fed(whole[:n], &Options{})
		box := &inbox{Keep: true}
		w.open(box)
		err := w.response()
		if (err == nil) != (n >= len(whole)) || (len(box.Kept) == 1) != (n == len(whole)) {
			t.Errorf("cut at %d: %v, %v", n, err, box.Kept)
		}
	}
}

func FuzzWireIn(f *testing.F) {
	for _, s := range []string{
		"* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE \" 1-Jan-2024 00:00:00 +0000\" BODY[HEADER.FIELDS (A)]<0> {5}\r\nhello X ~{2}\r\nab MODSEQ (5))\r\n",
		"* LIST (\\Noselect) \"/\" {3}\r\na&b (\"X\" (1 2))\r\n* LSUB () NIL a\r\n* STATUS a (MESSAGES 1 X (1) HIGHESTMODSEQ 5)\r\n",
		"* VANISHED (EARLIER) 1:5,7\r\n* ENABLED A\r\n* OK [PERMANENTFLAGS (\\* a]b)] x\r\nT1 NO [MODIFIED 5] x\r\n+ a\r\n* BYE\r\n",
		"* SEARCH 1 2 (MODSEQ 5)\r\n* ESEARCH (TAG \"T1\") UID ALL 1:5\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nP1 OK\r\n", "* 1 FETCH (X ((((\"a\\\"\"))))",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		w, _ := fed(in, &Options{Event: func(Event) {}})
		w.Write([]byte("T1 IDLE\r\n"))
		box := &inbox{Keep: true, Select: &Selected{}, Status: map[string]*Status{}, Found: &gathered{}, Personal: &namespace{}}
		w.open(box)
		for w.response() == nil {
		}
		for _, m := range box.Kept {
			if m.Body != nil {
				t.Fatal("a body was kept")
			}
		}
		box.copied(imap.UIDSet{{Start: 1, Stop: 1 << 30}})
		for _, c := range box.Codes {
			c.appended()
		}
		box.modified(imap.UIDSet{{Start: 1}})
		for line := range strings.Lines(string(w.toLibrary.buf)) { // nothing but what the library is meant to read
			if !slices.ContainsFunc([]string{"+ \r\n", "T1 "}, func(p string) bool {
				return len(line) >= len(p) && strings.EqualFold(line[:len(p)], p)
			}) {
				t.Fatalf("the library gets %q", line)
			}
		}
	})
}

// Whatever a server says, a fetch ends, and what it gives was asked for.
func FuzzFetch(f *testing.F) {
	f.Add("* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"\" BODY[] {3}\r\nabc)\r\nT1 OK\r\n")
	f.Add("* 1 FETCH (BODY[] {3}\r\nabc UID 5)\r\n* 2 EXPUNGE\r\n* 1 FETCH (UID 5 FLAGS ())\r\nT1 NO\r\n")
	f.Add("* 1 FETCH (BODY[] {3}\r\nabc RFC822.SIZE 9 UID 5 FLAGS () INTERNALDATE \"\")\r\n* 2 FETCH (UID 6 FLAGS () INTERNALDATE \"\" BODY[TEXT] {1}\r\nx BODY[] {3}\r\nabc)\r\nT1 OK\r\n")
	f.Add("* 1 FETCH (UID 6 BODY[] \"x\" BODY[] NIL BODY[] {1}\r\nx)\r\n* 1 FETCH (FLAGS (a) INTERNALDATE 5)\r\nT1 BAD x\r\n")
	f.Add("* 1 FETCH (UID 0 FLAGS () INTERNALDATE \"\" BODY[] x)\r\nT1 OK\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			io.WriteString(server, "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n")
			go io.Copy(io.Discard, server)
			io.WriteString(server, in)
		}()
		s, err := Connect(t.Context(), Options{Dial: func(context.Context) (net.Conn, error) { return client, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		given := map[imap.UID]bool{}
		for m, err := range s.FetchBodies(t.Context(), imap.UIDSetNum(5, 6)) {
			if err != nil {
				continue
			}
			if given[m.UID] || m.UID != 5 && m.UID != 6 {
				t.Fatalf("UID %d", m.UID)
			}
			given[m.UID] = true
			if _, err := io.ReadAll(m.Body); err == nil && m.Size < 0 {
				t.Fatal("no Size")
			}
		}
	})
}

func TestSets(t *testing.T) {
	set := func(s string) imap.UIDSet { u, _ := parseSet(s); return u }
	for _, tt := range [][4]string{ // a, b, both, a less b
		{"1:5", "2:3,5", "2:3,5", "1,4"},
		{"1:4294967295", "1:4294967295", "1:4294967295", ""},
		{"1:10,20", "5:30", "5:10,20", "1:4"},
		{"7", "8", "", "7"},
		{"1,3,5,7", "3:6", "3,5", "1,7"},
		{"4294967294:4294967295", "4294967295", "4294967295", "4294967294"},
	} {
		a, b := set(tt[0]), set(tt[1])
		if got := overlap(a, b).String(); got != tt[2] {
			t.Errorf("%s and %s: %s", a, b, got)
		}
		if got := without(a, b).String(); got != tt[3] {
			t.Errorf("%s without %s: %s", a, b, got)
		}
	}
	if got := overlap(imap.UIDSet{{Start: 5}}, set("1:7,9")).String(); got != "5:7,9" {
		t.Errorf("5:*: %s", got)
	}
	for _, bad := range []string{"", "*", "0", "1:", "1:*", "a", "1,,2", "4294967296", "-1"} {
		if s, ok := parseSet(bad); ok {
			t.Errorf("%q is %s", bad, s)
		}
	}
}
