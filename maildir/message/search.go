package message

import (
	"io"
	"strings"
)

// Search reads the words by which the message in r (wire or LF form) is found: the text of all its
// parts, also attached ones and those of messages inside, and the names of its files: up to limit bytes of
// text, and of names a quarter of that, line ends between parts not counted. The summary is not in it. The error is that of reading r; what
// was read until then is returned with it.
func Search(r io.Reader, limit int) (string, error) {
	c := collector{limit: limit, attached: true}
	err := walk(r, visitor{leaf: c.leaf, enter: c.enter})
	names := cut(strings.Join(c.names, "\n"), limit/4)
	if names == "" {
		return c.body().Text, err
	}
	return names + "\n" + c.body().Text, err
}
