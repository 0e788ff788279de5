package library

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// An ID is read alike alone, as the beginning of a line of list, and out of JSON; empty lines are none.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"work/INBOX/5", "5", "{", "{}", `{"id":"x"}`, "a b/c d/7", "\x00", "é/日本/1", "-"} {
		f.Add(s, "plain  2026-11-01  ann\n")
	}
	f.Fuzz(func(t *testing.T, id, text string) {
		if ids, err := readIDs(strings.NewReader(text)); err == nil {
			for _, id := range ids {
				if id == "" || id != strings.TrimSpace(id) || strings.Contains(id, "\n") {
					t.Fatalf("%q gives %q", text, ids)
				}
			}
		}
		if id == "" || !utf8.ValidString(id) || strings.TrimSpace(id) != id || strings.ContainsAny(id, "\n\r") || strings.Contains(id, "  ") || id[0] == '{' {
			return
		}
		coded, err := json.Marshal(map[string]any{"event": "message", "id": id, "uid": 7})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := readIDs(strings.NewReader("\n" + id + "\r\n" + id + "  2026-11-01  x\n  \n" + string(coded) + "\n"))
		if err != nil || len(ids) != 3 || ids[0] != id || ids[1] != id || ids[2] != id {
			t.Fatalf("%q is read as %q, %v", id, ids, err)
		}
	})
}
