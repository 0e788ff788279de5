package plan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postie/maildir"
)

var update = flag.Bool("update", false, "write what the plans are now into testdata")

// TestCases runs testdata/*.txt. A case is what base, Maildir and server show, and the plan that follows:
//
//	== name
//	policy expunge trash=Trash create=here max=30% allow bodies=none bodies=100 pull archive push revert clear flagged
//	box NAME facts…       new here there gone called=NAME deleted readonly closed damaged folder=new unstable outside noexpunge keeps=FS
//	                      pull archive count=9 validity=5/6 id=x/y modseq=9
//	a | 1 S | FS | S      message a: base, here, there
//	--
//	flags INBOX 1 …
//
// A message's letter is its identity: equal letters are equal copies. Cells are words: a number is the UID in the base,
// letters are flags ("S,work"; "-" none), "." is: not there, "=" is: as the base has it. In base: nobody, freed, marked, withheld,
// orphan, archived, due, key=k, remote=FS, size=n, own=n (octets that the file gives). Here: key=k, unread, pending, delete, to=BOX, letter=b, date=n, known (its identity is the base's). There: uid=n, bare, date=n,
// size=n, rewritten (its header), added (a field), munged (by Cyrus), mod=n. Headers of a mailbox that is matched again are seen by those only who ask.
func TestCases(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		parts := strings.Split("\n"+string(content), "\n== ")
		out.WriteString(strings.TrimPrefix(parts[0], "\n"))
		for _, part := range parts[1:] {
			text, want, _ := strings.Cut(part, "\n--\n")
			name, _, _ := strings.Cut(text, "\n")
			got := caseOf(t, text).plan()
			fmt.Fprintf(&out, "\n== %s\n--\n%s", text, got)
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name, func(t *testing.T) {
				if strings.TrimSpace(want) != strings.TrimSpace(got) && !*update {
					t.Errorf("%s\nplan:\n%s\nwant:\n%s", text, got, want)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// threeway is one case.
type threeway struct {
	policy Policy
	boxes  []Mailbox
	lost   []bool
	lines  []*boxLines
}

// boxLines is what the lines of one box say.
type boxLines struct {
	pairs    []Pair
	ids      map[maildir.Key]Identity
	byUID    map[imap.UID]Identity
	files    []File
	messages []Message
	due      []maildir.Key
	own      int64 // of the pair that is read

	rematched bool
}

func caseOf(t *testing.T, text string) threeway {
	c := threeway{policy: Policy{MaxDelete: 0.3, Create: Both, Now: day(100)}}
	var s *boxLines
	finish := func() {
		if s != nil {
			b := &c.boxes[len(c.boxes)-1]
			s.into(b)
			c.lines = append(c.lines, s)
			c.lost = append(c.lost, b.Known && b.Base.UIDValidity != b.UIDValidity || strings.Contains(text, b.Name+" lost"))
		}
	}
	for _, line := range strings.Split(text, "\n")[1:] {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "policy":
			c.setPolicy(t, words[1:])
		case words[0] == "box":
			finish()
			s = &boxLines{ids: map[maildir.Key]Identity{}, byUID: map[imap.UID]Identity{}}
			c.boxes = append(c.boxes, mailboxOf(t, words[1], words[2:]))
		default:
			cells := strings.Split(line, "|")
			if len(cells) != 4 || s == nil {
				t.Fatalf("bad line %q", line)
			}
			s.line(t, &c.boxes[len(c.boxes)-1], strings.TrimSpace(cells[0]), cells[1:])
		}
	}
	finish()
	return c
}

func day(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }

func (c *threeway) setPolicy(t *testing.T, words []string) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "expunge":
			c.policy.Expunge = true
		case "trash":
			c.policy.Trash = value
		case "allow":
			c.policy.AllowMassDelete = true
		case "create":
			c.policy.Create = map[string]Side{"here": Local, "there": Remote, "none": 0}[value]
		case "bodies":
			c.policy.Bodies = Bodies{None: value == "none", MaxSize: int64(number(value))}
		case "pull":
			c.policy.Direction = Pull
		case "archive":
			c.policy.Direction = Archive
		case "push":
			c.policy.Direction = Push
		case "clear":
			c.policy.DeleteAfter = time.Hour
		case "flagged":
			c.policy.DeleteFlagged = true
		case "revert":
			c.policy.Revert = true
		case "age":
			c.policy.Bodies.MaxAge = time.Duration(number(value)) * 24 * time.Hour
		default:
			t.Fatalf("policy %q", w)
		}
	}
}

func number(s string) int { n, _ := strconv.Atoi(s); return n }

