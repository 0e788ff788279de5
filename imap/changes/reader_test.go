package changes

import (
	"context"
	"crypto/tls"
	"fmt"
	"iter"
	"net"
	"regexp"
	"strings"
	"testing"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"

	"postie/imap"
	"postie/imap/imaptest"
	"postie/imap/plan"
	"postie/maildir"
)

// base is Rows in memory, sorted by UID.
type base []plan.Pair

func (b base) ByUID(_ context.Context, set goimap.UIDSet) iter.Seq2[plan.Pair, error] {
	return func(yield func(plan.Pair, error) bool) {
		for _, p := range b {
			if (set == nil || set.Contains(p.UID)) && !yield(p, nil) {
				return
			}
		}
	}
}

func (b base) Held(context.Context) (int64, error)               { return int64(len(b)), nil }
func (b base) AlwaysInView(context.Context) ([]plan.Pair, error) { return nil, nil }
func (b base) Shows(plan.Pair) bool                              { return false }

// pairs are the base of a mailbox with those UIDs, all read.
func pairs(uids ...goimap.UID) (b base) {
	for _, u := range uids {
		seen := maildir.Flags{Set: maildir.FlagSeen}
		b = append(b, plan.Pair{UID: u, Key: maildir.Key(fmt.Sprint(u)), Local: seen, Remote: seen})
	}
	return b
}

