package message

import "strings"

// BaseSubject is what remains of a subject without the signs of replies and forwards (RFC 5256 section 2.1): "Re: [list] AW: apples
// (fwd)" is "apples". Answers of German and other programs count too.
func BaseSubject(subject string) string {
	base, _ := SplitSubject(subject)
	return base
}

// SplitSubject is BaseSubject, and tells whether the subject is that of a reply or forward.
func SplitSubject(subject string) (base string, reply bool) {
	s := strings.Join(strings.Fields(subject), " ")
	for {
		before := s
		for _, cut := range []func(string) (string, bool){cutTrailer, cutLeader, cutWrapped} {
			var cutOff bool
			s, cutOff = cut(s)
			reply = reply || cutOff
		}
		if s == before {
			return s, reply
		}
	}
}

// cutTrailer takes "(fwd)" off the end.
func cutTrailer(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) >= 5 && strings.EqualFold(s[len(s)-5:], "(fwd)") {
		return strings.TrimSpace(s[:len(s)-5]), true
	}
	return s, false
}

// cutLeader takes "Re:" and "[list]" off the beginning, the first of which tells of a reply. A subject that is nothing else but
// [list] stays.
func cutLeader(s string) (string, bool) {
	rest := s
	for {
		blob, after, ok := strings.Cut(rest, "]")
		if !ok || !strings.HasPrefix(blob, "[") || strings.Contains(blob[1:], "[") {
			break
		}
		rest = strings.TrimSpace(after)
	}
	word, after, ok := strings.Cut(rest, ":")
	if name, mark, marked := strings.Cut(word, "["); marked && strings.HasSuffix(mark, "]") { // Re[2]:
		word = name
	}
	if ok && replyWord(strings.TrimSpace(word)) {
		return strings.TrimSpace(after), true
	}
	if rest != "" {
		return rest, false
	}
	return s, false
}

func replyWord(s string) bool {
	switch strings.ToLower(s) {
	case "re", "fw", "fwd", "aw", "wg", "sv", "vs", "antw", "rif", "tr", "odp", "res", "enc", "rv", "回复", "答复", "转发", "返信", "転送":
		return true
	}
	return false
}

// cutWrapped takes the subject out of "[fwd: …]".
func cutWrapped(s string) (string, bool) {
	if len(s) > 6 && strings.EqualFold(s[:5], "[fwd:") && strings.HasSuffix(s, "]") {
		return strings.TrimSpace(s[5 : len(s)-1]), true
	}
	return s, false
}