func mailboxOf(t *testing.T, name string, facts []string) Mailbox {
	m := Mailbox{Name: name, Known: true, Exist: Both, Expunges: true, UIDValidity: 1,
		PermanentFlags: PermanentFlags{Flags: maildir.Flags{Set: 63}, Any: true}, Base: Base{UIDValidity: 1}}
	for _, w := range facts {
		key, value, _ := strings.Cut(w, "=")
		old, now, _ := strings.Cut(value, "/")
		switch key {
		case "new":
			m.Known, m.Base.UIDValidity = false, 0
		case "called":
			m.Called = value
		case "deleted":
			m.Deleted = true
		case "lost":
			m.Known, m.Base.UIDValidity = false, 0
		case "here":
			m.Exist = Local
		case "there":
			m.Exist = Remote
		case "gone":
			m.Exist = 0
		case "readonly":
			m.ReadOnly = true
		case "closed":
			m.Closed = true
		case "damaged":
			m.Damaged = true
		case "folder": // lost
			m.Lost = value
		case "pull":
			m.Terms = &Terms{Direction: Pull}
		case "archive":
			m.Terms = &Terms{Direction: Archive}
		case "unstable":
			m.Unstable = true
		case "outside":
			m.Outside = true
		case "noexpunge":
			m.Expunges = false
		case "keeps":
			m.PermanentFlags = PermanentFlags{Flags: flagsOf(value)}
		case "count":
			m.Count = number(value)
		case "modseq":
			m.ModSeq = ModSeq(number(value))
		case "validity":
			m.Base.UIDValidity, m.UIDValidity = UIDValidity(number(old)), UIDValidity(number(now))
		case "id":
			m.Base.MailboxID, m.MailboxID = old, now
		default:
			t.Fatalf("fact %q", w)
		}
	}
	return m
}

func flagsOf(s string) (f maildir.Flags) {
	set, keywords, _ := strings.Cut(s, ",")
	for _, c := range set {
		if i := strings.IndexRune("DFPRST", c); i >= 0 {
			f.Set |= 1 << i
		}
	}
	f.Keywords = maildir.NewKeywords(strings.ReplaceAll(keywords, ",", " "))
	return f
}

func identityOf(letter string) Identity {
	size := int64(letter[0])
	id := Identity{Size: size, MessageID: "<" + letter + "@x>", Fields: fmt.Sprintf("subject subject\n%[1]s X%[1]s\n", letter)}
	id.Hash[0], id.Header[0] = letter[0], letter[0]
	if 'A' <= letter[0] && letter[0] <= 'Z' {
		id.MessageID = ""
	}
	return id
}

func (s *boxLines) line(t *testing.T, m *Mailbox, letter string, cells []string) {
	id := identityOf(letter)
	p := Pair{Size: id.Size}
	s.own = 0
	base := strings.Fields(cells[0])
	known := base[0] != "."
	if known {
		p.Key = maildir.Key(letter)
		s.base(t, &p, base)
		s.pairs = append(s.pairs, p)
		id.Own = s.own
		s.ids[p.Key], s.byUID[p.UID] = id, id
	}
	if words := strings.Fields(cells[1]); words[0] != "." {
		s.here(t, m, p, letter, words)
	}
	if words := strings.Fields(cells[2]); words[0] != "." {
		s.there(t, p, letter, words)
	}
}

func (s *boxLines) base(t *testing.T, p *Pair, words []string) {
	var remote *maildir.Flags
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "nobody":
			p.Key = ""
		case "freed":
			p.Freed = true
		case "marked":
			p.State = Marked
		case "withheld":
			p.State = Withheld
		case "orphan":
			p.State = Orphan
		case "archived":
			p.State = Archived
		case "due":
			s.due = append(s.due, p.Key)
		case "key":
			p.Key = maildir.Key(value)
		case "size":
			p.Size = int64(number(value))
		case "own":
			s.own = int64(number(value))
		case "remote":
			f := flagsOf(value)
			remote = &f
		default:
			if n, err := strconv.Atoi(w); err == nil {
				p.UID = imap.UID(n)
			} else {
				p.Local = flagsOf(w)
			}
		}
	}
	p.Remote = p.Local
	if remote != nil {
		p.Remote = *remote
	}
}

func (s *boxLines) here(t *testing.T, m *Mailbox, p Pair, letter string, words []string) {
	f := File{Key: maildir.Key(letter), ID: identityOf(letter)}
	if p.Key != "" {
		f.Key = p.Key
	}
	var pending *maildir.PendingChange
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w == "=":
			f.Still = true
		case key == "key":
			f.Key = maildir.Key(value)
		case key == "letter":
			f.ID = identityOf(value)
		case key == "date":
			f.ID.Date = day(number(value))
		case key == "unread", w == "known":
			f.ID = Identity{}
		case key == "pending":
			pending = &maildir.PendingChange{UID: p.UID}
		case key == "delete":
			pending.Delete = true
		case key == "to":
			pending.To = value
		case pending != nil:
			flags := flagsOf(w)
			pending.Flags = &flags
		default:
			f.Flags = flagsOf(w)
		}
	}
	if pending != nil {
		m.Pending = append(m.Pending, *pending)
		return
	}
	s.files = append(s.files, f)
}

