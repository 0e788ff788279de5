package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of limits in the README is that of the rooms that hold to them (TestLimitsTable in each compares it with the code).
func TestLimitsInReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for protocol, file := range map[string]string{"IMAP": "../../imap/limits.go", "POP3": "../../pop3/limits.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		column := -1
		for line := range strings.Lines(string(source)) {
			row, ok := strings.CutPrefix(line, "//\t")
			switch {
			case !ok:
			case column < 0:
				column = strings.Index(row, "limit")
			default:
				rows++
				if want := fmt.Sprintf("| %s | %s | %s |\n", protocol, strings.TrimSpace(row[:column]), strings.TrimSpace(row[column:])); !strings.Contains(string(readme), want) {
					t.Errorf("README.md lacks\n%s", want)
				}
			}
		}
	}
	if listed := strings.Count(string(readme), "\n| IMAP | ") + strings.Count(string(readme), "\n| POP3 | "); listed != rows || rows < 15 {
		t.Errorf("README.md lists %d limits, the code has %d", listed, rows)
	}
}
