package library

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"postie/cmd/postie/internal/exit"
)

// maxLine is how long a line of IDs on standard input may be.
const maxLine = 1 << 20

// Finds gives the messages of several IDs, each once. "-" stands for those on standard input.
func (l *Library) Finds(ctx context.Context, ids []string) ([]Item, error) {
	var all []Item
	seen := map[string]bool{}
	for _, id := range ids {
		each := []string{id}
		if id == "-" {
			var err error
			if each, err = readIDs(os.Stdin); err != nil {
				return nil, err
			}
		}
		for _, id := range each {
			i, err := l.Find(ctx, id)
			if err != nil {
				return nil, err
			}
			if key := i.Show().ID; !seen[key] {
				seen[key] = true
				all = append(all, i)
			}
		}
	}
	return all, nil
}

// readIDs reads IDs, a line each: alone, as the beginning of a line of list or search, or as such a line in JSON.
func readIDs(r io.Reader) (ids []string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "{") {
			var message struct{ ID string }
			if err := json.Unmarshal([]byte(line), &message); err != nil || message.ID == "" {
				return nil, exit.Usage(fmt.Errorf("%.60q on standard input is no message", line), "IDs are read, a line each, or what postie list --json prints")
			}
			line = message.ID
		}
		if line, _, _ = strings.Cut(line, "  "); line != "" { // between columns there are two spaces
			ids = append(ids, strings.TrimSpace(line))
		}
	}
	return ids, lines.Err()
}
