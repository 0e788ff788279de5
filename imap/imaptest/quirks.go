package imaptest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
)

// Replace replaces what the pattern matches in responses, literals apart. A response of which nothing is left is not said.
func Replace(pattern, with string) Quirk {
	re := regexp.MustCompile(pattern)
	return Quirk{Says: func(_ *Dialogue, response string) []string {
		response = outside(response, func(line string) string { return re.ReplaceAllString(line, with) })
		if response == "" {
			return nil
		}
		return []string{response}
	}}
}

// Before says more before each response that the pattern matches.
func Before(pattern string, more ...string) Quirk {
	re := regexp.MustCompile(pattern)
	return Quirk{Says: func(_ *Dialogue, response string) []string {
		if !re.MatchString(response) {
			return []string{response}
		}
		return append(slices.Clone(more), response)
	}}
}

// Refuse answers the first so many commands that the pattern matches (without their tag; times 0: all of them) itself:
// "NO [LIMIT] not so fast".
func Refuse(pattern string, times int, answer string) Quirk {
	re := regexp.MustCompile(pattern)
	var n atomic.Int32
	return Quirk{Hears: func(d *Dialogue, command string) string {
		tag, rest, _ := strings.Cut(command, " ")
		if !re.MatchString(rest) || n.Add(1) > int32(times) && times > 0 {
			return command
		}
		d.Say(tag + " " + answer)
		return ""
	}}
}

// Without takes a capability away, and answers BAD to what needs it.
func Without(capability string) Quirk {
	taken := Replace(`(?i)(CAPABILITY\b.*?) `+regexp.QuoteMeta(capability)+`( |\]|$)`, "$1$2")
	q := Quirk{Says: func(d *Dialogue, response string) []string {
		if head := response[:min(len(response), 80)]; !strings.Contains(strings.ToUpper(head), "CAPABILITY") { // else the pattern looks through every message
			return []string{response}
		}
		return taken.Says(d, response)
	}}
	if pattern, ok := needs()[capability]; ok {
		q.Hears = Refuse(pattern, 0, "BAD what is that?").Hears
	}
	return q
}

// needs are the commands that a server without a capability does not understand.
func needs() map[string]string {
	return map[string]string{
		"COMPRESS=DEFLATE": `^COMPRESS`,
		"CONDSTORE":        `CONDSTORE|CHANGEDSINCE|MODSEQ`,
		"ENABLE":           `^ENABLE`,
		"ESEARCH":          `SEARCH RETURN`,
		"ID":               `^ID`,
		"IDLE":             `^IDLE`,
		"LIST-EXTENDED":    `^LIST .*(RETURN|\) )`,
		"LIST-STATUS":      `^LIST .*RETURN .*STATUS`,
		"LITERAL+":         `\{\d+\+\}`,
		"MOVE":             `^(UID )?MOVE`,
		"NAMESPACE":        `^NAMESPACE`,
		"QRESYNC":          `QRESYNC|VANISHED`,
		"SPECIAL-USE":      `SPECIAL-USE`,
		"UIDPLUS":          `^UID EXPUNGE`,
		"UNSELECT":         `^UNSELECT`,
	}
}

// Repeat says again, before each response, how many messages the selected mailbox has.
func Repeat() Quirk {
	return Quirk{Says: func(d *Dialogue, response string) []string {
		if d.Exists == 0 {
			return []string{response}
		}
		return []string{fmt.Sprintf("* %d EXISTS", d.Exists), "* 0 RECENT", response}
	}}
}

