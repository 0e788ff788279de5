package verify

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"

	"postie/maildir"
	"postie/maildir/index"
	"postie/maildir/verify"
	"postie/pop3"
	"postie/pop3/pop3test"
	"postie/pop3/retrieve"
)

type alice struct{}

func (alice) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	return nil, "alice", "secret", nil
}

func letter(n int) pop3test.Message {
	return pop3test.Message{UIDL: fmt.Sprint("u", n), Body: []byte(fmt.Sprintf("Message-ID: <%d@x>\r\nSubject: letter %d\r\n\r\n%s", n, n, strings.Repeat("text\r\n", n)))}
}

// copied is a maildrop with its copy.
type copied struct {
	*testing.T
	server *pop3test.Server
	dir    maildir.Dir
	store  *index.Store
}

func (c *copied) ok(errs ...error) {
	c.Helper()
	for _, err := range errs {
		if err != nil {
			c.Fatal(err)
		}
	}
}

func newCopied(t *testing.T, o pop3test.Options) *copied {
	c := &copied{T: t, server: pop3test.NewServer(o), dir: maildir.Dir(t.TempDir())}
	t.Cleanup(func() { c.server.Close() })
	var all []pop3test.Message
	for n := range 8 {
		all = append(all, letter(n))
	}
	all = append(all, pop3test.Message{UIDL: "odd", Body: []byte("Subject: odd\r\n\r\na bare\nLF\r\n")})
	c.server.SetMaildrop("alice", "secret", all...)
	c.ok(c.dir.Ensure())
	var err error
	c.store, err = index.Open(t.Context(), c.dir, nil)
	c.ok(err)
	t.Cleanup(func() { c.store.Close() })
	_, err = retrieve.Run(t.Context(), retrieve.Options{Maildrop: index.Login{User: "alice", Host: "x"}, POP3: c.pop3(), Store: c.store, Dir: c.dir,
		Policy: retrieve.Policy{Keep: retrieve.Keep{Mode: retrieve.Forever}}})
	c.ok(err)
	return c
}

func (c *copied) pop3() pop3.Options { return pop3.Options{Dial: c.server.Pipe, Login: alice{}} }

func (c *copied) verify(change func(*Options)) (said []string, counts verify.Counts) {
	c.Helper()
	o := Options{Maildrop: index.Login{User: "alice", Host: "x"}, POP3: c.pop3(), Store: c.store, Dir: c.dir, Report: func(d verify.Difference) error {
		said = append(said, fmt.Sprintf("%s %s%s: %s", d.Kind, d.UIDL, d.Message.Summary.Subject, d.Detail))
		return nil
	}}
	change(&o)
	counts, err := Run(c.Context(), o)
	c.ok(err)
	slices.Sort(said)
	return said, counts
}

func (c *copied) path(n int) string {
	c.Helper()
	ms, err := c.store.Select(c.Context(), "", "m.subject = ?", fmt.Sprint("letter ", n))
	c.ok(err)
	return c.store.Path(ms[0])
}

func TestVerify(t *testing.T) {
	for name, tt := range map[string]struct {
		do            func(c *copied)
		shallow, deep []string
	}{
		"healthy": {func(c *copied) {}, nil, nil},
		"a flipped bit": {func(c *copied) {
			b, err := os.ReadFile(c.path(3))
			c.ok(err)
			b[len(b)-2] ^= 1
			c.ok(os.WriteFile(c.path(3), b, 0o600))
		}, nil, []string{"damaged letter 3: its octets are others"}},
		"cut": {func(c *copied) { c.ok(os.Truncate(c.path(3), 9)) }, []string{"damaged letter 3: it has 9 octets on disk in place of 52"},
			[]string{"damaged letter 3: it has 9 octets in place of 58"}},
		"missing": {func(c *copied) { c.ok(os.Remove(c.path(3))) }, []string{"missing_here letter 3: its file is gone"}, []string{"missing_here letter 3: its file is gone"}},
		"deleted here": {func(c *copied) {
			c.ok(os.Remove(c.path(3)))
			_, err := c.store.Refresh(c.Context())
			c.ok(err)
		}, []string{"not_pushed u3: the message was deleted here, and the server has it"}, []string{"not_pushed u3: the message was deleted here, and the server has it"}},
		"new there": {func(c *copied) { c.server.Append("alice", letter(20)) }, []string{"not_pulled u20: the message is new there"}, []string{"not_pulled u20: the message is new there"}},
		"gone there": {func(c *copied) { c.server.SetMaildrop("alice", "secret", c.server.Maildrop("alice")[1:]...) },
			[]string{"not_pulled u0letter 0: the message is gone there"}, []string{"not_pulled u0letter 0: the message is gone there"}},
		"other octets there": {func(c *copied) {
			all := c.server.Maildrop("alice")
			all[3].Body = []byte(strings.Replace(string(all[3].Body), "text", "tezt", 1))
			c.server.SetMaildrop("alice", "secret", all...)
		}, nil, []string{"other_octets u3letter 3: the server gives other octets than it did"}},
		"another size": {func(c *copied) {
			all := c.server.Maildrop("alice")
			all[3] = pop3test.Message{UIDL: "u3", Body: append(slices.Clone(all[3].Body), "more\r\n"...)}
			c.server.SetMaildrop("alice", "secret", all...)
		}, []string{"other_size u3letter 3: the server says 64 octets, and said 58"},
			[]string{"other_octets u3letter 3: the server gives other octets than it did", "other_size u3letter 3: the server says 64 octets, and said 58"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCopied(t, pop3test.Options{})
			tt.do(c)
			there := len(c.server.Maildrop("alice"))
			for form, want := range [][]string{tt.shallow, tt.deep} {
				said, counts := c.verify(func(o *Options) { o.Deep = form == 1 })
				if !slices.Equal(said, want) {
					t.Errorf("deep %v: said %q, want %q", form == 1, said, want)
				}
				if name == "healthy" && (counts.Messages != 9 || form == 1 && (counts.Files != 9 || counts.There != 9 || counts.Unhashed > 0)) {
					t.Errorf("%+v", counts)
				}
			}
			c.server.Wait()
			for _, cmd := range c.server.Commands() {
				if strings.HasPrefix(cmd.Line, "DELE") {
					t.Errorf("verify sent %s", cmd.Line)
				}
			}
			if n := len(c.server.Maildrop("alice")); n != there {
				t.Errorf("%d messages are there, and were %d", n, there)
			}
		})
	}
}

// With keep, what is deleted here stays there: that is counted, and is no difference.
func TestKept(t *testing.T) {
	c := newCopied(t, pop3test.Options{})
	c.ok(os.Remove(c.path(3)))
	_, err := c.store.Refresh(t.Context())
	c.ok(err)
	for _, deep := range []bool{false, true} {
		if said, counts := c.verify(func(o *Options) { o.Keeps, o.Deep = true, deep }); len(said) > 0 || counts.OneSide != 1 || counts.Messages != 8 {
			t.Errorf("said %q, %+v", said, counts)
		}
	}
}

// A server without UIDL cannot be compared message by message: that is said.
func TestWithoutUIDL(t *testing.T) {
	c := newCopied(t, pop3test.Options{Without: []string{"UIDL"}})
	said, _ := c.verify(func(*Options) {})
	if len(said) != 1 || !strings.HasPrefix(said[0], "not_given : the server gives no UIDL for 9 messages") {
		t.Errorf("said %q", said)
	}
}
