package config

import (
	"bytes"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines maps key paths to the line where each is first named; go-toml keeps lines only for errors of its own.
type lines struct {
	parser unstable.Parser
	at     map[string]int
}

// linesOf reads a document that is known to parse.
func linesOf(data []byte) map[string]int {
	l := lines{at: map[string]int{}}
	l.parser.Reset(data)
	var table []string
	for l.parser.NextExpression() {
		switch e := l.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = l.mark(nil, e.Key())
		case unstable.KeyValue:
			l.keyValue(table, e)
		}
	}
	return l.at
}

func (l *lines) keyValue(table []string, e *unstable.Node) {
	path := l.mark(table, e.Key())
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			l.keyValue(path, it.Node())
		}
	}
}

// mark notes each prefix of a dotted key and returns the whole path.
func (l *lines) mark(table []string, key unstable.Iterator) []string {
	path := table[:len(table):len(table)]
	for key.Next() {
		path = append(path, string(key.Node().Data))
		if _, ok := l.at[pathKey(path)]; !ok {
			l.at[pathKey(path)] = 1 + bytes.Count(l.parser.Data()[:key.Node().Raw.Offset], []byte("\n"))
		}
	}
	return path
}

// pathKey joins with NUL, which TOML allows in no key but as an escape.
func pathKey(path []string) string { return strings.Join(path, "\x00") }
