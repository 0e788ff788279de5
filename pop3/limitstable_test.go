package pop3

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of limits says what the code does.
func TestLimitsTable(t *testing.T) {
	source, err := os.ReadFile("limits.go")
	if err != nil {
		t.Fatal(err)
	}
	for answer, limit := range map[string]string{
		"a line: greeting, status, list, challenge": fmt.Sprintf("%d KiB", maxLine>>10),
		"CAPA":                    fmt.Sprintf("%d KiB in all", maxCapa>>10),
		"LIST, UIDL":              fmt.Sprintf("%d,%03d messages, %d MiB in all, each", maxMessages/1000, maxMessages%1000, maxList>>20),
		"a size in LIST":          fmt.Sprintf("%d TiB; a larger one is not known", int64(maxSize)>>40),
		"TOP":                     fmt.Sprintf("%d MiB", maxTop>>20),
		"RETR":                    fmt.Sprintf("four times what LIST said, and %d MiB", maxBody(0)>>20),
		"challenges of one login": fmt.Sprint(maxRounds),
	} {
		if row := fmt.Sprintf("//\t%-41s %s\n", answer, limit); !strings.Contains(string(source), row) {
			t.Errorf("limits.go lacks\n%s", row)
		}
	}
}
