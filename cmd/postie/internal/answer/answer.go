// Package answer knows what mail servers mean by what they say when they refuse: the password is wrong, somebody else is
// at the mailbox, the server has a trouble of its own, or it was asked too often. Few of them use the codes that the RFCs
// have for that, so the words count too; the table of them is in table.go.
package answer

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Meaning is what a refusal means for who was refused.
type Meaning uint8

const (
	Unknown       Meaning = iota
	WrongPassword         // user, password or token are not accepted: the same again will not help
	NotSupported          // this way to log in is not: another may be
	Busy                  // the mailbox is in use, or there are too many connections
	Unavailable           // the server has a passing trouble
	Throttled             // there was too much in too short a time
)

// Passing says whether the same may succeed later without anybody changing anything.
func (m Meaning) Passing() bool { return m == Busy || m == Unavailable || m == Throttled }

// Answer is a refusal understood.
type Answer struct {
	Meaning
	Wait time.Duration // how long the server wants to be left alone; 0: it does not say
}

// Of takes a refusal: its response code in capitals without brackets ("": none) and its text. A code counts before words.
func Of(code, text string) Answer {
	a := Answer{Wait: wait(text)}
	for _, row := range codes() {
		if row.code == code {
			a.Meaning = row.means
			return a
		}
	}
	text = strings.ToLower(text)
	for _, row := range phrases() {
		if strings.Contains(text, row.phrase) {
			a.Meaning = row.means
			return a
		}
	}
	return a
}

// wait finds the time in such as "Suggested Backoff Time: 299499 milliseconds" and "try again in 15 minutes".
func wait(text string) time.Duration {
	m := regexp.MustCompile(`(?i)(?:backoff time:?|wait|again in|again after|retry after|every|for a) (\d{1,9})[ -](millisecond|second|minute|hour)`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0
	}
	unit := map[string]time.Duration{"millisecond": time.Millisecond, "second": time.Second, "minute": time.Minute, "hour": time.Hour}
	return min(time.Duration(n), 24*time.Hour/unit[strings.ToLower(m[2])]) * unit[strings.ToLower(m[2])]
}
