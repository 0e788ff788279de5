package retrieve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postie/pop3/pop3test"
)

// A liar is a server that lies in one kind of answer, now and then, and says the truth in all others.
type liar struct {
	mu   sync.Mutex
	rand *rand.Rand
	lies bool
	told []string

	command *regexp.Regexp
	distort func(r *rand.Rand, answer string) string      // of what was done
	instead func(r *rand.Rand, c string) *pop3test.Answer // of doing it
}

func (l *liar) now(c pop3test.Command) bool {
	return l.lies && l.command.MatchString(c.Line) && l.rand.IntN(3) == 0
}

func (l *liar) Distort(c pop3test.Command, answer string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.distort == nil || !l.now(c) {
		return answer
	}
	said := l.distort(l.rand, answer)
	if said != answer {
		l.told = append(l.told, fmt.Sprintf("%s: %.100q for %.100q", c.Line, said, answer))
	}
	return said
}

func (l *liar) Answer(c pop3test.Command) *pop3test.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.instead == nil || !l.now(c) {
		return nil
	}
	said := l.instead(l.rand, c.Line)
	l.told = append(l.told, fmt.Sprintf("%s: %.100q, undone", c.Line, said.Octets))
	return said
}

// lines changes the lines of an answer between its status and its end.
func lines(change func(r *rand.Rand, body []string) []string) func(*rand.Rand, string) string {
	return func(r *rand.Rand, answer string) string {
		all := strings.SplitAfter(answer, "\r\n")
		if len(all) < 3 || !strings.HasPrefix(answer, "+OK") {
			return answer
		}
		body := change(r, slices.Clone(all[1:len(all)-2]))
		return all[0] + strings.Join(body, "") + ".\r\n"
	}
}

// one changes one line of an answer.
func one(change func(r *rand.Rand, line string) string) func(*rand.Rand, string) string {
	return lines(func(r *rand.Rand, body []string) []string {
		if len(body) > 0 {
			i := r.IntN(len(body))
			body[i] = change(r, body[i])
		}
		return body
	})
}

// second changes what stands behind the number in one line.
func second(change func(r *rand.Rand, text string) string) func(*rand.Rand, string) string {
	return one(func(r *rand.Rand, line string) string {
		n, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		return n + " " + change(r, text) + "\r\n"
	})
}

func part(share func(n int) int) func(*rand.Rand, string) string {
	return lines(func(_ *rand.Rand, body []string) []string { return body[:share(len(body))] })
}

func says(text string) func(*rand.Rand, string) string {
	return func(*rand.Rand, string) string { return text }
}

func undone(text string, hangUp bool) func(*rand.Rand, string) *pop3test.Answer {
	return func(*rand.Rand, string) *pop3test.Answer { return &pop3test.Answer{Octets: text, HangUp: hangUp} }
}

func nothing(int) int { return 0 }

func swapped(r *rand.Rand, body []string) []string {
	if len(body) < 2 {
		return body
	}
	i := r.IntN(len(body) - 1)
	a, b := strings.SplitN(body[i], " ", 2), strings.SplitN(body[i+1], " ", 2)
	body[i], body[i+1] = a[0]+" "+b[1], b[0]+" "+a[1]
	return body
}

// falsehoods are the kinds of lies.
func falsehoods() map[string]*liar {
	of := func(command string, distort func(*rand.Rand, string) string) *liar {
		return &liar{command: regexp.MustCompile(command), distort: distort}
	}
	in := func(command string, instead func(*rand.Rand, string) *pop3test.Answer) *liar {
		return &liar{command: regexp.MustCompile(command), instead: instead}
	}
	out := one(func(*rand.Rand, string) string { return "" })
	return map[string]*liar{
		"LIST leaves one out":      of("^LIST$", out),
		"LIST is empty":            of("^LIST$", part(nothing)),
		"LIST says another size":   of("^LIST$", second(func(r *rand.Rand, _ string) string { return fmt.Sprint(r.IntN(9000)) })),
		"LIST ends in the middle":  of("^LIST$", part(func(n int) int { return n / 2 })),
		"LIST swaps sizes":         of("^LIST$", lines(swapped)),
		"UIDL leaves one out":      of("^UIDL$", out),
		"UIDL is empty":            of("^UIDL$", part(nothing)),
		"UIDL has another id":      of("^UIDL$", second(func(r *rand.Rand, _ string) string { return fmt.Sprint("other", r.IntN(1e6)) })),
		"UIDL swaps ids":           of("^UIDL$", lines(swapped)),
		"UIDL refuses":             of("^UIDL$", says("-ERR not now\r\n")),
		"RETR is empty":            of("^RETR", part(nothing)),
		"RETR is the header":       of("^RETR", lines(func(_ *rand.Rand, body []string) []string { return body[:max(0, slices.Index(body, "\r\n"))] })),
		"RETR is cut off":          of("^RETR", part(func(n int) int { return n / 3 })),
		"RETR refuses":             of("^RETR", says("-ERR not now\r\n")),
		"TOP has another header":   of("^TOP", one(func(*rand.Rand, string) string { return "X-Odd: yes\r\n" })),
		"TOP refuses":              of("^TOP", says("-ERR not now\r\n")),
		"DELE refuses, and does":   of("^DELE", says("-ERR not now\r\n")),
		"DELE says OK only":        in("^DELE", undone("+OK\r\n", false)),
		"QUIT refuses, and does":   of("^QUIT", says("-ERR some are left\r\n")),
		"QUIT says OK only":        in("^QUIT", undone("+OK bye\r\n", true)),
		"QUIT says nothing":        in("^QUIT", undone("", true)),
		"QUIT is silent, and does": of("^QUIT", says("")),
		"ends at RETR":             in("^RETR", undone("+OK\r\nSubject: x\r\n", true)),
		"ends at LIST":             in("^LIST$", undone("+OK\r\n1 ", true)),
		"ends at DELE":             in("^DELE", undone("", true)),
	}
}

