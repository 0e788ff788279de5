package message

import "strings"

// enrichedText takes the markup off text/enriched (RFC 1896) and off text/richtext, which came before it (RFC 1341 section 7.1.3).
func enrichedText(text string, rich bool) string {
	var out strings.Builder
	hidden := 0 // <param> and <comment> that are open
	for len(text) > 0 {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			i = len(text)
		}
		if hidden == 0 {
			out.WriteString(unwrapped(text[:i]))
		}
		text = text[i:]
		if strings.HasPrefix(text, "<<") && !rich {
			out.WriteByte('<')
			text = text[2:]
			continue
		}
		end := strings.IndexByte(text, '>')
		if end < 0 || end > 61 { // RFC 1896: a name has at most 60 characters
			if len(text) > 0 && hidden == 0 {
				out.WriteByte('<')
			}
			text = strings.TrimPrefix(text, "<")
			continue
		}
		switch strings.ToLower(text[1:end]) {
		case "param", "comment":
			hidden++
		case "/param", "/comment":
			hidden = max(hidden-1, 0)
		case "nl":
			out.WriteByte('\n')
		case "lt":
			out.WriteByte('<')
		case "paragraph", "/paragraph", "np":
			out.WriteByte('\n')
		}
		text = text[end+1:]
	}
	return out.String()
}

// unwrapped makes a blank of a single line break, and one less of several: that is how lines were wrapped.
func unwrapped(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		i := strings.IndexByte(text, '\n')
		if i < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:i])
		n := len(text[i:]) - len(strings.TrimLeft(text[i:], "\n"))
		text = text[i+n:]
		if n == 1 && len(text) > 0 {
			out.WriteByte(' ')
		} else {
			out.WriteString(strings.Repeat("\n", max(n-1, 1)))
		}
	}
	return out.String()
}
