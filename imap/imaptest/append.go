package imaptest

import (
	"regexp"
	"strings"
	"sync"
)

// Merges keeps equal messages in a mailbox once: it answers a second APPEND as it did the first. It counts APPENDs.
func Merges(appends *int) Quirk {
	form := regexp.MustCompile(`(?s)^APPEND (\S+) .*?\{\d+\+?\}\r\n(.*)$`)
	key := func(command string) string { return strings.Join(form.FindStringSubmatch(command)[1:], " ") }
	var mu sync.Mutex             // dialogues share what follows
	answer := map[string]string{} // to an APPEND of this; "": not yet there
	late := map[string][]string{} // tags that wait for it
	return Quirk{
		Hears: func(d *Dialogue, command string) string {
			tag, rest, _ := strings.Cut(command, " ")
			if !form.MatchString(rest) {
				return command
			}
			mu.Lock()
			defer mu.Unlock()
			*appends++
			switch said, again := answer[key(rest)]; {
			case !again:
				answer[key(rest)] = ""
				return command
			case said == "":
				late[key(rest)] = append(late[key(rest)], tag)
			default:
				d.Say(tag + said)
			}
			return ""
		},
		Says: func(d *Dialogue, response string) []string {
			all := []string{response}
			if command := d.Answers(response); form.MatchString(command) {
				_, said, _ := strings.Cut(response, " ")
				mu.Lock()
				defer mu.Unlock()
				answer[key(command)] = " " + said
				for _, tag := range late[key(command)] {
					all = append(all, tag+" "+said)
				}
			}
			return all
		},
	}
}

// LiteralPlusRefused does not know LITERAL+, though it offers it: what was to be a literal it reads as commands.
func LiteralPlusRefused() Quirk {
	return Quirk{Hears: func(d *Dialogue, command string) string {
		tag, rest, _ := strings.Cut(command, " ")
		line, literal, _ := strings.Cut(rest, "\r\n")
		if !strings.HasPrefix(rest, "APPEND") || !strings.HasSuffix(line, "+}") {
			return command
		}
		d.Say(tag + " BAD what is {n+}?")
		for _, line := range strings.Split(literal, "\r\n") {
			word, _, _ := strings.Cut(line, " ")
			if word == "" {
				word = "*"
			}
			d.Say(word + " BAD unknown command")
		}
		return ""
	}}
}
