package ui

import "strings"

// wrap breaks the lines of cleaned text that are wider than width between words. What a quoted line begins with, the next one does
// too. A word that is wider than that, such as an address, stays whole: it can be copied then.
func wrap(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		prefix := quotePrefix(line)
		if Width(prefix) > width/2 {
			prefix = ""
		}
		out.WriteString(prefix)
		rest := line[len(prefix):]
		for at := breakAt(rest, width-Width(prefix)); at >= 0; at = breakAt(rest, width-Width(prefix)) {
			out.WriteString(strings.TrimRight(rest[:at], " ") + "\n" + prefix)
			rest = strings.TrimLeft(rest[at:], " ")
		}
		out.WriteString(rest)
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// breakAt is the last blank between words of line that leaves what is before it no wider than width, or the first one there is; -1:
// all of it fits, or there is none.
func breakAt(line string, width int) int {
	at, cells, word := -1, 0, false
	for i, r := range line {
		if cells > width && at >= 0 {
			return at
		}
		if r == ' ' && word && strings.TrimLeft(line[i:min(len(line), i+width)], " ") != "" {
			at = i
			if cells > width {
				return at
			}
		}
		word = word || r != ' ' && r != '\t'
		if r == '\t' {
			cells += 8
		} else {
			cells += Width(string(r))
		}
	}
	if cells > width {
		return at
	}
	return -1
}

// quotePrefix is what a quoted line begins with.
func quotePrefix(line string) string {
	end := 0
	for i, r := range line {
		if r == '>' || r == '|' {
			end = i + 1
		} else if r != ' ' {
			break
		}
	}
	if end > 0 && strings.HasPrefix(line[end:], " ") {
		end++
	}
	return line[:end]
}
