package message

import (
	"bytes"
	"iter"
	"net/mail"
	"strings"
)

// addresses shows an unfolded address list (RFC 5322 section 3.4) as people read it, in at most limit
// bytes, "…" for the rest. A group shows its members, an empty group its name.
//
// Each address is parsed by net/mail on its own, so that a broken one does not spoil the others, and
// so that of thousands only those are parsed that are shown.
func addresses(value []byte, limit int) string {
	var list []string
	size, group := 0, ""
	show := func(text string) bool {
		if text == "" {
			return true
		}
		if size += len(text) + len(", "); size > limit && len(list) > 0 {
			list = append(list, "…")
			return false
		}
		list = append(list, text)
		return true
	}
	for item, end := range items(value) {
		if end == ':' {
			group = shown(decodeWords(item), "")
			continue
		}
		text := address(item)
		if text != "" {
			group = "" // it has members
		}
		ok := show(text)
		if end != ',' && ok {
			ok = show(group)
			group = ""
		}
		if !ok {
			break
		}
	}
	return strings.Join(list, ", ")
}

// items cuts an address list at each top-level ',', ';' (the end of a group, to some programs a comma)
// and ':' (the end of a group's name), and yields the pieces with what ended them; 0 at the end.
func items(value []byte) iter.Seq2[[]byte, byte] {
	return func(yield func([]byte, byte) bool) {
		start := 0
		var in nesting
		for i := 0; i < len(value); i++ {
			if word, ok := parseWord(value[i:]); ok { // may hold any of these, against the rules
				i += word.size - 1
				continue
			}
			c := value[i]
			if in.step(c) || c != ',' && c != ';' && c != ':' {
				continue
			}
			if !yield(bytes.TrimSpace(value[start:i]), c) {
				return
			}
			start = i + 1
		}
		yield(bytes.TrimSpace(value[start:]), 0)
	}
}

// nesting follows quoted strings, comments and angle brackets (RFC 5322 section 3.2) byte by byte.
type nesting struct {
	quoted, escaped, angle bool
	comments               int
}

// step takes the next byte and reports whether it lies inside of one.
func (n *nesting) step(c byte) bool {
	switch {
	case n.escaped:
		n.escaped = false
		return true
	case c == '\\':
		n.escaped = n.quoted || n.comments > 0
	case c == '"' && n.comments == 0:
		n.quoted = !n.quoted
	case n.quoted:
		return true
	case c == '(':
		n.comments++
	case c == ')' && n.comments > 0:
		n.comments--
	case c == '<' && n.comments == 0:
		n.angle = true
	case c == '>' && n.comments == 0:
		n.angle = false
	}
	return n.quoted || n.angle || n.comments > 0
}

// address shows one address.
func address(item []byte) string {
	item = item[:min(len(item), 4*maxAddress)]
	if name, addr, ok := plainAddress(item); ok {
		return shown(name, addr)
	}
	if len(bytes.TrimSpace(uncomment(item))) == 0 { // nothing, or only comments: "unlisted-recipients:; (no To-header on input)"
		return ""
	}
	for _, form := range [...][]byte{item, uncomment(item)} {
		if a, err := mail.ParseAddress(quoteWords(form)); err == nil {
			return shown(a.Name, a.Address)
		}
	}
	open := bytes.LastIndexByte(item, '<')
	if open < 0 {
		return line(decodeWords(item), maxAddress)
	}
	addr, _, _ := bytes.Cut(item[open+1:], []byte(">"))
	return shown(decodeWords(bytes.Trim(item[:open], ` "<`)), decodeWords(addr))
}

// plainAddress takes the two forms apart that nearly all addresses have, words <local@domain> and local@domain, where nothing is quoted,
// encoded, commented or out of the ordinary (RFC 5322 section 3.4: atoms and blanks). net/mail would say the same, at twenty times the cost.
func plainAddress(item []byte) (name, addr string, ok bool) {
	phrase, spec := []byte(nil), item
	if open := bytes.IndexByte(item, '<'); open >= 0 {
		phrase, spec = bytes.TrimRight(item[:open], " "), item[open+1:]
		if spec, ok = bytes.CutSuffix(spec, []byte(">")); !ok || len(phrase) > 0 && phrase[0] == ' ' {
			return "", "", false
		}
	}
	for i, c := range phrase {
		if !atomic(c) && c != '.' && (c != ' ' || phrase[i-1] == ' ') {
			return "", "", false
		}
	}
	local, domain, _ := bytes.Cut(spec, []byte("@"))
	if !dotAtom(local) || !dotAtom(domain) {
		return "", "", false
	}
	return string(phrase), string(spec), true
}

// dotAtom reports whether text is atoms with single dots between them (RFC 5322 section 3.2.3).
func dotAtom(text []byte) bool {
	last := byte('.')
	for _, c := range text {
		if !atomic(c) && (c != '.' || last == '.') {
			return false
		}
		last = c
	}
	return last != '.'
}

// atomic reports whether c is a letter, a digit or one of the signs that are as harmless: '=', '?' and the like might begin an encoded word.
func atomic(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '+'
}

// shown joins a display name and an address.
func shown(name, addr string) string {
	name, addr = strings.Trim(line(name, maxAddress), ` "`), line(addr, maxAddress)
	switch {
	case name == "" || name == addr:
		return addr
	case addr == "":
		return name
	}
	return name + " <" + addr + ">"
}

// quoteWords puts the texts of encoded words in quotes, so that net/mail takes them for names whatever
// they hold, also those that stand inside of quotes or comments against RFC 2047 section 5.
func quoteWords(item []byte) string {
	if !bytes.Contains(item, []byte("=?")) {
		return guess(item)
	}
	var out strings.Builder
	var in nesting
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "(", `\(`, ")", `\)`)
	eachWord(item, func(plain []byte) {
		for _, c := range plain {
			in.step(c)
		}
		out.WriteString(guess(plain))
	}, func(text string) {
		text = escape.Replace(text)
		if in.quoted || in.comments > 0 {
			out.WriteString(text)
		} else {
			out.WriteString(`"` + text + `"`)
		}
	})
	return out.String()
}
