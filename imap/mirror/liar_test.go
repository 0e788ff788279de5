package mirror

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"postie/imap/imaptest"
)

// A liar is a server that lies in one kind of answer, now and then, and says the truth in all others.
type liar struct {
	mu   sync.Mutex
	rand *rand.Rand
	odds int      // it lies in one of so many answers of that kind
	told []string // its lies
}

// perhaps says something else in place of a response.
func (l *liar) perhaps(response string, say func() []string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rand.IntN(l.odds) > 0 {
		return []string{response}
	}
	says := say()
	if slices.Equal(says, []string{response}) {
		return says
	}
	l.told = append(l.told, fmt.Sprintf("%.150q for %.150q", says, response))
	return says
}

// A falsehood is one kind of lies.
type falsehood func(l *liar) imaptest.Quirk

func falsehoods() map[string]falsehood {
	nothing := func(*rand.Rand, []string) []string { return nil }
	return map[string]falsehood{
		"FETCH leaves a row out": instead(`(?s)^\* \d+ FETCH.*`, nothing),
		"FETCH leaves UID out":   without("UID"),
		"FETCH leaves FLAGS out": without("FLAGS"),
		"FETCH says OK only":     onlyOK(`^UID FETCH`),
		"BODY[] is empty":        shortened(func(int) int { return 0 }),
		"BODY[] is cut off":      shortened(func(size int) int { return size * 2 / 5 }),
		"SEARCH finds one only": instead(`^(\* SEARCH|\* ESEARCH .*ALL)( \d+).*`, func(_ *rand.Rand, m []string) []string {
			return []string{m[1] + m[2]}
		}),
		"SEARCH finds nothing": instead(`^(\* SEARCH|\* ESEARCH \([^)]*\) UID).*`, func(_ *rand.Rand, m []string) []string {
			return []string{m[1]}
		}),
		"SEARCH says OK only": onlyOK(`^UID SEARCH`),
		"EXISTS says another number": instead(`^\* (\d+) EXISTS`, func(r *rand.Rand, m []string) []string {
			return []string{fmt.Sprintf("* %d EXISTS", another(r, m[1]))}
		}),
		"STATUS says another number": instead(`^(\* STATUS .*\bMESSAGES )(\d+)(.*)`, func(r *rand.Rand, m []string) []string {
			return []string{fmt.Sprint(m[1], another(r, m[2]), m[3])}
		}),
		"LIST leaves a mailbox out": instead(`^\* LIST .*`, nothing),
		"LIST says OK only":         onlyOK(`^LIST`),
		"STORE says OK only":        onlyOK(`^UID STORE`),
		"EXPUNGE says OK only":      onlyOK(`^(UID )?EXPUNGE`),
		"MOVE says OK only":         onlyOK(`^UID MOVE`),
		"APPEND says OK only":       onlyOK(`^APPEND`),
		"ends at SELECT":            ends(`^SELECT "?A"? `),
		"ends at FETCH":             ends(`^UID FETCH`),
		"ends at SEARCH":            ends(`^UID SEARCH`),
		"ends at STORE":             ends(`^UID STORE`),
		"ends at EXPUNGE":           ends(`^UID EXPUNGE`),
		"ends at MOVE":              ends(`^UID MOVE`),
		"ends at APPEND":            ends(`^APPEND`),
		"ends at LIST and STATUS":   ends(`^(LIST|STATUS)`),
		"VANISHED at SELECT":        beforeAnswer(`^SELECT .*QRESYNC`, "* VANISHED (EARLIER) %d:%d"),
		"VANISHED at any time":      beforeAnswer(`^(UID FETCH|UID SEARCH|NOOP)`, "* VANISHED %d:%d"),
	}
}

// another is a number that is not the one that would be true.
func another(r *rand.Rand, number string) int {
	n, _ := strconv.Atoi(number)
	return []int{0, max(n-1-r.IntN(4), 0), n + 1 + r.IntN(4)}[r.IntN(3)]
}

func instead(pattern string, say func(r *rand.Rand, match []string) []string) falsehood {
	re := regexp.MustCompile(pattern)
	return func(l *liar) imaptest.Quirk {
		return imaptest.Quirk{Says: func(_ *imaptest.Dialogue, response string) []string {
			m := re.FindStringSubmatch(response)
			if m == nil {
				return []string{response}
			}
			return l.perhaps(response, func() []string { return say(l.rand, m) })
		}}
	}
}

// changed tells other items in a row.
func changed(change func([]imaptest.Item) []imaptest.Item) falsehood {
	row := imaptest.Fetches(func(_ *imaptest.Dialogue, items []imaptest.Item) [][]imaptest.Item {
		return [][]imaptest.Item{change(items)}
	})
	return func(l *liar) imaptest.Quirk {
		return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
			return l.perhaps(response, func() []string { return row.Says(d, response) })
		}}
	}
}

func without(item string) falsehood {
	return changed(func(items []imaptest.Item) []imaptest.Item {
		return slices.DeleteFunc(items, func(i imaptest.Item) bool { return i.Name == item })
	})
}

// shortened gives so many octets of a body.
func shortened(to func(size int) int) falsehood {
	return changed(func(items []imaptest.Item) []imaptest.Item {
		for i, it := range items {
			if _, text, ok := strings.Cut(it.Value, "}\r\n"); ok && it.Name == "BODY[]" {
				n := to(len(text))
				items[i].Value = fmt.Sprintf("{%d}\r\n%s", n, text[:n])
			}
		}
		return items
	})
}

// beforeAnswer says of some UIDs, before the tagged answer to a command, what is not so.
func beforeAnswer(command, says string) falsehood {
	re := regexp.MustCompile(command)
	return func(l *liar) imaptest.Quirk {
		return imaptest.Quirk{Says: func(d *imaptest.Dialogue, response string) []string {
			if !re.MatchString(d.Answers(response)) {
				return []string{response}
			}
			return l.perhaps(response, func() []string {
				uid := 1 + l.rand.IntN(20)
				return []string{fmt.Sprintf(says, uid, uid+l.rand.IntN(4)), response}
			})
		}}
	}
}

// onlyOK answers a command with OK, and does not do it.
func onlyOK(command string) falsehood {
	re := regexp.MustCompile(command)
	return func(l *liar) imaptest.Quirk {
		return imaptest.Quirk{Hears: func(d *imaptest.Dialogue, command string) string {
			tag, rest, _ := strings.Cut(command, " ")
			if !re.MatchString(rest) {
				return command
			}
			said := l.perhaps(command, func() []string { return []string{tag + " OK done"} })
			if said[0] == command {
				return command
			}
			d.Say(said...)
			return ""
		}}
	}
}

// ends ends the connection at a command, before it is done or after.
func ends(command string) falsehood {
	re := regexp.MustCompile(command)
	return func(l *liar) imaptest.Quirk {
		return imaptest.Quirk{
			Hears: func(d *imaptest.Dialogue, command string) string {
				if _, rest, _ := strings.Cut(command, " "); !re.MatchString(rest) {
					return command
				}
				if said := l.perhaps(command, func() []string { return nil }); len(said) == 0 {
					d.Close()
					return ""
				}
				return command
			},
			Says: func(d *imaptest.Dialogue, response string) []string {
				if !re.MatchString(d.Answers(response)) {
					return []string{response}
				}
				said := l.perhaps(response, func() []string { return nil })
				if len(said) == 0 {
					d.Close()
				}
				return said
			},
		}
	}
}