func (s *boxLines) there(t *testing.T, p Pair, letter string, words []string) {
	m := Message{UID: p.UID, ID: identityOf(letter)}
	m.ID.Hash = [32]byte{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w == "=":
			m.Still = true
		case key == "uid":
			m.UID = imap.UID(number(value))
		case key == "mod":
			m.ModSeq = ModSeq(number(value))
		case key == "date":
			m.ID.Date = day(number(value))
		case key == "size":
			m.ID.Size = int64(number(value))
		case key == "rewritten":
			m.ID.Header[1], m.ID.Fields = 1, "other other\n"
		case key == "added":
			m.ID.Header[1], m.ID.Fields = 1, "server server\n"+m.ID.Fields
		case key == "munged":
			m.ID.Header[1], m.ID.Fields = 1, fmt.Sprintf("subject subject\nX%[1]s X%[1]s\n", letter)
		case key == "bare":
			m.ID.MessageID, m.ID.Header = "", [32]byte{}
		default:
			m.Flags = flagsOf(w)
		}
	}
	s.messages = append(s.messages, m)
}

func (s *boxLines) into(m *Mailbox) {
	slices.SortFunc(s.files, func(a, b File) int { return strings.Compare(string(a.Key), string(b.Key)) })
	slices.SortFunc(s.messages, func(a, b Message) int { return int(a.UID) - int(b.UID) })
	base := BaseOf(s.pairs)
	m.Base.ByUID, m.Base.ByKey = base.ByUID, base.ByKey
	m.Files, m.Messages = Seq(s.files), Seq(s.messages)
	for _, p := range s.pairs {
		if slices.Contains(s.due, p.Key) {
			m.Due = append(m.Due, p)
		}
	}
	if m.Count == 0 {
		m.Count = len(s.pairs)
	}
}

// rematched says whether box i is one that Rematch makes a base for: one on both sides, or one that is only here and has none.
func (c threeway) rematched(i int) bool {
	m := &c.boxes[i]
	return c.lost[i] && (m.Exist == Both || m.Exist == Local && !m.Known)
}

func (s *boxLines) who(p Pair) Identity {
	if p.UID == 0 {
		return s.ids[p.Key]
	}
	return s.byUID[p.UID]
}

// plan writes down what follows: a line for each question and count of Rematch, and for each pair that it makes, doubt, operation, guard and notice.
func (c threeway) plan() string {
	var b strings.Builder
	for i := range c.boxes {
		if !c.rematched(i) {
			continue
		}
		m := &c.boxes[i]
		c.lines[i].rematched = true
		m.Base.Known = map[PairID]Identity{}
		for _, p := range c.lines[i].pairs {
			m.Base.Known[p.ID()] = c.lines[i].who(p)
		}
		if err := c.lines[i].hide(&b, m); err != nil {
			return "error " + err.Error() + "\n"
		}
		pairs, alike, err := Rematch(*m)
		if alike > 0 {
			fmt.Fprintln(&b, "alike", m.Name, alike)
		}
		if err != nil {
			return "error " + err.Error() + "\n"
		}
		for _, p := range pairs {
			fmt.Fprintln(&b, "rematch", m.Name, p.UID, string(p.Key), [...]string{"agreed", "marked", "withheld", "orphan", "archived"}[p.State], between(maildir.Flags{}, p.Local), between(maildir.Flags{}, p.Remote))
		}
		m.Fresh = !m.Known
		m.Base, m.Known, m.Count = BaseOf(pairs), m.Exist == Both, len(pairs)
	}
	doubts, missing, err := Doubts(c.boxes, c.policy)
	for _, d := range doubts {
		fmt.Fprintln(&b, "doubt", d.Mailbox, d.UID)
	}
	for i := range c.boxes { // of the others a plan needs to know no more than the base tells
		m := &c.boxes[i]
		if c.lines[i].rematched {
			continue
		}
		m.Base.Known = map[PairID]Identity{}
		for _, d := range missing {
			if d.Mailbox == m.Name {
				m.Base.Known[d.Pair.ID()] = c.lines[i].who(d.Pair)
			}
		}
	}
	plan, err2 := Diff(c.boxes, c.policy)
	if err != nil || err2 != nil {
		return fmt.Sprintln("error", err, err2)
	}
	for _, op := range plan.Ops {
		fmt.Fprint(&b, op)
		if op.Since != 0 {
			fmt.Fprintf(&b, " [unchanged since %d]", op.Since)
		}
		fmt.Fprintln(&b)
	}
	for _, g := range plan.Guards {
		fmt.Fprintln(&b, "guard:", g.Error())
	}
	if plan.Open != nil {
		fmt.Fprintln(&b, "open:", strings.Join(plan.Open, " "))
	}
	for _, n := range plan.Notices {
		fmt.Fprintf(&b, "notice: %s: %s (%d)\n", n.Mailbox, n.Text, n.Count)
	}
	return b.String()
}
