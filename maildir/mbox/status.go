package mbox

import (
	"strconv"
	"strings"

	"postie/maildir"
)

// forwarded is the keyword that has a letter of its own in a Maildir.
const forwarded = "$Forwarded"

// Status is what fields of a header tell of a message beside what it says.
type Status struct {
	Flags   maildir.Flags
	Deleted bool // by Thunderbird, which takes it out of the file when that is compacted
}

// field takes note of a field. False: it is none of those, but the message's own.
func (s *Status) field(name, value string) bool {
	value = strings.TrimSpace(value)
	switch strings.ToLower(name) {
	case "status":
		return s.letters(value, "RON", map[rune]maildir.FlagSet{'R': maildir.FlagSeen})
	case "x-status":
		return s.letters(value, "ADFTRON", map[rune]maildir.FlagSet{'A': maildir.FlagReplied, 'D': maildir.FlagTrashed, 'F': maildir.FlagFlagged, 'T': maildir.FlagDraft})
	case "x-keywords", "x-mozilla-keys":
		s.keywords(value)
		return true
	case "x-mozilla-status":
		return s.mozilla(value)
	case "x-mozilla-status2":
		_, err := strconv.ParseUint(value, 16, 32)
		return err == nil
	case "x-uid":
		_, err := strconv.ParseUint(value, 10, 64)
		return err == nil
	}
	return false
}

// letters reads a field of letters. One that has others is somebody else's field of that name.
func (s *Status) letters(value, known string, flags map[rune]maildir.FlagSet) bool {
	if strings.Trim(value, known) != "" {
		return false
	}
	for _, c := range value {
		s.Flags.Set |= flags[c]
	}
	return true
}

func (s *Status) keywords(value string) {
	words := s.Flags.Keywords.Names()
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if strings.EqualFold(word, forwarded) {
			s.Flags.Set |= maildir.FlagPassed
		} else {
			words = append(words, word)
		}
	}
	s.Flags.Keywords = maildir.NewKeywords(words...)
}

// mozilla reads Thunderbird's bits (nsMsgMessageFlags): read, replied, marked, expunged, forwarded.
func (s *Status) mozilla(value string) bool {
	bits, err := strconv.ParseUint(value, 16, 32)
	for bit, flag := range map[uint64]maildir.FlagSet{1: maildir.FlagSeen, 2: maildir.FlagReplied, 4: maildir.FlagFlagged, 0x1000: maildir.FlagPassed} {
		if bits&bit != 0 {
			s.Flags.Set |= flag
		}
	}
	s.Deleted = s.Deleted || bits&8 != 0
	return err == nil
}

// statusFields are the fields that tell of flags, with LF.
func statusFields(f maildir.Flags) string {
	status := "Status: O\n"
	if f.Set&maildir.FlagSeen != 0 {
		status = "Status: RO\n"
	}
	letters := ""
	for _, l := range []struct {
		flag   maildir.FlagSet
		letter string
	}{{maildir.FlagReplied, "A"}, {maildir.FlagTrashed, "D"}, {maildir.FlagFlagged, "F"}, {maildir.FlagDraft, "T"}} {
		if f.Set&l.flag != 0 {
			letters += l.letter
		}
	}
	if letters != "" {
		status += "X-Status: " + letters + "\n"
	}
	words := f.Keywords.Names()
	if f.Set&maildir.FlagPassed != 0 {
		words = append([]string{forwarded}, words...)
	}
	if len(words) > 0 {
		status += "X-Keywords: " + strings.Join(words, " ") + "\n"
	}
	return status
}