// Ghost lets each mailbox of more than after messages begin with one more, which leaves it while FETCH number after is answered.
// gone is how that is said: "1 EXPUNGE", or "VANISHED uid". In a smaller one it could never leave, and the server would lie.
func Ghost(after int, gone string) Quirk {
	counted := regexp.MustCompile(`^\* (\d+) (EXISTS|FETCH|EXPUNGE)`)
	return Quirk{Says: func(d *Dialogue, response string) []string {
		m := counted.FindStringSubmatch(response)
		if m == nil || d.Moved {
			return []string{response}
		}
		n, _ := strconv.Atoi(m[1])
		if d.Moved = m[2] == "EXISTS" && n <= after; d.Moved {
			return []string{response}
		}
		response = fmt.Sprintf("* %d%s", n+1, strings.TrimPrefix(response, "* "+m[1]))
		if d.Moved = d.Fetched == after; d.Moved {
			return []string{response, "* " + gone}
		}
		return []string{response}
	}}
}

// FlagsAgain says the flags of each message once more, with or without its UID, before what comes next.
func FlagsAgain(uid bool) Quirk {
	var last sync.Map // what is to be said again in a dialogue
	return Quirk{Says: func(d *Dialogue, response string) (out []string) {
		if again, ok := last.LoadAndDelete(d); ok {
			out = append(out, again.(string))
		}
		if seq, items, ok := fetch(response); ok {
			flags, others := part(items, "FLAGS")
			if those, _ := part(others, "UID"); uid {
				flags = append(flags, those...)
			}
			last.Store(d, join(seq, flags))
		}
		return append(out, response)
	}}
}

// NoInbox lets an account have no mailbox at all until its user makes its INBOX, as Cyrus does (autocreate_quota): before that NAMESPACE
// tells nothing and everything else is refused. From then on it is so no more, on every connection.
func NoInbox() Quirk {
	var made atomic.Bool
	refuse := Refuse(`^(STATUS|SELECT|EXAMINE|APPEND|CREATE|SUBSCRIBE) `, 0, "NO Mailbox does not exist")
	namespace, listed := regexp.MustCompile(`^\* NAMESPACE .*`), regexp.MustCompile(`^\* (LIST|LSUB|STATUS) `)
	return Quirk{
		Hears: func(d *Dialogue, command string) string {
			tag, rest, _ := strings.Cut(command, " ")
			switch first := strings.ReplaceAll(rest, `"`, "") == "CREATE INBOX"; {
			case first && made.CompareAndSwap(false, true):
				d.Say(tag + " OK made")
				return ""
			case made.Load():
				return command
			}
			return refuse.Hears(d, command)
		},
		Says: func(_ *Dialogue, response string) []string {
			switch {
			case made.Load():
			case listed.MatchString(response):
				return nil
			default:
				response = namespace.ReplaceAllString(response, "* NAMESPACE NIL NIL NIL")
			}
			return []string{response}
		},
	}
}

// Adds puts a field before the header of what is appended, as gluon does.
func Adds(field string) Quirk {
	return appended(func(m string) string { return field + "\r\n" + m })
}

// Munges writes an X for each octet above 127 in the header of what is appended, as Cyrus does (munge8bit, its default).
func Munges() Quirk {
	return appended(func(m string) string {
		out := []byte(m)
		for i := range max(0, strings.Index(m, "\r\n\r\n")) {
			if out[i] > unicode.MaxASCII {
				out[i] = 'X'
			}
		}
		return string(out)
	})
}

// appended changes the messages that are appended, one in a command.
func appended(change func(string) string) Quirk {
	form := regexp.MustCompile(`(?s)^(\S+ APPEND .*?)\{(\d+)(\+?)\}\r\n(.*)$`)
	return Quirk{Hears: func(_ *Dialogue, command string) string {
		m := form.FindStringSubmatch(command)
		if m == nil {
			return command
		}
		body := change(m[4])
		return fmt.Sprintf("%s{%d%s}\r\n%s", m[1], len(body), m[3], body)
	}}
}