// changing are the commands that change something; a FETCH that does not peek sets \Seen.
func changing() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(UID )?(STORE|COPY|MOVE|EXPUNGE)|^(APPEND|CREATE|DELETE|RENAME|SUBSCRIBE|UNSUBSCRIBE|CLOSE|SETACL|SETMETADATA)|BODY\[|RFC822[ )]|RFC822\.(TEXT|HEADER)`)
}

// reader begins a session with a server, which fails the test when it hears of a change.
func reader(t *testing.T, o imap.Options) (*Reader, *imap.Session) {
	t.Helper()
	o.Trace = func(dir byte, line string) {
		_, command, _ := strings.Cut(line, " ")
		if dir == 'C' && changing().MatchString(command) {
			t.Errorf("changes something: %s", line)
		}
	}
	s, err := imap.Connect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return NewReader(s), s
}

// told is a Delta as a test compares it.
func told(d Delta, err error) string {
	var out []string
	for _, p := range d.Pairs {
		switch m := d.Message(p.UID); {
		case m == nil:
			out = append(out, fmt.Sprint(p.UID, " gone"))
		case m.Still:
			out = append(out, fmt.Sprint(p.UID, " still"))
		default:
			out = append(out, fmt.Sprintf("%d %q", p.UID, m.Flags.Set))
		}
	}
	if len(d.New) > 0 {
		out = append(out, "new "+d.New.String())
	}
	if d.Untold > 0 {
		out = append(out, fmt.Sprint(d.Untold, " untold"))
	}
	if d.Doubt != nil {
		out = append(out, "doubt")
	}
	if err != nil {
		out = append(out, err.Error())
	}
	return strings.Join(out, ", ")
}

// What changed since a state, on each rung of the ladder, and with servers that contradict themselves. Base: 2, 3, 4, 5, up to MODSEQ 10.
func TestSince(t *testing.T) {
	const greets = "S: * PREAUTH [CAPABILITY IMAP4rev1 "
	const qresync = greets + "ENABLE CONDSTORE QRESYNC] hi\nC: E ENABLE CONDSTORE QRESYNC\nS: * ENABLED CONDSTORE QRESYNC\nS: E OK\nC: A SELECT \"x\" (QRESYNC (7 10))\nS: * OK [UIDVALIDITY 7] x\nS: * OK [HIGHESTMODSEQ 12] x\nS: * OK [UIDNEXT 9] x\n"
	const condstore = greets + "CONDSTORE] hi\nC: A SELECT \"x\" (CONDSTORE)\nS: * OK [UIDVALIDITY 7] x\nS: * OK [HIGHESTMODSEQ 12] x\nS: * OK [UIDNEXT 9] x\n"
	const old = greets + "] hi\nC: A SELECT \"x\"\nS: * OK [UIDVALIDITY 7] x\nS: * OK [UIDNEXT 9] x\n"
	const fetched = "C: C UID FETCH 1:* ...\n"
	const changed = "C: B UID FETCH 1:* ...CHANGEDSINCE 10)\n"
	all := "S: * 1 FETCH (UID 2 FLAGS (\\Seen))\nS: * 2 FETCH (UID 3 FLAGS (\\Seen))\nS: * 3 FETCH (UID 4 FLAGS (\\Seen))\nS: * 4 FETCH (UID 5 FLAGS (\\Seen))\n"
	const noop = "C: N NOOP\nS: N OK\n"
	for name, tt := range map[string]struct {
		script string
		want   string
		empty  bool // there is no base
		status imap.Status
	}{
		"STATUS says that nothing happened": {greets + "CONDSTORE] hi", "", false, imap.Status{UIDValidity: 7, UIDNext: 6, Messages: 4, HighestModSeq: 10}},
		"QRESYNC": {qresync + "S: * 4 EXISTS\nS: * VANISHED (EARLIER) 1,3\nS: * 1 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (11))\nS: * 4 FETCH (UID 8 FLAGS () MODSEQ (12))\nS: A OK",
			`2 "F", 3 gone, new 8`, false, imap.Status{}},
		"QRESYNC, VANISHED of what is there": {qresync + "S: * 4 EXISTS\nS: * VANISHED (EARLIER) 3:4\nS: A OK\n" + fetched + all + "S: C OK\n" + noop, "doubt", false, imap.Status{}},
		"QRESYNC, VANISHED and shown": {qresync + "S: * 4 EXISTS\nS: * VANISHED (EARLIER) 3\nS: * 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (11))\nS: A OK\n" + fetched + all + "S: C OK\n" + noop,
			"doubt", false, imap.Status{}},
		"CONDSTORE": {condstore + "S: * 3 EXISTS\nS: A OK\n" + changed + "S: * 1 FETCH (UID 2 FLAGS () MODSEQ (11))\nS: B OK\nC: C UID SEARCH ALL\nS: * SEARCH 2 4 5\nS: C OK",
			`2 "", 3 gone`, false, imap.Status{}},
		"CONDSTORE, SEARCH finds nothing": {condstore + "S: * 4 EXISTS\nS: A OK\n" + changed + "S: B OK\nC: D UID SEARCH ALL\nS: * SEARCH\nS: D OK\n" + fetched + all + "S: C OK\n" + noop,
			"doubt", false, imap.Status{}},
		"whole": {old + "S: * 3 EXISTS\nS: A OK\n" + fetched + "S: * 1 FETCH (UID 2 FLAGS (\\Seen))\nS: * 2 FETCH (UID 5 FLAGS (\\Seen))\nS: * 3 FETCH (UID 7 FLAGS ())\nS: C OK",
			"3 gone, 4 gone, new 7", false, imap.Status{}},
		"whole, one is left out": {old + "S: * 4 EXISTS\nS: A OK\n" + fetched + strings.Replace(all, "UID 4", "X 4", 1) + "S: C OK\n" + noop, "4 still, doubt", false, imap.Status{}},
		"whole, one was expunged meanwhile": {old + "S: * 4 EXISTS\nS: A OK\n" + fetched + strings.Replace(all, "S: * 3 FETCH (UID 4 FLAGS (\\Seen))\nS: * 4 FETCH", "S: * 3 EXPUNGE\nS: * 3 FETCH", 1) + "S: C OK",
			"4 gone", false, imap.Status{}},
		"whole, one was expunged before": {old + "S: * 4 EXISTS\nS: A OK\n" + fetched + strings.Replace(all, "S: * 3 FETCH (UID 4 FLAGS (\\Seen))\n", "", 1) + "S: C OK\nC: N NOOP\nS: * 3 EXPUNGE\nS: N OK",
			"4 gone", false, imap.Status{}},
		"whole, flags are not told": {old + "S: * 4 EXISTS\nS: A OK\n" + fetched + strings.Replace(all, "UID 3 FLAGS (\\Seen)", "UID 3", 1) + "S: C OK", "1 untold", false, imap.Status{}},
		"empty, and STATUS says so": {old + "S: * 0 EXISTS\nS: A OK", "2 gone, 3 gone, 4 gone, 5 gone", false, imap.Status{UIDValidity: 7}},
		"empty, and SEARCH says so": {old + "S: * 0 EXISTS\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH\nS: B OK", "2 gone, 3 gone, 4 gone, 5 gone", false, imap.Status{Messages: 4}},
		"empty, but SEARCH finds some": {old + "S: * 0 EXISTS\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH 2 3\nS: B OK\n" + fetched + "S: C OK\n" + noop,
			"2 still, 3 still, 4 still, 5 still, doubt", false, imap.Status{Messages: 4}},
		"first, empty, but SEARCH finds some": {old + "S: * 0 EXISTS\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH 2 3\nS: B OK\n" + fetched + "S: C OK\n" + noop,
			"doubt", true, imap.Status{Messages: 2}},
		"first, empty, and SEARCH says so":    {old + "S: * 0 EXISTS\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH\nS: B OK", "", true, imap.Status{Messages: 2}},
		"first":                               {old + "S: * 4 EXISTS\nS: A OK", "new 1:*", true, imap.Status{}},
		"first, many, SEARCH leaves some out": {old + "S: * 9 EXISTS\nS: A OK\nC: B UID SEARCH ALL\nS: * SEARCH 2 3\nS: B OK\n" + fetched + all + "S: C OK\n" + noop, "new 2:5, doubt", true, imap.Status{}},
		"no UIDs":                             {greets + "] hi\nC: A SELECT \"x\"\nS: * 3 EXISTS\nS: A OK", `select "x": ` + string(ErrUIDs), false, imap.Status{}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := imaptest.Script{Text: tt.script}.Start()
			r, s := reader(t, imap.Options{Dial: srv.Dial})
			then := Then{State: State{UIDValidity: 7, UIDNext: 6, Messages: 4, ModSeq: 10}, Base: true}
			rows := pairs(2, 3, 4, 5)
			if tt.empty {
				then, rows = Then{}, nil
			}
			m := Mailbox{Name: "x", Status: &tt.status}
			if tt.status == (imap.Status{}) {
				m.Status = nil
			}
			if got := told(r.Since(t.Context(), m, then, rows, 5)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			s.Close()
			if err := srv.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is read changes nothing, whatever is asked: here of the library's own server, which fails the test when it hears of a change.
func TestChangesNothing(t *testing.T) {
	store, user := imapmemserver.New(), imapmemserver.NewUser("u", "p")
	if err := user.Create("x", nil); err != nil {
		t.Fatal(err)
	}
	for n := range 6 {
		text := strings.NewReader(fmt.Sprintf("Message-ID: <%d@x>\r\nSubject: %d\r\n\r\nHello\r\n", n, n))
		if _, err := user.Append("x", literal{text}, &goimap.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	store.AddUser(user)
	srv := imapserver.New(&imapserver.Options{Caps: goimap.CapSet{goimap.CapIMAP4rev1: {}}, InsecureAuth: true,
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return store.NewSession(), nil, nil
		}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
	r, s := reader(t, imap.Options{Login: login{}, Dial: imaptest.Distort(dial, imaptest.Refuse(changing().String(), 0, "NO it is to be read only"))})
	ctx, m := t.Context(), Mailbox{Name: "x"}
	var d Delta
	ok := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, rows := range []base{nil, pairs(1, 2, 3), pairs(1, 9)} {
		d, err = r.Since(ctx, m, Then{Base: rows != nil, State: State{UIDValidity: 1}}, rows, 3)
		ok(err, r.Search(ctx, m, &d))
	}
	for _, ask := range []Ask{{}, {Header: true}, {Header: true, Whole: true}} {
		_, _, err := r.Identify(ctx, m, &d, goimap.UIDSet{{Start: 1, Stop: 6}}, ask)
		ok(err)
	}
	_, err = r.Replaced(ctx, pairs(1, 2))
	ok(err)
	_, _, err = r.Still(ctx, m, d.Now, pairs(1, 2, 3, 4, 5, 6), 3)
	ok(err)
	wanted := &Target{MessageID: "4@x"}
	ok(r.Find(ctx, "x", pairs(1, 2), 4, []*Target{wanted}, map[goimap.UID]bool{}), r.Leave(ctx))
	if wanted.Found != 5 {
		t.Errorf("found UID %d", wanted.Found)
	}
	st, err := s.Status(ctx, "x")
	if ok(err); st["x"].Messages != 6 || st["x"].Unseen != 6 {
		t.Errorf("%+v", st["x"])
	}
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

type login struct{}

func (login) Login(context.Context, []string, string, *tls.ConnectionState) (sasl.Client, string, string, error) {
	return nil, "u", "p", nil
}
