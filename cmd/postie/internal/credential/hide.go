package credential

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Secrets knows the passwords and tokens of a run, so that they can be kept out of what it prints and stores: a server
// may repeat in its answer what was sent to it, and a command may write on its standard error what it was to give.
// The zero value knows none; nil knows none either. Its methods may be called from several goroutines.
type Secrets struct {
	mu    sync.RWMutex
	known map[string]bool
	forms []form
}

// form is one way to write a secret.
type form struct {
	text   string
	fold   bool // capital and small letters are equal
	base64 bool // text is base64: what stands around it belongs to it
	part   int  // octets of text that are hidden also without the others: less than all only of long secrets

	parts map[string]bool // all parts of that length; nil: text as a whole
}

const (
	long     = 16 // octets from which on a part of a secret is worth hiding
	telling  = 12 // octets of a part
	shortest = 4  // octets at the end of a text that was cut
)

// Learn adds secrets.
func (k *Secrets) Learn(secrets ...Secret) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range secrets {
		text := s.Reveal()
		if text == "" || k.known[text] {
			continue
		}
		if k.known == nil {
			k.known = map[string]bool{}
		}
		k.known[text] = true
		k.forms = append(k.forms, forms(text)...)
	}
}

// forms are the ways to write a secret that are looked for. Escapes are undone in the text instead: see views.
func forms(secret string) []form {
	all := []form{newForm(lower(secret), true, false)}
	if len(secret) >= 4 {
		all = append(all, newForm(hex.EncodeToString([]byte(secret)), true, false))
	}
	for shift := range 3 {
		if core := base64Core(secret, shift); len(core) >= 4 {
			all = append(all, newForm(core, false, true))
		}
	}
	return all
}

func newForm(text string, fold, isBase64 bool) form {
	f := form{text: text, fold: fold, base64: isBase64, part: len(text)}
	if len(text) >= long {
		f.part, f.parts = telling, map[string]bool{}
		for i := range len(text) - telling + 1 {
			f.parts[text[i:i+telling]] = true
		}
	}
	return f
}

// base64Core is what of the base64 of any text is sure where secret stands in it behind shift octets, and as many times
// three: SASL wraps passwords and tokens so (RFC 4616, RFC 7628).
func base64Core(secret string, shift int) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
	from, to := (8*shift+5)/6, 8*(shift+len(secret))/6
	return encoded[min(from, to):to]
}

// Hide puts *** in place of what is a secret in text: as it is, in other letters, base64 (alone or within more), hex, with
// percent, backslash or HTML escapes, a part of a long one, and one that is cut off at the end of the text.
func (k *Secrets) Hide(text string) string {
	if k == nil {
		return text
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if len(k.forms) == 0 {
		return text
	}
	var spans []span
	for _, v := range views(text) {
		folded, mapped := lower(v.text), strings.NewReplacer("-", "+", "_", "/").Replace(v.text) // RFC 4648 section 5
		for _, f := range k.forms {
			in := folded
			if f.base64 {
				in = mapped
			}
			for _, s := range f.find(in) {
				spans = append(spans, v.original(s))
			}
		}
	}
	return cover(text, spans)
}

// span is a part of a text, from one octet to before another.
type span struct{ from, to int }

// find says where f, or a part of it, stands in text.
func (f form) find(text string) (found []span) {
	for i := 0; i+f.part <= len(text); i++ {
		if f.parts == nil && text[i:i+f.part] == f.text && !f.within(text, i) || f.parts[text[i:i+f.part]] {
			found = append(found, f.widen(text, span{i, i + f.part}))
		}
	}
	end := strings.TrimRight(text, "\"'.… ")
	for n := min(f.part, len(f.text)) - 1; n >= shortest; n-- {
		if strings.HasSuffix(end, f.text[:n]) {
			return append(found, f.widen(text, span{len(end) - n, len(end)}))
		}
	}
	return found
}

// within says whether f is part of a word at i, and too short for that to tell anything.
func (f form) within(text string, i int) bool {
	return len(f.text) < shortest && (i > 0 && isWord(text[i-1]) || i+f.part < len(text) && isWord(text[i+f.part]))
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// widen takes all of the base64 around what was found.
func (f form) widen(text string, s span) span {
	if !f.base64 {
		return s
	}
	other := func(r rune) bool { return r >= 0x80 || !isWord(byte(r)) && r != '+' && r != '/' && r != '=' }
	s.from = strings.LastIndexFunc(text[:s.from], other) + 1
	if n := strings.IndexFunc(text[s.to:], other); n >= 0 {
		return span{s.from, s.to + n}
	}
	return span{s.from, len(text)}
}

// cover writes *** over spans.
func cover(text string, spans []span) string {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	end := 0
	for _, s := range spans {
		if s.from >= end && (s.from > end || end == 0) {
			b.WriteString(text[end:s.from] + mask)
		}
		end = max(end, s.to)
	}
	return b.String() + text[end:]
}

// view is a text whose escapes were undone. at says where each of its octets stood; nil: where it stands.
type view struct {
	text string
	at   []int
}

func (v view) original(s span) span {
	if v.at == nil {
		return s
	}
	return span{v.at[s.from], v.at[s.to]}
}

// views are the ways to read a text.
func views(text string) []view {
	all := []view{{text: text}}
	for _, undo := range []func(string) (byte, int){percent, backslash, entity} {
		v := view{at: []int{}}
		var b strings.Builder
		for i := 0; i < len(text); {
			c, n := undo(text[i:])
			v.at = append(v.at, i)
			b.WriteByte(c)
			i += n
		}
		v.at = append(v.at, len(text))
		if v.text = b.String(); v.text != text {
			all = append(all, v)
		}
	}
	return all
}

// percent undoes RFC 3986 section 2.1.
func percent(s string) (byte, int) {
	if len(s) >= 3 && s[0] == '%' {
		if c, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return byte(c), 3
		}
	}
	return s[0], 1
}

// backslash undoes that of quoted strings in IMAP, JSON and Go.
func backslash(s string) (byte, int) {
	for _, prefix := range []string{`\x`, `\u00`} {
		if n := len(prefix); len(s) >= n+2 && s[:n] == prefix {
			if c, err := strconv.ParseUint(s[n:n+2], 16, 8); err == nil {
				return byte(c), n + 2
			}
		}
	}
	if len(s) >= 2 && s[0] == '\\' {
		return s[1], 2
	}
	return s[0], 1
}

// entity undoes those of HTML that stand for what passwords are made of.
func entity(s string) (byte, int) {
	for _, e := range []struct {
		name string
		c    byte
	}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#34;", '"'}, {"&#39;", '\''}, {"&apos;", '\''}} {
		if strings.HasPrefix(s, e.name) {
			return e.c, len(e.name)
		}
	}
	return s[0], 1
}

// lower makes ASCII letters small, and leaves every octet where it is.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