// SmallLetters writes all names of the protocol in small letters (RFC 9051 section 9: case does not matter).
func SmallLetters() Quirk {
	names := regexp.MustCompile(`"[^"]*"|\\?\b[A-Za-z][A-Z][A-Z0-9.-]+\b|\bOK\b|\bNO\b|\\[A-Z][a-z]+`)
	return Quirk{Says: func(_ *Dialogue, response string) []string {
		tag, rest, _ := strings.Cut(response, " ")
		return []string{tag + " " + outside(rest, func(line string) string {
			return names.ReplaceAllStringFunc(line, func(s string) string {
				if s[0] == '"' {
					return s
				}
				return strings.ToLower(s)
			})
		})}
	}}
}

// Item is one item of a FETCH response, its value as it was sent.
type Item struct{ Name, Value string }

// Fetches makes of each FETCH response one or more others.
func Fetches(change func(d *Dialogue, items []Item) [][]Item) Quirk {
	return Quirk{Says: func(d *Dialogue, response string) []string {
		seq, items, ok := fetch(response)
		if !ok {
			return []string{response}
		}
		var out []string
		for _, part := range change(d, items) {
			out = append(out, join(seq, part))
		}
		return out
	}}
}

func join(seq string, items []Item) string {
	var texts []string
	for _, item := range items {
		texts = append(texts, item.Name+" "+item.Value)
	}
	return fmt.Sprintf("* %s FETCH (%s)", seq, strings.Join(texts, " "))
}

// First puts the items that begin with a name before all others.
func First(name string) Quirk {
	return Fetches(func(_ *Dialogue, items []Item) [][]Item {
		before, behind := part(items, name)
		return [][]Item{append(before, behind...)}
	})
}

// Last puts them behind all others.
func Last(name string) Quirk {
	return Fetches(func(_ *Dialogue, items []Item) [][]Item {
		behind, before := part(items, name)
		return [][]Item{append(before, behind...)}
	})
}

// Split says the items that begin with a name in a response of their own, with the UID; before or behind the others.
func Split(name string, before bool) Quirk {
	return Fetches(func(_ *Dialogue, items []Item) [][]Item {
		own, others := part(items, name)
		uid, _ := part(others, "UID")
		switch {
		case len(own) == 0 || len(others) == 0:
			return [][]Item{items}
		case before:
			return [][]Item{append(uid, own...), others}
		}
		return [][]Item{others, append(uid, own...)}
	})
}

func part(items []Item, name string) (those, others []Item) {
	for _, item := range items {
		if strings.HasPrefix(item.Name, name) {
			those = append(those, item)
		} else {
			others = append(others, item)
		}
	}
	return those, others
}

// fetch takes "* 3 FETCH (UID 5 FLAGS ())" apart.
func fetch(response string) (seq string, items []Item, ok bool) {
	head, rest, ok := strings.Cut(response, " FETCH (")
	seq, star := strings.CutPrefix(head, "* ")
	if !ok || !star || strings.Contains(seq, " ") {
		return "", nil, false
	}
	for rest = strings.TrimSuffix(rest, ")"); rest != ""; rest = strings.TrimLeft(rest, " ") {
		name := regexp.MustCompile(`^[^ \[]+(\[[^\]]*\](<\d+>)?)?`).FindString(rest)
		rest = strings.TrimLeft(rest[len(name):], " ")
		n := value(rest)
		items = append(items, Item{name, rest[:n]})
		rest = rest[n:]
	}
	return seq, items, true
}

// value tells how long the value is that a text begins with: a list, a string, a literal or an atom.
func value(text string) int {
	line, _, _ := strings.Cut(text, "\r\n")
	switch {
	case strings.HasPrefix(text, "{"):
		size, _, _ := announces(line)
		return len(line) + 2 + size
	case strings.HasPrefix(text, `"`):
		return strings.Index(text[1:], `"`) + 2
	case strings.HasPrefix(text, "("):
		depth := 0
		return strings.IndexFunc(text, func(r rune) bool {
			depth += map[rune]int{'(': 1, ')': -1}[r]
			return depth == 0
		}) + 1
	}
	return len(regexp.MustCompile(`^[^ ]*`).FindString(text))
}
