package message

import (
	"bytes"
	"strings"

	"github.com/k3a/html2text"
	"golang.org/x/net/html"
)

// htmlText turns HTML into text.
func htmlText(label string, raw []byte) string {
	if label == "" {
		label = metaCharset(raw)
	}
	text := html2text.HTML2TextWithOptions(tidy(toUTF8(label, raw)),
		html2text.WithUnixLineBreaks(), html2text.WithLinksInnerText(), html2text.WithListSupport())
	return strings.ReplaceAll(squeeze(text), "\u00a0", " ")
}

// metaCharset finds the charset that HTML gives itself; "" when none.
func metaCharset(raw []byte) string {
	_, after, ok := bytes.Cut(bytes.ToLower(raw[:min(len(raw), 1024)]), []byte("charset="))
	if !ok {
		return ""
	}
	after = bytes.TrimLeft(after, `"'`)
	if end := bytes.IndexAny(after, "\"' />;"); end >= 0 {
		after = after[:end]
	}
	return string(after)
}

// tidy writes HTML anew with only what html2text makes something of. html2text v1.3.0 takes the rest of a
// document for hidden after <a name=…> or an unclosed <head>, shows comments that hold a '>', and
// needs quadratic time for many '>'.
func tidy(source string) string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(source))
	hidden, pre, link := "", false, false
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken { // the end
			return out.String()
		}
		token := tokens.Token()
		if hidden != "" {
			// Ends with its element, or where the body begins if that was never closed.
			if (kind == html.EndTagToken && token.Data == hidden) || token.Data == "body" {
				hidden = ""
			}
			continue
		}
		switch kind {
		case html.TextToken:
			writeText(&out, token.Data, pre)
		case html.StartTagToken, html.SelfClosingTagToken:
			switch token.Data {
			case "script", "style", "title", "template":
				if kind == html.StartTagToken {
					hidden = token.Data
				}
			case "pre":
				pre = true
				out.WriteString("<br>")
			case "a":
				link = writeLink(&out, token, link)
			default:
				writeTag(&out, token)
			}
		case html.EndTagToken:
			switch token.Data {
			case "a":
				if link {
					out.WriteString("</a>")
				}
				link = false
			case "pre":
				pre = false
				out.WriteString("<br>")
			default:
				writeEnd(&out, token.Data)
			}
		}
	}
}

func writeText(out *strings.Builder, text string, pre bool) {
	text = html.EscapeString(text)
	if pre {
		text = strings.ReplaceAll(strings.ReplaceAll(text, " ", "&nbsp;"), "\n", "<br>")
	}
	out.WriteString(text)
}

// writeLink opens a link that leads somewhere, and reports whether it did.
func writeLink(out *strings.Builder, token html.Token, open bool) bool {
	if open {
		out.WriteString("</a>")
	}
	href := attribute(token, "href")
	if !strings.Contains(href, ":") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(href)), "javascript:") {
		return false
	}
	out.WriteString(`<a href="` + html.EscapeString(href) + `">`)
	return true
}

func writeTag(out *strings.Builder, token html.Token) {
	switch token.Data {
	case "br", "p", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6":
		out.WriteString("<" + token.Data + ">")
	case "blockquote", "table", "hr", "dl":
		out.WriteString("<p>")
	case "div", "tr", "dt", "dd", "section", "article", "header", "footer":
		out.WriteString("<br>")
	case "td", "th":
		out.WriteString(" ")
	case "img":
		if alt := strings.TrimSpace(attribute(token, "alt")); alt != "" {
			out.WriteString("[" + html.EscapeString(alt) + "]")
		}
	}
}

func writeEnd(out *strings.Builder, name string) {
	switch name {
	case "p", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6":
		out.WriteString("</" + name + ">")
	case "blockquote", "table", "dl":
		out.WriteString("<p>")
	case "div":
		out.WriteString("<br>")
	}
}

func attribute(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// squeeze takes white space off the ends of lines and leaves at most one empty line between two.
func squeeze(text string) string {
	var out strings.Builder
	empty := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n\u00a0")
		if line == "" {
			empty++
			continue
		}
		if out.Len() > 0 && empty > 0 {
			out.WriteByte('\n')
		}
		empty = 0
		if !strings.HasPrefix(line, " -") {
			line = strings.TrimPrefix(line, " ")
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.String()
}
