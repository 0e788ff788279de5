package service

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"postie/cmd/postie/internal/exit"
)

// line is what stands in a crontab: a comment by which it is found again, and the line itself (crontab(5)).
func (j Job) line() (string, error) {
	when, err := j.when()
	if err != nil {
		return "", err
	}
	argv := j.argv(true)
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = shell(arg)
	}
	if j.Commands {
		words = append([]string{"PATH=" + shell(j.Path)}, words...)
	}
	command := strings.ReplaceAll(strings.Join(words, " "), "%", `\%`) // '%' is a line end to cron
	return fmt.Sprintf("%s\n%s %s\n", mark(j.Name()), when, command), nil
}

// mark is the comment above a line of ours.
func mark(name string) string { return "# " + name + ": " + marker }

// when is the time as cron has it. The minute depends on the account, so that not everybody asks the server at the same one.
func (j Job) when() (string, error) {
	if j.Verb == "watch" {
		return "@reboot", nil
	}
	h := fnv.New32()
	h.Write([]byte(j.Name()))
	minutes, hours := int(j.Every/time.Minute), int(j.Every/time.Hour)
	switch {
	case j.Every%time.Minute == 0 && minutes >= 1 && minutes < 60 && 60%minutes == 0:
		if minutes == 1 {
			return "* * * * *", nil
		}
		return fmt.Sprintf("%d-59/%d * * * *", int(h.Sum32())%minutes, minutes), nil
	case j.Every%time.Hour == 0 && hours >= 1 && hours <= 24 && 24%hours == 0:
		return fmt.Sprintf("%d */%d * * *", int(h.Sum32())%60, hours), nil
	}
	return "", exit.Usage(fmt.Errorf("cron cannot run a command every %v", j.Every), "what divides an hour or a day can be had: --every 5m, 10m, 15m, 30m, 1h, 6h")
}

// shell is a word as sh reads it.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@=+,%", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// without is a crontab without the job of that name, and whether it was there.
func without(crontab, name string) (string, bool) {
	lines := strings.SplitAfter(crontab, "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSuffix(l, "\n") == mark(name) })
	if at < 0 {
		return crontab, false
	}
	return strings.Join(slices.Delete(lines, at, min(at+2, len(lines))), ""), true
}

// jobs are the names of our jobs in a crontab.
func jobs(crontab string) (names []string) {
	for line := range strings.Lines(crontab) {
		if name, ok := strings.CutSuffix(strings.TrimSuffix(line, "\n"), ": "+marker); ok {
			names = append(names, strings.TrimPrefix(name, "# "))
		}
	}
	return names
}