// A server that lies in one kind of answer, at random, while mail comes and each policy has its turn: in no run is a message gone that is
// not here, and once the server is honest each is here once, and none there. Each letter is longer than servers miscount (message.Slack): of
// a shorter one what came twice alike is believed. One history of each kind, 40 with POSTIE_TEST_LONG=1.
func TestLies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it plays many histories")
	}
	t.Parallel()
	histories := 1
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		histories = 40
	}
	for name := range falsehoods() {
		t.Run(name, func(t *testing.T) {
			for seed := range histories {
				lied := false
				for more := range 5 { // until it lied
					if lied = lie(t, falsehoods()[name], uint64(seed+1000*more)); lied || seed > 0 {
						break
					}
				}
				if !lied && seed == 0 {
					t.Error("it never lied")
				}
			}
		})
	}
}

func lie(t *testing.T, l *liar, seed uint64) (lied bool) {
	l.rand = rand.New(rand.NewPCG(seed, 7))
	plays := rand.New(rand.NewPCG(seed, 8))
	without := [][]string{nil, {"PIPELINING"}, nil, {"TOP"}}[plays.IntN(4)]
	if !l.command.MatchString("TOP 1 0") && plays.IntN(2) == 0 {
		without = nil
	}
	w := newWorld(t, pop3test.Options{Without: without, Distort: l.Distort, Answer: l.Answer})
	var came []string // as they are here
	comes := func() {
		n := len(came)
		body := fmt.Appendf(nil, "Message-ID: <%d@example.test>\r\nSubject: letter %d\r\n\r\n%s", n, n, strings.Repeat("a line of text\r\n", 25+n%7*9))
		w.server.Append("alice", pop3test.Message{Body: body})
		came = append(came, lf(body))
	}
	here := func() map[string]int {
		found := map[string]int{}
		for _, e := range w.keys() {
			text, err := os.ReadFile(w.dir.Path(e))
			if err != nil {
				t.Fatal(err)
			}
			found[string(text)]++
		}
		return found
	}
	for run := range 8 {
		for range plays.IntN(4) {
			comes()
		}
		l.mu.Lock()
		l.lies = run > 0
		l.mu.Unlock()
		keep := Keep{Mode: []Mode{Forever, Delete, For}[plays.IntN(3)], Age: 14 * 24 * time.Hour}
		w.run(Policy{Keep: keep, MaxDelete: .3})
		w.now = w.now.AddDate(0, 0, 5)
		found := here()
		for _, m := range w.server.Maildrop("alice") {
			found[lf(m.Body)]++
		}
		for _, letter := range came {
			if found[letter] == 0 {
				t.Fatalf("seed %d, run %d: lost %.60q; %q", seed, run, letter, l.told)
			}
		}
	}
	l.mu.Lock()
	l.lies = false
	l.mu.Unlock()
	for run := range 3 {
		w.now = w.now.AddDate(0, 1, 0)
		report, err := w.run(Policy{MaxDelete: .3})
		if err != nil && !errors.As(err, new(*Guard)) || run == 2 && (err != nil || report.New+report.Deleted+report.Failed > 0) {
			t.Errorf("seed %d, honest run %d: %+v, %v; %q, %q", seed, run, report, err, w.failures(), l.told)
		}
	}
	found, left := here(), len(w.server.Maildrop("alice"))
	for _, letter := range came {
		if found[letter] != 1 {
			t.Errorf("seed %d: %d times here: %.60q; %q", seed, found[letter], letter, l.told)
		}
	}
	if len(found) != len(came) || left > 0 {
		t.Errorf("seed %d: %d files here of %d letters, %d on the server; %q", seed, len(found), len(came), left, l.told)
	}
	return len(l.told) > 0
}
