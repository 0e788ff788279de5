package imap

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
	const mib = 1 << 20
	for answer, limit := range map[string]string{
		"a response, literals of FETCH apart":     fmt.Sprintf("%d MiB", maxLine/mib),
		"SEARCH, ESEARCH, VANISHED":               fmt.Sprintf("%d MiB a line; %s ranges of UIDs in all for a command", maxBulk/mib, thousands(maxRanges)),
		"LIST, LSUB, STATUS":                      fmt.Sprintf("%s mailboxes for a command, %d MiB of names and attributes", thousands(maxLists), maxNames/mib),
		"a mailbox's name":                        fmt.Sprintf("%s octets, %d levels, %s octets in a command; a longer one is Unusable", thousands(maxName), maxLevels, thousands(maxWritten)),
		"attributes of a mailbox":                 fmt.Sprintf("%d, of %d octets; others are not kept", maxAttrs, maxAttr),
		"capabilities":                            fmt.Sprintf("%s; more are not kept", thousands(maxCaps)),
		"response codes COPYUID and MODIFIED":     fmt.Sprintf("%s for a command, %d MiB in all", thousands(maxCodes), maxLine/mib),
		"FETCH within SELECT (QRESYNC) and STORE": fmt.Sprintf("%s, %d MiB in all; more is not kept, and the mailbox is read whole", thousands(maxKept), maxWeight/mib),
		"FETCH rows that tell half of a message":  fmt.Sprintf("%s at a time; %d MiB for a command of those of more than %d octets", thousands(maxKept), maxWeight/mib, maxLight),
		"BODY[]":                                  fmt.Sprintf("four times RFC822.SIZE, and %d MiB; %d GiB where that was not said before it", maxBody(0)/mib, maxBody(-1)/(1024*mib)),
		"bodies that come before their UID":       fmt.Sprintf("%d GiB at a time", maxSpool/(1024*mib)),
		"flags of one message or mailbox":         thousands(maxFlags),
		"EMAILID":                                 fmt.Sprintf("%d octets; a longer one is not known", maxEmailID),
		"parentheses":                             fmt.Sprintf("%d deep", maxDepth),
		"lines that cannot be read":               fmt.Sprintf("%s of a session", thousands(strays)),
		"UIDs, sizes, mod-sequences":              fmt.Sprintf("32, %d and %d bits; a larger size or mod-sequence is not known", sizeBits, modSeqBits),
	} {
		if row := fmt.Sprintf("//\t%-43s%s\n", answer, limit); !strings.Contains(string(source), row) {
			t.Errorf("limits.go lacks\n%s", row)
		}
	}
}

// thousands writes a number for people.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
