package near

import "testing"

func TestWord(t *testing.T) {
	known := []string{"INBOX", "Archive", "Lists/golang", "Sent Items", "über"}
	for word, want := range map[string]string{"Archiev": "Archive", "archive": "Archive", "Archive/2026": "Archive", "INBXO": "INBOX", "inbox": "INBOX",
		"golang": "Lists/golang", "Sent": "Sent Items", "xyz": "", "": "", "a": "", "uber": "über"} {
		if got := Word(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := Word("x", nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
