package manual

import (
	"fmt"
	"strings"
)

// page is a manual page in the language of man(7).
type page struct{ b strings.Builder }

func newPage(title string, section int, source string) *page {
	p := &page{}
	fmt.Fprintf(&p.b, ".TH %s %d \"\" %s \"postie\"\n.nh\n.ad l\n", quoted(strings.ToUpper(title)), section, quoted(source))
	return p
}

func (p *page) section(name string) { fmt.Fprintf(&p.b, ".SH %s\n", quoted(name)) }

// text writes paragraphs. Lines that begin with two blanks are a table or an example, and stay as they are.
func (p *page) text(text string) { p.paragraphs(text, ".PP") }

// paragraphs begins each with a request: .PP, or .IP within an entry.
func (p *page) paragraphs(text, begin string) {
	verbatim := false
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.TrimRight(line, "\n")
		if table := strings.HasPrefix(line, "  "); table != verbatim {
			p.b.WriteString(map[bool]string{true: begin + "\n.nf\n", false: ".fi\n" + begin + "\n"}[table])
			verbatim = table
		}
		switch {
		case line == "" && !verbatim:
			p.b.WriteString(begin + "\n")
		default:
			p.b.WriteString(escaped(line) + "\n")
		}
	}
	if verbatim {
		p.b.WriteString(".fi\n")
	}
}

// entry is one of a list: a term, which may hold markup of its own, and what it means.
func (p *page) entry(term, text string) {
	fmt.Fprintf(&p.b, ".TP\n%s\n", term)
	p.paragraphs(text, ".IP")
}

func bold(s string) string   { return `\fB` + inline(s) + `\fR` }
func italic(s string) string { return `\fI` + inline(s) + `\fR` }

// inline is text as man(7) takes it within a line: a hyphen is a minus, so that what is copied from the page can be run.
func inline(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`).Replace(s)
}

// escaped is a line of text; one that begins with a dot or an apostrophe would be a request.
func escaped(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + inline(line)
	}
	return inline(line)
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
